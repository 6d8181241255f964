//! Receipts and flushes: which subscriber finishes which event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::join;
use genevent::{Cause, DisconnectCause, EventManager, Overflow};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::read_all;

#[test]
fn sync_notify_resolves_however_a_subscriber_ends() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let done = Arc::new(AtomicU64::new(0));
            let mut worker = manager.subscribe();
            let leaver = manager.subscribe();
            let stuck = manager.subscribe();
            let (left, cut) = (leaver.id(), stuck.id());
            let work = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(n) = worker.next().await {
                        yield_now().await;
                        done.fetch_add(n, Ordering::SeqCst);
                    }
                }
            });
            let leaving = spawn(async move { drop(leaver) });
            let cutting = spawn({
                let manager = manager.clone();
                async move { assert!(manager.disconnect(cut)) }
            });
            let receipt = manager.sync_notify(7).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            assert_eq!(receipt.acked(), 1);
            for entry in receipt.unfinished() {
                let disconnected = Cause::Disconnected(DisconnectCause::Requested);
                let cause = if entry.id() == cut {
                    disconnected
                } else {
                    Cause::Left
                };
                assert!([left, cut].contains(&entry.id()) && *entry.cause() == cause);
            }
            leaving.await.unwrap();
            cutting.await.unwrap();
            drop(manager);
            work.await.unwrap();
            drop(stuck);
        });
    });
}

#[test]
fn an_event_in_flight_settles_once() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut lossy = manager.subscribe_with(Overflow::DropOldest);
            let quick = spawn(read_all(manager.subscribe_with(Overflow::DropOldest)));
            let id = lossy.id();
            let publisher = spawn({
                let manager = manager.clone();
                async move {
                    let receipt = manager.sync_notify(1).await.unwrap();
                    let heard = receipt.acked() + receipt.dropped();
                    assert!((1..=2).contains(&heard), "one may be cut off before");
                }
            });
            let reading = spawn(async move {
                while lossy.next().await.is_some() {
                    yield_now().await;
                }
            });
            let flooding = shuttle::thread::spawn({
                let manager = manager.clone();
                move || {
                    for n in 2..=6 {
                        manager.try_notify(n).unwrap();
                    }
                }
            });
            let cutting = shuttle::thread::spawn({
                let manager = manager.clone();
                move || manager.disconnect(id)
            });
            publisher.await.unwrap();
            flooding.join().unwrap();
            cutting.join().unwrap();
            manager.stop().await.unwrap();
            drop(manager);
            reading.await.unwrap();
            quick.await.unwrap();
        });
    });
}

#[test]
fn flush_resolves_with_its_last_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut reader = manager.subscribe();
            let worked = Arc::new(AtomicU64::new(0));
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let work = spawn({
                let worked = Arc::clone(&worked);
                async move {
                    while let Some(n) = reader.next().await {
                        worked.store(n, Ordering::SeqCst);
                        if n == 2 {
                            reader.ack();
                        }
                    }
                }
            });
            manager.flush().await.unwrap();
            assert_eq!(worked.load(Ordering::SeqCst), 2);
            drop(manager);
            work.await.unwrap();
        });
    });
}

#[test]
fn a_nack_beside_a_disconnect_never_counts_as_finished() {
    const REQUESTED: Cause = Cause::Disconnected(DisconnectCause::Requested);
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut reader = manager.subscribe();
            let jobs = manager.subscribe_filter(|_: &u64| true).deliveries();
            let ids = [reader.id(), jobs.id()];
            let reading = spawn(async move {
                let first = reader.next().await;
                yield_now().await;
                reader.nack("failed");
                first
            });
            let working = spawn(async move {
                let mut jobs = jobs;
                let job = jobs.next().await;
                drop(jobs);
                job.map(|job| job.nack("failed"))
            });
            let cutting = spawn({
                let manager = manager.clone();
                async move { ids.map(|id| manager.disconnect(id)) }
            });
            let (first, second) = join!(manager.sync_notify(1), manager.sync_notify(2));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert_eq!((first.acked(), second.acked()), (0, 0));
            for entry in first.unfinished() {
                let causes = [Cause::Failed("failed".into()), REQUESTED];
                assert!(causes.contains(entry.cause()), "{entry}");
            }
            for entry in second.unfinished() {
                assert!([Cause::Left, REQUESTED].contains(entry.cause()), "{entry}");
            }
            drop(manager);
            reading.await.unwrap();
            working.await.unwrap();
            cutting.await.unwrap();
        });
    });
}
