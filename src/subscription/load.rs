//! Where the next events come from once the current segment is read: the backlog, or the channel.

use std::task::{Context, Poll, ready};

use super::Subscription;
use crate::channel::Next;
use crate::channel::source::{Source, Then};
use crate::end_reason::EndReason;

impl<E> Subscription<E> {
    /// Pays tokio for what was taken since it last did: a unit of the task's budget for sixteen
    /// events. Pending when the task has none left, and its neighbours have their turn. Outside of
    /// tokio there is nobody to pay.
    ///
    /// Out of the way: asked once in sixteen events at most, and mostly once in a segment.
    #[cfg(feature = "rt")]
    #[cold]
    #[inline(never)]
    pub(super) fn poll_coop(&mut self, cx: &Context<'_>) -> Poll<()> {
        let position = match &self.source {
            Source::Backlog(rest) => rest.next - 1,
            _ => self.state.position(),
        };
        while position - self.coop_paid_to >= EVENTS_PER_COOP_UNIT {
            let mut cx = Context::from_waker(cx.waker());
            ready!(tokio::task::coop::poll_proceed(&mut cx)).made_progress();
            self.coop_paid_to += EVENTS_PER_COOP_UNIT;
        }
        Poll::Ready(())
    }

    /// Ready when the rest has an event ahead, or with false when it has not: then there is
    /// something else to read from.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_backlog(&mut self, cx: &Context<'_>) -> Poll<bool> {
        #[cfg(feature = "rt")]
        ready!(self.poll_coop(cx));
        #[cfg(not(feature = "rt"))]
        let _ = cx;
        let Source::Backlog(rest) = &mut self.source else {
            return Poll::Ready(false);
        };
        if rest.seek() {
            return Poll::Ready(true);
        }
        match rest.after {
            Then::Live => self.source = Source::Channel,
            Then::Disconnected(cause) => self.end(EndReason::Disconnected { cause }),
        }
        Poll::Ready(false)
    }

    /// Asks the manager for more; pending once it is parked, or when others have a turn.
    pub(super) fn load_next(&mut self, cx: &Context<'_>) -> Poll<()> {
        // Without the lock: if this is the last owner, it drops the events.
        self.source = Source::Channel;
        // Likely to sleep, and not asleep yet: cloning the waker now saves taking the lock twice.
        let sleepy = !self.parked && self.channel.seems_caught_up(self.state.position());
        let mut spare = sleepy.then(|| cx.waker().clone());
        self.parked = false;
        loop {
            let reading = &mut self.source;
            let next = (self.channel).next(&self.subscriber, reading, cx.waker(), spare.take());
            self.sync_cursor(self.subscriber.cursor.load());
            match next {
                #[cfg(feature = "rt")]
                Next::More if self.state.position() - self.coop_paid_to >= EVENTS_PER_COOP_UNIT => {
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

/// How many events one unit of tokio's budget pays for.
#[cfg(feature = "rt")]
pub(crate) const EVENTS_PER_COOP_UNIT: u64 = 16;
