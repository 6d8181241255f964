//! The result of a publish that waits for its subscribers.

use crate::subscriber_id::SubscriberId;

/// An event that has been stored: its number, and for how many subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    /// How many subscribers it was stored for.
    pub(crate) audience: usize,
}

/// What became of an event: how many subscribers finished with it, and which did not.
///
/// From [`sync_notify`], *finished* means that the subscriber came back for the next event or
/// acknowledged it otherwise; from [`ack_notify`], that it received it. `acked + dropped` is
/// the number of subscribers there were when the event took its place in the sequence.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on, join};
/// use genevent::EventManager;
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
/// assert_eq!(receipt.dropped_by(), [left]);
/// assert!(!receipt.all_acked());
/// ```
///
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`ack_notify`]: crate::EventManager::ack_notify
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    seq: u64,
    acked: usize,
    dropped_by: Vec<SubscriberId>,
}

impl Receipt {
    /// For an event that was stored for `audience` subscribers.
    pub(crate) fn new(seq: u64, audience: usize, dropped_by: Vec<SubscriberId>) -> Self {
        Self {
            seq,
            acked: audience - dropped_by.len(),
            dropped_by,
        }
    }

    /// The event's number in the manager's sequence, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How many subscribers finished with the event (for `ack_notify`: received it).
    #[must_use]
    pub fn acked(&self) -> usize {
        self.acked
    }

    /// How many subscribers ended without finishing: they left with it unread, panicked over
    /// it, lost it to newer ones, or were disconnected.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped_by.len()
    }

    /// Those subscribers, in the order in which they gave it up.
    #[must_use]
    pub fn dropped_by(&self) -> &[SubscriberId] {
        &self.dropped_by
    }

    /// Nobody dropped it. Also true if there was nobody: see [`is_unheard`](Self::is_unheard).
    #[must_use]
    pub fn all_acked(&self) -> bool {
        self.dropped_by.is_empty()
    }

    /// There was no subscriber.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.acked == 0 && self.dropped_by.is_empty()
    }
}
