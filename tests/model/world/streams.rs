//! Subscriptions, and deliveries in flight.

use std::iter::zip;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Context;

use genevent::error::FollowUpError;
use genevent::{Cause, EventManager, Overflow, SubscribeOptions, SubscriberId};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::driven::{Events, Unacked, Wakers};
use super::super::ops::{Pick, Which};
use super::super::payload::{self, DuringClone, Payload, breaks_predicates};
use super::super::reference::{ClonePanics, NoFollowUp, ReplayFrom, Sees, Who};
use super::super::{By, Checked, During, From, Op, Policy, Settling};
use super::{Holding, Reading, World, choose};

const MAX_ATTACHED: usize = 5;
const MAX_STREAMS: usize = 8;

/// The reason of every nack.
pub(crate) const REASON: &str = "it failed";

impl World<'_> {
    pub(crate) fn deliver(&mut self, index: usize) -> Checked {
        let mut reading = self.streams.remove(index);
        if !reading.stream.is_deliveries() {
            self.reference
                .deliver(reading.who, max_unacked(reading.who));
            reading.stream = reading.stream.deliver();
        }
        let watched = self.watch_end(reading.who, &reading.stream);
        self.streams.insert(index, reading);
        watched
    }

    pub(crate) fn settle(&mut self, index: usize, how: Settling) {
        let Holding { who, seq, held } = self.held.remove(index);
        let cause = match how {
            Settling::Ack => None,
            Settling::Nack => Some(Cause::Failed(REASON.into())),
            Settling::Drop => Some(Cause::Discarded),
        };
        self.reference.settle(who, seq, cause);
        match (held, how) {
            (Unacked::Delivery(delivery), Settling::Ack) => drop(delivery.ack()),
            (Unacked::Delivery(delivery), Settling::Nack) => drop(delivery.nack(REASON)),
            (Unacked::Ack(due), Settling::Ack) => due.ack(),
            (Unacked::Ack(due), Settling::Nack) => due.nack(REASON),
            (_, Settling::Drop) => {}
        }
    }

    pub(crate) fn settle_all(&mut self) -> Checked {
        while !self.held.is_empty() {
            self.apply(Op::Settle(0, Settling::Ack))?;
        }
        Ok(())
    }
}

impl World<'_> {
    pub(crate) fn subscribe(
        &mut self,
        policy: Policy,
        window: usize,
        from: From,
        by: Option<By>,
        sees: Sees,
    ) -> Checked {
        if self.streams.len() == MAX_STREAMS || self.is_crowded() {
            return Ok(());
        }
        if sees
            .after
            .is_some_and(|other| self.reference.is_observer(other))
        {
            // Refused with a panic.
            return Ok(());
        }
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let from = self.reference.from(from);
        let options = self.options(policy, window, from, sees);
        let stream = match by {
            None => Events::Plain(manager.subscribe_with(options)),
            Some(By::Key(n)) => {
                let topics = &self.topics[usize::from(n) - 1];
                Events::Keyed(topics.subscribe_with(0, options))
            }
            Some(By::Keys(n)) => {
                let topics = &self.topics[usize::from(n) - 1];
                Events::Keyed(topics.subscribe_any_with([7, 0, 8, 7], options))
            }
            Some(By::Filter(n)) => Events::Filtered(
                manager.subscribe_filter_map_with(options, move |&Payload(payload)| {
                    (payload % u64::from(n) == 0).then_some(payload)
                }),
            ),
            Some(By::Breaking(n)) => Events::Filtered(manager.subscribe_filter_map_with(
                options,
                move |&Payload(payload)| {
                    if breaks_predicates(payload) {
                        // Resuming prints no panic message.
                        resume_unwind(Box::new("a predicate"));
                    }
                    (payload % u64::from(n) == 0).then_some(payload)
                },
            )),
        };
        let who = self.joined(stream.known().id, policy, window, from, sees)?;
        self.watch_end(who, &stream)?;
        self.streams.push(Reading {
            who,
            stream,
            wakers: Wakers::default(),
        });
        Ok(())
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.reference.attached().len() == MAX_ATTACHED
    }

    pub(super) fn options(
        &self,
        policy: Policy,
        window: usize,
        from: ReplayFrom,
        sees: Sees,
    ) -> SubscribeOptions {
        let max_unacked = max_unacked(self.reference.readers.len());
        let mut options = SubscribeOptions::new()
            .window(window)
            .max_unacked(max_unacked);
        if let Some(overflow) = policy.overflow {
            options = options.overflow(overflow);
        }
        if policy.observer {
            options = options.observer();
        }
        if let Some(other) = sees.after {
            options = options.after(self.ids[other]);
        }
        match from {
            ReplayFrom::Newest(events) => options.replay(events),
            ReplayFrom::Since(seq) => options.replay_since(seq),
        }
    }

    /// The reference learns of a new subscriber.
    pub(super) fn joined(
        &mut self,
        id: SubscriberId,
        policy: Policy,
        window: usize,
        from: ReplayFrom,
        sees: Sees,
    ) -> Result<Who, TestCaseError> {
        prop_assert!(!self.ids.contains(&id), "{id} was given out before");
        self.ids.push(id);
        // The manager's default is not for handlers.
        let default = if sees.handler {
            Overflow::Wait
        } else {
            self.default_overflow
        };
        let overflow = policy.overflow.unwrap_or(default);
        let window = window.min(self.reference.capacity);
        let sees = Sees {
            observer: policy.observer,
            ..sees
        };
        Ok(self.reference.subscribe(overflow, window, from, sees))
    }

    pub(crate) fn next(&mut self, index: usize, which: Which) -> Checked {
        self.next_with(index, which, DuringClone::Nothing)
    }

    /// Takes the next event, if there is one. Leaves the waker of the last poll alone otherwise.
    pub(crate) fn try_next(&mut self, index: usize) -> Checked {
        let Reading {
            who,
            stream,
            wakers,
        } = &mut self.streams[index];
        let tell_missed = stream.tells_missed();
        let expected = self.reference.try_next(*who, tell_missed);
        if expected.is_ready() {
            wakers.set(wakers.last);
        }
        payload::plan(DuringClone::Nothing);
        let (item, delivery) = stream.try_next();
        payload::outcome();
        prop_assert_eq!(item, expected, "try_next");
        self.held.extend(delivery.map(|delivery| Holding {
            who: *who,
            seq: delivery.seq(),
            held: Unacked::Delivery(delivery),
        }));
        Ok(())
    }

    /// Polls for the next event, whose clone takes long or fails.
    pub(crate) fn next_during_clone(
        &mut self,
        index: usize,
        which: Which,
        during: During,
    ) -> Checked {
        let amid = match (during, self.manager().map(EventManager::downgrade)) {
            (During::Fail, _) => DuringClone::Panic,
            (During::Publish(_), None) => DuringClone::Nothing,
            (During::Publish(events), Some(manager)) => {
                let payloads = (0..events).map(|_| self.next_payload());
                DuringClone::Publish(manager, payloads.collect())
            }
        };
        self.next_with(index, which, amid)
    }

    fn next_with(&mut self, index: usize, which: Which, amid: DuringClone) -> Checked {
        let Reading {
            who,
            stream,
            wakers,
        } = &mut self.streams[index];
        let waker = wakers.set(which);
        let tell_missed = stream.tells_missed();
        let fails = matches!(amid, DuringClone::Panic);
        let payloads = match &amid {
            DuringClone::Publish(_, payloads) => payloads.clone(),
            _ => Vec::new(),
        };
        payload::plan(amid);
        let mut cx = Context::from_waker(&waker);
        let came = catch_unwind(AssertUnwindSafe(|| stream.poll_next(&mut cx)));
        let outcome = payload::outcome();

        let expected = self.reference.next(*who, tell_missed, fails);
        let clones = self.reference.clones;
        let (item, delivery) = match came {
            Ok((item, delivery)) => (Ok(item), delivery),
            Err(_) => (Err(ClonePanics), None),
        };
        prop_assert_eq!(item, expected);
        prop_assert_eq!(outcome.clones, clones, "clones in one poll");
        self.held.extend(delivery.map(|delivery| Holding {
            who: *who,
            seq: delivery.seq(),
            held: Unacked::Delivery(delivery),
        }));
        // After the event was taken, so the event is not overwritten any more.
        for (payload, result) in zip(payloads, outcome.published) {
            self.check_published(payload, &result)?;
        }
        Ok(())
    }

    pub(crate) fn follow_up(&mut self, index: usize) -> Checked {
        let payload = self.next_payload();
        let Reading { who, stream, .. } = &self.streams[index];
        let result = stream.follow_up(Payload::new(payload));
        let expected = self.reference.follow_up(*who, payload);
        prop_assert_eq!(result.map_err(|error| refusal(&error)), expected);
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, pick: Pick) -> Checked {
        let (Some(who), Some(manager)) = (choose(pick, self.ids.len()), self.manager()) else {
            return Ok(());
        };
        let counted = manager.disconnect(self.ids[who]);
        let expected = self.reference.disconnect(who);
        prop_assert_eq!(counted, expected, "whether {} counted", self.ids[who]);
        Ok(())
    }

    pub(crate) fn drop_handle(&mut self) -> Checked {
        if let Some(handle) = self.handles.pop() {
            let weak = handle.downgrade();
            drop(handle);
            self.note_end_of_managers();
            let is_held = self.is_held();
            prop_assert_eq!(weak.upgrade().is_some(), is_held, "whether one can upgrade");
        }
        Ok(())
    }

    /// Whether a manager, or a future that borrows nothing, keeps the manager open.
    fn is_held(&self) -> bool {
        let mut calls = self.calls.iter();
        self.manager().is_some() || calls.any(|call| call.future.is_owned())
    }

    /// The last manager that is dropped closes, or the last future that borrows nothing.
    pub(crate) fn note_end_of_managers(&mut self) {
        if !self.is_held() {
            self.reference.close();
        }
    }
}

fn refusal(error: &FollowUpError<Payload>) -> NoFollowUp {
    match error {
        FollowUpError::NothingInFlight(_) => NoFollowUp::NothingInFlight,
        FollowUpError::Closed(_) => NoFollowUp::Closed,
        other => unreachable!("{other:?}"),
    }
}

/// The `max_unacked` of each subscriber.
fn max_unacked(who: Who) -> usize {
    1 + who % 4
}
