//! The interface between a subscription and the adapters [`Deliveries`](crate::Deliveries) and
//! [`WithMissed`](super::WithMissed).

use std::task::{Context, Poll};

use futures_core::FusedStream;

use super::{Received, Subscription};
use crate::ack::Ack;
use crate::end_reason::EndReason;

/// The two kinds of subscriptions: [`Subscription`] and [`Filtered`](crate::Filtered). Sealed.
#[expect(
    unnameable_types,
    reason = "no other crate can implement a subscription"
)]
pub trait AnySubscription {
    /// Returns the number of unread events.
    fn unread(&self) -> usize;

    fn end_reason(&self) -> Option<EndReason>;

    /// Returns whether the next poll yields an event that an earlier poll has claimed.
    fn has_unyielded(&self) -> bool;

    /// Takes the acknowledgement of the event that was just yielded.
    fn take_ack(&mut self) -> Ack;

    /// Returns the number of the last yielded event, or 0.
    fn seq(&self) -> u64;
}

/// A subscription whose events can be read. Separate from [`AnySubscription`], as reading a
/// [`Subscription`] requires `E: Clone`.
#[expect(
    unnameable_types,
    reason = "no other crate can implement a subscription"
)]
pub trait ReadSubscription: AnySubscription + FusedStream + Unpin {
    /// Polls for the next event. Yields [`Received::Missed`] before an event after
    /// overwritten events, if `report_missed`.
    fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        report_missed: bool,
    ) -> Poll<Option<Received<Self::Item>>>;

    /// Returns whether the next poll finds an event or the end, or a loss if `report_missed`, without
    /// registering a waker.
    fn is_ready(&self, report_missed: bool) -> bool;

    /// Finishes the event in flight, as a poll that finds no event does.
    fn finish_in_flight(&mut self);
}

impl<E> AnySubscription for Subscription<E> {
    fn unread(&self) -> usize {
        self.len()
    }

    fn end_reason(&self) -> Option<EndReason> {
        self.end_reason()
    }

    #[inline]
    fn has_unyielded(&self) -> bool {
        self.has_unyielded()
    }

    fn take_ack(&mut self) -> Ack {
        self.take_ack()
    }

    fn seq(&self) -> u64 {
        self.seq()
    }
}

impl<E: Clone> ReadSubscription for Subscription<E> {
    fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        report_missed: bool,
    ) -> Poll<Option<Received<E>>> {
        self.poll_received(cx, report_missed)
    }

    fn is_ready(&self, report_missed: bool) -> bool {
        self.is_ready(report_missed)
    }

    fn finish_in_flight(&mut self) {
        self.ack();
    }
}
