//! Models of filtered subscriptions: random schedules of every lock and every atomic step, as in
//! `tests/shuttle.rs`. "No wake-up is lost" needs no assertion: each only has to come to its end.
#![cfg(genevent_shuttle)]

use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions};
use shuttle::future::block_on;

#[path = "support/schedules.rs"]
mod schedules;

use schedules::{model, spawn};

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "a filter is given a reference"
)]
fn even(n: &u64) -> bool {
    n % 2 == 0
}

#[test]
fn a_reader_of_a_full_queue_wakes_the_publisher_that_waits_for_it() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let filtered = spawn(manager.subscribe_where(even).collect::<Vec<_>>());
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
fn who_subscribes_while_an_event_is_judged_is_counted_or_does_not_see_it() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let first = manager.subscribe_where(even);
            let publisher = manager.clone();
            let publishing = spawn(async move { publisher.notify(2).await.unwrap() });
            let later = manager.subscribe_where(even);
            let leaver = manager.subscribe_where(even);
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
fn receipts_and_flushes_hear_of_all_that_a_filtered_reader_takes_or_leaves() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let options = SubscribeOptions::new().window(1);
            let mut reader = manager.subscribe_where_with(options, even);
            let lossy = manager.subscribe_where_with(Overflow::DropOldest, even);
            let stuck = manager.subscribe_where(even);
            let id = stuck.id();
            let reading = spawn(async move { while reader.next().await.is_some() {} });
            let lossy = spawn(async move {
                lossy
                    .deliveries()
                    .for_each(async |two| drop(two.ack()))
                    .await;
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
fn a_cancelled_publisher_and_a_permit_leave_the_way_to_the_next() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut reader = manager.subscribe_where(even);
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
