//! Reading a filtered subscription without a trait in scope.

use super::Filtered;
use crate::error::TryNextError;
use crate::future::Next;
use crate::subscription::try_event;

impl<T: Send + 'static> Filtered<T> {
    /// Waits for the next item, as [`Subscription::next`](crate::Subscription::next).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the item stays unread.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(4);
    /// let mut even = manager.subscribe_filter(|n| n % 2 == 0);
    /// manager.notify(1).await.unwrap();
    /// manager.notify(2).await.unwrap();
    /// assert_eq!(even.next().await, Some(2));
    /// # }
    /// ```
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the `next` of a stream, as everybody knows it"
    )]
    pub fn next(&mut self) -> Next<'_, Self> {
        Next::new(self)
    }

    /// Returns the next item if there is one to read now, as
    /// [`Subscription::try_next`](crate::Subscription::try_next).
    ///
    /// # Errors
    /// [`TryNextError`]: `Empty`, if there is nothing to read yet; `Ended`, once the stream has ended.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, error::TryNextError};
    ///
    /// let manager = EventManager::new(4);
    /// let mut even = manager.subscribe_filter(|n| n % 2 == 0);
    /// manager.try_notify(1).unwrap();
    /// assert_eq!(even.try_next(), Err(TryNextError::Empty));
    /// manager.try_notify(2).unwrap();
    /// assert_eq!((even.try_next(), even.seq()), (Ok(2), 2));
    /// ```
    pub fn try_next(&mut self) -> Result<T, TryNextError> {
        try_event(self)
    }
}

impl<T> Filtered<T> {
    /// Returns the number of the last event that the stream has yielded, as
    /// [`Subscription::seq`](crate::Subscription::seq); 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.last_seq
    }
}
