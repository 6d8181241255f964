//! A publish: waits in the queue for room, then perhaps for acknowledgements.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use genevent_conformance::{Closed, Event, Publishing, Receipt};

use crate::fault::Fault;
use crate::reference::Reference;
use crate::state::{Shared, State};

impl Shared {
    pub(crate) fn publish(
        self: Arc<Self>,
        channel: Reference,
        event: Event,
        acked: bool,
    ) -> Publishing<Receipt> {
        let mut place = Place {
            shared: Arc::clone(&self),
            ticket: None,
            reached: 0,
            stored: None,
        };
        let number = event.number();
        let mut event = Some(event);
        Box::pin(poll_fn(move |cx| {
            let _keeps_open = &channel;
            let mut state = self.lock();
            if let Some(waiting) = &event {
                if state.closed {
                    place.leave(&mut state);
                    return Poll::Ready(Err(Closed));
                }
                if self.has(Fault::StoresForSomeFirst) {
                    place.store_partly(&mut state, waiting);
                    if place.reached < state.subscribers.len() {
                        place.wait(&mut state, cx);
                        return Poll::Pending;
                    }
                } else if place.must_wait(&state) {
                    place.wait(&mut state, cx);
                    return Poll::Pending;
                } else if self.has(Fault::StoresInSteps) && !acked {
                    drop(state);
                    self.store_in_steps(waiting);
                    state = self.lock();
                } else {
                    self.store(&mut state, waiting, acked);
                }
                place.stored = acked.then_some(number);
                event = None;
                place.leave(&mut state);
                if !acked {
                    return Poll::Ready(Ok(Receipt {
                        finished: 0,
                        unfinished: 0,
                    }));
                }
            }
            let Some(at) = state.acks.iter().position(|acks| acks.event == number) else {
                return Poll::Ready(Ok(Receipt {
                    finished: 0,
                    unfinished: 0,
                }));
            };
            let early = self.has(Fault::AcknowledgesEarly) && state.acks[at].receipt.finished > 0;
            if state.acks[at].owing.is_empty() || early {
                place.stored = None;
                return Poll::Ready(Ok(state.acks.remove(at).receipt));
            }
            state.acks[at].waker = Some(cx.waker().clone());
            Poll::Pending
        }))
    }
}

/// The place of a publisher in the queue.
struct Place {
    shared: Arc<Shared>,
    ticket: Option<usize>,
    /// For `Fault::StoresForSomeFirst`: the subscribers that have the event.
    reached: usize,
    /// The event waiting for acknowledgements.
    stored: Option<u64>,
}

impl Place {
    fn must_wait(&self, state: &State) -> bool {
        if self.shared.has(Fault::NeverWaits) || self.shared.has(Fault::Overwrites) {
            return false;
        }
        let bound = state.capacity + usize::from(self.shared.has(Fault::StoresOneTooMany));
        let full = state
            .subscribers
            .iter()
            .any(|sub| sub.unread.len() >= bound);
        let front = state.queue.front().map(|(ticket, _)| *ticket);
        let others = front.is_some() && front != self.ticket;
        full || others && !self.shared.has(Fault::LastComeFirst)
    }

    fn store_partly(&mut self, state: &mut State, event: &Event) {
        while let Some(sub) = state.subscribers.get_mut(self.reached) {
            if sub.unread.len() >= state.capacity {
                break;
            }
            sub.unread.push_back(event.clone());
            if let Some(waker) = sub.waker.take() {
                waker.wake();
            }
            self.reached += 1;
        }
    }

    fn wait(&mut self, state: &mut State, cx: &Context<'_>) {
        if self.shared.has(Fault::BusyLoop) {
            cx.waker().wake_by_ref();
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            state.tickets += 1;
            state.tickets
        });
        let waker = Some(cx.waker().clone());
        match state.queue.iter_mut().find(|(queued, _)| *queued == ticket) {
            Some(queued) => queued.1 = waker,
            None => state.queue.push_back((ticket, waker)),
        }
    }

    fn leave(&mut self, state: &mut State) {
        if let Some(ticket) = self.ticket.take() {
            state.queue.retain(|(queued, _)| *queued != ticket);
            state.wake_publisher(&self.shared);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if shared.has(Fault::TakesBackTheCancelled) {
            for sub in &mut state.subscribers {
                sub.unread
                    .retain(|event| Some(event.number()) != self.stored);
            }
        }
        if shared.has(Fault::KeepsTheRoomOfTheCancelled) {
            self.ticket = None;
        }
        self.leave(&mut state);
    }
}
