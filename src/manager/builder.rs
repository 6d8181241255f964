//! Creating a manager, and its settings.

use std::fmt;
use std::marker::PhantomData;

use super::EventManager;
use crate::channel::Channel;
use crate::channel::handle::Handle;
use crate::options::Overflow;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Creates a manager whose subscribers may have up to `capacity` events unread.
    ///
    /// Memory is allocated as events arrive, not ahead; the capacity is only a bound.
    ///
    /// # Panics
    /// If `capacity` is 0: nothing could ever be stored.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<String>::new(256);
    /// assert_eq!(manager.capacity(), 256);
    /// ```
    #[doc(alias = "GenEvent.start_link")]
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// Returns a builder, for a manager with a name, a capacity or other settings.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager: EventManager<u8> = EventManager::builder().name("audit").capacity(8).build();
    /// assert_eq!(manager.name(), Some("audit"));
    /// ```
    pub fn builder() -> EventManagerBuilder<E> {
        EventManagerBuilder {
            name: None,
            capacity: DEFAULT_CAPACITY,
            default_overflow: Overflow::Wait,
            retain: 0,
            events: PhantomData,
        }
    }
}

/// Settings of a new manager: [`EventManager::builder`].
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow};
///
/// let builder = EventManager::builder().name("orders").capacity(16).retain(4);
/// let manager: EventManager<u32> = builder.default_overflow(Overflow::DropOldest).build();
/// assert_eq!((manager.name(), manager.capacity()), (Some("orders"), 16));
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct EventManagerBuilder<E> {
    name: Option<Arc<str>>,
    capacity: usize,
    default_overflow: Overflow,
    retain: usize,
    events: PhantomData<fn(E)>,
}

/// 1,024 events.
const DEFAULT_CAPACITY: usize = 1024;

impl<E: Send + Sync + 'static> EventManagerBuilder<E> {
    /// Sets a name, shown in [`stats`](EventManager::stats) and errors.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the capacity: how many events a subscriber may have unread. At least 1; 1,024 if not
    /// set.
    ///
    /// # Panics
    /// If `events` is 0: nothing could ever be stored.
    #[track_caller]
    pub fn capacity(mut self, events: usize) -> Self {
        assert!(
            events > 0,
            "an event manager has room for at least one event"
        );
        self.capacity = events;
        self
    }

    /// Sets the overflow policy of streams that set none of their own: plain, filtered, and later
    /// stages. [`Overflow::Wait`] if not set.
    ///
    /// Handlers and groups are not affected. Publishers wait for a handler whatever the default,
    /// because a handler promises to see every event.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow};
    ///
    /// let manager: EventManager<u8> = EventManager::builder()
    ///     .default_overflow(Overflow::DropOldest)
    ///     .build();
    /// let reader = manager.subscribe();
    /// assert_eq!(manager.subscribers()[0].overflow(), Overflow::DropOldest);
    /// # drop(reader);
    /// ```
    pub fn default_overflow(mut self, overflow: Overflow) -> Self {
        self.default_overflow = overflow;
        self
    }

    /// Sets how many of the newest events are retained for late subscribers, which read them with
    /// [`replay`](crate::SubscribeOptions::replay). 0 if not set.
    ///
    /// Retained events stay after all subscribers have read them, and if there was no subscriber;
    /// publishing then still returns 0 and does not wait. Retained events take no room: publishers
    /// never wait for them. Memory is allocated as events arrive. Beyond the retained events, up to
    /// half as many more (at least 128, at most 512) stay in memory for a while. Closing the
    /// manager frees all retained events, and so does [`clear_retained`](EventManager::clear_retained).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().retain(2).build();
    /// for price in [100, 101, 102] {
    ///     assert_eq!(manager.try_notify(price), Ok(0), "no subscribers");
    /// }
    /// let mut late = manager.subscribe_with(SubscribeOptions::new().replay(2));
    /// assert_eq!(late.next().now_or_never(), Some(Some(101)));
    /// ```
    #[doc(alias = "ReplaySubject")]
    #[doc(alias = "replayCache")]
    pub fn retain(mut self, events: usize) -> Self {
        self.retain = events;
        self
    }

    /// Builds the manager.
    #[must_use]
    pub fn build(self) -> EventManager<E> {
        let channel = Channel::new(self.capacity, self.default_overflow, self.name, self.retain);
        EventManager {
            channel: Handle::first(channel),
        }
    }
}

impl<E> fmt::Debug for EventManagerBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventManagerBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .field("default_overflow", &self.default_overflow)
            .field("retain", &self.retain)
            .finish()
    }
}
