//! Handlers, which the runtime runs after every operation.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use futures::FutureExt;
use genevent::{Handled, Handler, HandlerOptions, HandlerRef};
use proptest::prelude::*;

use super::super::payload::{Answering, Payload, answer_to};
use super::super::reference::Sees;
use super::super::{Checked, From, Policy};
use super::World;
use super::calls::run_tasks;
use super::streams::REASON;

/// Fails at some events, and panics at others.
pub(crate) struct Moody {
    /// Its index among all handlers.
    index: usize,
    turns: Turns,
}

/// The handlers in the order in which they have handled events since the last operation. Which of several
/// handlers runs first is up to the runtime.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Vec<usize>>>);

impl Turns {
    fn note(&self, index: usize) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.push(index);
    }

    pub(super) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler<Payload> for Moody {
    async fn handle_event(&mut self, event: &Payload) -> Handled {
        self.turns.note(self.index);
        match answer_to(event.0) {
            Answering::Finishes => Ok(ControlFlow::Continue(())),
            Answering::Fails => Err(REASON.into()),
            // Resuming prints no panic message.
            Answering::Panics => std::panic::resume_unwind(Box::new("it panicked")),
            Answering::Ends => Ok(ControlFlow::Break(())),
        }
    }
}

/// A handler, in the order of the reference's handlers.
pub(crate) struct Handling(HandlerRef<Payload, Moody>);

impl World<'_> {
    pub(crate) fn add_handler(
        &mut self,
        policy: Policy,
        window: usize,
        from: From,
        sees: Sees,
    ) -> Checked {
        if self.is_crowded() || self.runtime.is_none() {
            return Ok(());
        }
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let from = self.reference.from(from);
        let name = format!("handler {}", self.handlers.len());
        let options = HandlerOptions::new(name).subscribe(self.options(policy, window, from, sees));
        let options = match sees.wants {
            Some(n) => options.filter(move |event: &Payload| event.0 % n == 0),
            None => options,
        };
        let moody = Moody {
            index: self.handlers.len(),
            turns: self.turns.clone(),
        };
        let added = manager.add_handler_with(options, moody);
        prop_assert_eq!(
            added.is_ok(),
            !self.reference.closed,
            "whether it was added"
        );
        let Ok(handler) = added else { return Ok(()) };
        let who = self.joined(handler.id(), policy, window, from, sees)?;
        self.reference.add_handler(who);
        self.handlers.push(Handling(handler));
        Ok(())
    }

    /// Requests the removal, and waits no longer.
    pub(crate) fn remove_handler(&mut self, index: usize) {
        let removal = pin!(self.handlers[index].0.clone().remove());
        let _ = removal.poll(&mut Context::from_waker(Waker::noop()));
        self.reference.remove_handler(index);
    }

    /// Lets the handlers read until they have nothing to read.
    pub(crate) fn run_handlers(&mut self) {
        if let Some(runtime) = self.runtime.clone().filter(|_| !self.handlers.is_empty()) {
            runtime.block_on(run_tasks());
        }
    }

    pub(crate) fn check_handlers(&self) -> Checked {
        for (Handling(handler), expected) in self.handlers.iter().zip(&self.reference.handlers) {
            let missed = self.reference.readers[expected.who].missed;
            prop_assert_eq!(handler.missed(), missed, "missed by {}", handler.name());
            let stopped = handler.stopped().now_or_never();
            prop_assert_eq!(&stopped, &expected.stopped, "the end of {}", handler.name());
        }
        Ok(())
    }
}
