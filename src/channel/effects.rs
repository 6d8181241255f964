//! What has to be done once the lock is free: wake, answer, drop.
//!
//! All of it may run other people's code, so none of it happens under the lock, and a panic in
//! one piece does not keep the others from being done.

use std::task::Waker;

use crate::channel::filter::queue::AnyQueue;
use crate::channel::filter::{FilterSnapshot, RemovedFilter};
use crate::channel::log::segment::Segment;
use crate::channel::parked::{ParkedReader, Unparked};
use crate::channel::source::Unread;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::sync::Arc;

pub(crate) enum Effect<E> {
    /// A publisher whose turn it is, or whoever waits for the manager itself, goes on.
    Wake(Waker),
    /// Everybody that sleeps has something to read.
    WakeReaders(Unparked),
    /// A subscriber goes on.
    WakeReader(ParkedReader),
    /// A waker is not needed any more.
    DropWaker(Waker),
    /// A subscriber does not sleep any more, or with another waker.
    DropParked(ParkedReader),
    /// This subscriber will never finish with an event.
    Dropped(Arc<Ticket>, SubscriberId),
    /// A subscriber will never read these.
    Unread(Box<Unread<E>>),
    /// What is left in the lane of a subscriber that was cut off is answered for.
    FilterQueue(Arc<dyn AnyQueue>),
    /// One subscriber has caught up with a flush.
    Flushed(Arc<Ticket>),
    /// The ring let go of a segment; the last owner drops its events, each by itself.
    Segment(Segment<E>),
    /// Something to be told to whoever listens.
    #[cfg(feature = "tracing")]
    Trace(crate::channel::trace::Record),
    /// A filter is not asked any more.
    DropFilter(RemovedFilter),
    /// None of these is.
    DropFilters(FilterSnapshot<E>),
}

#[must_use = "nobody is woken until `run`"]
pub(crate) struct Effects<E> {
    /// Needs no memory of its own: most often it is the only one.
    first: Option<Effect<E>>,
    others: Vec<Effect<E>>,
}

impl<E> Effects<E> {
    pub(crate) fn new() -> Self {
        Self {
            first: None,
            others: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, effect: Effect<E>) {
        if self.first.is_none() {
            self.first = Some(effect);
        } else {
            self.others.push(effect);
        }
    }

    pub(crate) fn extend(&mut self, effects: impl IntoIterator<Item = Effect<E>>) {
        effects.into_iter().for_each(|effect| self.push(effect));
    }

    pub(crate) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.extend(wakers.into_iter().map(Effect::Wake));
    }

    pub(crate) fn drop_waker(&mut self, waker: Option<Waker>) {
        self.extend(waker.map(Effect::DropWaker));
    }

    #[inline]
    pub(crate) fn run(&mut self) {
        if self.first.is_some() {
            self.run_all();
        }
    }

    #[inline(never)]
    fn run_all(&mut self) {
        if let Some(first) = self.first.take() {
            first.run();
        }
        if !self.others.is_empty() {
            std::mem::take(&mut self.others)
                .into_iter()
                .for_each(Effect::run);
        }
    }
}

impl<E> Effect<E> {
    #[inline]
    fn run(self) {
        match self {
            Self::Wake(waker) => wake(waker),
            Self::WakeReaders(readers) => readers.wake(),
            Self::WakeReader(parked) => parked.wake(),
            Self::DropWaker(waker) => drop_caught(waker),
            Self::DropParked(parked) => drop_caught(parked),
            Self::Dropped(ticket, subscriber) => ticket.drop_by(subscriber),
            Self::Unread(unread) => unread.answer(),
            Self::FilterQueue(lane) => lane.answer_unread(),
            Self::Flushed(ticket) => ticket.ack(),
            Self::Segment(segment) => drop(segment),
            #[cfg(feature = "tracing")]
            Self::Trace(news) => news.emit(),
            Self::DropFilter(filter) => drop(filter),
            Self::DropFilters(filters) => drop(filters),
        }
    }
}
