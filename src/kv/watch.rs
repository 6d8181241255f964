//! A stream of the existing buckets and every later change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::{FusedStream, Stream};

use super::bucket::Bucket;
use super::event::RegistryEvent;
use super::reflect::Reflect;
use super::table::Table;
use super::view::View;
use super::watch_event::WatchEvent;
use crate::Subscription;

/// A stream of the existing buckets of a registry and of every later change, without gaps or
/// duplicates. Made by [`Registry::watch`](super::Registry::watch).
///
/// First the stream yields [`Existing`](WatchEvent::Existing) for each bucket, sorted by name, then
/// [`Ready`](WatchEvent::Ready), and then each change. The snapshot is taken by the call of
/// `watch`: an event that was queued for delivery before the call is part of the snapshot and is
/// not yielded again. So every `Exited` is about a bucket that was yielded before, and no bucket is
/// introduced twice.
///
/// A watch is one subscription. As with every subscription, polling for the next event finishes the
/// event before, and the stream ends once the manager is closed. Events published to the manager by
/// another registry, or by any other publisher, are skipped.
///
/// # Missed events
/// A watch with [`Overflow::DropOldest`](crate::Overflow::DropOldest) can miss events if the
/// manager has further publishers. The watch then restarts: `Existing` for each bucket of a new
/// snapshot, then `Ready`. A bucket missing from the new snapshot exists no more. [`Reflect`]
/// updates its view in the same way. A watch does not restart if the watch has yielded all events
/// of the registry, because then all missed events came from further publishers.
///
/// # Cancel safety
/// Dropping the future of `next()` loses no event.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::Registry;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// registry.create("gone").await.unwrap().stop();
/// registry.create("old").await.unwrap();
/// let watch = registry.watch();
/// registry.create("new").await.unwrap();
/// drop(registry);
///
/// let yielded: Vec<_> = watch.map(|event| format!("{event:?}")).collect().await;
/// assert_eq!(
///     yielded,
///     [
///         r#"Existing { name: "old", .. }"#,
///         r#"Ready"#,
///         r#"Created { name: "new", .. }"#,
///         r#"Exited { name: "new", reason: RegistryGone, .. }"#,
///         r#"Exited { name: "old", reason: RegistryGone, .. }"#,
///     ]
/// );
/// # }
/// ```
#[must_use = "an unread watch blocks all events of the registry"]
pub struct Watch<V> {
    table: Arc<Table<V>>,
    changes: Subscription<RegistryEvent<V>>,
    /// The unyielded buckets of the snapshot.
    existing: vec::IntoIter<Bucket<V>>,
    /// `Ready` is not yielded yet.
    in_snapshot: bool,
    /// The number of the last event yielded or part of the snapshot. The registry numbers its
    /// events without gaps.
    up_to: u64,
    /// The subscription's count of missed events when the last check found `up_to` covering them.
    missed: u64,
}

impl<V> Watch<V> {
    /// Creates a watch. The caller must subscribe before this call takes the snapshot: an event
    /// between the two would be missed in the opposite order. An event in both is recognized by its
    /// number.
    pub(super) fn new(changes: Subscription<RegistryEvent<V>>, table: Arc<Table<V>>) -> Self {
        let mut watch = Self {
            table,
            changes,
            existing: Vec::new().into_iter(),
            in_snapshot: true,
            up_to: 0,
            missed: 0,
        };
        watch.take_snapshot();
        watch
    }

    /// Acknowledges the current event without polling for the next event, as
    /// [`Subscription::ack`].
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let mut watch = registry.watch().skip(1); // the snapshot is only `Ready`
    /// registry.create("shopping").await.unwrap();
    /// assert_eq!(watch.next().await.unwrap().name(), Some("shopping"));
    /// watch.get_mut().ack();
    /// registry.flush().await; // would wait for this task without `ack`
    /// assert_eq!(watch.get_ref().subscription().len(), 0);
    /// # }
    /// ```
    pub fn ack(&mut self) {
        self.changes.ack();
    }

    /// Reports the current event as failed, with a `reason`, as [`Subscription::nack`].
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let mut watch = registry.watch().skip(1); // the snapshot is only `Ready`
    /// registry.create("shopping").await.unwrap();
    /// assert_eq!(watch.next().await.unwrap().name(), Some("shopping"));
    /// watch.get_mut().nack("the view is full");
    /// registry.flush().await; // nothing more is owed for the event
    /// assert!(watch.get_ref().subscription().is_empty());
    /// # }
    /// ```
    pub fn nack(&mut self, reason: impl Into<Arc<str>>) {
        self.changes.nack(reason);
    }

    /// Returns the watch's subscription, which has an id and an end reason.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use genevent::{EndReason, EventManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let events = EventManager::default();
    /// # let registry = genevent::kv::Registry::<u8>::new(events.clone());
    /// let mut watch = registry.watch();
    /// assert!(events.disconnect(watch.subscription().id()));
    /// while watch.next().await.is_some() {}
    /// let ended = watch.subscription().end_reason();
    /// assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
    /// # }
    /// ```
    pub fn subscription(&self) -> &Subscription<RegistryEvent<V>> {
        &self.changes
    }

    /// Yields all events unchanged, and keeps `view` up to date with the yielded events. `Ready`
    /// completes the view.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use genevent::kv::{View, WatchEvent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let shopping = registry.create("shopping").await.unwrap();
    /// let view = View::new();
    /// let mut watch = registry.watch().reflect(view.clone());
    /// tokio::spawn(async move { while watch.next().await.is_some() {} });
    ///
    /// registry.create("work").await.unwrap();
    /// registry.flush().await;
    /// assert_eq!(view.names(), ["shopping", "work"]);
    /// assert_eq!(view.get("shopping"), Some(shopping));
    /// # }
    /// ```
    pub fn reflect(self, view: View<V>) -> Reflect<Self, V> {
        Reflect::new(self, view)
    }

    /// Begins with a snapshot, or begins again after events were missed.
    fn take_snapshot(&mut self) {
        // Read the count before the snapshot. In the opposite order, a miss of an event newer than
        // the snapshot could be taken as covered and never be noticed. In this order, the worst
        // result is one more snapshot.
        self.missed = self.changes.missed();
        let (existing, up_to) = self.table.snapshot();
        self.existing = existing.into_iter();
        self.in_snapshot = true;
        self.up_to = up_to;
    }

    /// Returns whether the subscription has missed events since the last call, while the registry
    /// has queued more events than this watch has yielded.
    ///
    /// The subscription's own count decides, and not the number of the next event: that event may
    /// be replayed, or published again by another publisher, and then its number says nothing about
    /// the events before. An event of the registry is queued before the event is stored, and stored
    /// before the event is overwritten, so `enqueued` covers each counted miss.
    fn has_missed(&mut self) -> bool {
        let missed = self.changes.missed();
        let before = std::mem::replace(&mut self.missed, missed);
        missed != before
            && self.table.enqueued() > self.up_to
            && !seeded_bug!("watch-ignores-missed")
    }

    /// Returns the next event of the snapshot; `None` once `Ready` was returned.
    fn next_of_snapshot(&mut self) -> Option<WatchEvent<V>> {
        if let Some(bucket) = self.existing.next() {
            let name = bucket.name().to_owned();
            return Some(WatchEvent::Existing { name, bucket });
        }
        // Release the list's memory, which a million buckets may have filled.
        self.existing = Vec::new().into_iter();
        std::mem::take(&mut self.in_snapshot).then_some(WatchEvent::Ready)
    }
}

impl<V> Stream for Watch<V> {
    type Item = WatchEvent<V>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.in_snapshot {
                return Poll::Ready(this.next_of_snapshot());
            }
            let Some(event) = ready!(Pin::new(&mut this.changes).poll_next(cx)) else {
                return Poll::Ready(None);
            };
            // Check after each event: an event is overwritten only when a newer event is stored, so
            // an unread event remains, and its poll notices every miss.
            if this.has_missed() {
                this.take_snapshot();
                continue;
            }
            if !event.bucket().belongs_to(&this.table) {
                continue;
            }
            let number = match &event {
                RegistryEvent::Created { bucket, .. } => bucket.created_seq(),
                RegistryEvent::Exited { bucket, .. } => bucket.exited_seq(),
            };
            if number > this.up_to + 1 {
                // The miss is not counted yet (the reader can be one event ahead of the count), or
                // another publisher has published the event before the registry's task.
                this.take_snapshot();
            } else if number > this.up_to {
                this.up_to = number;
                return Poll::Ready(Some(event.into()));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let snapshot = self.existing.len() + usize::from(self.in_snapshot);
        let is_last = self.changes.size_hint().1 == Some(0);
        (snapshot, is_last.then_some(snapshot))
    }
}

impl<V> FusedStream for Watch<V> {
    fn is_terminated(&self) -> bool {
        !self.in_snapshot && self.changes.is_terminated()
    }
}

impl<V> fmt::Debug for Watch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("existing", &self.existing.len())
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}
