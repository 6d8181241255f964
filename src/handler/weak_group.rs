//! A handle that does not keep its group.

use std::fmt;
use std::sync::Weak;

use super::group::{HandlerGroup, Shared};
use crate::util::sync::Arc;

/// A handle that does not keep its group, made by [`HandlerGroup::downgrade`].
///
/// # Examples
/// ```
/// use genevent::EventManager;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let group = manager.handler_group("metrics").unwrap();
/// let weak = group.downgrade();
/// assert_eq!(weak.upgrade().unwrap().name(), "metrics");
/// drop(group);
/// assert!(weak.upgrade().is_none());
/// # }
/// ```
pub struct WeakHandlerGroup<E> {
    shared: Weak<Shared<E>>,
}

impl<E> HandlerGroup<E> {
    /// Returns a handle that does not keep the group: for a handler of the group itself.
    ///
    /// # Examples
    /// A handler that removes another handler of its group, after the current event:
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<bool>::new(8);
    /// let group = manager.handler_group("switch").unwrap();
    /// let weak = group.downgrade();
    /// group.add_handler("off", move |off: &bool| {
    ///     let (weak, off) = (weak.clone(), *off);
    ///     async move {
    ///         if let Some(group) = weak.upgrade().filter(|_| off) {
    ///             assert!(group.remove_handler("light").await);
    ///         }
    ///     }
    /// }).unwrap();
    /// group.add_handler("light", |_: &bool| async {}).unwrap();
    /// assert_eq!(manager.sync_notify(true).await.unwrap().acked(), 2);
    /// assert_eq!(manager.sync_notify(false).await.unwrap().acked(), 1);
    /// assert_eq!(group.which_handlers(), ["off"]);
    /// # }
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakHandlerGroup<E> {
        WeakHandlerGroup {
            shared: Arc::downgrade(&self.shared),
        }
    }
}

impl<E> WeakHandlerGroup<E> {
    /// Returns a handle of the group, or `None` if the last handle was dropped. The handlers of such a group
    /// may still run.
    ///
    /// # Examples
    /// As [`WeakHandlerGroup`]:
    /// ```
    /// # use genevent::EventManager;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// let again = group.downgrade().upgrade().unwrap();
    /// drop(group);
    /// assert_eq!(manager.which_handlers(), [again.name()]);
    /// # }
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<HandlerGroup<E>> {
        let shared = self.shared.upgrade()?;
        Some(HandlerGroup { shared })
    }
}

impl<E> Clone for WeakHandlerGroup<E> {
    fn clone(&self) -> Self {
        Self {
            shared: Weak::clone(&self.shared),
        }
    }
}

impl<E> fmt::Debug for WeakHandlerGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.upgrade();
        f.debug_struct("WeakHandlerGroup")
            .field("name", &group.as_ref().map(HandlerGroup::name))
            .finish_non_exhaustive()
    }
}
