//! The result of an acknowledged publish.

use std::fmt;
#[cfg(feature = "rt")]
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(feature = "rt")]
use std::task::{Context, Poll};

mod unfinished;

pub(crate) use unfinished::Entries;
pub use unfinished::{Cause, Unfinished};

use crate::util::list::list;

/// A stored event: its sequence number and its number of subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    /// The number of subscribers the event was stored for, each handler of a group counted; if its
    /// publisher waits for acknowledgements, without observers.
    pub(crate) audience: usize,
}

/// The result of an acknowledged publish: how many subscribers finished the event, and which did
/// not.
///
/// From [`sync_notify`], *finished* means that the subscriber polled for the next event or
/// acknowledged this event otherwise; from [`ack_notify`], that the subscriber received the event.
/// `acked + dropped` is the number of subscribers when the event was stored, each handler of a
/// [group](crate#handlers) counted, without
/// [observers](crate::SubscribeOptions::observer), for which no publisher waits. `Display` writes one
/// line, which names the subscribers that did not finish. With feature `serde`, a receipt is
/// `Serialize`: its number, its count and its entries.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on, join};
/// use genevent::{Cause, EventManager};
///
/// let manager = EventManager::new(8);
/// let mut reader = manager.subscribe();
/// let leaver = manager.subscribe();
/// let left = leaver.id();
///
/// let receipt = block_on(async {
///     let work = async {
///         drop(leaver); // leaves with the event unread
///         assert_eq!(reader.next().await, Some("saved"));
///         reader.ack();
///     };
///     join!(manager.sync_notify("saved"), work).0.unwrap()
/// });
///
/// assert_eq!((receipt.seq(), receipt.acked(), receipt.dropped()), (1, 1, 1));
/// assert_eq!(receipt.unfinished()[0].id(), left);
/// assert_eq!(*receipt.unfinished()[0].cause(), Cause::Left);
/// assert!(!receipt.all_acked());
/// assert!(receipt.to_string().starts_with("event 1: acked by 1 of 2, not by #2 from "));
/// ```
///
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`ack_notify`]: crate::EventManager::ack_notify
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Receipt {
    seq: u64,
    acked: usize,
    unfinished: Entries,
}

impl Receipt {
    /// Creates the receipt of an event stored for `audience` subscribers.
    #[inline]
    pub(crate) fn new(seq: u64, audience: usize, unfinished: Entries) -> Self {
        Self {
            seq,
            acked: audience - unfinished.as_slice().len(),
            unfinished,
        }
    }

    /// Returns the event's number in the manager's sequence, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns how many subscribers finished the event (for `ack_notify`: received the event).
    #[must_use]
    pub fn acked(&self) -> usize {
        self.acked
    }

    /// Returns how many subscribers did not finish the event: the length of
    /// [`unfinished`](Self::unfinished).
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.unfinished().len()
    }

    /// Returns an entry for each subscriber that did not finish the event, in the order in which they
    /// gave it up. Subscribers that no longer exist are included.
    #[must_use]
    #[inline]
    pub fn unfinished(&self) -> &[Unfinished] {
        self.unfinished.as_slice()
    }

    /// Returns whether no subscriber dropped the event. Also true without subscribers: see
    /// [`is_unheard`](Self::is_unheard).
    ///
    /// A receipt names only subscribers that existed when the event was stored. Where a certain consumer must
    /// finish each event, compare [`acked`](Self::acked) with the number of these consumers: a consumer that
    /// has panicked or returned before is missing without a trace.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let database = manager.subscribe();
    /// let mut mail = manager.subscribe();
    /// drop(database); // Its task has panicked.
    ///
    /// let mut done = manager.sync_notify("order");
    /// assert!((&mut done).now_or_never().is_none());
    /// assert_eq!(mail.next().now_or_never(), Some(Some("order")));
    /// mail.ack();
    /// let receipt = done.now_or_never().unwrap().unwrap();
    /// assert!(receipt.all_acked());
    /// assert_eq!(receipt.acked(), 1, "of two consumers");
    /// ```
    #[must_use]
    #[inline]
    pub fn all_acked(&self) -> bool {
        self.unfinished().is_empty()
    }

    /// Returns whether there was no subscriber to wait for. Observers do not count.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.acked == 0 && self.unfinished().is_empty()
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: ", self.seq)?;
        if self.is_unheard() {
            return f.write_str("no subscriber");
        }
        write!(
            f,
            "acked by {} of {}",
            self.acked,
            self.acked + self.dropped()
        )?;
        if !self.all_acked() {
            f.write_str(", not by ")?;
            list(self.unfinished(), f)?;
        }
        Ok(())
    }
}

/// The receipt of an event, for futures that wait until every subscriber has answered. A shared ticket
/// implements this trait. Errors hold the trait because their layer cannot import the channel.
#[cfg(feature = "rt")]
pub(crate) trait PendingReceipt: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Completes with the receipt once every subscriber has answered. `key` identifies the waiting
    /// future from its first pending poll until the future is ready or has left.
    fn poll(&self, key: &mut Option<u64>, cx: &Context<'_>) -> Poll<Receipt>;

    /// Drops the waker of a future that no longer waits.
    fn leave(&self, key: u64);
}
