//! Deliveries, settled from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use genevent::{Deliveries, Delivery, EventManager, Overflow, Received, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

/// Acknowledges two deliveries out of order. `done` counts each before its acknowledgement.
async fn two_deliveries(
    manager: &EventManager<u64>,
) -> (Deliveries<u64>, [Delivery<u64>; 2], Arc<AtomicU64>) {
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let one = jobs.next().await.unwrap();
    let two = jobs.next().await.unwrap();
    (jobs, [two, one], Arc::default())
}

#[test]
fn flush_resolves_with_the_last_delivery() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let (jobs, out, done) = two_deliveries(&manager).await;
            for delivery in out {
                let done = Arc::clone(&done);
                spawn(async move {
                    done.fetch_add(1, Ordering::SeqCst);
                    delivery.ack();
                });
            }
            spawn(async move { drop(jobs) });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 2);
        });
    });
}

#[test]
fn flush_sees_deliveries_received_while_it_registers() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut jobs = manager.subscribe().deliveries();
            let done = Arc::new(AtomicU64::new(0));
            manager.try_notify(1).unwrap();
            let worker = spawn({
                let done = Arc::clone(&done);
                async move {
                    let delivery = jobs.next().await.unwrap();
                    done.fetch_add(*delivery, Ordering::SeqCst);
                    delivery.ack();
                    jobs // neither polled nor dropped from here on
                }
            });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 1);
            drop(worker.await.unwrap());
        });
    });
}

#[test]
fn flush_sees_deliveries_of_a_disconnected_subscription() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let (mut jobs, out, done) = two_deliveries(&manager).await;
            let id = jobs.id();
            manager.try_notify(3).unwrap();
            for delivery in out {
                let done = Arc::clone(&done);
                spawn(async move {
                    done.fetch_add(1, Ordering::SeqCst);
                    drop(delivery);
                });
            }
            let reader = spawn(async move {
                let three = jobs.next().await.unwrap().ack();
                (three, jobs.next().await.is_none())
            });
            let cutting = spawn({
                let manager = manager.clone();
                async move { manager.disconnect(id) }
            });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 2);
            assert!(cutting.await.unwrap());
            assert_eq!(reader.await.unwrap(), (3, true));
        });
    });
}

#[test]
fn an_ack_releases_the_next_delivery() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(4);
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = manager.subscribe_with(options).deliveries();
            let reader = spawn(async move {
                let mut read = Vec::new();
                while let Some(delivery) = jobs.next().await {
                    assert_eq!(jobs.unacked(), 1);
                    read.push(*delivery);
                    spawn(async move { delivery.ack() });
                }
                read
            });
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            manager.stop().await.unwrap();
            assert_eq!(reader.await.unwrap(), [1, 2, 3]);
        });
    });
}

#[test]
fn a_receipt_counts_each_delivery_once() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(4);
            let readers = [true, false].map(|finishes| {
                let mut jobs = manager.subscribe().deliveries();
                let id = jobs.id();
                spawn(async move {
                    let delivery = jobs.next().await.unwrap();
                    let settled = spawn(async move {
                        if finishes {
                            delivery.ack();
                        }
                    });
                    drop(jobs);
                    settled.await.unwrap();
                });
                id
            });
            let receipt = manager.sync_notify(1).await.unwrap();
            assert_eq!(receipt.acked(), 1);
            assert_eq!(receipt.unfinished()[0].id(), readers[1]);
        });
    });
}

/// The hazard, found by the soak test: events overwritten before `subscribe` returned
/// were reported to no reader.
#[test]
fn a_late_lossy_reader_counts_every_loss() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let flood = spawn({
                let manager = manager.clone();
                async move {
                    for n in 1..=3 {
                        manager.try_notify(n).unwrap();
                    }
                }
            });
            let mut late = manager.subscribe_with(Overflow::DropOldest).with_missed();
            flood.await.unwrap();
            drop(manager);
            let mut reported = 0;
            while let Some(received) = late.next().await {
                if let Received::Missed(events) = received {
                    reported += events;
                }
            }
            assert_eq!(reported, late.get_ref().missed());
        });
    });
}

#[test]
fn flush_waits_for_a_concurrently_received_delivery() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut jobs = manager.subscribe().deliveries();
            manager.try_notify(1).unwrap();
            manager.try_notify(2).unwrap();
            let one = jobs.next().now_or_never().flatten().unwrap();
            let mut flush = manager.flush();
            assert!((&mut flush).now_or_never().is_none());
            let acking = shuttle::thread::spawn(move || one.ack());
            let two = jobs.next().now_or_never().flatten().unwrap();
            acking.join().unwrap();
            assert!((&mut flush).now_or_never().is_none(), "2 is out");
            drop(two);
            flush.await.unwrap();
        });
    });
}

#[test]
fn flush_waits_for_deliveries_received_during_overwriting() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let mut reader = manager.subscribe_with(Overflow::DropOldest);
            for n in 1..=3 {
                manager.try_notify(n).unwrap();
            }
            assert_eq!(reader.next().now_or_never(), Some(Some(1)));
            reader.ack();
            let mut flush = manager.flush();
            assert!((&mut flush).now_or_never().is_none());
            manager.try_notify(4).unwrap();
            let publisher = manager.clone();
            let publishing = shuttle::thread::spawn(move || publisher.try_notify(5));
            let got = reader.next().now_or_never().flatten().unwrap();
            publishing.join().unwrap().unwrap();
            if got == 3 {
                assert!((&mut flush).now_or_never().is_none(), "3 is in hand");
            }
            reader.ack();
            if got < 3 {
                drop(reader);
            }
            flush.await.unwrap();
        });
    });
}
