//! A broadcast channel that keeps every promise, unless given a [`Fault`]. A single lock around everything: slow, and
//! easily right.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use genevent_conformance::{Channel, Event, Publishing, Receipt};

use crate::fault::Fault;
use crate::reader::Reader;
use crate::state::{Shared, State, Sub};

/// A publisher's end.
pub(crate) struct Reference {
    pub(crate) shared: Arc<Shared>,
}

impl Reference {
    pub(crate) fn new(capacity: usize, fault: Option<Fault>) -> Self {
        let state = State {
            capacity,
            publishers: 1,
            ..State::default()
        };
        let state = Mutex::new(state);
        Self {
            shared: Arc::new(Shared { state, fault }),
        }
    }
}

impl Clone for Reference {
    fn clone(&self) -> Self {
        self.shared.lock().publishers += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.publishers -= 1;
        if state.publishers == 0 && !self.shared.has(Fault::NeverEnds) {
            state.closed = true;
            if !self.shared.has(Fault::EndWakesNobody) {
                state.wake_all();
            }
        }
    }
}

impl Channel for Reference {
    type Subscriber = Reader;

    fn subscribe(&self) -> Reader {
        let mut state = self.shared.lock();
        let id = state.joined;
        state.joined += 1;
        if self.shared.has(Fault::CountsLaterSubscribers) {
            for acks in &mut state.acks {
                acks.owing.push(id);
            }
        }
        let first = state.subscribers.first().map(|sub| sub.unread.clone());
        let unread = match self.shared.has(Fault::GivesOldEvents) {
            // Events unread by another subscriber: a part of the past, with a gap or without.
            true => first.unwrap_or_default().into_iter().take(1).collect(),
            false if self.shared.has(Fault::KeepsEventsForLater) => std::mem::take(&mut state.kept),
            false => VecDeque::new(),
        };
        state.subscribers.push(Sub {
            id,
            unread,
            waker: None,
            in_flight: None,
        });
        Reader {
            shared: Arc::clone(&self.shared),
            id,
        }
    }

    fn publish(&self, event: Event) -> Publishing {
        let publishing = Arc::clone(&self.shared).publish(self.clone(), event, false);
        Box::pin(async { publishing.await.map(drop) })
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        let publishing = Arc::clone(&self.shared).publish(self.clone(), event, true);
        Some(Box::pin(async { publishing.await.map(Some) }))
    }

    fn close(&self) -> bool {
        let mut state = self.shared.lock();
        state.closed = !self.shared.has(Fault::AcceptsAfterClose);
        state.wake_all();
        true
    }
}
