//! A call is made once and answered, and never hangs.

use futures::{FutureExt, StreamExt, poll};
use genevent::handler::CallError;
use genevent::{EventManager, StopReason};

use super::{Diary, add};

#[tokio::test]
async fn a_panicking_call_ends_the_handler() {
    // GenEvent case 102.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let failed = a.call(|_| -> u32 { panic!("no") }).await;
    assert_eq!(failed, Err(CallError::Panicked("no".into())));
    assert_eq!(
        a.stopped().now_or_never(),
        Some(StopReason::Panicked("no".into()))
    );
    assert_eq!(diary.drain(), ["a ends: it panicked: no"]);
}

#[tokio::test]
async fn a_dropped_call_is_still_made() {
    // GenEvent cases 104, 105, 107.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(a.call(|a| a.seen.push(9)).now_or_never().is_none());
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![9]));
}

#[tokio::test]
async fn many_calls_can_wait_at_once() {
    // GenEvent cases 106, 108.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let calls: futures::stream::FuturesUnordered<_> =
        (0..4).map(|label| a.call(move |_| label)).collect();
    let mut answers: Vec<_> = calls.map(Result::unwrap).collect().await;
    answers.sort_unstable();
    assert_eq!(answers, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_call_after_close_returns_an_error() {
    // GenEvent cases 17, 109.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let mut before = Box::pin(a.call(|a| a.seen.clone()));
    assert!(poll!(&mut before).is_pending());
    drop(manager);
    assert_eq!(before.await, Ok(vec![1]));
    let gone = Err(CallError::Stopped(StopReason::ManagerClosed));
    assert_eq!(a.call(|a| a.seen.clone()).await, gone);
}
