//! A handler, which passes each event to the subscriber of the kit and waits there until it is finished with.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use genevent::handler::AnyHandlerRef;
use genevent::{EventManager, Handled, Handler};
use tokio::sync::Semaphore;

use super::{finished, runtime, stored};
use crate::{Channel, Event, Publishing, Receipt, Subscriber};

#[derive(Clone)]
pub(super) struct WithHandlers {
    manager: EventManager<Event>,
    /// For names.
    added: Arc<AtomicUsize>,
}

/// Between the handler and the subscriber.
struct Inbox {
    events: Mutex<Events>,
    /// A permit for each event that is finished with.
    finished: Semaphore,
}

#[derive(Default)]
struct Events {
    received: VecDeque<Event>,
    ended: bool,
    reader: Option<Waker>,
}

impl Inbox {
    fn change(&self, change: impl FnOnce(&mut Events)) {
        let mut events = self.events.lock().unwrap();
        change(&mut events);
        let reader = events.reader.take();
        drop(events);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

struct Passes(Arc<Inbox>);

impl Handler<Event> for Passes {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        self.0
            .change(|events| events.received.push_back(event.clone()));
        self.0.finished.acquire().await?.forget();
        Ok(ControlFlow::Continue(()))
    }
}

impl Drop for Passes {
    fn drop(&mut self) {
        self.0.change(|events| events.ended = true);
    }
}

pub(super) struct Reader(Arc<Inbox>, AnyHandlerRef<Event>);

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut events = self.0.events.lock().unwrap();
        match events.received.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if events.ended => Poll::Ready(None),
            None => {
                events.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn finish(&mut self) {
        self.0.finished.add_permits(1);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.1.abort();
    }
}

impl Channel for WithHandlers {
    type Subscriber = Reader;

    fn subscribe(&self) -> Self::Subscriber {
        let inbox = Arc::new(Inbox {
            events: Mutex::default(),
            finished: Semaphore::new(0),
        });
        let name = self.added.fetch_add(1, Ordering::Relaxed).to_string();
        let handler = Passes(Arc::clone(&inbox));
        let handler = runtime::enter(|| self.manager.add_handler(name, handler));
        Reader(inbox, handler.expect("a new name").erase())
    }

    fn publish(&self, event: Event) -> Publishing {
        stored(&self.manager, event)
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        Some(finished(&self.manager, event, 0))
    }

    fn close(&self) -> bool {
        self.manager.close();
        true
    }
}

pub(super) fn open(capacity: usize) -> WithHandlers {
    WithHandlers {
        manager: EventManager::new(capacity),
        added: Arc::default(),
    }
}
