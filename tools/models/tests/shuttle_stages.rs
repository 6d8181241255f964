//! Models of stages: random schedules of every lock and every atomic step, as in `shuttle`. "No
//! wakeup is lost" needs no assertion: each model only has to end.
#![cfg(genevent_shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{FutureExt, StreamExt};
use genevent::{EventManager, Overflow, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

#[test]
fn a_stage_sees_all_events_finished_upstream() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut first = manager.subscribe();
            let second = manager.subscribe_after(&first);
            let third = manager.subscribe_with(SubscribeOptions::new().after(second.id()));
            // Outside of the model: the progress of the first subscriber, which the models do not
            // schedule by.
            let finished = Arc::new(AtomicU64::new(0));
            let known = Arc::clone(&finished);
            let first = spawn(async move {
                while let Some(n) = first.next().await {
                    finished.store(n, Ordering::SeqCst);
                }
            });
            let stages = [second, third].map(|mut stage| {
                let known = Arc::clone(&known);
                spawn(async move {
                    let mut seen = 0;
                    while let Some(n) = stage.next().await {
                        seen += 1;
                        assert_eq!(n, seen);
                        assert!(n <= known.load(Ordering::SeqCst), "too early");
                    }
                    assert_eq!(seen, 3);
                })
            });
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            first.await.unwrap();
            for stage in stages {
                stage.await.unwrap();
            }
        });
    });
}

#[test]
fn a_leaving_upstream_releases_its_stage() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let (leaver, cut) = (manager.subscribe(), manager.subscribe());
            let options = SubscribeOptions::new().after(leaver.id()).after(cut.id());
            let stage = manager.subscribe_with(options);
            let reading = spawn(stage.collect::<Vec<_>>());
            let leaving = spawn(async move { drop(leaver) });
            let (id, cutting) = (cut.id(), manager.clone());
            let cutting = spawn(async move { assert!(cutting.disconnect(id)) });
            manager.notify(1).await.unwrap();
            manager.notify(2).await.unwrap();
            drop(manager);
            leaving.await.unwrap();
            cutting.await.unwrap();
            assert_eq!(reading.await.unwrap(), [1, 2]);
            drop(cut);
        });
    });
}

#[test]
fn disconnecting_wakes_a_parking_stage() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let first = manager.subscribe();
            let stage = manager.subscribe_after(&first);
            let id = stage.id();
            let reading = spawn(stage.collect::<Vec<_>>());
            let cutting = manager.clone();
            let cutting = spawn(async move { assert!(cutting.disconnect(id)) });
            manager.notify(1).await.unwrap();
            cutting.await.unwrap();
            // The first subscriber never reads: only a wakeup can end the stage.
            assert!(reading.await.unwrap().len() <= 1);
            drop(first);
        });
    });
}

#[test]
fn upstream_deliveries_and_losses_release_a_stage() {
    model(|| {
        block_on(async {
            let manager: EventManager<u64> = EventManager::new(2);
            let lossy = SubscribeOptions::new()
                .overflow(Overflow::DropOldest)
                .window(1);
            let first = manager.subscribe_with(lossy);
            let stage = manager.subscribe_after(&first);
            let mut jobs = manager.subscribe().deliveries();
            let last = manager.subscribe_with(SubscribeOptions::new().after(jobs.id()));
            let first = spawn(first.collect::<Vec<_>>());
            let working = spawn(async move {
                let mut out = Vec::new();
                while let Some(job) = jobs.next().await {
                    out.push(job);
                    if out.len() == 2 {
                        // The later delivery first.
                        while let Some(job) = out.pop() {
                            job.ack();
                        }
                    }
                }
            });
            let reading = [stage, last].map(|stage| spawn(stage.collect::<Vec<_>>()));
            for n in 1..=4 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            first.await.unwrap();
            working.await.unwrap();
            for stage in reading {
                assert_eq!(stage.await.unwrap(), [1, 2, 3, 4]);
            }
        });
    });
}

#[test]
fn upstream_finishing_wakes_a_parking_stage() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut first = manager.subscribe();
            let mut stage = manager.subscribe_after(&first);
            manager.try_notify(1).unwrap();
            assert_eq!(first.next().await, Some(1));
            assert!(stage.next().now_or_never().is_none(), "with another waker");
            let finishing = spawn(async move {
                first.ack();
                first
            });
            // The first subscriber stays, and does nothing more: only its `ack` can wake the stage.
            assert_eq!(stage.next().await, Some(1));
            drop(finishing.await.unwrap());
        });
    });
}
