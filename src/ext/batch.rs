//! Several deliveries with a single acknowledgement.

use std::fmt;
use std::iter::zip;
use std::ops::Deref;
use std::slice;

use crate::ack::Ack;
use crate::delivery::Delivery;
use crate::error::FollowUpError;
use crate::util::panic_guard::GuardedVec;
use crate::util::sync::Arc;

/// A group of deliveries to settle together: at least one event, oldest first, and the duty to
/// acknowledge all of them.
///
/// Batches are yielded by [`ready_batches`] and `batches`. A batch dereferences to a slice of its
/// events. [`ack`](Self::ack) acknowledges all events. Dropping a batch acknowledges none, and each
/// receipt names the subscriber under `dropped`. [`into_deliveries`](Self::into_deliveries) settles
/// the events individually.
///
/// If the `Drop` of an event panics when a batch is dropped, the panic hook reports the panic, and
/// the panic does not spread.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{EventManager, EventStreamExt};
///
/// let manager = EventManager::new(8);
/// let mut rows = manager.subscribe().deliveries().ready_batches(100);
/// let mut saved = manager.sync_notify("row 1");
/// assert!((&mut saved).now_or_never().is_none());
/// manager.try_notify("row 2").unwrap();
///
/// let batch = rows.next().now_or_never().flatten().unwrap();
/// assert_eq!(batch.join(", "), "row 1, row 2"); // one transaction for both
/// assert!((&mut saved).now_or_never().is_none());
/// batch.ack();
/// assert!(saved.now_or_never().unwrap().unwrap().all_acked());
/// ```
///
/// [`ready_batches`]: crate::EventStreamExt::ready_batches
#[must_use = "dropping a batch leaves its events unacknowledged: call `ack`"]
pub struct Batch<E> {
    events: GuardedVec<E>,
    /// The acknowledgement of each event, in the order of `events`.
    acks: Vec<Ack>,
}

impl<E> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            events: GuardedVec::new(),
            acks: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, delivery: Delivery<E>) {
        let (event, ack) = delivery.into_parts();
        self.events.push(event);
        self.acks.push(ack);
    }

    /// Takes all deliveries and leaves an empty batch.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new())
    }

    /// Separates the events from their acknowledgements.
    pub(crate) fn into_parts(self) -> (Vec<E>, Vec<Ack>) {
        (self.events.into_vec(), self.acks)
    }

    /// Acknowledges all events, and returns the events.
    pub fn ack(self) -> Vec<E> {
        self.acks.into_iter().for_each(Ack::ack);
        self.events.into_vec()
    }

    /// Reports all events as failed, with a `reason`, and returns the events, as
    /// [`Delivery::nack`].
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(8);
    /// let mut rows = manager.subscribe().deliveries().ready_batches(100);
    /// let mut saved = manager.sync_notify("row 1");
    /// assert!((&mut saved).now_or_never().is_none());
    ///
    /// let batch = rows.next().now_or_never().flatten().unwrap();
    /// assert_eq!(batch.nack("the transaction failed"), ["row 1"]);
    /// assert_eq!(saved.now_or_never().unwrap().unwrap().dropped(), 1);
    /// ```
    pub fn nack(self, reason: impl Into<Arc<str>>) -> Vec<E> {
        let reason = reason.into();
        for ack in self.acks {
            ack.nack(Arc::clone(&reason));
        }
        self.events.into_vec()
    }

    /// Returns the deliveries, oldest first, to be settled individually.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(8);
    /// let mut rows = manager.subscribe().deliveries().ready_batches(100);
    /// let mut good = manager.sync_notify("good");
    /// let mut bad = manager.sync_notify("bad");
    /// assert!((&mut good).now_or_never().is_none() && (&mut bad).now_or_never().is_none());
    ///
    /// let batch = rows.next().now_or_never().flatten().unwrap();
    /// for row in batch.into_deliveries() {
    ///     if *row == "good" {
    ///         row.ack();
    ///     }
    /// }
    /// assert_eq!(good.now_or_never().unwrap().unwrap().acked(), 1);
    /// assert_eq!(bad.now_or_never().unwrap().unwrap().dropped(), 1);
    /// ```
    #[must_use = "dropping deliveries leaves their events unacknowledged"]
    pub fn into_deliveries(self) -> Vec<Delivery<E>> {
        zip(self.events.into_vec(), self.acks)
            .map(|(event, ack)| Delivery::new(event, ack))
            .collect()
    }

    /// Returns the sequence numbers of the events, in the order of the events.
    ///
    /// The numbers increase. Filtered and overwritten events leave gaps.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::<&str>::new(8);
    /// let lines = manager.subscribe().deliveries();
    /// let mut lines = lines.filter_acked(|line| !line.is_empty()).ready_batches(100);
    /// for line in ["a", "", "b"] {
    ///     manager.try_notify(line).unwrap();
    /// }
    /// let batch = lines.next().now_or_never().flatten().unwrap();
    /// assert!(batch.seqs().eq([1, 3]));
    /// assert_eq!(batch.seqs().last(), Some(3)); // the number to resume after, following a restart
    /// # batch.ack();
    /// ```
    pub fn seqs(&self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + '_ {
        self.acks.iter().map(Ack::seq)
    }

    /// Stores `event`, which follows from the events of this batch, at once and without waiting, as
    /// [`Subscription::follow_up`](crate::Subscription::follow_up). Returns the number of
    /// subscribers that the event was stored for.
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `OtherType`, if the manager publishes events of another type
    /// than `E`, as [`Delivery::follow_up`]; `Closed`, if the manager is closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(2);
    /// let mut rows = manager.subscribe().deliveries().ready_batches(2);
    /// for row in [1, 2] {
    ///     manager.try_notify(row).unwrap();
    /// }
    /// let batch = rows.next().now_or_never().flatten().unwrap();
    /// manager.try_notify(3).unwrap();
    /// manager.try_notify(4).unwrap();
    /// assert_eq!(batch.follow_up(batch.iter().sum()), Ok(1), "past the full window");
    /// batch.ack();
    /// assert_eq!(rows.next().now_or_never().flatten().unwrap().ack(), [3, 4]);
    /// ```
    pub fn follow_up(&self, event: E) -> Result<usize, FollowUpError<E>>
    where
        E: Send + Sync + 'static,
    {
        match self.acks.first() {
            Some(ack) => ack.follow_up(event),
            None => Err(FollowUpError::NothingInFlight(event)),
        }
    }
}

impl<E> Deref for Batch<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.events
    }
}

impl<'a, E> IntoIterator for &'a Batch<E> {
    type Item = &'a E;
    type IntoIter = slice::Iter<'a, E>;

    fn into_iter(self) -> slice::Iter<'a, E> {
        self.events.iter()
    }
}

impl<E> fmt::Debug for Batch<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("len", &self.len())
            .field("first_seq", &self.seqs().next())
            .field("last_seq", &self.seqs().next_back())
            .finish_non_exhaustive()
    }
}
