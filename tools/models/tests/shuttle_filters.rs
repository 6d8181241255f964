//! Models of filtered subscriptions: random schedules of every lock and every atomic step, as in
//! `shuttle`. "No wakeup is lost" needs no assertion: each model only has to end.
#![cfg(genevent_shuttle)]

use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

fn even(n: &u64) -> bool {
    n % 2 == 0
}

#[test]
fn reading_a_full_queue_wakes_the_publisher() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let filtered = spawn(manager.subscribe_filter(even).collect::<Vec<_>>());
            let plain = spawn(manager.subscribe().collect::<Vec<_>>());
            let other = manager.clone();
            let other = spawn(async move {
                for n in [12, 13] {
                    other.notify(n).await.unwrap();
                }
            });
            for n in [2, 3, 4] {
                manager.notify(n).await.unwrap();
            }
            other.await.unwrap();
            drop(manager);
            let plain = plain.await.unwrap();
            let wanted: Vec<_> = plain.iter().copied().filter(even).collect();
            assert_eq!((plain.len(), filtered.await.unwrap()), (5, wanted));
        });
    });
}

#[test]
fn concurrent_subscribing_and_evaluating_agree() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let first = manager.subscribe_filter(even);
            let publisher = manager.clone();
            let publishing = spawn(async move { publisher.notify(2).await.unwrap() });
            let later = manager.subscribe_filter(even);
            let leaver = manager.subscribe_filter(even);
            drop(leaver);
            let heard = publishing.await.unwrap();
            drop(manager);
            let seen =
                first.collect::<Vec<_>>().await.len() + later.collect::<Vec<_>>().await.len();
            assert!(
                heard == seen || heard == seen + 1,
                "the leaver may have been counted"
            );
        });
    });
}

#[test]
fn receipts_and_flushes_see_every_filtered_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let options = SubscribeOptions::new().window(1);
            let mut reader = manager.subscribe_filter_with(options, even);
            let lossy = manager.subscribe_filter_with(Overflow::DropOldest, even);
            let stuck = manager.subscribe_filter(even);
            let id = stuck.id();
            let reading = spawn(async move { while reader.next().await.is_some() {} });
            let lossy = spawn(async move {
                lossy.deliveries().for_each(async |two| _ = two.ack()).await;
            });
            let (cutting, flushing) = (manager.clone(), manager.clone());
            let cutting = spawn(async move { assert!(cutting.disconnect(id)) });
            let flushing = spawn(async move { flushing.flush().await.unwrap() });
            for n in [2, 4] {
                let receipt = manager.sync_notify(n).await.unwrap();
                let heard = receipt.acked() + receipt.dropped();
                assert!(receipt.acked() == 2 && (2..=3).contains(&heard));
            }
            manager.stop().await.unwrap();
            drop(manager);
            for task in [reading, lossy, cutting, flushing] {
                task.await.unwrap();
            }
            let rest = stuck.collect::<Vec<_>>().await;
            assert!([2, 4].starts_with(&rest));
        });
    });
}

#[test]
fn cancelling_and_permits_unblock_the_next() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut reader = manager.subscribe_filter(even);
            manager.try_notify(2).unwrap();
            let quitter = manager.clone();
            let quitting = spawn(async move {
                let mut waiting = quitter.notify(4);
                let _ = futures::poll!(&mut waiting);
                shuttle::future::yield_now().await;
            });
            let (odd, promised) = (manager.clone(), manager.clone());
            let odd = spawn(async move { odd.notify(5).await.unwrap() });
            let promised = spawn(async move { promised.reserve().await.unwrap().notify(7) });
            let reading = spawn(async move {
                let first = reader.next().await;
                (first, reader.collect::<Vec<_>>().await)
            });
            quitting.await.unwrap();
            assert_eq!((odd.await.unwrap(), promised.await.unwrap()), (0, 0));
            drop(manager);
            let (first, rest) = reading.await.unwrap();
            assert!(first == Some(2) && (rest.is_empty() || rest == [4]));
        });
    });
}

#[test]
fn evaluating_during_close_publishes_or_refuses() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reading = spawn(manager.subscribe_filter(even).collect::<Vec<_>>());
            let publishing = [2, 4].map(|n| {
                let manager = manager.clone();
                spawn(async move {
                    manager
                        .sync_notify(n)
                        .await
                        .ok()
                        .map(|receipt| (n, receipt))
                })
            });
            let promised = manager.clone();
            let promised = spawn(async move {
                let permit = promised.reserve().await.ok()?;
                Some((6, permit.notify(6)))
            });
            manager.close();
            manager.stop().await.unwrap();
            let mut stored = Vec::new();
            for publishing in publishing {
                let Some((n, receipt)) = publishing.await.unwrap() else {
                    continue;
                };
                assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
                stored.push(n);
            }
            if let Some((n, heard)) = promised.await.unwrap() {
                assert_eq!(heard, 1);
                stored.push(n);
            }
            let mut seen = reading.await.unwrap();
            seen.sort_unstable();
            assert_eq!(seen, stored);
        });
    });
}

#[test]
fn a_panicking_or_leaving_filter_blocks_no_publisher() {
    struct Meant;
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let broken = manager.subscribe_filter(|&n: &u64| {
                if n == 7 {
                    std::panic::resume_unwind(Box::new(Meant));
                }
                even(&n)
            });
            let leaver = manager.subscribe_filter(even).deliveries();
            let keeper = spawn(manager.subscribe_filter(even).collect::<Vec<_>>());
            let permit = manager.reserve().await.unwrap();
            let breaking = spawn(async move { permit.notify(7) });
            let (waiting, flushing) = (manager.clone(), manager.clone());
            let waiting = spawn(async move {
                let receipt = waiting.sync_notify(2).await.unwrap();
                waiting.notify(4).await.unwrap();
                receipt
            });
            let leaving = spawn(async move {
                let mut leaver = leaver;
                let first = leaver.next().await.unwrap();
                drop(leaver);
                drop(first);
            });
            let flushing = spawn(async move { flushing.flush().await.unwrap() });
            assert_eq!(breaking.await.unwrap(), 0);
            let receipt = waiting.await.unwrap();
            assert_eq!(receipt.acked(), 1, "the keeper");
            assert!((1..=2).contains(&receipt.dropped()));
            flushing.await.unwrap();
            leaving.await.unwrap();
            assert_eq!(manager.subscriber_count(), 1);
            manager.stop().await.unwrap();
            drop(manager);
            assert_eq!(keeper.await.unwrap(), [2, 4]);
            assert!([2].starts_with(&broken.collect::<Vec<_>>().await));
        });
    });
}

#[test]
fn a_stage_after_a_filter_sees_settled_events() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let options = SubscribeOptions::new().window(1);
            let mut first = manager.subscribe_filter_with(options, even);
            let after = SubscribeOptions::new().after(first.id());
            let late = spawn(manager.subscribe_with(after).collect::<Vec<_>>());
            let reading = spawn(async move {
                first.next().await;
                first.ack();
                first.next().await;
            });
            for n in [1, 2, 3, 4] {
                manager.notify(n).await.unwrap();
            }
            manager.sync_notify(6).await.unwrap();
            reading.await.unwrap();
            drop(manager);
            assert_eq!(late.await.unwrap(), [1, 2, 3, 4, 6]);
        });
    });
}
