//! Which events are retained, and how a late subscriber reads the retained events.

mod acknowledgements;
mod ends;
mod memory;
mod order;

use std::thread;

use futures::StreamExt;
use futures::executor::block_on;
use genevent::{EventManager, SubscribeOptions};

/// Sizes around those of the manager's own storage units.
const SIZES: [usize; 8] = [0, 1, 2, 63, 64, 65, 129, 1_000];

fn retaining<E: Send + Sync + 'static>(events: usize) -> EventManager<E> {
    EventManager::builder().retain(events).build()
}

fn replay(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().replay(events)
}

fn publish(manager: &EventManager<usize>, events: impl IntoIterator<Item = usize>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

#[cfg(feature = "rt")] // Turns are tokio's.
#[test]
fn a_long_replay_yields_to_other_tasks() {
    let manager = retaining(10_000);
    publish(&manager, 1..=10_000);
    let mut late = manager.subscribe_with(replay(10_000));
    drop(manager);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let (mut yielded, mut pending) = (0, 0);
    let reading = std::future::poll_fn(|cx| {
        loop {
            match late.poll_next_unpin(cx) {
                std::task::Poll::Ready(Some(_)) => yielded += 1,
                std::task::Poll::Ready(None) => return std::task::Poll::Ready(()),
                std::task::Poll::Pending => {
                    pending += 1;
                    return std::task::Poll::Pending;
                }
            }
        }
    });
    runtime.block_on(reading);
    assert_eq!(yielded, 10_000);
    assert!((3..=10).contains(&pending), "{pending}");
}

#[test]
fn late_subscribers_see_no_gaps_during_publishing() {
    const EVENTS: usize = 3_000;
    let manager: EventManager<usize> = EventManager::builder().capacity(8).retain(100).build();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EVENTS {
                    if block_on(manager.notify(0)).is_err() {
                        return; // The other task was faster.
                    }
                }
                manager.close();
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !manager.is_closed() {
                    let late = manager.subscribe_with(replay(80)).deliveries();
                    let seen = block_on(late.take(200).map(|d| d.seq()).collect::<Vec<_>>());
                    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1));
                }
            });
        }
    });
}
