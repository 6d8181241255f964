//! Observers beside flush, stop and disconnect: no call waits for an observer, and an observer's
//! acknowledgement counts for no other subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::StreamExt;
use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

fn observer() -> SubscribeOptions {
    SubscribeOptions::new().observer()
}

/// An acknowledgement of an observer would complete the receipt before the work is done.
#[test]
fn receipts_wait_for_the_work_and_for_no_observer() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut worker = manager.subscribe();
            let lossy = manager.subscribe_with(observer().overflow(Overflow::DropOldest).window(1));
            let leaver = manager.subscribe_with(observer().overflow(Overflow::DropOldest));
            let cut = manager.subscribe_with(observer());
            let unread = manager
                .subscribe_filter_with(observer().overflow(Overflow::DropOldest).window(1), |_| {
                    true
                });
            let id = cut.id();
            let done = Arc::new(AtomicU64::new(0));
            let work = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(n) = worker.next().await {
                        yield_now().await;
                        done.fetch_add(n, Ordering::SeqCst);
                    }
                }
            });
            let reading = spawn(lossy.for_each(async |_| yield_now().await));
            let leaving = spawn(async move { drop(leaver) });
            let cutting = shuttle::thread::spawn({
                let manager = manager.clone();
                move || assert!(manager.disconnect(id))
            });
            let flooding = shuttle::thread::spawn({
                let manager = manager.clone();
                move || _ = manager.try_notify(0)
            });
            let receipt = manager.sync_notify(7).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
            cutting.join().unwrap();
            flooding.join().unwrap();
            leaving.await.unwrap();
            drop((manager, cut, unread));
            work.await.unwrap();
            reading.await.unwrap();
        });
    });
}

/// The observer keeps its delivery, so a flush or a stop waiting for the observer would never end.
#[test]
fn flush_and_stop_wait_for_no_observer() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut worker = manager.subscribe();
            let finished = Arc::new(AtomicBool::new(false));
            manager.try_notify(1).unwrap();
            let mut observed = manager.subscribe_with(observer()).deliveries();
            let mut filtered = manager.subscribe_filter_with(observer(), |_| true);
            manager.try_notify(2).unwrap();
            let keeping = spawn(async move {
                let kept = observed.next().await;
                let also = filtered.next().await;
                (kept, also, observed, filtered)
            });
            let work = spawn({
                let finished = Arc::clone(&finished);
                async move {
                    worker.next().await;
                    worker.next().await;
                    yield_now().await;
                    finished.store(true, Ordering::SeqCst);
                    worker.ack();
                    worker
                }
            });
            manager.flush().await.unwrap();
            assert!(finished.load(Ordering::SeqCst));
            manager.stop().await.unwrap();
            drop(keeping.await.unwrap());
            drop(work.await.unwrap());
        });
    });
}

/// The future is woken however the subscription ends, while its stream is read or not.
#[test]
fn disconnected_resolves_however_it_ends() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let strict = || observer().overflow(Overflow::Disconnect).window(1);
            let cut = manager.subscribe_with(strict());
            let filtered = manager.subscribe_filter_with(strict(), |n| n % 2 == 0);
            let mut read = manager.subscribe();
            let dropped = manager.subscribe_with(observer()).deliveries();
            let futures = [
                cut.disconnected(),
                filtered.disconnected(),
                read.disconnected(),
                dropped.disconnected(),
            ];
            let [of_cut, of_filtered, of_read, of_dropped] = futures.map(spawn);
            let publishing = spawn({
                let manager = manager.clone();
                async move {
                    manager.notify(2).await.unwrap();
                    manager.notify(4).await.unwrap();
                }
            });
            let reading = spawn(async move { while read.next().await.is_some() {} });
            let id = dropped.id();
            let disconnecting = shuttle::thread::spawn({
                let manager = manager.clone();
                move || manager.disconnect(id)
            });
            let dropping = spawn(async move { drop(dropped) });
            for gone in [of_cut, of_filtered] {
                let reason = gone.await.unwrap();
                assert!(matches!(reason, Some(EndReason::Disconnected { .. })));
            }
            publishing.await.unwrap();
            dropping.await.unwrap();
            let was_attached = disconnecting.join().unwrap();
            let reason = of_dropped.await.unwrap();
            assert_eq!(reason.is_some(), was_attached);
            drop(manager);
            assert_eq!(of_read.await.unwrap(), Some(EndReason::Closed));
            reading.await.unwrap();
            drop((cut, filtered));
        });
    });
}
