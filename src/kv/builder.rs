//! How a registry comes to be.

use std::fmt;
use std::marker::PhantomData;

use super::event::RegistryEvent;
use super::registry::Registry;
use crate::EventManager;

impl<V: Send + Sync + 'static> Registry<V> {
    /// An empty registry that tells its events to this manager.
    ///
    /// # Panics
    /// Outside of a tokio runtime: it spawns the task that delivers them.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    /// use genevent::kv::{Registry, RegistryEvent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let events = EventManager::<RegistryEvent<String>>::new(16);
    /// let registry = Registry::new(events.clone());
    /// assert!(registry.names().is_empty());
    /// # }
    /// ```
    #[doc(alias = "start_link")]
    #[track_caller]
    #[must_use]
    pub fn new(events: EventManager<RegistryEvent<V>>) -> Self {
        Self::builder().build(events)
    }

    /// A registry to be set up further: how many events may wait.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    /// use genevent::kv::Registry;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let registry = Registry::<u8>::builder()
    ///     .queue_capacity(1_000)
    ///     .build(EventManager::default());
    /// assert!(registry.create("shopping").await.is_ok());
    /// # }
    /// ```
    pub fn builder() -> RegistryBuilder<V> {
        RegistryBuilder {
            queue_capacity: DEFAULT_LINE_CAPACITY,
            values: PhantomData,
        }
    }
}

/// 65,536 events.
const DEFAULT_LINE_CAPACITY: usize = 65_536;

/// Settings of a registry to be: [`Registry::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct RegistryBuilder<V> {
    queue_capacity: usize,
    values: PhantomData<fn(V)>,
}

impl<V: Send + Sync + 'static> RegistryBuilder<V> {
    /// How many events may wait to be delivered before `create` refuses: 1 or more, 65,536 if
    /// not set.
    ///
    /// The one that is being delivered does not count. Exits count and are never refused, so
    /// the line may be longer by one event for each bucket alive.
    ///
    /// # Panics
    /// If `events` is 0: no bucket could ever be created.
    #[track_caller]
    pub fn queue_capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "a registry has room for at least one event");
        self.queue_capacity = events;
        self
    }

    /// The registry, which tells its events to this manager.
    ///
    /// # Panics
    /// Outside of a tokio runtime: it spawns the task that delivers them.
    #[track_caller]
    #[must_use]
    pub fn build(self, events: EventManager<RegistryEvent<V>>) -> Registry<V> {
        Registry::spawn(events, self.queue_capacity)
    }
}

impl<V> fmt::Debug for RegistryBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("queue_capacity", &self.queue_capacity)
            .finish()
    }
}
