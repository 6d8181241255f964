//! How a subscription behaves when its reader is slow.

use std::sync::Arc;

/// What happens to a subscriber whose unread events fill its window.
///
/// A policy acts only when an event is really stored: a [`try_notify`] that answers `Full`, or a
/// publisher that is cancelled while it waits, harms nobody.
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow};
///
/// let manager = EventManager::new(2);
/// let lossy = manager.subscribe_with(Overflow::DropOldest);
/// for n in 1..=5 {
///     manager.try_notify(n).expect("a lossy subscriber never makes anybody wait");
/// }
/// assert_eq!(lossy.missed(), 3);
/// assert_eq!(lossy.pending(), 2);
/// ```
///
/// [`try_notify`]: crate::EventManager::try_notify
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// Publishers wait for it. Nothing is lost. The default.
    #[default]
    Wait,
    /// It loses its oldest unread events; [`Subscription::missed`] counts them and
    /// [`Subscription::with_missed`] shows where. For readers that want what is new:
    /// displays, metrics.
    ///
    /// [`Subscription::missed`]: crate::Subscription::missed
    /// [`Subscription::with_missed`]: crate::Subscription::with_missed
    DropOldest,
    /// It is disconnected: it no longer counts, still yields what it had not read, and then
    /// ends with [`EndReason::Disconnected`]. For readers that must see all or start anew:
    /// replicas, caches.
    ///
    /// [`EndReason::Disconnected`]: crate::EndReason::Disconnected
    Disconnect,
}

/// Settings of a subscription, for [`EventManager::subscribe_with`].
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow, SubscribeOptions};
///
/// let manager = EventManager::<u32>::new(64);
/// let screen = manager.subscribe_with(
///     SubscribeOptions::new()
///         .name("screen")
///         .overflow(Overflow::DropOldest)
///         .window(8),
/// );
/// let info = &manager.subscribers()[0];
/// assert_eq!((info.name(), info.window()), (Some("screen"), 8));
/// # drop(screen);
/// ```
///
/// [`EventManager::subscribe_with`]: crate::EventManager::subscribe_with
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are given to `subscribe_with`"]
pub struct SubscribeOptions {
    pub(crate) overflow: Overflow,
    pub(crate) window: Option<usize>,
    pub(crate) name: Option<Arc<str>>,
}

impl SubscribeOptions {
    /// Lossless, the whole capacity as the window, no name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What happens when the window is full. [`Overflow::Wait`] if not set.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How many events may be unread before the overflow policy acts: 1 up to the manager's
    /// capacity, which is also the default; more than the capacity means the capacity.
    ///
    /// # Panics
    /// If `events` is 0: such a subscriber could never be given anything.
    #[track_caller]
    pub fn window(mut self, events: usize) -> Self {
        assert!(events > 0, "a window holds at least one event");
        self.window = Some(events);
        self
    }

    /// A name for people to read, in [`EventManager::subscribers`]. It need not be unique.
    ///
    /// [`EventManager::subscribers`]: crate::EventManager::subscribers
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl From<Overflow> for SubscribeOptions {
    fn from(overflow: Overflow) -> Self {
        Self::new().overflow(overflow)
    }
}
