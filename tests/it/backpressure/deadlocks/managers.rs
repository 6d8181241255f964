//! Deadlocks between two managers, with readers or handlers publishing to each other.

use std::ops::ControlFlow;

use futures::future::join;
use genevent::{EventManager, Handled, Handler};
use tokio::sync::oneshot;

use super::handlers::doing;
use super::{SECOND, hangs};

/// Reads an event of `own`, and publishes an event to `other` with a full window.
async fn answer(own: &EventManager<u32>, other: &EventManager<u32>, waits: bool) {
    let mut reader = own.subscribe();
    own.notify(1).await.unwrap();
    assert_eq!(reader.next().await, Some(1));
    own.notify(2).await.unwrap();
    tokio::task::yield_now().await;
    if waits {
        other.notify(3).await.unwrap();
    } else {
        other.try_notify(3).unwrap_err();
    }
    assert_eq!(reader.next().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn readers_that_publish_to_each_other_deadlock() {
    for one_does_not_wait in [false, true] {
        let (here, there) = (EventManager::new(1), EventManager::new(1));
        let one = answer(&here, &there, !one_does_not_wait);
        let other = answer(&there, &here, true);
        assert_eq!(hangs(join(one, other)).await, !one_does_not_wait);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_publish_to_each_other_deadlock() {
    let (here, there) = (EventManager::new(1), EventManager::new(1));
    let (gates, handlers): (Vec<_>, Vec<_>) = [(&here, &there), (&there, &here)]
        .map(|(own, other)| {
            let (open, gate) = oneshot::channel::<()>();
            let other = other.clone();
            let handler = doing(own, move |_| async move {
                gate.await.unwrap();
                let _ = other.notify(3).await;
            });
            (open, handler)
        })
        .into_iter()
        .unzip();
    for manager in [&here, &there] {
        manager.notify(1).await.unwrap();
        manager.notify(2).await.unwrap();
    }
    for open in gates {
        open.send(()).unwrap();
    }
    assert!(hangs(here.flush()).await);
    assert!(hangs(there.flush()).await);
    // The way out.
    handlers[0].abort();
    assert!(!hangs(there.flush()).await);
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

/// Calls the other handler while handling an event.
struct Calling(&'static str, EventManager<u32>);

impl Handler<u32> for Calling {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        let other = self.1.handler::<Self>(self.0).unwrap();
        let _ = other.call(|_| ()).await;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_call_each_other_deadlock() {
    let manager = EventManager::new(8);
    let one = manager
        .add_handler("one", Calling("other", manager.clone()))
        .unwrap();
    manager
        .add_handler("other", Calling("one", manager.clone()))
        .unwrap();
    assert!(hangs(manager.sync_notify(1)).await);
    // The way out.
    one.abort();
    assert!(!hangs(manager.flush()).await);
}
