//! The subscription of a runner: to all events, or to the events that a filter wants.

use std::task::{Context, Poll};

use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::EndReason;
use crate::filter::Filtered;
use crate::receipt::Cause;
use crate::subscription::Subscription;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The subscription of a runner.
pub(in crate::handler) enum RunnerSubscription<E> {
    All(Subscription<E>),
    Wanted(Box<WantedEvents<E>>),
}

/// The events that a filter wants.
///
/// # Invariants
/// 1. `current` is the event in flight, until the next poll or acknowledgement.
pub(in crate::handler) struct WantedEvents<E> {
    events: Filtered<E>,
    /// The sequence number of the next event, after `poll_ahead` has returned true.
    next: u64,
    current: Option<E>,
    /// How many events were lost before `current`.
    missed: u64,
}

impl<E: Send + Sync + 'static> RunnerSubscription<E> {
    pub(in crate::handler) fn wanted(events: Filtered<E>) -> Self {
        Self::Wanted(Box::new(WantedEvents {
            events,
            next: 0,
            current: None,
            missed: 0,
        }))
    }

    pub(in crate::handler) fn subscriber(&self) -> &Arc<SubscriberState> {
        match self {
            Self::All(events) => events.subscriber(),
            Self::Wanted(wanted) => wanted.events.subscriber(),
        }
    }

    pub(in crate::handler) fn end_reason(&self) -> Option<EndReason> {
        match self {
            Self::All(events) => events.end_reason(),
            Self::Wanted(wanted) => wanted.events.end_reason(),
        }
    }

    /// Finishes the event in flight. Ready with whether there is a next event.
    #[inline]
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self {
            Self::All(events) => events.poll_ahead(cx),
            Self::Wanted(wanted) => wanted.poll_ahead(cx),
        }
    }

    /// Takes the next event. Returns `false` if the event was overwritten, or must be polled for
    /// again.
    #[inline]
    pub(super) fn take_ahead(&mut self) -> bool {
        match self {
            Self::All(events) => events.take_ahead(),
            Self::Wanted(wanted) => {
                let taken = wanted.events.take_ahead(wanted.next);
                (wanted.current, wanted.missed) =
                    taken.map_or((None, 0), |(event, missed)| (Some(event), missed));
                wanted.current.is_some()
            }
        }
    }

    /// Returns how many events were lost before the event taken last; 0 when called again.
    #[inline]
    pub(super) fn take_missed(&mut self) -> u64 {
        match self {
            Self::All(events) => events.take_missed_before_current(),
            Self::Wanted(wanted) => std::mem::take(&mut wanted.missed),
        }
    }

    /// Returns the event taken last, which is in flight.
    #[inline]
    pub(super) fn current(&self) -> &E {
        match self {
            Self::All(events) => events.current(),
            Self::Wanted(wanted) => {
                let current = wanted.current.as_ref();
                current.expect("`take_ahead` returned true")
            }
        }
    }

    /// Returns the sequence number of the event taken last.
    #[inline]
    pub(super) fn current_seq(&self) -> u64 {
        match self {
            Self::All(events) => events.current_seq(),
            Self::Wanted(wanted) => wanted.next,
        }
    }

    /// Returns whether every event up to `seq` that will ever be yielded has been taken.
    pub(super) fn has_taken(&self, seq: u64) -> bool {
        match self {
            Self::All(events) => events.has_taken(seq),
            Self::Wanted(wanted) => wanted.events.has_taken(seq),
        }
    }
}

impl<E> RunnerSubscription<E> {
    /// Returns the ticket of the event in flight, which the members of a group settle themselves. `None`
    /// for a handler alone, whose subscription settles the event.
    #[inline]
    pub(super) fn group_ticket(&self) -> Option<&Ticket> {
        match self {
            Self::All(events) if events.is_of_group() => events.current_ticket(),
            _ => None,
        }
    }

    /// Finishes the event in flight.
    pub(super) fn ack(&mut self) {
        match self {
            Self::All(events) => events.ack(),
            Self::Wanted(wanted) => {
                wanted.let_go();
                wanted.events.ack();
            }
        }
    }

    /// Settles the event in flight as not finished, for its publisher. The caller must
    /// [`ack`](Self::ack) or poll, which then finishes the event for the channel.
    pub(super) fn give_up(&mut self, cause: Cause) {
        match self {
            Self::All(events) => events.give_up(cause),
            Self::Wanted(wanted) => wanted.events.give_up(cause),
        }
    }
}

impl<E> WantedEvents<E> {
    /// Drops the event in flight, before it counts as finished: a flush may complete at once then.
    fn let_go(&mut self) {
        drop_caught(self.current.take());
    }
}

impl<E> Drop for WantedEvents<E> {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl<E: Send + 'static> WantedEvents<E> {
    #[inline(never)]
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.let_go();
        self.events.poll_ahead(cx).map(|next| {
            self.next = next.unwrap_or(0);
            next.is_some()
        })
    }
}
