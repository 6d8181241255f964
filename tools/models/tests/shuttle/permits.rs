//! Permits and sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use genevent::{EventManager, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::{publish_each, read_all};

#[test]
fn stop_waits_for_used_and_unused_permits() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let reader = spawn(read_all(manager.subscribe()));
            let out = Arc::new(AtomicU64::new(0));
            let holders = [true, false].map(|uses| {
                let (manager, out) = (manager.clone(), Arc::clone(&out));
                spawn(async move {
                    let Ok(permit) = manager.reserve().await else {
                        return 0;
                    };
                    out.fetch_add(1, Ordering::SeqCst);
                    yield_now().await;
                    out.fetch_sub(1, Ordering::SeqCst);
                    if uses { permit.notify(1) } else { 0 }
                })
            });
            yield_now().await;
            manager.stop().await.unwrap();
            assert_eq!(out.load(Ordering::SeqCst), 0);
            let mut delivered = 0;
            for holder in holders {
                delivered += holder.await.unwrap();
            }
            assert_eq!(reader.await.unwrap().len(), delivered);
        });
    });
}

#[test]
fn a_dropped_permit_notifies_the_next() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let narrow = SubscribeOptions::new().window(1);
            let reader = spawn(read_all(manager.subscribe_with(narrow)));
            let permit = manager.reserve().await.unwrap();
            let publishers = publish_each(&manager, [1, 2]);
            let dropping = spawn(async move { drop(permit) });
            for publisher in publishers {
                publisher.await.unwrap();
            }
            dropping.await.unwrap();
            drop(manager);
            let mut read = reader.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2]);
        });
    });
}

#[test]
fn a_sync_sink_flushes_after_the_last_ack() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut jobs = manager.subscribe().deliveries();
            let done = Arc::new(AtomicU64::new(0));
            let worker = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(delivery) = jobs.next().await {
                        let done = Arc::clone(&done);
                        spawn(async move {
                            done.fetch_add(*delivery, Ordering::SeqCst);
                            delivery.ack();
                        });
                    }
                }
            });
            let source = futures::stream::iter([1, 2, 4]).map(Ok);
            source.forward(manager.sync_sink()).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            drop(manager);
            worker.await.unwrap();
        });
    });
}
