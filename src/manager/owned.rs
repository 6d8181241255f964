//! Publishing by futures that borrow nothing, to be spawned or stored.

use super::EventManager;
use crate::future::{AckNotifyOwned, NotifyOwned, ReserveOwned, SyncNotifyOwned};

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Publishes as [`notify`](Self::notify) does, by a future that borrows nothing: it can be spawned,
    /// and stored in a struct.
    ///
    /// The future is as lazy as the borrowed one. It is a handle of the manager: until the future is
    /// dropped, the manager stays open, as it does for a clone.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// As [`notify`](Self::notify): dropped before the event is stored, no subscriber gets the event.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(1);
    /// let mut reader = manager.subscribe();
    /// manager.notify("first").await.unwrap();
    /// let second = tokio::spawn(manager.notify_owned("second"));
    /// drop(manager); // the task still has a handle
    ///
    /// assert_eq!(reader.next().await, Some("first"));
    /// assert_eq!(second.await.unwrap(), Ok(1));
    /// assert_eq!(reader.next().await, Some("second"));
    /// assert_eq!(reader.next().await, None, "the last handle is dropped");
    /// # }
    /// ```
    pub fn notify_owned(&self, event: E) -> NotifyOwned<E> {
        NotifyOwned::new(self.channel.clone(), event)
    }

    /// Publishes as [`ack_notify`](Self::ack_notify) does, by a future that borrows nothing.
    ///
    /// Until the future is dropped, the manager stays open, as it does for a clone.
    ///
    /// # Errors
    /// As [`ack_notify`](Self::ack_notify).
    ///
    /// # Cancel safety
    /// As [`ack_notify`](Self::ack_notify): dropped before the event is stored, no subscriber gets the
    /// event. Dropped later, all subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// let received = tokio::spawn(manager.ack_notify_owned("hello"));
    /// assert_eq!(reader.next().await, Some("hello"));
    /// assert_eq!(received.await.unwrap().unwrap().acked(), 1);
    /// # }
    /// ```
    pub fn ack_notify_owned(&self, event: E) -> AckNotifyOwned<E> {
        AckNotifyOwned::new(self.channel.clone(), event)
    }

    /// Publishes as [`sync_notify`](Self::sync_notify) does, by a future that borrows nothing.
    ///
    /// Until the future is dropped, the manager stays open, as it does for a clone.
    ///
    /// # Errors
    /// As [`sync_notify`](Self::sync_notify).
    ///
    /// # Cancel safety
    /// As [`sync_notify`](Self::sync_notify): dropped before the event is stored, no subscriber gets the
    /// event. Dropped later, all subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// An actor that publishes what its commands lead to, and goes on with the next command while
    /// subscribers work. Its publishing futures are a field, beside the manager that they come from:
    /// ```
    /// use futures::{StreamExt, stream::FuturesUnordered};
    /// use genevent::{EventManager, future::SyncNotifyOwned};
    /// use tokio::sync::mpsc;
    ///
    /// struct Shop {
    ///     commands: mpsc::Receiver<u32>,
    ///     events: EventManager<u32>,
    ///     unfinished: FuturesUnordered<SyncNotifyOwned<u32>>,
    ///     finished: usize,
    /// }
    ///
    /// impl Shop {
    ///     async fn run(mut self) -> usize {
    ///         loop {
    ///             tokio::select! {
    ///                 Some(order) = self.commands.recv() => {
    ///                     self.unfinished.push(self.events.sync_notify_owned(order));
    ///                 }
    ///                 Some(receipt) = self.unfinished.next() => {
    ///                     self.finished += receipt.unwrap().acked();
    ///                 }
    ///                 else => return self.finished,
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (orders, commands) = mpsc::channel(8);
    /// let events = EventManager::new(8);
    /// let mut kitchen = events.subscribe();
    /// let cooking = tokio::spawn(async move { while kitchen.next().await.is_some() {} });
    ///
    /// let (unfinished, finished) = (FuturesUnordered::new(), 0);
    /// let shop = tokio::spawn(Shop { commands, events, unfinished, finished }.run());
    /// for order in 1..=20 {
    ///     orders.send(order).await.unwrap();
    /// }
    /// drop(orders);
    /// assert_eq!(shop.await.unwrap(), 20);
    /// # cooking.await.unwrap();
    /// # }
    /// ```
    pub fn sync_notify_owned(&self, event: E) -> SyncNotifyOwned<E> {
        SyncNotifyOwned::new(self.channel.clone(), event)
    }

    /// Reserves room as [`reserve`](Self::reserve) does, by a future that borrows nothing.
    ///
    /// Until the future is dropped, the manager stays open, as it does for a clone. A permit alone does
    /// not keep the manager open, but it still delivers after the end: see [`Permit`](crate::Permit).
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    ///
    /// # Cancel safety
    /// As [`reserve`](Self::reserve): dropping the future reserves no room.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(1);
    /// let mut reader = manager.subscribe();
    /// let reserving = tokio::spawn(manager.reserve_owned());
    /// let permit = reserving.await.unwrap().unwrap();
    /// assert_eq!(permit.notify("made only now"), 1);
    /// assert_eq!(reader.next().await, Some("made only now"));
    /// # }
    /// ```
    pub fn reserve_owned(&self) -> ReserveOwned<E> {
        ReserveOwned::new(self.channel.clone())
    }
}
