//! Polling a subscription for its next event.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::cloning::clone_claimed;
use super::{Received, Subscription};
#[cfg(feature = "rt")]
use crate::channel::source::AfterBacklog;
use crate::channel::source::Source;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::AckLevel;
#[cfg(feature = "rt")]
use crate::channel::ticket::Ticket;
#[cfg(feature = "rt")]
use crate::subscriber_id::SubscriberKind;
use crate::util::panic_guard::drop_caught;

impl<E: Clone> Stream for Subscription<E> {
    type Item = E;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        match self.try_next_fast() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.get_mut().poll_event(cx),
        }
    }

    /// The lower bound is exact. The upper bound is known only if no further event can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (unread, is_last) = self.unread_and_is_last();
        (unread, is_last.then_some(unread))
    }
}

impl<E: Clone> FusedStream for Subscription<E> {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl<E: Clone> Subscription<E> {
    /// The fast path, which most events take: the next event is in the current segment, no
    /// publisher waits for an acknowledgement, and the channel wants no report.
    #[inline]
    fn try_next_fast(&mut self) -> Option<E> {
        let Source::Segment(segment) = &self.source else {
            return None;
        };
        let seq = self.state.position() + 1;
        if seq > segment.last() || self.in_flight != 0 || self.state.must_report() {
            return None;
        }
        let slot = segment.get(seq);
        if slot.ticket.is_some() || self.explicit_acks {
            return None;
        }
        let event = slot.event();
        // The channel wants no report: `must_report` was checked on the same state that is claimed.
        self.state = self.subscriber.cursor.claim(self.state, true).ok()?;
        self.missed_before_next = 0;
        Some(clone_claimed(event, &mut self.state, &mut self.unyielded))
    }

    /// The slow path: polls all sources for the next event.
    #[inline(never)]
    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<E>> {
        loop {
            match ready!(self.poll_received(cx, false)) {
                Some(Received::Event(event)) => return Poll::Ready(Some(event)),
                Some(Received::Missed(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    /// Polls for the next event. If `report_missed`, a preceding loss is returned first, as `Missed`.
    pub(super) fn poll_received(
        &mut self,
        cx: &Context<'_>,
        report_missed: bool,
    ) -> Poll<Option<Received<E>>> {
        if self.unyielded {
            return Poll::Ready(Some(Received::Event(self.yield_claimed())));
        }
        // A stream that has ended without reporting a loss stays ended.
        if report_missed && self.is_ended() {
            return Poll::Ready(None);
        }
        let mut tries = TRIES;
        loop {
            if report_missed && self.missed_before_next > 0 {
                // A reader that gets only losses must yield to other tasks, too.
                #[cfg(feature = "rt")]
                ready!(self.poll_coop(cx));
                return Poll::Ready(Some(Received::Missed(self.take_missed())));
            }
            let more = self.poll_ahead(cx);
            if report_missed && self.missed_before_next > 0 {
                continue;
            }
            if !ready!(more) {
                return Poll::Ready(None);
            }
            let Source::Segment(segment) = &self.source else {
                let event = self.next_of_backlog();
                return Poll::Ready(Some(Received::Event(event)));
            };
            let (seq, last) = (self.state.position() + 1, segment.last());
            if seq <= last {
                let slot = segment.get(seq);
                let (event, level) = (slot.event(), slot.level(self.subscriber.is_observer));
                // Claim before cloning: an event that is overwritten during a long `clone` would
                // have to be cloned again, without end.
                let early = seeded_bug!("clones-before-claiming").then(|| event.clone());
                match self.subscriber.claim(self.state, level) {
                    Ok(state) => {
                        self.state = state;
                        self.missed_before_next = 0;
                        // Report before the clone, which may panic: the room is free in either
                        // case.
                        if state.must_report() && !seeded_bug!("room-unreported") {
                            self.channel.report(self.subscriber.id.number, Some(seq));
                        }
                        let event = early.unwrap_or_else(|| {
                            clone_claimed(event, &mut self.state, &mut self.unyielded)
                        });
                        // Acknowledge "received" after the clone: a panic there means not
                        // received.
                        self.receive(seq, level);
                        // A delivery may be acknowledged while the stream is not polled.
                        if self.explicit_acks && seq == last {
                            self.drop_read();
                        }
                        return Poll::Ready(Some(Received::Event(event)));
                    }
                    Err(now) => self.overtaken(now),
                }
            }
            tries -= 1;
            if tries == 0 {
                // Publishers overwrote the event at each try: yield to other tasks.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl<E> Subscription<E> {
    /// Ready with true if there is a next event, with false if the stream has ended.
    ///
    /// Acknowledges the event in flight. The next event may be overwritten before it is claimed;
    /// the caller then polls again.
    pub(crate) fn poll_ahead(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.ack_current();
        loop {
            match &mut self.source {
                Source::Segment(segment) if self.state.position() < segment.last() => {
                    return Poll::Ready(true);
                }
                Source::Channel | Source::Segment(_) => {
                    ready!(self.load_next(cx));
                    // Return even if the new events are overwritten already: polling again could go
                    // on without end beside a fast publisher.
                    if let Source::Segment(_) = &self.source {
                        return Poll::Ready(true);
                    }
                }
                Source::Backlog(_) => {
                    if ready!(self.poll_backlog(cx)) {
                        return Poll::Ready(true);
                    }
                }
                Source::Ended(_) => return Poll::Ready(false),
            }
        }
    }

    /// Claims the next event, to be read in place by [`current`](Self::current). Returns false if
    /// the event was overwritten, or must be polled for again. The caller takes the number of missed
    /// events, by [`take_missed_before_current`](Self::take_missed_before_current).
    #[cfg(feature = "rt")]
    pub(crate) fn take_ahead(&mut self) -> bool {
        match &mut self.source {
            Source::Segment(segment) => {
                let seq = self.state.position() + 1;
                if seq > segment.last() {
                    return false;
                }
                let level = segment.get(seq).level(self.subscriber.settles_no_ticket);
                match self.subscriber.claim(self.state, level) {
                    Ok(state) => self.state = state,
                    Err(now) => {
                        self.overtaken(now);
                        return false;
                    }
                }
                if self.state.must_report() && !seeded_bug!("room-unreported") {
                    self.channel.report(self.subscriber.id.number, Some(seq));
                }
                self.receive(seq, level);
            }
            Source::Backlog(backlog) => {
                backlog.next += 1;
            }
            Source::Channel | Source::Ended(_) => unreachable!("{AHEAD}"),
        }
        true
    }

    /// Returns how many events were missed before the event that `take_ahead` claimed; 0 when called
    /// again.
    #[cfg(feature = "rt")]
    #[inline]
    pub(crate) fn take_missed_before_current(&mut self) -> u64 {
        std::mem::take(&mut self.missed_before_next)
    }

    /// Returns the event that `take_ahead` claimed. Must not be called after `ack` or another poll.
    #[cfg(feature = "rt")]
    pub(crate) fn current(&self) -> &E {
        match &self.source {
            Source::Segment(segment) => segment.get(self.state.position()).event(),
            Source::Backlog(backlog) => backlog.get(backlog.next - 1),
            _ => unreachable!("{AHEAD}"),
        }
    }

    /// Returns the sequence number of the event that `take_ahead` claimed, unless the event is of a
    /// backlog.
    #[cfg(feature = "rt")]
    #[inline]
    pub(crate) fn current_seq(&self) -> u64 {
        self.state.position()
    }

    /// Returns whether the subscription is that of a group.
    #[cfg(feature = "rt")]
    #[inline]
    pub(crate) fn is_of_group(&self) -> bool {
        self.subscriber.kind == SubscriberKind::Group
    }

    /// Returns the ticket of the event that `take_ahead` claimed, if a publisher waits. For a group, whose
    /// members settle the event.
    #[cfg(feature = "rt")]
    #[inline]
    pub(crate) fn current_ticket(&self) -> Option<&Ticket> {
        match &self.source {
            Source::Segment(segment) => segment.get(self.state.position()).ticket.as_deref(),
            // Settled by the disconnect.
            _ => None,
        }
    }

    /// Returns whether every event up to `seq` that this subscription will ever yield has been
    /// taken. Used only by handlers.
    #[cfg(feature = "rt")]
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        match &self.source {
            Source::Channel | Source::Segment(_) => self.state.position() >= seq,
            Source::Backlog(backlog) => match backlog.after {
                AfterBacklog::Live => backlog.next > seq,
                AfterBacklog::Disconnected(_) => backlog.next > seq.min(backlog.end),
            },
            Source::Ended(_) => true,
        }
    }

    /// Handles a failed claim: the event was overwritten, or moved to the backlog by a disconnect.
    #[cold]
    #[inline(never)]
    fn overtaken(&mut self, now: CursorState) {
        if now.is_detached() {
            self.source = Source::Channel;
        }
        self.sync_cursor(now);
    }

    /// Acknowledges "received" for the claimed event, or keeps it in flight until it is finished.
    #[inline]
    pub(super) fn receive(&mut self, seq: u64, level: Option<AckLevel>) {
        match level {
            Some(AckLevel::Finished) => self.in_flight = seq,
            Some(AckLevel::Received) => {
                self.subscriber.clear_awaited();
                self.ticket(seq).into_iter().for_each(|ticket| ticket.ack());
            }
            None => {}
        }
    }

    /// Takes the number of missed events not reported yet. Acknowledges the event in flight.
    #[cold]
    #[inline(never)]
    fn take_missed(&mut self) -> u64 {
        self.ack();
        // Live events that were overwritten during a replay are reported after it.
        if !matches!(self.source, Source::Backlog(_)) {
            self.sync_cursor(self.subscriber.cursor.load());
        }
        if std::mem::take(&mut self.parked) {
            // Nothing is unread: a replay has missed the events.
            self.channel.unpark_reader(&self.subscriber);
        }
        if let Some(stage) = self.subscriber.stage() {
            // The stage may have registered for its gate: cancel that, since the poll returns a
            // loss.
            drop_caught(stage.stop_waiting());
        }
        std::mem::take(&mut self.missed_before_next)
    }
}

/// How often one poll tries to claim an event before it yields to other tasks, if publishers
/// overwrite each event first.
const TRIES: u32 = 16;

const AHEAD: &str = "`poll_ahead` returned true: there is a next event";
