//! What has to be done once the lock is free: wake, answer, drop.
//!
//! All of it may run other people's code, so none of it happens under the lock, and a panic in
//! one piece does not keep the others from being done.

use std::task::Waker;

use crate::ack::Ticket;
use crate::foreign::{discard, wake};
use crate::inspect::SubscriberId;
use crate::segment::Segment;
use crate::sync::Arc;

#[must_use = "nobody is woken until `run`"]
pub(crate) struct Effects<E> {
    /// Subscribers that have something to read.
    pub(crate) readers: Vec<(usize, Waker)>,
    /// Others: a publisher whose turn it is, whoever waits for the manager's end.
    pub(crate) wakers: Vec<Waker>,
    /// Events that this subscriber will never finish with.
    pub(crate) dropped: Vec<(Arc<Ticket>, SubscriberId)>,
    /// Flushes that one subscriber has caught up with.
    pub(crate) flushed: Vec<Arc<Ticket>>,
    /// Segments that the ring let go of; the last owner drops their events.
    pub(crate) segments: Vec<Arc<Segment<E>>>,
    /// Wakers that were replaced, only to be dropped.
    pub(crate) stale: Vec<Waker>,
}

impl<E> Effects<E> {
    pub(crate) fn new() -> Self {
        Self {
            readers: Vec::new(),
            wakers: Vec::new(),
            dropped: Vec::new(),
            flushed: Vec::new(),
            segments: Vec::new(),
            stale: Vec::new(),
        }
    }

    pub(crate) fn run(self) {
        let Self {
            readers,
            wakers,
            dropped,
            flushed,
            segments,
            stale,
        } = self;
        for (_, waker) in readers {
            wake(waker);
        }
        wakers.into_iter().for_each(wake);
        for (ticket, subscriber) in dropped {
            ticket.drop_by(subscriber);
        }
        for ticket in flushed {
            ticket.ack();
        }
        stale.into_iter().for_each(discard);
        // A segment catches the panics of its events itself.
        drop(segments);
    }
}
