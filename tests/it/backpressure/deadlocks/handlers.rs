//! Undetected deadlocks of handlers and subscribers, and calls that do not wait inside handlers.

use std::ops::ControlFlow;

use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::kv::Registry;
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason, SubscribeOptions};
use tokio::sync::oneshot;

use super::hangs;

/// Runs its future while handling its first event.
pub(super) struct Doing(Option<BoxFuture<'static, ()>>);

impl Handler<u32> for Doing {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        if let Some(work) = self.0.take() {
            work.await;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Makes a handler that runs a future, made by `work` from a reference to the handler.
pub(super) fn doing<F: Future<Output = ()> + Send + 'static>(
    manager: &EventManager<u32>,
    work: impl FnOnce(oneshot::Receiver<HandlerRef<u32, Doing>>) -> F,
) -> HandlerRef<u32, Doing> {
    let (give, given) = oneshot::channel();
    let handler = Doing(Some(work(given).boxed()));
    let handler = manager.add_handler("doing", handler).unwrap();
    let _ = give.send(handler.clone());
    handler
}

#[tokio::test(start_paused = true)]
async fn a_handler_awaiting_its_own_end_deadlocks() {
    let manager = EventManager::new(8);
    let handler = doing(&manager, |itself| async {
        itself.await.unwrap().stopped().await;
    });
    assert!(hangs(manager.sync_notify(1)).await);
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert!(!hangs(manager.stop()).await);
}

/// A subscription after the handler has no room, and waits for the handler's event.
#[tokio::test(start_paused = true)]
async fn notify_in_a_handler_does_not_wait_for_narrower_subscribers() {
    let manager = EventManager::<u32>::new(8);
    let inside = manager.clone();
    let work = async move { assert_eq!(inside.notify(3).await, Ok(2)) };
    let _handler = doing(&manager, |_| work);
    let id = manager.subscribers()[0].id();
    let narrow = SubscribeOptions::new().after(id).window(2);
    let mut second = manager.subscribe_with(narrow);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    for n in 1..=3 {
        assert_eq!(second.next().await, Some(n));
    }
}

/// The task with the permit waits for the handler.
#[tokio::test(start_paused = true)]
async fn notify_in_a_handler_does_not_wait_for_a_permit() {
    let manager = EventManager::<u32>::new(1);
    let inside = manager.clone();
    let (open, gate) = oneshot::channel::<()>();
    let work = async move {
        gate.await.unwrap();
        assert_eq!(inside.notify(2).await, Ok(1));
    };
    let handler = doing(&manager, |_| work);
    manager.notify(1).await.unwrap();
    let permit = manager.reserve().await.unwrap();
    open.send(()).unwrap();
    assert!(!hangs(handler.call(|_| ())).await);
    assert!(!hangs(manager.flush()).await);
    assert_eq!(permit.notify(3), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_awaiting_a_publishing_task_deadlocks() {
    for publishes_itself in [false, true] {
        let manager = EventManager::new(1);
        let inside = manager.clone();
        let handler = doing(&manager, move |_| async move {
            for n in 2..=3 {
                let manager = inside.clone();
                let publishing = async move { manager.notify(n).await };
                let stored = if publishes_itself {
                    publishing.await
                } else {
                    tokio::spawn(publishing).await.unwrap()
                };
                assert_eq!(stored, Ok(1));
            }
        });
        assert_eq!(hangs(manager.sync_notify(1)).await, !publishes_itself);
        handler.abort();
        assert_eq!(handler.stopped().await, StopReason::Aborted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_awaiting_its_caller_deadlocks() {
    let manager = EventManager::new(8);
    let handler = doing(&manager, |itself| async {
        let itself = itself.await.unwrap();
        let task = tokio::spawn(async move { itself.call(|_| ()).await });
        let _ = task.await.unwrap();
    });
    assert!(hangs(manager.sync_notify(1)).await);
    // The solution is not to await the task.
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
}

/// `Registry::flush` waits for the calling subscriber.
#[tokio::test(start_paused = true)]
async fn flushing_a_registry_from_its_subscriber_deadlocks() {
    let manager = EventManager::new(8);
    let registry = Registry::<u32>::new(manager.clone());
    let mut events = registry.events();
    registry.create("bucket").await.unwrap();
    assert!(events.next().await.is_some());
    assert!(hangs(registry.flush()).await);
    // The way out: finish with the event first.
    events.ack();
    assert!(!hangs(registry.flush()).await);
}
