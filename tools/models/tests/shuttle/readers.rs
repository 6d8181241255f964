//! The events seen by readers that are late, slow, lossy or disconnected.

use futures::StreamExt;
use genevent::{EndReason, EventManager, Overflow, Received, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::{read_all, read_late};

#[test]
fn every_published_event_is_read() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let readers = [manager.subscribe(), manager.subscribe()].map(|r| spawn(read_all(r)));
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            for reader in readers {
                assert_eq!(reader.await.unwrap(), [1, 2, 3]);
            }
        });
    });
}

#[test]
fn readers_see_all_however_segments_change() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let mut slow = manager.subscribe();
            let quick = [manager.subscribe(), manager.subscribe()].map(|r| spawn(read_all(r)));
            let late = spawn(read_late(manager.clone(), SubscribeOptions::new()));
            for n in 1..=6 {
                if n == 4 {
                    assert_eq!(slow.next().await, Some(1));
                }
                manager.try_notify(n).unwrap();
                yield_now().await;
            }
            drop(manager);
            assert_eq!(read_all(slow).await, [2, 3, 4, 5, 6]);
            for reader in quick {
                assert_eq!(reader.await.unwrap(), [1, 2, 3, 4, 5, 6]);
            }
            let read = late.await.unwrap();
            assert!(read.windows(2).all(|pair| pair[1] == pair[0] + 1));
            assert!(read.last().is_none_or(|last| *last == 6));
        });
    });
}

#[test]
fn late_readers_see_no_gap_or_duplicate() {
    model(|| {
        block_on(async {
            let manager: EventManager<u64> = EventManager::builder().capacity(2).retain(3).build();
            let quick = spawn(read_all(manager.subscribe()));
            let late = [Overflow::Wait, Overflow::Wait, Overflow::Disconnect].map(|overflow| {
                let manager = manager.clone();
                spawn(async move {
                    yield_now().await;
                    let options = SubscribeOptions::new().overflow(overflow).replay(3);
                    let mut late = manager.subscribe_with(options);
                    drop(manager);
                    let read: Vec<_> = late.by_ref().collect().await;
                    let first = read.first().copied().unwrap_or(1);
                    let all = read.len() as u64;
                    assert!(read.into_iter().eq(first..first + all), "in a row");
                    (first + all, late.end_reason() == Some(EndReason::Closed))
                })
            });
            for n in 1..=5 {
                if n % 2 == 0 {
                    manager.sync_notify(n).await.unwrap();
                } else {
                    manager.notify(n).await.unwrap();
                }
            }
            let mut last = manager.subscribe_with(SubscribeOptions::new().replay(2));
            drop(manager);
            for late in late {
                let (next, to_the_end) = late.await.unwrap();
                assert!(next == 6 || !to_the_end);
            }
            assert_eq!(quick.await.unwrap(), [1, 2, 3, 4, 5]);
            assert_eq!(last.next().await, Some(4));
            assert_eq!(read_all(last).await, [5]);
        });
    });
}

#[test]
fn a_lossy_reader_accounts_for_every_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let lossy = manager.subscribe_with(Overflow::DropOldest).with_missed();
            let reader = spawn(async move {
                let mut lossy = lossy;
                let mut next = 1;
                while let Some(received) = lossy.next().await {
                    match received {
                        Received::Event(n) => {
                            assert_eq!(n, next);
                            next += 1;
                        }
                        Received::Missed(n) => next += n,
                        _ => unreachable!("an event, or a loss"),
                    }
                }
                (next - 1, lossy.get_ref().missed())
            });
            let mut acked = 0;
            for n in 1..=4 {
                if n == 2 {
                    let receipt = manager.sync_notify(n).await.unwrap();
                    acked += receipt.acked() + receipt.dropped();
                } else {
                    manager.try_notify(n).unwrap();
                }
            }
            assert_eq!(acked, 1);
            drop(manager);
            let (seen, missed) = reader.await.unwrap();
            assert_eq!(seen, 4);
            assert!(missed <= 2);
        });
    });
}

#[test]
fn a_disconnected_reader_owes_only_events_in_flight() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut reader = manager.subscribe();
            let id = reader.id();
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let cutting = spawn({
                let manager = manager.clone();
                async move { manager.disconnect(id) }
            });
            let flushing = spawn({
                let manager = manager.clone();
                async move { manager.flush().await }
            });
            let receipt = spawn({
                let manager = manager.clone();
                async move { manager.sync_notify(3).await.unwrap() }
            });
            let mut read = Vec::new();
            while let Some(n) = reader.next().await {
                read.push(n);
            }
            assert!(cutting.await.unwrap());
            flushing.await.unwrap().unwrap();
            let receipt = receipt.await.unwrap();
            assert_eq!(read.len(), if receipt.is_unheard() { 2 } else { 3 });
            assert!(read.is_sorted());
        });
    });
}

#[test]
fn dropping_the_last_manager_ends_parking_readers() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let reader = spawn(read_all(manager.subscribe()));
            let other = spawn({
                let manager = manager.clone();
                async move { drop(manager) }
            });
            drop(manager);
            other.await.unwrap();
            assert_eq!(reader.await.unwrap(), [0; 0]);
        });
    });
}

#[test]
fn concurrent_subscribing_and_storing_agree() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let late = spawn(read_late(manager.clone(), SubscribeOptions::new()));
            let receipt = manager.sync_notify(1).await.unwrap();
            drop(manager);
            let read = late.await.unwrap();
            assert_eq!(read.len(), receipt.acked());
        });
    });
}
