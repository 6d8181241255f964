//! Which events are retained, and how a late subscriber reads the retained events.

mod acknowledgements;
mod cleared;
mod ends;
mod filtered;
#[cfg(feature = "rt")]
mod handlers;
mod memory;
mod order;
mod since;

use std::panic::{AssertUnwindSafe, catch_unwind};
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

fn since(seq: u64) -> SubscribeOptions {
    SubscribeOptions::new().replay_since(seq)
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
fn a_manager_that_retains_nothing_refuses_every_replay() {
    let manager: EventManager<usize> = EventManager::new(4);
    let even = |n: &usize| n % 2 == 0;
    for options in [replay(1), since(0), since(9)] {
        let refused = |subscribe: &dyn Fn(SubscribeOptions)| {
            let subscribe = AssertUnwindSafe(|| subscribe(options.clone()));
            let payload = catch_unwind(subscribe).expect_err("there is nothing to replay");
            let message = payload.downcast_ref::<&str>().copied();
            assert_eq!(
                message,
                Some("a manager replays events only if it is built with `retain`")
            );
        };
        refused(&|options| drop(manager.subscribe_with(options)));
        refused(&|options| drop(manager.subscribe_filter_with(options, even)));
        refused(&|options| drop(manager.subscribe_filter_map_with(options, |n| Some(*n))));
    }
    assert_eq!(manager.subscriber_count(), 0);
    drop(manager.subscribe_with(replay(0)));
    drop(manager.subscribe_with(replay(3).replay(0)));
}

#[test]
fn filtered_subscribers_see_no_gaps_during_publishing() {
    const EVENTS: usize = 3_000;
    let manager: EventManager<usize> = EventManager::builder().capacity(8).retain(100).build();
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..EVENTS {
                block_on(manager.notify(n)).unwrap();
            }
            manager.close();
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !manager.is_closed() {
                    let thirds = |n: &usize| n % 3 == 0;
                    let late = manager.subscribe_filter_with(replay(20), thirds);
                    let seen = block_on(late.take(60).collect::<Vec<_>>());
                    assert!(
                        seen.windows(2).all(|pair| pair[1] == pair[0] + 3),
                        "{seen:?}"
                    );
                }
            });
        }
    });
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
