//! Handlers see every event, in order, beside streams and calls.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt, poll};
use genevent::test_util::Probe;
use genevent::{EventManager, StopReason, handler_fn};
use tokio::task::yield_now;

use super::{Diary, add};

#[tokio::test]
async fn sync_notify_but_not_notify_waits_for_the_handler() {
    // GenEvent cases 36, 37, 40, 46, 48.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    assert!(diary.drain().is_empty());
    manager.ack_notify(2).await.unwrap();
    let receipt = manager.sync_notify(3).await.unwrap();
    assert!(receipt.all_acked());
    assert_eq!(diary.drain(), ["a 1", "a 2", "a 3"]);
}

#[tokio::test(start_paused = true)]
async fn handlers_and_streams_work_concurrently() {
    // GenEvent cases 38, 41, 43.
    use std::time::Duration;
    let manager = EventManager::new(8);
    for (name, millis) in [("a", 100), ("b", 150)] {
        let work = move |_: &u32| tokio::time::sleep(Duration::from_millis(millis));
        manager.add_handler(name, work).unwrap();
    }
    let mut stream = manager.subscribe();
    let reading = tokio::spawn(async move {
        while stream.next().await.is_some() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let start = tokio::time::Instant::now();
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 3);
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    drop(manager);
    reading.await.unwrap();
}

#[tokio::test]
async fn a_call_follows_the_events_before_it() {
    // GenEvent cases 55, 99, 146.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, _b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    let mut call = Box::pin(a.call(|a| std::mem::take(&mut a.seen)));
    assert!(poll!(&mut call).is_pending());
    manager.notify(3).await.unwrap();
    assert_eq!(call.await, Ok(vec![1, 2]), "3 was stored after the call");
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![3]));
}

#[tokio::test]
async fn every_handler_and_stream_sees_the_same_order() {
    // GenEvent cases 49, 50.
    let manager = EventManager::new(4);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    manager.add_handler("two", twos.clone()).unwrap();
    let stream = manager.subscribe();
    let senders = [100, 200].map(|base| {
        let manager = manager.clone();
        tokio::spawn(async move {
            for n in 1..=50 {
                manager.notify(base + n).await.unwrap();
            }
        })
    });
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    for sender in senders {
        sender.await.unwrap();
    }
    manager.close();
    let order = reading.await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(order.len(), 100);
    assert_eq!((ones.drain(), twos.drain()), (order.clone(), order));
}

#[tokio::test]
async fn a_cancelled_sync_notify_still_delivers() {
    // GenEvent case 44.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(manager.sync_notify(1).now_or_never().is_none());
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1]));
}

#[tokio::test]
async fn events_need_not_be_clone() {
    struct Whole(u32);
    let manager = EventManager::new(4);
    let seen = Probe::new();
    let noting = seen.clone();
    let handler = handler_fn(move |whole: &Whole| noting.record(whole.0));
    manager.add_handler("whole", handler).unwrap();
    manager.sync_notify(Whole(3)).await.unwrap();
    assert_eq!(seen.drain(), [3]);
}

#[tokio::test]
async fn closures_may_await_without_holding_the_event() {
    let manager = EventManager::new(4);
    let seen = Probe::new();
    let noting = seen.clone();
    let handler = move |text: &String| {
        let (noting, text) = (noting.clone(), text.clone());
        async move {
            yield_now().await;
            let end = text == "end";
            noting.record(text);
            if end {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    };
    let handler = manager.add_handler("async", handler).unwrap();
    manager.notify("one".into()).await.unwrap();
    manager.notify("end".into()).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::Finished);
    assert_eq!(seen.drain(), ["one", "end"]);
}

#[tokio::test]
async fn a_busy_handler_lets_other_tasks_run() {
    let manager = EventManager::new(10_000);
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let handler = handler_fn(move |_: &u32| {
        counting.fetch_add(1, Ordering::Relaxed);
    });
    manager.add_handler("count", handler).unwrap();
    for n in 0..10_000 {
        manager.try_notify(n).unwrap();
    }
    yield_now().await;
    let seen = count.load(Ordering::Relaxed);
    assert!(0 < seen && seen < 1_000, "{seen}");
    manager.flush().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 10_000);
}
