//! The futures.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use genevent::error::{
    DeadlineError, NotifyError, ReserveDeadlineError, ReserveError, WaitError, WouldDeadlock,
};
use genevent::{Permit, SubscriberId, SubscriberInfo, future};

use super::super::payload::Payload;
use super::super::reference::{Answer, Who};

pub(crate) enum Called<'a> {
    Notify(future::Notify<'a, Payload>),
    AckNotify(future::AckNotify<'a, Payload>),
    SyncNotify(future::SyncNotify<'a, Payload>),
    Reserve(future::Reserve<'a, Payload>),
    NotifyWithin(Timed<future::Notify<'a, Payload>>),
    ReserveWithin(Timed<future::Reserve<'a, Payload>>),
    AckNotifyWithin(Timed<future::AckNotify<'a, Payload>>),
    SyncNotifyWithin(Timed<future::SyncNotify<'a, Payload>>),
    FlushWithin(Timed<future::Flush<'a, Payload>>),
    QuietWithin(Timed<future::Quiet<'a, Payload>>),
    StopWithin(Timed<future::Stop<'a, Payload>>),
    Settled(future::Settled),
    Flush(future::Flush<'a, Payload>),
    Quiet(future::Quiet<'a, Payload>),
    Stop(future::Stop<'a, Payload>),
    Closed(future::Closed<'a, Payload>),
    WaitForSubscribers(future::WaitForSubscribers<'a, Payload>),
    Unsubscribed(future::Unsubscribed<'a, Payload>),
    NotifyOwned(future::NotifyOwned<Payload>),
    AckNotifyOwned(future::AckNotifyOwned<Payload>),
    SyncNotifyOwned(future::SyncNotifyOwned<Payload>),
    ReserveOwned(future::ReserveOwned<Payload>),
    NotifyOwnedWithin(Timed<future::NotifyOwned<Payload>>),
    AckNotifyOwnedWithin(Timed<future::AckNotifyOwned<Payload>>),
    SyncNotifyOwnedWithin(Timed<future::SyncNotifyOwned<Payload>>),
    ReserveOwnedWithin(Timed<future::ReserveOwned<Payload>>),
}

/// The future has no `waiting_for`.
pub(crate) struct CannotTell;

type Timed<F> = Pin<Box<future::Within<F>>>;

impl Called<'_> {
    /// Returns the future if it borrows nothing, and keeps the manager open.
    pub(crate) fn owned(self) -> Option<Called<'static>> {
        Some(match self {
            Self::NotifyOwned(future) => Called::NotifyOwned(future),
            Self::AckNotifyOwned(future) => Called::AckNotifyOwned(future),
            Self::SyncNotifyOwned(future) => Called::SyncNotifyOwned(future),
            Self::ReserveOwned(future) => Called::ReserveOwned(future),
            Self::NotifyOwnedWithin(future) => Called::NotifyOwnedWithin(future),
            Self::AckNotifyOwnedWithin(future) => Called::AckNotifyOwnedWithin(future),
            Self::SyncNotifyOwnedWithin(future) => Called::SyncNotifyOwnedWithin(future),
            Self::ReserveOwnedWithin(future) => Called::ReserveOwnedWithin(future),
            _ => return None,
        })
    }

    pub(crate) fn is_owned(&self) -> bool {
        matches!(
            self,
            Self::NotifyOwned(_)
                | Self::AckNotifyOwned(_)
                | Self::SyncNotifyOwned(_)
                | Self::ReserveOwned(_)
                | Self::NotifyOwnedWithin(_)
                | Self::AckNotifyOwnedWithin(_)
                | Self::SyncNotifyOwnedWithin(_)
                | Self::ReserveOwnedWithin(_)
        )
    }

    /// Gives a future that borrows nothing a deadline.
    pub(crate) fn within(self, time: Duration) -> Self {
        match self {
            Self::NotifyOwned(future) => Self::NotifyOwnedWithin(Box::pin(future.within(time))),
            Self::AckNotifyOwned(future) => {
                Self::AckNotifyOwnedWithin(Box::pin(future.within(time)))
            }
            Self::SyncNotifyOwned(future) => {
                Self::SyncNotifyOwnedWithin(Box::pin(future.within(time)))
            }
            Self::ReserveOwned(future) => Self::ReserveOwnedWithin(Box::pin(future.within(time))),
            other => other,
        }
    }

    /// The subscribers that the future names, for a future that can tell.
    pub(crate) fn waiting_for(&self, ids: &[SubscriberId]) -> Result<Option<Vec<Who>>, CannotTell> {
        let infos = match self {
            Self::AckNotify(future) => future.waiting_for(),
            Self::SyncNotify(future) => future.waiting_for(),
            Self::AckNotifyOwned(future) => future.waiting_for(),
            Self::SyncNotifyOwned(future) => future.waiting_for(),
            _ => return Err(CannotTell),
        };
        Ok(infos.map(|infos| indices_of(&infos, ids)))
    }

    /// Polls the future. Becomes the wait for the rest of the answers if its time is up.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ids: &[SubscriberId],
        permits: &mut Vec<Permit<Payload>>,
    ) -> Poll<Answer> {
        let settled = Cell::new(None);
        let answer = self.poll_once(cx, ids, permits, &settled);
        if let Some(settled) = settled.into_inner() {
            *self = Self::Settled(settled);
        }
        answer
    }

    fn poll_once(
        &mut self,
        cx: &mut Context<'_>,
        ids: &[SubscriberId],
        permits: &mut Vec<Permit<Payload>>,
        settled: &Cell<Option<future::Settled>>,
    ) -> Poll<Answer> {
        let receipt = |result: Result<genevent::Receipt, NotifyError<Payload>>| match result {
            Ok(receipt) => receipt_of(&receipt, ids),
            Err(error) => closed(error),
        };
        let late = |error: DeadlineError<Payload>| match error {
            DeadlineError::Closed(payload) => Answer::Closed(payload.0),
            DeadlineError::NotStored(error) => Answer::NotStored {
                pending: indices_of(error.waiting_for(), ids),
                payload: error.into_event().0,
            },
            DeadlineError::Unanswered(error) => {
                settled.set(Some(error.settled()));
                Answer::Unanswered {
                    receipt: Some(Box::new(receipt_of(error.receipt(), ids))),
                    pending: indices_of(error.waiting_for(), ids),
                }
            }
            _ => unreachable!("there are no other errors"),
        };
        let stored = |result: Result<usize, NotifyError<Payload>>| {
            result.map_or_else(closed, Answer::Stored)
        };
        let done = |()| Answer::Done;
        let waited = |result: Result<(), WouldDeadlock>| {
            result.expect("no handler asks");
            Answer::Done
        };
        let done_in_time = |result: Result<(), WaitError>| match result {
            Ok(()) => Answer::Done,
            Err(WaitError::Unsettled(error)) => Answer::Unanswered {
                receipt: None,
                pending: indices_of(error.waiting_for(), ids),
            },
            Err(_) => unreachable!("no handler asks"),
        };
        let stored_in_time = |result: Result<usize, DeadlineError<Payload>>| {
            result.map_or_else(late, Answer::Stored)
        };
        let answered_in_time = |result: Result<genevent::Receipt, DeadlineError<Payload>>| {
            result.map_or_else(late, |receipt| receipt_of(&receipt, ids))
        };
        let mut reserved_in_time =
            |result: Result<Permit<Payload>, ReserveDeadlineError>| match result {
                Ok(permit) => {
                    permits.push(permit);
                    Answer::Reserved
                }
                Err(ReserveDeadlineError::Closed) => Answer::NothingReserved,
                Err(ReserveDeadlineError::NotReserved(error)) => Answer::NotReserved {
                    pending: indices_of(error.waiting_for(), ids),
                },
                Err(_) => unreachable!("no handler asks"),
            };
        let reserved = |result: Result<Permit<Payload>, ReserveError>| {
            reserved_in_time(result.map_err(|error| match error {
                ReserveError::Closed => ReserveDeadlineError::Closed,
                _ => unreachable!("no handler asks"),
            }))
        };
        match self {
            Self::Notify(future) => Pin::new(future).poll(cx).map(stored),
            Self::NotifyOwned(future) => Pin::new(future).poll(cx).map(stored),
            Self::AckNotify(future) => Pin::new(future).poll(cx).map(receipt),
            Self::AckNotifyOwned(future) => Pin::new(future).poll(cx).map(receipt),
            Self::SyncNotify(future) => Pin::new(future).poll(cx).map(receipt),
            Self::SyncNotifyOwned(future) => Pin::new(future).poll(cx).map(receipt),
            Self::Reserve(future) => Pin::new(future).poll(cx).map(reserved),
            Self::ReserveOwned(future) => Pin::new(future).poll(cx).map(reserved),
            Self::NotifyWithin(future) => future.as_mut().poll(cx).map(stored_in_time),
            Self::NotifyOwnedWithin(future) => future.as_mut().poll(cx).map(stored_in_time),
            Self::AckNotifyWithin(future) => future.as_mut().poll(cx).map(answered_in_time),
            Self::AckNotifyOwnedWithin(future) => future.as_mut().poll(cx).map(answered_in_time),
            Self::SyncNotifyWithin(future) => future.as_mut().poll(cx).map(answered_in_time),
            Self::SyncNotifyOwnedWithin(future) => future.as_mut().poll(cx).map(answered_in_time),
            Self::ReserveWithin(future) => future.as_mut().poll(cx).map(reserved_in_time),
            Self::ReserveOwnedWithin(future) => future.as_mut().poll(cx).map(reserved_in_time),
            Self::Settled(future) => Pin::new(future)
                .poll(cx)
                .map(|receipt| receipt_of(&receipt, ids)),
            Self::FlushWithin(future) => future.as_mut().poll(cx).map(done_in_time),
            Self::QuietWithin(future) => future.as_mut().poll(cx).map(done_in_time),
            Self::StopWithin(future) => future.as_mut().poll(cx).map(done_in_time),
            Self::Flush(future) => Pin::new(future).poll(cx).map(waited),
            Self::Quiet(future) => Pin::new(future).poll(cx).map(waited),
            Self::Stop(future) => Pin::new(future).poll(cx).map(waited),
            Self::Closed(future) => Pin::new(future).poll(cx).map(done),
            Self::Unsubscribed(future) => Pin::new(future).poll(cx).map(done),
            Self::WaitForSubscribers(future) => Pin::new(future).poll(cx).map(Answer::Here),
        }
    }
}

fn receipt_of(receipt: &genevent::Receipt, ids: &[SubscriberId]) -> Answer {
    let dropped = receipt.unfinished().iter().map(|entry| {
        let who = ids.iter().position(|known| *known == entry.id());
        (0, who.expect("it was given out"), entry.cause().clone())
    });
    assert_eq!(receipt.dropped(), receipt.unfinished().len());
    assert_eq!(receipt.all_acked(), receipt.dropped() == 0);
    assert_eq!(
        receipt.is_unheard(),
        receipt.acked() + receipt.dropped() == 0
    );
    Answer::Receipt {
        seq: receipt.seq(),
        acked: receipt.acked(),
        dropped: dropped.collect(),
    }
}

fn indices_of(infos: &[SubscriberInfo], ids: &[SubscriberId]) -> Vec<Who> {
    let index_of = |info: &SubscriberInfo| {
        let known = ids.iter().position(|&known| known == info.id());
        known.expect("it was given out")
    };
    infos.iter().map(index_of).collect()
}

/// The event comes back.
pub(crate) fn closed(error: NotifyError<Payload>) -> Answer {
    Answer::Closed(error.into_event().0)
}

/// Adds the steps of `expected` to the subscribers in the receipt, which alone does not show when
/// each subscriber discarded; within a step, any order will do.
pub(crate) fn with_steps(answer: Poll<Answer>, expected: &Poll<Answer>) -> Poll<Answer> {
    if let Poll::Ready(expected) = expected {
        answer.map(|answer| put_steps(answer, expected))
    } else {
        answer
    }
}

fn put_steps(mut answer: Answer, expected: &Answer) -> Answer {
    match (&mut answer, expected) {
        (
            Answer::Receipt { dropped, .. },
            Answer::Receipt {
                dropped: expected, ..
            },
        ) => {
            for (step, who, _) in &mut *dropped {
                let known = expected.iter().find(|(_, known, _)| known == who);
                *step = known.map_or(usize::MAX, |&(step, ..)| step);
            }
            for same_step in dropped.chunk_by_mut(|one, other| one.0 == other.0) {
                same_step.sort_unstable_by_key(|&(_, who, _)| who);
            }
        }
        (
            Answer::Unanswered {
                receipt: Some(receipt),
                ..
            },
            Answer::Unanswered {
                receipt: Some(expected),
                ..
            },
        ) => {
            let known = std::mem::replace(&mut **receipt, Answer::Done);
            **receipt = put_steps(known, expected);
        }
        _ => {}
    }
    answer
}
