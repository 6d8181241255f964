//! What exists, and then what changes.

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

/// A stream of what exists in a registry and then of what changes, without gap or double:
/// [`Registry::watch`](super::Registry::watch).
///
/// First comes [`Existing`](WatchEvent::Existing) for each bucket, in the order of their names,
/// then [`Ready`](WatchEvent::Ready), and then each change. What exists is taken at the call to
/// `watch`: an event that was in line by then is part of it and is not told again. So an `Exited`
/// is only ever told of a bucket that was told of before, and no bucket is told of twice.
///
/// It is one subscription. As with any other, coming back for the next event says that the one
/// before is finished, and the stream ends once the manager is closed. Events that others publish
/// to the manager, also those of another registry, are passed over.
///
/// # Losing events
/// With [`Overflow::DropOldest`](crate::Overflow::DropOldest) and a manager that others publish to
/// as well, it can lose events. Then it starts anew: `Existing` for all there is, and `Ready`.
/// What is not told again by then exists no more. [`Reflect`] does the same with its view.
/// A watch does not start anew if it has told everything that the registry had to tell, because
/// then all of the lost events were published by others.
///
/// # Cancel safety
/// Dropping the future of `next()` loses nothing.
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
/// let told: Vec<_> = watch.map(|event| format!("{event:?}")).collect().await;
/// assert_eq!(
///     told,
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
#[must_use = "a watch that is not read holds up all events of the registry"]
pub struct Watch<V> {
    table: Arc<Table<V>>,
    changes: Subscription<RegistryEvent<V>>,
    /// What is yet to be told of what exists.
    existing: vec::IntoIter<Bucket<V>>,
    /// `Ready` is yet to be told.
    in_snapshot: bool,
    /// The number of the last event that is told, or part of what exists. The registry numbers
    /// its events without gaps.
    up_to: u64,
    /// How many events the subscription had lost when `up_to` was last known to cover them all.
    missed: u64,
}

impl<V> Watch<V> {
    /// The subscription comes first: what is delivered from now on is heard, and what is part of
    /// the snapshot as well is known by its number.
    pub(super) fn new(changes: Subscription<RegistryEvent<V>>, table: Arc<Table<V>>) -> Self {
        // Read before the snapshot, as in `restart`.
        let missed = changes.missed();
        let (existing, up_to) = table.snapshot();
        Self {
            table,
            changes,
            existing: existing.into_iter(),
            in_snapshot: true,
            up_to,
            missed,
        }
    }

    /// Finishes with the event in hand without asking for the next one, as
    /// [`Subscription::ack`].
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let mut watch = registry.watch().skip(1); // nothing but `Ready`
    /// registry.create("shopping").await.unwrap();
    /// assert_eq!(watch.next().await.unwrap().name(), Some("shopping"));
    /// watch.get_mut().ack();
    /// registry.flush().await; // would wait for this task otherwise
    /// assert_eq!(watch.get_ref().subscription().len(), 0);
    /// # }
    /// ```
    pub fn ack(&mut self) {
        self.changes.ack();
    }

    /// The subscription behind it: its id, and why it has ended.
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

    /// Keeps `view` up to date with what passes through. The view starts complete: with `Ready`.
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

    /// Events were lost: what exists is told again.
    fn restart(&mut self) {
        // The count is read before the snapshot. A loss in between would be covered by the
        // snapshot and forgotten at no cost, but a loss after the snapshot must not be forgotten.
        self.missed = self.changes.missed();
        let (existing, up_to) = self.table.snapshot();
        self.existing = existing.into_iter();
        self.in_snapshot = true;
        self.up_to = up_to;
    }

    /// Whether the subscription has lost events since the last look, and the registry has put more
    /// in line than was told here.
    ///
    /// The subscription's own count decides, not the event that comes next: that one may be
    /// replayed, or published again by somebody else, and then its number says nothing about the
    /// events before it. An event of the registry is in line before it is stored, and stored before
    /// it is lost, so `lined_up` covers each loss that is counted.
    fn has_lost(&mut self) -> bool {
        let missed = self.changes.missed();
        let before = std::mem::replace(&mut self.missed, missed);
        missed != before && self.table.enqueued() > self.up_to && !seeded_bug!("loss-unheeded")
    }

    /// What is yet to be told before the next change.
    fn next_of_snapshot(&mut self) -> Option<WatchEvent<V>> {
        if let Some(bucket) = self.existing.next() {
            let name = bucket.name().to_owned();
            return Some(WatchEvent::Existing { name, bucket });
        }
        // Its memory, that of a million buckets perhaps, is not needed any more.
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
            // An event is lost only when a newer one is stored, so a loss is always noticed here:
            // the newer event, or one after it, is still to be read.
            if this.has_lost() {
                this.restart();
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
                // The loss is not counted yet (the reader may be ahead of the count by an event),
                // or somebody has published an event before the registry's task did.
                this.restart();
            } else if number > this.up_to {
                this.up_to = number;
                return Poll::Ready(Some(event.into()));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let start = self.existing.len() + usize::from(self.in_snapshot);
        let last = self.changes.size_hint().1 == Some(0);
        (start, last.then_some(start))
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
