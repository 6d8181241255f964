//! The registry itself: what its users hold.

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

/// Buckets by name, and a stream of what happens to them.
///
/// Cheap to clone; all clones are the same registry. When the last one is dropped, its buckets
/// end as [`RegistryGone`](super::ExitReason::RegistryGone), in the order of their names; their
/// events are still delivered, and then the registry lets go of the manager.
///
/// # Order
/// What [`lookup`](Self::lookup) says is ahead of the events: a name can be looked up before its
/// `Created` is delivered, and is free before its `Exited` is. A task on the runtime delivers
/// one event at a time, in the order in which they happened, and waits until every observer has
/// finished with it. No call but [`flush`](Self::flush) waits for observers, so a pipeline or a
/// handler may call the registry and its buckets while it holds one of their events.
///
/// An observer that is slow holds up the events of all, for as long as it likes: lossless is the
/// default here as well. One that subscribed with
/// [`WaitAtMost`](crate::Overflow::WaitAtMost) has that time to finish with each event, counted
/// from its delivery, and is disconnected after it (`# Panics`: that is in the registry's task, on
/// a runtime without time). The other policies act on a full window, which the registry alone
/// never fills; the owner of the manager can
/// [disconnect](crate::EventManager::disconnect) any observer.
///
/// If the manager is closed or the runtime shuts down, the registry goes on without events.
///
/// # Names
/// Any string is a name: empty, huge, or with control characters in it, compared byte by byte.
/// `Debug` of everything here shows it quoted and escaped, so that a name cannot forge a line of a
/// log; no `Display` shows it. Whoever prints a name by itself has to escape it.
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
/// drop(registry); // ends the stream as well: nobody else holds the manager
/// assert_eq!(created.collect::<Vec<_>>().await, ["shopping", "work"]);
/// # }
/// ```
#[doc(alias = "KV.Registry")]
pub struct Registry<V> {
    owner: Arc<Owner<V>>,
}

/// What all clones share, and what ends the buckets with the last of them.
struct Owner<V> {
    table: Arc<Table<V>>,
    /// Buckets do not hold it: they wait in its line, and would keep it open.
    events: EventManager<RegistryEvent<V>>,
    delivered_rx: watch::Receiver<u64>,
}

impl<V> Drop for Owner<V> {
    fn drop(&mut self) {
        self.table.end_all();
    }
}

impl<V: Send + Sync + 'static> Registry<V> {
    /// As the builder says. The task that delivers the events begins here.
    #[track_caller]
    pub(super) fn spawn(events: EventManager<RegistryEvent<V>>, queue_capacity: usize) -> Self {
        let table = Table::new(queue_capacity);
        let (announcer, told) = Announcer::new(Arc::clone(&table), events.clone());
        spawn(announcer.run());
        Self {
            owner: Arc::new(Owner {
                table,
                events,
                delivered_rx: told,
            }),
        }
    }

    /// The bucket of this name, new if there was none.
    ///
    /// Gives it as soon as the name stands and its `Created` is in line, and never waits for
    /// observers. If there is one already, gives that, and tells nothing.
    ///
    /// # Errors
    /// [`QueueFull`](CreateError::QueueFull) if it would be new, but too many events wait to be
    /// delivered.
    ///
    /// # Cancel safety
    /// Created in its only poll; not at all if never polled.
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
    #[expect(clippy::unused_async, reason = "a registry may yet be remote")]
    pub async fn create(&self, name: &str) -> Result<Bucket<V>, CreateError> {
        let Owner { table, events, .. } = &*self.owner;
        match table.create(name) {
            // The announcer has yet to find that nobody will hear: not a reason to refuse.
            Err(CreateError::QueueFull) if events.is_closed() => {
                table.stop_delivery();
                table.create(name)
            }
            created => created,
        }
    }

    /// The bucket that this name stands for now.
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

    /// The names that stand now, sorted.
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

    /// A stream of what is delivered from now on, lossless unless the manager's default says
    /// otherwise: the next event waits until this stream has finished with the one before.
    ///
    /// It may begin with events of the past that were still in line. Short for `subscribe` on
    /// the manager that the registry was given, so it yields what others publish there as well,
    /// also another registry. Does not keep the registry alive.
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

    /// A stream of what exists, then [`Ready`](super::WatchEvent::Ready), then what changes:
    /// without gap or double. See [`Watch`].
    ///
    /// What exists is taken at the call, in time and memory in proportion to the number of
    /// buckets; other calls wait for that. Lossless unless the manager's default says otherwise, as
    /// [`events`](Self::events). Does not keep the registry alive.
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

    /// As [`watch`](Self::watch), with a policy, a window or a name of its own.
    ///
    /// With [`WaitAtMost`](crate::Overflow::WaitAtMost), a watch that does not finish with an
    /// event in time is disconnected, and the registry goes on. That holds while it reads what
    /// exists as well, as soon as something changes.
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
    /// assert_eq!(stuck.by_ref().count().await, 2); // `Ready`, and what it had not read
    /// let ended = stuck.subscription().end_reason();
    /// assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
    /// # }
    /// ```
    #[track_caller]
    pub fn watch_with(&self, options: impl Into<SubscribeOptions>) -> Watch<V> {
        let changes = self.owner.events.subscribe_with(options);
        Watch::new(changes, Arc::clone(&self.owner.table))
    }

    /// Waits until observers have finished with everything that had happened by the first poll.
    ///
    /// Resolves also if the events could not be delivered: as soon as the manager is closed, or
    /// the runtime has shut down. An event that was delivered before the manager was closed may
    /// still be in the hands of an observer then;
    /// [`EventManager::flush`](crate::EventManager::flush) waits for that one. Not for a pipeline
    /// or handler that holds one of the events: it would wait for itself.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
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
            delivered_rx: told,
        } = &*self.owner;
        let so_far = table.enqueued();
        let mut told = told.clone();
        // An error means that the task is gone: nothing will be told any more.
        let mut is_told = pin!(with_guarded_waker(told.wait_for(|told| *told >= so_far)));
        let mut closed = events.closed();
        let is_closed = poll_fn(|cx| match is_told.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if seeded_bug!("flush-ignores-close") => Poll::Pending,
            Poll::Pending => Pin::new(&mut closed).poll(cx).map(|()| true),
        });
        if is_closed.await {
            // The registry's task finds the manager closed only when it comes to the next event,
            // and until then it waits for the observers of the last one, for ever perhaps.
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
