//! The construction of a registry.

use std::fmt;
use std::marker::PhantomData;

use super::event::RegistryEvent;
use super::registry::Registry;
use crate::EventManager;

impl<V: Send + Sync + 'static> Registry<V> {
    /// Creates an empty registry, which publishes its events through `events`.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime, because the call spawns the delivery task.
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

    /// Returns a builder, which sets how many events may be queued for delivery.
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
            queue_capacity: DEFAULT_QUEUE_CAPACITY,
            values: PhantomData,
        }
    }
}

/// The default of [`RegistryBuilder::queue_capacity`], in events.
const DEFAULT_QUEUE_CAPACITY: usize = 65_536;

/// Settings of a registry, made by [`Registry::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct RegistryBuilder<V> {
    queue_capacity: usize,
    values: PhantomData<fn(V)>,
}

impl<V: Send + Sync + 'static> RegistryBuilder<V> {
    /// Sets how many events may be queued for delivery before `create` refuses: 1 or more, 65,536
    /// by default.
    ///
    /// The event in delivery does not count. Exits count and are never refused, so the queue can
    /// exceed its capacity by one event for each live bucket.
    ///
    /// # Panics
    /// Panics if `events` is 0, because no bucket could ever be created.
    #[track_caller]
    pub fn queue_capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "a registry has room for at least one event");
        self.queue_capacity = events;
        self
    }

    /// Creates an empty registry, which publishes its events through `events`.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime, because the call spawns the delivery task.
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
