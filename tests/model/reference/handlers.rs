//! Handlers, each of which reads all that it may read before the next operation.

use std::task::Poll;

use genevent::{Cause, StopReason};

use super::super::payload::{Answering, answer_to};
use super::{End, Item, Reference, State, Who};

/// A handler, alone in its runner.
pub(crate) struct Handler {
    pub(crate) who: Who,
    /// Aborted: handles no further event.
    is_aborted: bool,
    /// To be removed behind the stored events.
    is_removed: bool,
    pub(crate) stopped: Option<StopReason>,
}

impl Reference {
    /// The subscriber is a handler from now on.
    pub(crate) fn add_handler(&mut self, who: Who) {
        self.handlers.push(Handler {
            who,
            is_aborted: false,
            is_removed: false,
            stopped: None,
        });
    }

    pub(crate) fn remove_handler(&mut self, index: usize) {
        self.handlers[index].is_removed = true;
    }

    /// Marks the handler, if it is one, before its subscription is disconnected.
    pub(super) fn abort_handler(&mut self, who: Who) {
        let mut handlers = self.handlers.iter_mut();
        if let Some(handler) = handlers.find(|handler| handler.who == who) {
            handler.is_aborted = true;
        }
    }

    /// The handlers that have not ended, except for observers.
    pub(super) fn running(&self) -> Vec<Who> {
        let running = self.handlers.iter().filter(|it| it.stopped.is_none());
        let awaited = running.filter(|it| !self.readers[it.who].sees.observer);
        awaited.map(|handler| handler.who).collect()
    }

    pub(super) fn is_any_running(&self) -> bool {
        !self.running().is_empty()
    }

    /// Runs the handlers in the order of their first turns, and then the others.
    pub(super) fn run_handlers(&mut self, turns: &[usize]) {
        let mut order: Vec<_> = (0..self.handlers.len()).collect();
        let first_turn = |index| turns.iter().position(|&turn| turn == index);
        order.sort_by_key(|&index| first_turn(index).unwrap_or(turns.len()));
        for index in order {
            while self.handlers[index].stopped.is_none() && self.run_handler(index) {}
        }
    }

    /// The next step of a handler. Returns whether there may be another.
    fn run_handler(&mut self, index: usize) -> bool {
        let who = self.handlers[index].who;
        if self.handlers[index].is_aborted {
            self.end_handler(index, StopReason::Aborted);
            return false;
        }
        let next = self.next(who, false, false);
        let Ok(Poll::Ready(item)) = next else {
            if self.handlers[index].is_removed {
                self.end_handler(index, StopReason::Removed);
            }
            return false;
        };
        let payload = match item {
            Some(Item::Event(payload)) => payload,
            Some(other) => unreachable!("{other:?}"),
            None => {
                let reason = match self.readers[who].state {
                    State::Ended(End::Disconnected(cause)) => StopReason::Disconnected(cause),
                    _ => StopReason::ManagerClosed,
                };
                self.end_handler(index, reason);
                return false;
            }
        };
        match answer_to(payload) {
            Answering::Finishes => {}
            Answering::Fails => self.nack(who, "it failed"),
            Answering::Panics => {
                let message = String::from("it panicked");
                let cause = Cause::Panicked(message.as_str().into());
                if let Some(event) = self.readers[who].in_flight.take() {
                    self.give_up(who, event, &cause);
                }
                self.end_handler(index, StopReason::Panicked(message));
            }
            Answering::Ends => {
                self.ack(who);
                self.end_handler(index, StopReason::Finished);
            }
        }
        true
    }

    fn end_handler(&mut self, index: usize, reason: StopReason) {
        self.leave(self.handlers[index].who);
        self.handlers[index].stopped = Some(reason);
    }
}
