//! The wait queue of publishers: order, cancellation, closing.

use futures::{FutureExt, poll};
use genevent::{EventManager, SubscribeOptions, Subscription};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::{publish_each, read_all, read_late};

/// A manager whose reader has the events 1 to 3 unread, and room for no other.
fn full() -> (EventManager<u64>, Subscription<u64>) {
    let manager = EventManager::new(3);
    let reader = manager.subscribe();
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    (manager, reader)
}

#[test]
fn a_batch_frees_room_event_by_event() {
    model(|| {
        block_on(async {
            let (manager, mut reader) = full();
            // Each read event frees room for an event, also while the rest of the batch is in flight:
            // the publisher gets the room without another action of the reader.
            let publisher = spawn(async move {
                manager.notify(4).await.unwrap();
                manager
            });
            assert_eq!(reader.next().await, Some(1));
            let manager = publisher.await.unwrap();
            assert!(manager.try_notify(5).is_err());
            drop(manager);
            assert_eq!(read_all(reader).await, [2, 3, 4]);
        });
    });
}

#[test]
fn a_cancelled_publisher_notifies_the_next() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut reader = manager.subscribe();
            manager.try_notify(1).unwrap();
            let quitter = spawn({
                let manager = manager.clone();
                async move {
                    let mut first = manager.notify(2);
                    let stored = poll!(&mut first).is_ready();
                    yield_now().await;
                    stored || first.now_or_never().is_some()
                }
            });
            let patient = spawn({
                let manager = manager.clone();
                async move { manager.notify(3).await.unwrap() }
            });
            let mut read = vec![reader.next().await.unwrap(), reader.next().await.unwrap()];
            let stored = quitter.await.unwrap();
            if stored {
                read.push(reader.next().await.unwrap());
            }
            patient.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, if stored { vec![1, 2, 3] } else { vec![1, 3] });
        });
    });
}

#[test]
fn cancelling_a_notified_publisher_strands_no_other() {
    model(|| {
        block_on(async {
            let (manager, mut reader) = full();
            let mut first = Box::pin(manager.notify(4));
            assert!(poll!(&mut first).is_pending());
            let publishers = publish_each(&manager, [5, 6, 7]);
            let reading = spawn(async move {
                let mut read = Vec::new();
                while let Some(n) = reader.next().await {
                    read.push(n);
                }
                read
            });
            yield_now().await;
            // At the front, notified or not, the publisher leaves: with its event stored, or
            // without.
            let stored = poll!(&mut first).is_ready();
            drop(first);
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let mut read = reading.await.unwrap();
            let later = read.split_off(3);
            assert_eq!(read, [1, 2, 3]);
            assert_eq!(later.contains(&4), stored);
            assert_eq!(later.len(), 3 + usize::from(stored));
        });
    });
}

#[test]
fn close_reaches_every_queued_publisher() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut reader = manager.subscribe();
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let publishers = [3, 4, 5, 6].map(|n| {
                let manager = manager.clone();
                spawn(async move { u64::from(manager.notify(n).await.is_ok()) })
            });
            let closing = spawn({
                let manager = manager.clone();
                async move {
                    yield_now().await;
                    manager.close();
                }
            });
            let reading = spawn(async move {
                let mut read = Vec::new();
                // Both events at once: there is room for two publishers.
                while let Some(n) = reader.next().await {
                    read.push(n);
                }
                read
            });
            let mut stored = 2;
            for publisher in publishers {
                stored += publisher.await.unwrap();
            }
            closing.await.unwrap();
            assert_eq!(reading.await.unwrap().len() as u64, stored);
        });
    });
}

#[test]
fn returned_permits_strand_no_notified_publisher() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let reader = spawn(read_all(manager.subscribe()));
            let permits = [
                manager.reserve().await.unwrap(),
                manager.reserve().await.unwrap(),
                manager.reserve().await.unwrap(),
            ];
            let publishers = publish_each(&manager, [1, 2, 3]);
            let narrow = SubscribeOptions::new().window(1);
            let joining = spawn(read_late(manager.clone(), narrow));
            for permit in permits {
                spawn(async move { drop(permit) });
            }
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let mut read = reader.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2, 3]);
            joining.await.unwrap();
        });
    });
}

#[test]
fn two_publishers_share_room_for_one() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reader = spawn(read_all(manager.subscribe()));
            let publishers = [10, 20].map(|base| {
                let manager = manager.clone();
                spawn(async move {
                    manager.notify(base + 1).await.unwrap();
                    manager.sync_notify(base + 2).await.unwrap();
                })
            });
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let read = reader.await.unwrap();
            for base in [10, 20] {
                let own: Vec<_> = read.iter().filter(|n| **n / 10 * 10 == base).collect();
                assert_eq!(own, [&(base + 1), &(base + 2)]);
            }
            assert_eq!(read.len(), 4);
        });
    });
}
