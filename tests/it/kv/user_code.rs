//! Wakers of users that panic when the registry calls them: only the task that owns the waker
//! fails.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use genevent::EventManager;
use genevent::kv::{ExitReason, Registry};

use crate::drive::read;

struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        panic!("on purpose: wake");
    }
}

/// A waker may also panic when dropped.
struct BadToDrop;

impl Wake for BadToDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for BadToDrop {
    fn drop(&mut self) {
        panic!("on purpose: drop");
    }
}

fn poll_badly<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::new(BadWaker));
    future.poll(&mut Context::from_waker(&waker))
}

async fn let_other_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panicking_waker_in_flush_does_not_stop_events() {
    let registry = Registry::<u8>::new(EventManager::default());
    let mut events = registry.events();
    registry.create("a").await.unwrap();
    {
        let mut flush = pin!(registry.flush());
        assert!(poll_badly(flush.as_mut()).is_pending());
        let another = registry.clone();
        let another = tokio::spawn(async move { another.flush().await });
        assert_eq!(events.next().await.unwrap().name(), "a");
        events.ack();
        let_other_tasks_run().await;
        assert!(another.is_finished(), "and strands nobody else");
    }
    registry.create("b").await.unwrap();
    assert_eq!(events.next().await.unwrap().name(), "b");
}

#[tokio::test]
async fn a_panicking_waker_drop_does_not_stop_events() {
    let registry = Registry::<u8>::new(EventManager::default());
    let mut events = registry.events();
    registry.create("a").await.unwrap();
    {
        let mut flush = pin!(registry.flush());
        let waker = Waker::from(Arc::new(BadToDrop));
        let poll = flush.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        drop(waker); // the registry holds the last clone now
        assert_eq!(events.next().await.unwrap().name(), "a");
        events.ack();
        let_other_tasks_run().await;
    }
    registry.create("b").await.unwrap();
    let_other_tasks_run().await;
    assert_eq!(read(&mut events).unwrap().name(), "b");
}

#[tokio::test]
async fn a_panicking_waker_still_wakes_other_waiters() {
    let registry = Registry::<u8>::new(EventManager::default());
    let bucket = registry.create("a").await.unwrap();
    let mut stopped = pin!(bucket.stopped());
    assert!(poll_badly(stopped.as_mut()).is_pending());
    let others: Vec<_> = (0..32).map(|_| tokio::spawn(bucket.stopped())).collect();
    let_other_tasks_run().await;
    bucket.stop();
    let_other_tasks_run().await;
    for other in others {
        assert!(other.is_finished());
        assert_eq!(other.await.unwrap(), ExitReason::Stopped);
    }
}

#[tokio::test]
async fn a_panicking_queued_waker_harms_no_other_change() {
    use std::sync::mpsc;
    let registry = Registry::<u8>::new(EventManager::default());
    let bucket = registry.create("a").await.unwrap();
    let (inside, entered) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let busy = bucket.clone();
    let busy = std::thread::spawn(move || {
        futures::executor::block_on(busy.update("k", move |_| {
            inside.send(()).unwrap();
            wait.recv().unwrap();
            Some(1)
        }))
    });
    entered.recv().unwrap();
    let mut put = Box::pin(bucket.put("k", 2));
    assert!(poll_badly(put.as_mut()).is_pending());
    go.send(()).unwrap();
    assert_eq!(busy.join().expect("it has not panicked"), Ok(Some(1)));
    drop(put);
    assert_eq!(bucket.put("k", 3).await, Some(1));
}
