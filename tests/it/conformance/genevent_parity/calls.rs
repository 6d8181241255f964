//! H. Calls to one handler.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, poll};
use genevent::handler::CallError;
use genevent::{EventManager, Handled, Handler, StopReason, SubscribeOptions};
use tokio::time::timeout;

use super::support::{Diary, Scribe, add, ms, settle, timed};

#[tokio::test]
async fn case_099_a_call_may_change_its_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    manager.notify(1).await.unwrap();
    let taken = a.call(|a| std::mem::take(&mut a.seen)).await;
    assert_eq!(taken, Ok(vec![1]));
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![2]));
    assert_eq!(b.call(|b| b.seen.clone()).await, Ok(vec![1, 2]));
}

#[tokio::test]
async fn case_100_calling_an_absent_handler_fails() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(manager.handler::<Scribe>("b").is_none());
    let same = manager.handler::<Scribe>("a").unwrap();
    manager.notify(1).await.unwrap();
    assert_eq!(same.call(|a| a.seen.clone()).await, Ok(vec![1]));
    assert!(a.remove().await.is_ok());
    assert!(manager.handler::<Scribe>("a").is_none());
    let gone = CallError::Stopped(StopReason::Removed);
    assert_eq!(same.call(|a| a.seen.clone()).await, Err(gone));
}

#[tokio::test]
async fn case_101_a_call_may_remove_its_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let guard = a.clone().drop_guard();
    manager.notify(1).await.unwrap();
    let last = move |a: &mut Scribe| {
        drop(guard);
        a.seen.clone()
    };
    assert_eq!(a.call(last).await, Ok(vec![1]));
    assert_eq!(a.stopped().await, StopReason::Removed);
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn case_102_a_panicking_call_ends_the_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let failed = a.call(|_| -> u32 { panic!("no") }).await;
    assert_eq!(failed, Err(CallError::Panicked("no".into())));
    let cause = StopReason::Panicked("no".into());
    assert_eq!(a.stopped().now_or_never(), Some(cause));
    assert_eq!(diary.drain(), ["a 1", "a ends: it panicked: no"]);
    assert!(manager.which_handlers().is_empty());
}

/// Stores its requests, and replies to some of them.
struct Counter(u32);

impl Counter {
    fn ask(&mut self, request: &str) -> Result<u32, String> {
        match request {
            "count" => Ok(self.0),
            other => Err(format!("{other}?")),
        }
    }
}

impl Handler<u32> for Counter {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        self.0 += 1;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_103_an_unknown_request_keeps_the_handler() {
    let manager = EventManager::new(8);
    let counter = manager.add_handler("counter", Counter(0)).unwrap();
    manager.notify(7).await.unwrap();
    let unknown = counter.call(|counter| counter.ask("colour")).await;
    assert_eq!(unknown, Ok(Err("colour?".into())));
    // A request to a handler of another type cannot even be made.
    assert!(manager.handler::<Scribe>("counter").is_none());
    manager.notify(8).await.unwrap();
    let known = counter.call(|counter| counter.ask("count")).await;
    assert_eq!(known, Ok(Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn case_104_a_dropped_call_still_runs() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    let a = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let call = a.call(|a| a.seen.push(99));
    let (took, answer) = timed(timeout(ms(100), call)).await;
    assert_eq!((took, answer.is_err()), (100, true));
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 99]));
}

#[tokio::test(start_paused = true)]
async fn case_105_a_late_reply_is_not_delivered_elsewhere() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    let a = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let late = timeout(ms(100), a.call(|_| "late")).await;
    assert!(late.is_err());
    let mut next = Box::pin(a.call(|_| "next"));
    assert!(poll!(&mut next).is_pending());
    let (took, answer) = timed(next).await;
    assert_eq!((took, answer), (100, Ok("next")));
    assert_eq!(diary.drain(), ["a 1"]);
}

#[tokio::test(start_paused = true)]
async fn case_106_a_request_can_be_awaited_again() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    let a = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let mut request = Box::pin(a.call(|a| a.seen.clone()));
    assert!(timeout(ms(0), &mut request).await.is_err());
    let (took, answer) = timed(request).await;
    assert_eq!((took, answer), (200, Ok(vec![1])));
}

#[tokio::test(start_paused = true)]
async fn case_107_the_reply_to_a_dropped_request_is_dropped() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    let a = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let token = Arc::new(());
    let answer = Arc::clone(&token);
    let request = a.call(move |a| {
        a.seen.push(99);
        answer
    });
    assert!(timeout(ms(100), request).await.is_err());
    assert_eq!(Arc::strong_count(&token), 2, "it is on its way");
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 99]));
    assert_eq!(Arc::strong_count(&token), 1, "it was made, and dropped");
}

#[tokio::test(start_paused = true)]
async fn case_108_replies_arrive_as_they_get_ready() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let mut requests = FuturesUnordered::new();
    for (label, millis) in [("slow", 300), ("fast", 100), ("middling", 200)] {
        let handler = Scribe::slow(label, &diary, millis);
        let handler = manager.add_handler(label, handler).unwrap();
        requests.push(async move { (label, handler.call(|h| h.seen.clone()).await) });
    }
    manager.notify(1).await.unwrap();
    assert_eq!(requests.len(), 3);
    for label in ["fast", "middling", "slow"] {
        assert_eq!(requests.next().await, Some((label, Ok(vec![1]))));
    }
    assert_eq!(requests.next().await, None, "there is none left");
}

#[tokio::test]
async fn case_109_a_request_to_an_absent_handler_fails() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    manager.notify(1).await.unwrap();
    let mut early = Box::pin(a.call(|a| a.seen.clone()));
    assert!(poll!(&mut early).is_pending());
    assert!(manager.remove_handler("b").await);
    manager.stop().await.unwrap();

    assert_eq!(early.await, Ok(vec![1]), "it came in time");
    let absent = CallError::Stopped(StopReason::Removed);
    assert_eq!(b.call(|_| ()).await, Err(absent));
    let closed = CallError::Stopped(StopReason::ManagerClosed);
    assert_eq!(a.call(|_| ()).await, Err(closed));
}

#[tokio::test]
async fn case_110_a_stream_cannot_be_called() {
    let manager = EventManager::new(8);
    let named = SubscribeOptions::new().name("stream");
    let mut stream = manager.subscribe_with(named);
    manager.notify(1).await.unwrap();
    assert!(manager.handler::<Scribe>("stream").is_none());
    assert!(!manager.remove_handler("stream").await);
    manager.notify(2).await.unwrap();
    assert_eq!(stream.next().await, Some(1));
    assert_eq!(stream.next().await, Some(2));
    assert_eq!(manager.subscriber_count(), 1);
}
