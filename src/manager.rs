//! The event manager: publish, subscribe, close.

use std::fmt;

use crate::channel::Channel;
use crate::util::sync::Arc;

// In the order in which the docs of the manager show what is in them.
mod builder;

mod publish;

mod subscribe;

mod inspect;

mod close;

mod weak;

pub use builder::EventManagerBuilder;
pub use weak::WeakEventManager;

/// Hands every event to every subscriber: one bounded sequence, read by each at its own pace.
///
/// Cheap to clone; all clones are the same manager. When the last one is dropped, the manager
/// is [closed](Self::close): subscribers read what is stored, then their streams end. A
/// [`WeakEventManager`] does not keep it open.
///
/// # The ladder
/// Four ways to publish; each waits for more than the one before:
///
/// | call | returns when |
/// |---|---|
/// | [`try_notify`](Self::try_notify) | at once, stored or not |
/// | [`notify`](Self::notify) | the event is stored: every waiting subscriber had room |
/// | [`ack_notify`](Self::ack_notify) | every subscriber has received it |
/// | [`sync_notify`](Self::sync_notify) | every subscriber has finished with it |
///
/// # Order
/// Events are numbered from 1 in one sequence. Every subscriber sees them in that order, each
/// at most once, and without gaps unless its own [`Overflow`](crate::Overflow) policy says so.
/// Publishers that wait for room stand in one line, first come, first served, whichever call
/// they made. A future in that line that is neither polled nor dropped holds up all behind it.
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
#[doc(alias = "GenEvent")]
#[doc(alias = "gen_event")]
pub struct EventManager<E> {
    channel: Arc<Channel<E>>,
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// A handle that does not keep the manager open.
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
        WeakEventManager::new(Arc::clone(&self.channel))
    }

    /// How many events a subscriber may have unread, at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.channel.capacity()
    }

    /// The name it was [built](Self::builder) with, for people to read.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.channel.name()
    }
}

impl<E: Send + Sync + 'static> Default for EventManager<E> {
    /// A manager with a capacity of 1,024 events.
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
        let retained = self.channel.retain();
        debug_assert!(retained, "a manager that exists is not the last");
        Self {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<E> Drop for EventManager<E> {
    fn drop(&mut self) {
        self.channel.release();
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
