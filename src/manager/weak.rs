//! A handle that does not keep its manager open.

use std::fmt;

use super::EventManager;
use crate::channel::Channel;
use crate::channel::handle::Handle;
use crate::util::sync::Arc;

/// A handle to an [`EventManager`] that does not keep it open.
///
/// For code publishing to a manager without owning the manager: a subscribed handler, a cache.
/// Returned by [`EventManager::downgrade`].
///
/// # Examples
/// ```
/// use genevent::EventManager;
///
/// let manager = EventManager::<u32>::new(4);
/// let weak = manager.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(manager); // the last handle: closes it
/// assert!(weak.upgrade().is_none());
/// ```
#[doc(alias = "WeakSender")]
pub struct WeakEventManager<E> {
    pub(super) channel: Arc<Channel<E>>,
}

impl<E: Send + Sync + 'static> WeakEventManager<E> {
    /// Returns the manager, or `None` if the last handle has been dropped.
    ///
    /// A manager that was [closed](EventManager::close) and still has a handle is returned.
    #[must_use]
    pub fn upgrade(&self) -> Option<EventManager<E>> {
        let channel = Handle::of(&self.channel)?;
        Some(EventManager { channel })
    }
}

impl<E> Clone for WeakEventManager<E> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<E> fmt::Debug for WeakEventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakEventManager")
            .field("name", &self.channel.name())
            .finish_non_exhaustive()
    }
}
