//! The rules about cancelling, for handlers.

use std::ops::ControlFlow;
use std::sync::Arc;

use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

type Event = Arc<u32>;

/// Spends a permit of `go` on each event.
struct Slow {
    go: Arc<Semaphore>,
    seen: Probe<u32>,
}

impl Handler<Event> for Slow {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        self.seen.record(**event);
        self.go.acquire().await.expect("it stays open").forget();
        Ok(ControlFlow::Continue(()))
    }
}

type Cancel = fn(&EventManager<Event>, &HandlerRef<Event, Slow>);

const CANCELS: [(&str, Cancel); 2] = [
    ("aborted", |_, handler| handler.abort()),
    ("disconnected", |manager, handler| {
        assert!(manager.disconnect(handler.id()));
    }),
];

#[tokio::test]
async fn rules_1_8_and_3_13_a_cancelled_handler_is_dropped() {
    for (name, cancel) in CANCELS {
        let manager = EventManager::new(8);
        let (go, seen) = (Arc::new(Semaphore::new(0)), Probe::new());
        let slow = Slow {
            go: Arc::clone(&go),
            seen: seen.clone(),
        };
        let handler = manager.add_handler("slow", slow).unwrap();
        let events = [1, 2, 3].map(Arc::new);
        for event in &events[..2] {
            manager.try_notify(Arc::clone(event)).unwrap();
        }
        yield_now().await; // the handler is handling the first event
        cancel(&manager, &handler);
        assert!(manager.try_notify(Arc::clone(&events[2])).is_ok());
        go.add_permits(8);
        assert_eq!(handler.stopped().await, StopReason::Aborted, "{name}");
        assert_eq!(seen.drain(), [1], "{name}");
        assert_eq!(manager.subscriber_count(), 0, "{name}");
        for event in &events {
            assert_eq!(Arc::strong_count(event), 1, "{name}");
        }
        assert_eq!(Arc::strong_count(&go), 1, "{name}: the handler itself");
    }
}

#[tokio::test]
async fn rules_3_5_and_3_7_cancelling_twice_equals_once() {
    for (name, cancel) in CANCELS {
        let manager = EventManager::new(8);
        let (go, seen) = (Arc::new(Semaphore::new(8)), Probe::new());
        let handler = manager.add_handler("slow", Slow { go, seen }).unwrap();
        let id = manager.subscribers()[0].id();
        cancel(&manager, &handler);
        let reason = handler.stopped().await;
        handler.abort();
        assert!(!manager.disconnect(id), "{name}");
        assert_eq!(handler.stopped().await, reason, "{name}");
    }
}
