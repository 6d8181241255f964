//! A demo manager with readers of every kind, among them a slow reader.

use std::time::Duration;

use genevent::{EventManager, EventStreamExt, Overflow, Stats, SubscribeOptions, handler_fn};
use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) struct Demo {
    orders: EventManager<u64>,
    stalled: watch::Sender<bool>,
}

impl Demo {
    /// Starts the demo on the current tokio runtime.
    pub(crate) fn start() -> Self {
        let orders = EventManager::builder().name("orders").capacity(64).build();

        let mut kitchen = orders.subscribe_with(named("kitchen"));
        tokio::spawn(async move { while kitchen.next().await.is_some() {} });

        let billing = orders.subscribe_with(named("billing")).deliveries();
        tokio::spawn(billing.for_each_acked(8, |_order| sleep(millis(25))));

        let screen = named("screen").window(8).overflow(Overflow::DropOldest);
        let mut screen = orders.subscribe_with(screen);
        tokio::spawn(async move {
            while screen.next().await.is_some() {
                sleep(millis(40)).await;
            }
        });

        orders
            .add_handler("log", handler_fn(|_order: &u64| {}))
            .expect("the name is not in use");

        let (stalled, mut changed) = watch::channel(false);
        let mut archive = orders.subscribe_with(named("archive"));
        tokio::spawn(async move {
            while archive.next().await.is_some() {
                sleep(millis(3)).await;
                if changed.wait_for(|stalled| !stalled).await.is_err() {
                    return;
                }
            }
        });

        for _ in 0..3 {
            let orders = orders.clone();
            tokio::spawn(async move {
                let mut number = 0;
                while orders.notify(number).await.is_ok() {
                    number += 1;
                    sleep(millis(15)).await;
                }
            });
        }
        Self { orders, stalled }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.orders.stats()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        *self.stalled.borrow()
    }

    /// The slow reader, named `archive`.
    pub(crate) fn stall_or_go_on(&self) {
        self.stalled.send_modify(|stalled| *stalled = !*stalled);
    }
}

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
