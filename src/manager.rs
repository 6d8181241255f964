//! The event manager: publish, subscribe, close.

use std::fmt;

use crate::channel::Channel;
use crate::channel::handle::Handle;
use crate::util::sync::Arc;

// Declared in the order in which rustdoc lists the methods.
mod builder;

mod publish;

mod owned;

mod subscribe;

mod inspect;

mod close;

mod weak;

pub use builder::EventManagerBuilder;
pub use weak::WeakEventManager;

/// Delivers every event to every subscriber, through one bounded sequence.
///
/// Cloning is cheap, and all clones are handles of the same manager. When the last handle is
/// dropped, the manager is [closed](Self::close): subscribers read the stored events, then their
/// streams end. A [`WeakEventManager`] does not keep the manager open.
///
/// # Four ways to publish
/// Each call waits for more than the previous row:
///
/// | call | returns when |
/// |---|---|
/// | [`try_notify`](Self::try_notify) | at once, stored or not |
/// | [`notify`](Self::notify) | the event is stored: every lossless subscriber had room |
/// | [`ack_notify`](Self::ack_notify) | every subscriber has received it |
/// | [`sync_notify`](Self::sync_notify) | every subscriber has finished with it |
///
/// Inside a handler, the first two store the event at once, also past full windows. So do
/// [`Subscription::follow_up`](crate::Subscription::follow_up) and
/// [`Delivery::follow_up`](crate::Delivery::follow_up), by which a reader publishes what follows
/// from an event.
///
/// # Order
/// Events are numbered from 1 in one sequence. Every subscriber sees the events in this order, each
/// event at most once, and without gaps unless the subscriber's own [`Overflow`](crate::Overflow)
/// policy allows gaps. A place that becomes free is granted to the publisher that has waited longest,
/// for all methods alike, and the event is stored when the publisher is polled. A queued future
/// that is not polled delays no other publisher.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on, join};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(64);
/// let mut orders = manager.subscribe();
///
/// let (receipt, read) = block_on(async {
///     join!(manager.sync_notify("order 1"), async {
///         let order = orders.next().await;
///         orders.ack(); // done with it
///         order
///     })
/// });
/// assert_eq!(read, Some("order 1"));
/// assert_eq!(receipt.unwrap().acked(), 1);
/// ```
#[doc(alias = "Subject")]
#[doc(alias = "GenEvent")]
#[doc(alias = "gen_event")]
pub struct EventManager<E> {
    channel: Handle<E>,
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Returns a handle that does not keep the manager open.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<u8>::default();
    /// let weak = manager.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(manager);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakEventManager<E> {
        let channel = Arc::clone(&self.channel);
        WeakEventManager { channel }
    }

    /// Returns whether `other` is a handle of the same manager.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<u8>::new(4);
    /// assert!(manager.same_manager(&manager.clone()));
    /// assert!(!manager.same_manager(&EventManager::new(4)));
    /// ```
    #[doc(alias = "same_channel")]
    #[must_use]
    pub fn same_manager(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    /// Returns the capacity: the most events a subscriber may have unread.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.channel.capacity()
    }

    /// Returns the name given to the [builder](Self::builder).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.channel.name()
    }
}

impl<E: Send + Sync + 'static> Default for EventManager<E> {
    /// Creates a manager with a capacity of 1,024 events.
    fn default() -> Self {
        Self::builder().build()
    }
}

impl<E> EventManager<E> {
    pub(crate) fn channel(&self) -> &Arc<Channel<E>> {
        &self.channel
    }
}

impl<E> Clone for EventManager<E> {
    fn clone(&self) -> Self {
        Self {
            channel: self.channel.clone(),
        }
    }
}

impl<E> fmt::Debug for EventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventManager")
            .field("name", &self.channel.name())
            .field("capacity", &self.channel.capacity())
            .field("subscribers", &self.channel.subscriber_count())
            .field("closed", &self.channel.is_closed())
            .finish_non_exhaustive()
    }
}
