//! Waiting for a state of the manager: closed, quiet, with a number of subscribers; and handles that keep the
//! manager open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures::{FutureExt, poll};
use genevent::{EventManager, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::read_all;

#[test]
fn closed_and_wait_for_subscribers_resolve_with_a_close() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let waiting = [false, true].map(|counts| {
                let manager = manager.clone();
                spawn(async move {
                    if counts {
                        manager.wait_for_subscribers(9).await
                    } else {
                        manager.closed().await;
                        0
                    }
                })
            });
            let reading = spawn(read_all(manager.subscribe()));
            let other = manager.clone();
            let closing = spawn(async move { other.stop().await.unwrap() });
            for waiting in waiting {
                assert!(waiting.await.unwrap() < 9);
            }
            assert!(manager.is_closed());
            closing.await.unwrap();
            assert_eq!(reading.await.unwrap(), [0; 0]);
        });
    });
}

#[test]
fn wait_for_subscribers_counts_each_kind_that_joins() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let topics = manager.topics(|n: &u64| n % 2);
            let joining = manager.clone();
            let plain = spawn(async move { joining.subscribe() });
            let joining = manager.clone();
            let filtered = spawn(async move { joining.subscribe_filter(|_| true) });
            let keyed = spawn(async move { topics.subscribe(1) });
            assert_eq!(manager.wait_for_subscribers(3).await, 3);
            drop((
                plain.await.unwrap(),
                filtered.await.unwrap(),
                keyed.await.unwrap(),
            ));
            manager.unsubscribed().await;
        });
    });
}

/// A weak manager is upgraded before the last handle is dropped, or not at all.
#[test]
fn a_weak_manager_upgrades_or_the_streams_end() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let (reader, weak) = (manager.subscribe(), manager.downgrade());
            let publishing = spawn(async move {
                match weak.upgrade() {
                    Some(manager) => manager.notify(1).await.unwrap(),
                    None => 0,
                }
            });
            let other = manager.clone();
            let dropping = spawn(async move { drop(other) });
            drop(manager);
            let read = read_all(reader).await;
            assert_eq!(read.len(), publishing.await.unwrap());
            dropping.await.unwrap();
        });
    });
}

/// The future of a publisher that borrows nothing is a handle: the streams end once it is done or dropped.
#[test]
fn owned_futures_keep_the_manager_open() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reading = spawn(read_all(manager.subscribe()));
            manager.try_notify(0).unwrap();
            let publishing = [1, 2].map(|n| {
                let (plain, sync) = (manager.notify_owned(n), manager.sync_notify_owned(n));
                spawn(async move {
                    if n == 1 {
                        plain.await.is_ok()
                    } else {
                        sync.await.unwrap().all_acked()
                    }
                })
            });
            let reserved = manager.reserve_owned();
            let reserving = spawn(async move { reserved.await.unwrap().notify(3) });
            let mut kept = manager.ack_notify_owned(4);
            let stored = poll!(&mut kept).is_ready();
            drop(manager);
            for publishing in publishing {
                assert!(publishing.await.unwrap());
            }
            assert_eq!(reserving.await.unwrap(), 1);
            // Kept, and dropped late: stored or not, and the last handle in either case.
            let stored = stored || (&mut kept).now_or_never().is_some();
            drop(kept);
            let mut read = reading.await.unwrap();
            read.sort_unstable();
            // An event that waits for its acknowledgement has been stored as well.
            assert!(read.starts_with(&[0, 1, 2, 3]));
            assert!(read.len() == 5 || !stored);
        });
    });
}

/// Follow-ups of deliveries that are settled in other tasks. `quiet` waits for all of them, a flush does not.
#[test]
fn quiet_waits_for_what_follows_and_for_queued_publishers() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let mut jobs = manager
                .subscribe_with(SubscribeOptions::new().max_unacked(2))
                .deliveries();
            let done = Arc::new(AtomicU64::new(0));
            let working = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(job) = jobs.next().await {
                        let done = Arc::clone(&done);
                        spawn(async move {
                            if *job % 10 < 2 {
                                job.follow_up(*job + 1).unwrap();
                            }
                            yield_now().await;
                            done.fetch_add(1, Ordering::SeqCst);
                            job.ack();
                        });
                    }
                }
            });
            manager.try_notify(0).unwrap();
            let mut queued = Box::pin(manager.notify_owned(10));
            let publishing = match poll!(&mut queued) {
                Poll::Pending => Some(spawn(async move { queued.await.unwrap() })),
                Poll::Ready(stored) => {
                    // The future would keep the manager open.
                    drop(queued);
                    stored.map(|_| None).unwrap()
                }
            };
            manager.quiet().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 6, "two chains are done");
            if let Some(publishing) = publishing {
                publishing.await.unwrap();
            }
            drop(manager);
            working.await.unwrap();
        });
    });
}

#[test]
fn quiet_resolves_when_the_last_queued_publisher_leaves_or_the_manager_closes() {
    for closes in [false, true] {
        model(move || {
            block_on(async {
                let manager = EventManager::new(1);
                let mut reader = manager.subscribe();
                manager.try_notify(0).unwrap();
                assert_eq!(reader.next().await, Some(0));
                manager.try_notify(1).unwrap();
                let mut queued = Box::pin(manager.clone().notify_owned(2));
                assert!(poll!(&mut queued).is_pending());
                let ending = spawn({
                    let manager = manager.clone();
                    async move {
                        if closes {
                            manager.close();
                        }
                        drop(queued);
                    }
                });
                let leaving = spawn(async move { drop(reader) });
                manager.quiet().await.unwrap();
                assert!(closes || manager.stats().waiting_publishers() == 0);
                ending.await.unwrap();
                leaving.await.unwrap();
            });
        });
    }
}
