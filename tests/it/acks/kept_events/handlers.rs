//! Handlers and groups, which read events in place.

use std::ops::ControlFlow;

use genevent::{
    EventManager, Handled, Handler, Overflow, StopReason, SubscribeOptions, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::{Event, SIZES, alive, publish};

/// Awaits during each event, and at its end until it may end.
struct Slow(Option<oneshot::Receiver<()>>);

impl Handler<Event> for Slow {
    async fn handle_event(&mut self, _: &Event) -> Handled {
        yield_now().await;
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        if let Some(may_end) = self.0.take() {
            may_end.await.unwrap();
        }
    }
}

#[tokio::test]
async fn handlers_keep_no_handled_event() {
    let manager = EventManager::new(1_024);
    let handler = |_: &Event| ();
    manager.add_handler("quick", handler_fn(handler)).unwrap();
    manager.add_handler("slow", Slow(None)).ok().unwrap();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("quick", handler_fn(handler)).unwrap();
    group.add_handler("slow", Slow(None)).ok().unwrap();
    for size in SIZES {
        let events = publish(&manager, size);
        manager.flush().await.unwrap();
        assert_eq!(alive(&events), 0);
    }
}

#[tokio::test]
async fn a_handler_that_ends_slowly_keeps_no_event() {
    let manager = EventManager::new(1_024);
    let (end, may_end) = oneshot::channel();
    let slow = manager
        .add_handler("slow", Slow(Some(may_end)))
        .ok()
        .unwrap();
    let events = publish(&manager, 100);
    let removed = tokio::spawn(slow.remove());
    manager.flush().await.unwrap();
    assert_eq!(alive(&events), 0);
    assert!(!removed.is_finished(), "its `terminate` is running");
    end.send(()).unwrap();
    assert!(removed.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_disconnected_handler_keeps_no_handled_event() {
    let manager = EventManager::new(1_024);
    let options = SubscribeOptions::from(Overflow::Wait).window(64);
    let mut reader = manager.subscribe_with(options);
    let slow = manager.add_handler("slow", Slow(None)).ok().unwrap();
    let events = publish(&manager, 64);
    let id = manager.subscribers()[1].id();
    yield_now().await;
    assert!(manager.disconnect(id));
    slow.stopped().await;
    (0..64).for_each(|_| drop(crate::drive::read(&mut reader)));
    reader.ack();
    manager.flush().await.unwrap();
    assert_eq!(alive(&events), 0);
}
