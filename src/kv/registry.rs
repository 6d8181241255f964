//! The handle of a registry.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;

use super::announcer::Announcer;
use super::bucket::Bucket;
use super::event::RegistryEvent;
use super::table::{CreateError, Table};
use super::watch::Watch;
use crate::util::panic_guard::with_guarded_waker;
use crate::util::sync::spawn;
use crate::{EventManager, SubscribeOptions, Subscription};

/// Buckets by name, and a stream of their changes.
///
/// A registry is cheap to clone; all clones are the same registry. Dropping the last clone ends all
/// buckets as [`RegistryGone`](super::ExitReason::RegistryGone), sorted by name. The events of
/// these ends are still delivered; after that, the registry releases the manager.
///
/// # Order
/// [`lookup`](Self::lookup) is ahead of the events: a name can be looked up before its `Created` is
/// delivered, and is free before its `Exited` is delivered. A task on the runtime delivers one
/// event at a time, in the order of the changes, and waits until every subscriber has finished with
/// the event. No call except [`flush`](Self::flush) waits for subscribers, so a pipeline or a handler
/// may call the registry and its buckets while holding one of their events.
///
/// A slow subscriber delays the events of all subscribers for any length of time, because delivery is
/// lossless by default. A subscriber with the policy [`WaitAtMost`](crate::Overflow::WaitAtMost) has
/// that time for each event, counted from the event's delivery, and is disconnected afterwards. The
/// other policies act on a full window, which the registry alone never causes; the owner of the
/// manager can [disconnect](crate::EventManager::disconnect) any subscriber.
///
/// If the manager is closed, the runtime shuts down, or a key function of [topics](crate::Topics) on the
/// manager panics, the registry continues without events.
///
/// # Names
/// Any string is a name, also an empty or huge string or a string with control characters. Names
/// are compared byte by byte. `Debug` of every type of this module quotes and escapes names, so a
/// name cannot forge a line of a log; no `Display` shows a name. Code that prints a name must
/// escape the name itself.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::{Registry, RegistryStreamExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// let created = registry.events().created().map(|(name, _)| name);
/// registry.create("shopping").await.unwrap();
/// registry.create("work").await.unwrap();
/// drop(registry); // ends the stream as well: the registry held the only manager
/// assert_eq!(created.collect::<Vec<_>>().await, ["shopping", "work"]);
/// # }
/// ```
#[doc(alias = "KV.Registry")]
pub struct Registry<V> {
    owner: Arc<Owner<V>>,
}

/// The state shared by all clones. Dropping the state ends the buckets.
struct Owner<V> {
    table: Arc<Table<V>>,
    /// Buckets hold only the table: an event of the outbox holds its bucket, and a bucket holding
    /// the manager would keep the manager open.
    events: EventManager<RegistryEvent<V>>,
    delivered_rx: watch::Receiver<u64>,
}

impl<V> Drop for Owner<V> {
    fn drop(&mut self) {
        self.table.end_all();
    }
}

impl<V: Send + Sync + 'static> Registry<V> {
    /// Creates a registry with the builder's settings, and starts its delivery task.
    #[track_caller]
    pub(super) fn spawn(events: EventManager<RegistryEvent<V>>, queue_capacity: usize) -> Self {
        let table = Table::new(queue_capacity);
        let (announcer, delivered_rx) = Announcer::new(Arc::clone(&table), events.clone());
        spawn(announcer.run());
        Self {
            owner: Arc::new(Owner {
                table,
                events,
                delivered_rx,
            }),
        }
    }

    /// Returns the bucket with this name, and creates the bucket if the name is free.
    ///
    /// Resolves as soon as the name is taken and its `Created` is queued for delivery, and never
    /// waits for subscribers. If the bucket exists already, no event is published.
    ///
    /// # Errors
    /// Returns [`QueueFull`](CreateError::QueueFull) if the name is free, but too many events are
    /// queued for delivery.
    ///
    /// # Cancel safety
    /// The first poll creates the bucket and resolves. A future without a poll creates nothing.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), genevent::kv::CreateError> {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let shopping = registry.create("shopping").await?;
    /// assert_eq!(registry.create("shopping").await?, shopping);
    /// # Ok(())
    /// # }
    /// ```
    #[expect(
        clippy::unused_async,
        reason = "every access to a bucket is async, so that a registry can become remote"
    )]
    pub async fn create(&self, name: &str) -> Result<Bucket<V>, CreateError> {
        let Owner { table, events, .. } = &*self.owner;
        match table.create(name) {
            // The manager is closed, but the announcer has not noticed that yet. Without delivery
            // the outbox needs no bound, so a full outbox is no reason to refuse.
            Err(CreateError::QueueFull) if events.is_closed() => {
                table.stop_delivery();
                table.create(name)
            }
            created => created,
        }
    }

    /// Returns the current bucket with this name.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// assert_eq!(registry.lookup("shopping"), None);
    /// let shopping = registry.create("shopping").await.unwrap();
    /// assert_eq!(registry.lookup("shopping"), Some(shopping));
    /// # }
    /// ```
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<Bucket<V>> {
        self.owner.table.lookup(name)
    }

    /// Returns the names of all current buckets, sorted.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// registry.create("work").await.unwrap();
    /// registry.create("shopping").await.unwrap();
    /// assert_eq!(registry.names(), ["shopping", "work"]);
    /// # }
    /// ```
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.owner.table.names()
    }

    /// Subscribes to the events delivered from now on. The next event waits until this stream has
    /// finished with the event before, so no event is missed unless the manager's default policy is
    /// lossy.
    ///
    /// The stream may begin with past events, if still queued for delivery. The call is short for
    /// `subscribe` on the registry's manager, so the stream also yields events of further
    /// publishers, such as another registry. The stream does not keep the registry alive.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let mut events = registry.events();
    /// registry.create("shopping").await.unwrap();
    /// assert_eq!(events.next().await.unwrap().name(), "shopping");
    /// # }
    /// ```
    #[track_caller]
    pub fn events(&self) -> Subscription<RegistryEvent<V>> {
        self.owner.events.subscribe()
    }

    /// Subscribes to the existing buckets, then [`Ready`](super::WatchEvent::Ready), then every
    /// later change, without gaps or duplicates. See [`Watch`].
    ///
    /// The call takes the snapshot, in time and memory proportional to the number of buckets; other
    /// calls of the registry wait meanwhile. Like [`events`](Self::events), a watch misses no event
    /// unless the manager's default policy is lossy, and does not keep the registry alive.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use genevent::kv::WatchEvent;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// registry.create("shopping").await.unwrap();
    /// let mut watch = registry.watch();
    /// registry.create("work").await.unwrap();
    ///
    /// assert_eq!(watch.next().await.unwrap().name(), Some("shopping"));
    /// assert!(matches!(watch.next().await, Some(WatchEvent::Ready)));
    /// assert_eq!(watch.next().await.unwrap().name(), Some("work"));
    /// # }
    /// ```
    #[track_caller]
    pub fn watch(&self) -> Watch<V> {
        self.watch_with(SubscribeOptions::new())
    }

    /// Subscribes like [`watch`](Self::watch), with a policy, a window or a name.
    ///
    /// With [`WaitAtMost`](crate::Overflow::WaitAtMost), a watch that does not finish with an event
    /// in time is disconnected, and the registry continues. The limit also applies while the watch
    /// yields its snapshot, as soon as the registry changes.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use genevent::{EndReason, Overflow};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let mut stuck = registry.watch_with(Overflow::WaitAtMost(Duration::from_secs(5)));
    /// registry.create("shopping").await.unwrap();
    /// registry.flush().await; // takes the five seconds
    ///
    /// assert_eq!(stuck.by_ref().count().await, 2); // `Ready`, and the unread `Created`
    /// let ended = stuck.subscription().end_reason();
    /// assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
    /// # }
    /// ```
    #[track_caller]
    pub fn watch_with(&self, options: impl Into<SubscribeOptions>) -> Watch<V> {
        let changes = self.owner.events.subscribe_with(options);
        Watch::new(changes, Arc::clone(&self.owner.table))
    }

    /// Waits until subscribers have finished with the events of all changes before the first poll.
    ///
    /// Also resolves if the events cannot be delivered: as soon as the manager is closed, or the
    /// runtime has shut down. An event delivered before the close may still be in flight then;
    /// [`EventManager::flush`](crate::EventManager::flush) waits for such an event. A pipeline or
    /// handler holding one of the events must not call `flush`, which would wait for its own
    /// caller.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use std::sync::{Arc, Mutex};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let log = seen.clone();
    /// tokio::spawn(registry.events().for_each(move |event| {
    ///     log.lock().unwrap().push(event.name().to_owned());
    ///     async {}
    /// }));
    ///
    /// registry.create("shopping").await.unwrap();
    /// registry.flush().await;
    /// assert_eq!(*seen.lock().unwrap(), ["shopping"]);
    /// # }
    /// ```
    pub async fn flush(&self) {
        let Owner {
            table,
            events,
            delivered_rx,
        } = &*self.owner;
        let last = table.enqueued();
        let mut delivered_rx = delivered_rx.clone();
        // An error means the end of the task: no more events are delivered.
        let delivered = with_guarded_waker(delivered_rx.wait_for(|count| *count >= last));
        let mut delivered = pin!(delivered);
        let mut closed = events.closed();
        let is_closed = poll_fn(|cx| match delivered.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if seeded_bug!("flush-ignores-close") => Poll::Pending,
            Poll::Pending => Pin::new(&mut closed).poll(cx).map(|()| true),
        });
        if is_closed.await {
            // The registry's task notices the close only at its next event, and until then may wait
            // for ever for the subscribers of the last event. Stop delivery here instead.
            table.stop_delivery();
        }
    }
}

impl<V> Clone for Registry<V> {
    fn clone(&self) -> Self {
        Self {
            owner: Arc::clone(&self.owner),
        }
    }
}

impl<V> fmt::Debug for Registry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("buckets", &self.owner.table.len())
            .field("events", &self.owner.events)
            .finish_non_exhaustive()
    }
}
