//! Granted places: taken, taken over, revoked, dropped, and voided.

use futures::{FutureExt, poll};
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription, handler_fn};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::{publish_each, read_all};

/// A manager with a full window.
fn full(capacity: usize) -> (EventManager<u64>, Subscription<u64>) {
    let manager = EventManager::new(capacity);
    let reader = manager.subscribe();
    for _ in 0..capacity {
        manager.try_notify(0).unwrap();
    }
    (manager, reader)
}

fn sorted(mut events: Vec<u64>) -> Vec<u64> {
    events.sort_unstable();
    events
}

#[test]
fn two_publishers_and_one_place() {
    model(|| {
        block_on(async {
            let (manager, reader) = full(1);
            let publishers = publish_each(&manager, [1, 2]);
            let reading = spawn(read_all(reader));
            for publisher in publishers {
                assert_eq!(publisher.await.unwrap(), 1);
            }
            drop(manager);
            assert_eq!(sorted(reading.await.unwrap()), [0, 1, 2]);
        });
    });
}

#[test]
fn a_kept_publisher_strands_no_sleeper() {
    model(|| {
        block_on(async {
            let (manager, mut reader) = full(1);
            let mut kept = Box::pin(manager.notify(1));
            assert!(poll!(&mut kept).is_pending());
            let sleepers = publish_each(&manager, [2, 3]);
            let mut read = Vec::new();
            for _ in 0..3 {
                read.push(reader.next().await.unwrap());
            }
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
            assert_eq!(sorted(read), [0, 2, 3]);
            kept.await.unwrap();
            assert_eq!(reader.next().await, Some(1));
        });
    });
}

#[test]
fn a_place_is_taken_by_its_publisher_or_taken_over() {
    model(|| {
        block_on(async {
            let (manager, reader) = full(1);
            let granted = spawn({
                let manager = manager.clone();
                async move { manager.notify(1).await.unwrap() }
            });
            let newcomer = spawn({
                let manager = manager.clone();
                async move {
                    yield_now().await;
                    let mut publish = manager.notify(2);
                    // Polled without being woken, too.
                    while poll!(&mut publish).is_pending() {
                        yield_now().await;
                    }
                }
            });
            let reading = spawn(read_all(reader));
            granted.await.unwrap();
            newcomer.await.unwrap();
            drop(manager);
            assert_eq!(sorted(reading.await.unwrap()), [0, 1, 2]);
        });
    });
}

#[test]
fn a_dropped_grant_is_passed_on() {
    model(|| {
        block_on(async {
            let (manager, mut reader) = full(1);
            let mut dropped = Box::pin(manager.notify(1));
            assert!(poll!(&mut dropped).is_pending());
            let next = spawn({
                let manager = manager.clone();
                async move { manager.notify(2).await.unwrap() }
            });
            let reading = spawn(async move { (reader.next().await, reader.next().await) });
            yield_now().await;
            drop(dropped);
            next.await.unwrap();
            assert_eq!(reading.await.unwrap(), (Some(0), Some(2)));
            assert_eq!(manager.stats().waiting_publishers(), 0);
        });
    });
}

#[test]
fn a_narrow_joiner_keeps_its_window() {
    model(|| {
        block_on(async {
            let (manager, reader) = full(3);
            let publishers = publish_each(&manager, [1, 2, 3]);
            let joining = spawn({
                let manager = manager.clone();
                async move {
                    let options = SubscribeOptions::new().window(1);
                    let mut joiner = manager.subscribe_with(options);
                    drop(manager);
                    let mut read = 0;
                    loop {
                        assert!(joiner.len() <= 1, "more unread events than the window");
                        if joiner.next().await.is_none() {
                            return read;
                        }
                        read += 1;
                    }
                }
            });
            let reading = spawn(read_all(reader));
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            assert!(joining.await.unwrap() <= 3);
            assert_eq!(sorted(reading.await.unwrap()), [0, 0, 0, 1, 2, 3]);
        });
    });
}

#[test]
fn close_voids_grants() {
    model(|| {
        block_on(async {
            let (manager, reader) = full(2);
            let publishers = [1, 2, 3].map(|n| {
                let manager = manager.clone();
                spawn(async move { manager.notify(n).await.is_ok() })
            });
            let closing = spawn({
                let manager = manager.clone();
                async move {
                    yield_now().await;
                    manager.close();
                }
            });
            let mut read = sorted(read_all(reader).await);
            closing.await.unwrap();
            read.retain(|&n| n > 0);
            let mut stored = Vec::new();
            for (publisher, n) in publishers.into_iter().zip(1..) {
                stored.extend(publisher.await.unwrap().then_some(n));
            }
            assert_eq!(read, stored);
            assert_eq!(manager.stats().waiting_publishers(), 0);
        });
    });
}

#[test]
fn a_disconnect_serves_every_waiting_publisher() {
    model(|| {
        block_on(async {
            let (manager, stuck) = full(1);
            let lossy = spawn(read_all(manager.subscribe_with(Overflow::DropOldest)));
            let publishers = publish_each(&manager, [1, 2]);
            let disconnecting = spawn({
                let (manager, id) = (manager.clone(), stuck.id());
                async move {
                    yield_now().await;
                    assert!(manager.disconnect(id));
                }
            });
            for publisher in publishers {
                publisher.await.unwrap();
            }
            disconnecting.await.unwrap();
            drop(manager);
            lossy.await.unwrap();
            assert_eq!(read_all(stuck).await, [0]);
        });
    });
}

#[test]
fn follow_ups_beside_publishers_and_close() {
    model(|| {
        block_on(async {
            let (manager, mut reader) = full(1);
            let publisher = spawn({
                let manager = manager.clone();
                async move { manager.notify(1).await.is_ok() }
            });
            let closing = spawn({
                let manager = manager.clone();
                async move {
                    yield_now().await;
                    manager.close();
                }
            });
            let mut read = Vec::new();
            let mut followed = 0;
            while let Some(n) = reader.next().await {
                read.push(n);
                if n == 0 {
                    for m in [10, 11] {
                        followed += usize::from(reader.follow_up(m).is_ok());
                    }
                }
            }
            let stored = usize::from(publisher.await.unwrap());
            closing.await.unwrap();
            assert_eq!(read.len(), 1 + followed + stored);
        });
    });
}

#[test]
fn a_handler_publishes_past_its_window_beside_close() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let (inside, count) = (manager.downgrade(), std::sync::Arc::default());
            let handled: std::sync::Arc<std::sync::atomic::AtomicUsize> = count;
            let counted = std::sync::Arc::clone(&handled);
            let handler = handler_fn(move |n: &u64| {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if let Some(manager) = inside.upgrade().filter(|_| *n == 0) {
                    for m in [1, 2] {
                        let _ = manager
                            .notify(m)
                            .now_or_never()
                            .expect("`notify` never waits");
                    }
                }
            });
            manager.add_handler("echo", handler).unwrap();
            let publisher = spawn({
                let manager = manager.clone();
                async move {
                    for n in [0, 3] {
                        let _ = manager.notify(n).await;
                    }
                }
            });
            yield_now().await;
            manager.stop().await.unwrap();
            publisher.await.unwrap();
            let handled = handled.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!(handled as u64, manager.stats().published());
        });
    });
}
