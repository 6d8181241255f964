//! Reading for a handler, which looks at the next event before taking it.

use std::task::{Context, Poll, ready};

use super::Filtered;
use crate::channel::filter::queue::TakenEvent;
use crate::channel::filter::queue::ahead::Front;
use crate::channel::filter::reading::Reading;

impl<T: Send + 'static> Filtered<T> {
    /// Finishes the event in flight, and returns the number of the next event; `None` if the stream
    /// has ended.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        self.ack_current();
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        ready!(self.poll_coop(cx));
        let Reading::Queue(queue) = &*self.reading else {
            return self.poll_keyed_ahead(cx);
        };
        let (front, cursor) = queue.poll_front(cx.waker());
        if std::mem::take(&mut self.needs_ack) && cursor.must_report() {
            self.channel.report_queue(self.id(), false);
        }
        match front {
            Front::Event(seq) => Poll::Ready(Some(seq)),
            Front::Parked => Poll::Pending,
            Front::Ended(reason) => {
                self.end(reason);
                Poll::Ready(None)
            }
        }
    }

    /// Takes the next event if its number is `seq`, and returns with it how many events were missed
    /// before the event; `None` if the event was overwritten, or its `Clone` panics.
    pub(crate) fn take_ahead(&mut self, seq: u64) -> Option<(T, u64)> {
        let Reading::Queue(queue) = &*self.reading else {
            return self.take_keyed_ahead(seq);
        };
        let (taken, cursor, missed) = queue.pop_front(seq)?;
        if taken.needs_ack && cursor.must_report() {
            self.channel.report_queue(self.id(), true);
        }
        let TakenEvent { item, needs_ack } = taken;
        self.receive(item.seq, item.ticket, needs_ack);
        Some((item.value, missed))
    }
}

impl<T> Filtered<T> {
    /// Returns whether every wanted event up to `seq` has been taken.
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        self.reading.front().is_none_or(|next| next > seq)
    }
}
