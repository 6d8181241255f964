//! Where the next events come from once the current segment is read: the backlog, or the channel.

#[cfg(feature = "rt")]
use std::task::ready;
use std::task::{Context, Poll};

use super::Subscription;
use crate::channel::Next;
use crate::channel::source::{AfterBacklog, Source};
use crate::end_reason::EndReason;
#[cfg(feature = "rt")]
use crate::util::coop::EVENTS_PER_UNIT;

impl<E> Subscription<E> {
    /// Pays the task's coop budget for the events taken since the last payment: one unit for
    /// sixteen events. Pending if the budget is used up, so that other tasks run. Does nothing
    /// outside of tokio.
    ///
    /// Kept out of the fast path: called at most once for sixteen events, and mostly once for a
    /// segment.
    #[cfg(feature = "rt")]
    #[cold]
    #[inline(never)]
    pub(super) fn poll_coop(&mut self, cx: &Context<'_>) -> Poll<()> {
        let position = match &self.source {
            Source::Backlog(backlog) => backlog.next - 1,
            _ => self.state.position(),
        };
        while position - self.coop_paid_to >= EVENTS_PER_UNIT {
            let mut cx = Context::from_waker(cx.waker());
            ready!(tokio::task::coop::poll_proceed(&mut cx)).made_progress();
            self.coop_paid_to += EVENTS_PER_UNIT;
        }
        Poll::Ready(())
    }

    /// Ready with true if the backlog has another event. Ready with false if it has none: the
    /// source has then changed.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_backlog(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.subscriber.finish_unowed();
        #[cfg(feature = "rt")]
        ready!(self.poll_coop(cx));
        #[cfg(not(feature = "rt"))]
        let _ = cx;
        let Source::Backlog(backlog) = &mut self.source else {
            return Poll::Ready(false);
        };
        backlog.pop_read().for_each(drop);
        if backlog.has_next() {
            return Poll::Ready(true);
        }
        match backlog.after {
            AfterBacklog::Live => self.source = Source::Channel,
            AfterBacklog::Disconnected(cause) => self.end(EndReason::Disconnected { cause }),
        }
        Poll::Ready(false)
    }

    /// Loads the next segment from the channel. Pending once the subscriber is parked, or if the
    /// coop budget is used up.
    pub(super) fn load_next(&mut self, cx: &Context<'_>) -> Poll<()> {
        // Release the old segment outside of the lock: the last owner drops the events, by user
        // code.
        self.source = Source::Channel;
        // About to park: clone the waker outside of the lock now, which saves taking the lock
        // twice.
        let about_to_park = !self.parked && self.channel.seems_caught_up(self.state.position());
        let mut spare = about_to_park.then(|| cx.waker().clone());
        self.parked = false;
        loop {
            let source = &mut self.source;
            let next = (self.channel).next(&self.subscriber, source, cx.waker(), spare.take());
            self.sync_cursor(self.subscriber.cursor.load());
            match next {
                #[cfg(feature = "rt")]
                Next::More if self.state.position() - self.coop_paid_to >= EVENTS_PER_UNIT => {
                    return self.poll_coop(cx);
                }
                Next::More => {}
                Next::Closed => self.end(EndReason::Closed),
                Next::Parked => {
                    self.parked = true;
                    return Poll::Pending;
                }
                Next::NeedWaker => {
                    spare = Some(cx.waker().clone());
                    continue;
                }
            }
            return Poll::Ready(());
        }
    }
}
