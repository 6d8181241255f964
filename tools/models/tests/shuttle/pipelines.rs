//! Combinators over deliveries, and sinks: work that is finished in other tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{SinkExt, StreamExt};
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::read_all;

/// The work on two events at a time, which may fail; the receipts know all of the answers.
#[test]
fn for_each_acked_finishes_beside_publishers_and_close() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let jobs = manager.subscribe_with(SubscribeOptions::new().max_unacked(2));
            let done = Arc::new(AtomicU64::new(0));
            let working = spawn({
                let done = Arc::clone(&done);
                async move {
                    let work = jobs.deliveries().for_each_acked(2, |n| {
                        let (n, done) = (n, Arc::clone(&done));
                        let work = spawn(async move {
                            yield_now().await;
                            done.fetch_add(n, Ordering::SeqCst)
                        });
                        async move { _ = work.await.unwrap() }
                    });
                    work.await;
                }
            });
            let publishing = [1, 2].map(|n| {
                let publishing = manager.sync_notify_owned(n);
                spawn(async move { publishing.await.unwrap().acked() })
            });
            for publishing in publishing {
                assert_eq!(publishing.await.unwrap(), 1);
            }
            manager.notify(4).await.unwrap();
            manager.stop().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            working.await.unwrap();
        });
    });
}

#[test]
fn batches_and_the_latest_acknowledge_every_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let batches = manager.subscribe().deliveries().ready_batches(2);
            let latest = manager.subscribe().deliveries().latest();
            let batching = spawn(batches.for_each(async |batch| drop(batch.ack())));
            let newest = spawn(latest.fold(0, async |_, delivery| delivery.ack()));
            for n in 1..=3 {
                if n == 2 {
                    let receipt = manager.sync_notify(n).await.unwrap();
                    assert_eq!(receipt.acked(), 2);
                } else {
                    manager.notify(n).await.unwrap();
                }
            }
            manager.stop().await.unwrap();
            batching.await.unwrap();
            assert_eq!(newest.await.unwrap(), 3);
        });
    });
}

/// A sink that is dropped when it is ready, or is closed, strands no publisher.
#[test]
fn sinks_that_close_or_leave_give_their_room_back() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reading = spawn(read_all(manager.subscribe()));
            let mut closed = manager.sink();
            let mut left = manager.sink();
            let closing = spawn(async move {
                closed.send(1).await.unwrap();
                closed.close().await.unwrap();
            });
            let leaving = spawn(async move {
                futures::future::poll_fn(|cx| left.poll_ready_unpin(cx))
                    .await
                    .unwrap();
                yield_now().await;
                drop(left);
            });
            manager.notify(2).await.unwrap();
            closing.await.unwrap();
            leaving.await.unwrap();
            assert_eq!(manager.stats().permits(), 0);
            drop(manager);
            let mut read = reading.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2]);
        });
    });
}
