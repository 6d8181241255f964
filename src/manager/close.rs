//! Closing a manager, and waiting for its end.

use super::EventManager;
use crate::future::{Closed, Stop};

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Closes the manager: no more events are stored. Never waits, and may be called again.
    ///
    /// Later publishers get `Closed` with their event, as do publishers waiting for room.
    /// Subscribers read the stored events, then their streams end.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(2);
    /// let mut reader = manager.subscribe();
    /// manager.try_notify(1).unwrap();
    /// manager.close();
    /// assert!(manager.try_notify(2).is_err());
    /// assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    /// assert_eq!(reader.next().now_or_never(), Some(None));
    /// ```
    #[doc(alias = "complete")]
    pub fn close(&self) {
        self.channel.close();
    }

    /// [Closes](Self::close) the manager, and waits until every stored event is settled, every
    /// [`Permit`](crate::Permit) is used or dropped, and every handler has ended.
    /// [Observers](crate::SubscribeOptions::observer) are not waited for.
    ///
    /// As `GenEvent.stop`, except that nothing else is waited for. A stuck subscriber keeps this
    /// future from resolving, but not the manager from closing; [`disconnect`](Self::disconnect)
    /// ends such a subscriber.
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if a handler of this manager calls `stop`;
    /// the manager then stays open.
    ///
    /// # Cancel safety
    /// The first poll closes the manager, even if the future is dropped afterwards.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, executor::block_on, join};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// manager.try_notify("last words").unwrap();
    ///
    /// let (read, stopped) = block_on(async {
    ///     join!(reader.collect::<Vec<_>>(), manager.stop())
    /// });
    /// assert_eq!((read, stopped), (vec!["last words"], Ok(())));
    /// assert!(manager.is_closed());
    /// ```
    #[doc(alias = "GenEvent.stop")]
    pub fn stop(&self) -> Stop<'_, E> {
        Stop::new(&self.channel)
    }

    /// [Closes](Self::close) the manager, aborts every handler, disconnects every subscriber, and
    /// waits for nothing.
    ///
    /// Unread events count as dropped in the receipts at once, and the event in flight of a handler
    /// once the handler has ended. The event in flight of a stream is still owed by its reader. Streams
    /// still yield the events they had not read. The handlers' `terminate` is called with
    /// `StopReason::Aborted`; [`stop`](Self::stop) waits for the end of the handlers.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut stuck = manager.subscribe();
    /// let mut saved = manager.sync_notify("save");
    /// assert!((&mut saved).now_or_never().is_none());
    ///
    /// manager.stop_now();
    /// let receipt = saved.now_or_never().unwrap().unwrap();
    /// assert_eq!(receipt.unfinished()[0].id(), stuck.id());
    /// assert_eq!(stuck.next().now_or_never(), Some(Some("save")));
    /// assert_eq!(stuck.next().now_or_never(), Some(None));
    /// ```
    pub fn stop_now(&self) {
        self.channel.stop_now();
    }

    /// Frees the events that the manager has [retained](crate::EventManagerBuilder::retain) so far: later
    /// subscribers do not [replay](crate::SubscribeOptions::replay) them.
    ///
    /// Nothing is lost for present subscribers: events that they have yet to read, replayed events
    /// included, stay stored until they are read. The manager goes on to retain the events published
    /// from now on. Events that are no longer retained count as missed for
    /// [`replay_since`](crate::SubscribeOptions::replay_since). Nothing happens on a manager that retains
    /// nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().retain(10).build();
    /// manager.try_notify("secret").unwrap();
    /// manager.clear_retained();
    /// manager.try_notify("public").unwrap();
    /// let late = manager.subscribe_with(SubscribeOptions::new().replay_since(0));
    /// assert_eq!((late.len(), late.missed()), (1, 1));
    /// ```
    pub fn clear_retained(&self) {
        self.channel.clear_retained();
    }

    /// Waits until the manager is closed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let other = manager.clone();
    /// let mut closed = manager.closed();
    /// assert!((&mut closed).now_or_never().is_none());
    /// other.close();
    /// assert!(closed.now_or_never().is_some());
    /// ```
    pub fn closed(&self) -> Closed<'_, E> {
        Closed::new(&self.channel)
    }

    /// Returns whether the manager is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }
}
