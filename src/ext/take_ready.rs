//! Taking every delivery that is ready, for operators that need only the newest.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::delivery::Delivery;
#[cfg(feature = "rt")]
use crate::util::coop;

/// The number of deliveries that a round takes at least, if so many are ready.
const AT_LEAST: usize = 1_024;

/// A round of taking what is ready.
///
/// A round ends after as many deliveries as were ready at its beginning, or [`AT_LEAST`]: beside
/// publishers that are as fast as the reader, it would never end. It goes on over several polls if the
/// coop budget of the task is used up.
#[derive(Default)]
pub(crate) struct Round {
    /// The number of deliveries to take at most, from the first poll of a round.
    left: Option<usize>,
}

/// The reason why a round has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// No more deliveries are ready. The stream has registered the waker.
    All,
    /// More deliveries may be ready. No waker is registered.
    Enough,
    /// The stream has ended, and must not be polled again.
    Ended,
}

impl Round {
    /// Passes each delivery that is ready to `take`. Pending if the coop budget is used up.
    pub(crate) fn poll<E, S: Stream<Item = Delivery<E>>>(
        &mut self,
        mut stream: Pin<&mut S>,
        cx: &mut Context<'_>,
        mut take: impl FnMut(Delivery<E>),
    ) -> Poll<Taken> {
        let mut left = match self.left {
            Some(left) => left,
            None => stream.size_hint().0.max(AT_LEAST),
        };
        let taken = loop {
            if left == 0 {
                break Taken::Enough;
            }
            match stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(delivery)) => take(delivery),
                Poll::Ready(None) => break Taken::Ended,
                Poll::Pending => {
                    // Out of budget, the stream is pending although more may be ready.
                    #[cfg(feature = "rt")]
                    if coop::poll_budget(cx).is_pending() {
                        self.left = Some(left);
                        return Poll::Pending;
                    }
                    break Taken::All;
                }
            }
            left -= 1;
        };
        self.left = None;
        Poll::Ready(taken)
    }
}
