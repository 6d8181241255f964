//! The crate and the reference, side by side.

mod calls;
mod checks;
mod ends;
mod failing;
mod handlers;
mod operations;
mod sinks;
mod streams;

use std::fmt;
use std::rc::Rc;

use genevent::{EventManager, Overflow, Permit, SubscriberId, Topics};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::runtime::Runtime;

use self::ends::Watch;
use self::handlers::{Handling, Turns};
use super::driven::{Called, EitherSink, Events, Unacked, Wakers};
use super::ops::Pick;
use super::payload::{Payload, key_of};
use super::reference::{CallId, Out, Reference, State, Who};
use super::{Checked, Sequence};

/// The crate and the reference, side by side.
pub(crate) struct World<'a> {
    reference: Reference,
    default_overflow: Overflow,
    /// The runtime, if everything is polled inside of a runtime.
    runtime: Option<Rc<Runtime>>,
    manager: Option<&'a EventManager<Payload>>,
    /// More handles to the same manager.
    pub(crate) handles: Vec<EventManager<Payload>>,
    pub(crate) streams: Vec<Reading>,
    pub(crate) calls: Vec<Calling<'a>>,
    /// Deliveries in flight, including deliveries that owe nothing.
    held: Vec<Holding>,
    permits: Vec<Permit<Payload>>,
    sinks: Vec<Sinking>,
    /// The futures that wait for the end of a subscription.
    watches: Vec<Watch>,
    handlers: Vec<Handling>,
    turns: Turns,
    /// By the remainder of a division by 1, 2 and 3.
    topics: [Topics<Payload, u64>; 3],
    /// The ids of all subscribers, past and present.
    ids: Vec<SubscriberId>,
    payload: u64,
}

pub(crate) struct Reading {
    who: Who,
    stream: Events,
    wakers: Wakers,
}

struct Holding {
    who: Who,
    seq: u64,
    held: Unacked,
}

pub(crate) struct Sinking {
    /// The index of the reader in the reference.
    id: usize,
    sink: EitherSink,
    ready: Wakers,
    flush: Wakers,
}

pub(crate) struct Calling<'a> {
    id: CallId,
    future: Called<'a>,
    wakers: Wakers,
}

impl Calling<'_> {
    /// Returns the call if its future borrows nothing.
    fn owned(self) -> Option<Calling<'static>> {
        Some(Calling {
            id: self.id,
            future: self.future.owned()?,
            wakers: self.wakers,
        })
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(
        manager: &'a EventManager<Payload>,
        sequence: &Sequence,
        runtime: Option<Rc<Runtime>>,
    ) -> Self {
        World {
            reference: Reference::new(sequence.capacity, sequence.retain, runtime.is_some()),
            default_overflow: sequence.default_overflow,
            runtime,
            manager: Some(manager),
            handles: Vec::new(),
            streams: Vec::new(),
            calls: Vec::new(),
            held: Vec::new(),
            permits: Vec::new(),
            sinks: Vec::new(),
            watches: Vec::new(),
            handlers: Vec::new(),
            turns: Turns::default(),
            topics: [1, 2, 3].map(|n| manager.topics(move |payload: &Payload| key_of(payload, n))),
            ids: Vec::new(),
            payload: 0,
        }
    }

    /// The first manager may be dropped now; no future needs it.
    pub(crate) fn without_its_manager(self) -> World<'static> {
        World {
            reference: self.reference,
            default_overflow: self.default_overflow,
            runtime: self.runtime,
            manager: None,
            handles: self.handles,
            streams: self.streams,
            calls: self.calls.into_iter().filter_map(Calling::owned).collect(),
            held: self.held,
            permits: self.permits,
            sinks: self.sinks,
            watches: self.watches,
            handlers: self.handlers,
            turns: self.turns,
            topics: self.topics,
            ids: self.ids,
            payload: self.payload,
        }
    }

    /// Returns any handle: all handles are equal.
    fn manager(&self) -> Option<&EventManager<Payload>> {
        self.handles.last().or(self.manager)
    }

    fn next_payload(&mut self) -> u64 {
        self.payload += 1;
        // Differs from the sequence number, so that the two cannot be confused.
        1000 + self.payload
    }
}

impl World<'_> {
    /// All readers read until `None`, and settle all deliveries.
    pub(crate) fn read_to_the_end(&mut self) -> Checked {
        for index in 0..self.streams.len() {
            let who = self.streams[index].who;
            while !matches!(self.reference.readers[who].state, State::Ended(_)) {
                let out = &self.reference.readers[who].out;
                if out.as_ref().is_some_and(Out::is_full) || self.reference.is_gated(who) {
                    self.settle_all()?;
                }
                self.next(index, false)?;
                self.check()?;
            }
        }
        self.settle_all()
    }

    /// No call has to wait any more: all have been woken, and all are ready.
    pub(crate) fn resolve_calls(&mut self) -> Checked {
        while let Some(call) = self.calls.first() {
            let id = call.id;
            self.poll(0, false)?;
            prop_assert!(self.reference.calls[id].is_over(), "a call that hangs");
            self.check()?;
        }
        Ok(())
    }
}

/// Adds the place of the error.
fn within(place: fmt::Arguments<'_>, error: &TestCaseError) -> TestCaseError {
    match error {
        TestCaseError::Fail(reason) => TestCaseError::fail(format!("{place}: {reason}")),
        TestCaseError::Reject(reason) => TestCaseError::reject(format!("{place}: {reason}")),
    }
}

fn choose(pick: Pick, len: usize) -> Option<usize> {
    (len > 0).then(|| usize::from(pick) % len)
}
