//! Deadlocks of handlers that are not detected.

use std::ops::ControlFlow;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use genevent::{EventManager, Handler, HandlerRef, StopReason, SubscribeOptions};
use tokio::sync::oneshot;

use super::{SECOND, hangs};

/// Runs its future while handling its first event.
pub(super) struct Doing(Option<BoxFuture<'static, ()>>);

impl Handler<u32> for Doing {
    async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
        if let Some(work) = self.0.take() {
            work.await;
        }
        ControlFlow::Continue(())
    }
}

/// Makes a handler that runs the future that `work` makes of a reference to the handler.
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

#[tokio::test(start_paused = true)]
async fn notify_in_a_handler_waits_for_narrower_subscribers() {
    let manager = EventManager::<u32>::new(8);
    let inside = manager.clone();
    let work = async move {
        let _ = inside.notify(3).await;
    }
    .boxed();
    let handler = manager.add_handler("first", Doing(Some(work))).unwrap();
    let id = manager.subscribers()[0].id();
    let narrow = SubscribeOptions::new().after(id).window(2);
    let mut second = manager.subscribe_with(narrow);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    assert!(hangs(second.next()).await);
    // The way out.
    assert!(manager.disconnect(second.id()));
    assert_eq!(second.next().await, Some(1));
    manager.flush().await.unwrap();
    drop(handler);
}

#[tokio::test(start_paused = true)]
async fn notify_in_a_handler_deadlocks_behind_a_permit() {
    let manager = EventManager::<u32>::new(1);
    let inside = manager.clone();
    let work = async move {
        let _ = inside.notify(2).await;
    };
    let handler = doing(&manager, |_| work);
    manager.notify(1).await.unwrap();
    let permit = manager.reserve().now_or_never();
    assert!(permit.is_none(), "the handler has yet to read the event");
    let holder = async {
        let permit = manager.reserve().await;
        let answer = handler.call(|_| ()).await;
        drop(permit);
        answer
    };
    assert!(hangs(holder).await);
    // The way out: not to hold the permit meanwhile.
    assert!(!hangs(handler.call(|_| ())).await);
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

#[tokio::test(start_paused = true)]
async fn a_limit_resolves_mutually_waiting_handlers() {
    let (here, there) = (EventManager::new(8), EventManager::new(8));
    for limit in [None, Some(SECOND)] {
        let (other, back) = (there.clone(), here.clone());
        let caller = doing(&here, move |_| async move {
            match limit {
                None => drop(other.sync_notify(2).await),
                Some(limit) => {
                    let error = other.sync_notify(2).within(limit).await.unwrap_err();
                    assert_eq!(error.waiting_for()[0].name(), Some("doing"));
                }
            }
        });
        let answerer = doing(&there, move |_| async move {
            drop(back.sync_notify(3).await);
        });
        assert_eq!(hangs(here.sync_notify(1)).await, limit.is_none());
        caller.abort();
        answerer.abort();
        caller.stopped().await;
        answerer.stopped().await;
    }
}
