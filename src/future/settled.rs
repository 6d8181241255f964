//! The rest of an acknowledged publish whose time was up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Unanswered;
use crate::receipt::{PendingReceipt, Receipt};
use crate::util::sync::Arc;

/// Future of [`Unanswered::settled`].
///
/// Keeps neither the manager nor the event alive.
#[must_use = "futures do nothing unless polled"]
pub struct Settled {
    pending: Arc<dyn PendingReceipt>,
    /// Set while a waker is registered.
    key: Option<u64>,
}

impl Unanswered {
    /// Waits until every subscriber has answered, and returns the complete receipt.
    ///
    /// The future continues the wait that timed out: for `ack_notify` until every subscriber has
    /// received the event, for `sync_notify` until every subscriber has finished the event. A
    /// subscriber that leaves or is disconnected is not waited for, and is named by
    /// [`Receipt::unfinished`]. The future may be sent to another task. Several calls, also on
    /// clones of the error, return futures that are all woken.
    ///
    /// The future has no limit of its own. Do not await the future in the task of a subscriber that
    /// still has to answer: such a task waits for itself. The same holds for a handler, which gets
    /// no `WouldDeadlock` here.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: `settled` can be called again.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::{FutureExt, StreamExt, executor::block_on};
    /// use genevent::{EventManager, error::DeadlineError};
    ///
    /// let manager = EventManager::new(8);
    /// let mut slow = manager.subscribe();
    /// let late = block_on(manager.sync_notify("tea").within(Duration::from_millis(1)));
    /// let Err(DeadlineError::Unanswered(late)) = late else {
    ///     panic!("no subscriber has read the event");
    /// };
    ///
    /// let mut settled = late.settled();
    /// assert!((&mut settled).now_or_never().is_none(), "the future goes on waiting");
    /// assert_eq!(slow.next().now_or_never(), Some(Some("tea")));
    /// slow.ack();
    /// assert_eq!(settled.now_or_never().unwrap().acked(), 1);
    /// ```
    pub fn settled(&self) -> Settled {
        Settled {
            pending: Arc::clone(&self.pending),
            key: None,
        }
    }
}

impl Future for Settled {
    type Output = Receipt;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Receipt> {
        let Self { pending, key } = &mut *self;
        pending.poll(key, cx)
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.pending.leave(key);
        }
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").finish_non_exhaustive()
    }
}
