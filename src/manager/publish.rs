//! Publishing: the four ways, permits, `flush` and `quiet`.

use super::EventManager;
use crate::error::TryNotifyError;
use crate::future::{AckNotify, Flush, Notify, Quiet, Reserve, SyncNotify};

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Stores `event` if there is room, without waiting.
    ///
    /// Returns the number of subscribers the event was stored for,
    /// [observers](crate::SubscribeOptions::observer) included. Without subscribers the number
    /// is 0: the event takes its sequence number and is dropped, unless the manager
    /// [retains](crate::EventManagerBuilder::retain) events.
    ///
    /// Takes O(1), plus O(log subscribers) for each subscriber checked for room, at most once per
    /// window of events, plus one wake-up for each parked subscriber.
    ///
    /// # Errors
    /// [`Full`](TryNotifyError::Full) if a lossless subscriber has no room beside the permits that
    /// are out and the places granted to waiting publishers, or if publishers wait without a
    /// place, but not inside a handler of this manager: see [`notify`](Self::notify).
    /// [`Closed`](TryNotifyError::Closed) once the manager is closed. Both
    /// return the event.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, error::TryNotifyError};
    ///
    /// let manager = EventManager::new(1);
    /// assert_eq!(manager.try_notify('a'), Ok(0), "no subscribers");
    ///
    /// let reader = manager.subscribe();
    /// assert_eq!(manager.try_notify('b'), Ok(1));
    /// assert_eq!(manager.try_notify('c'), Err(TryNotifyError::Full('c')));
    /// # drop(reader);
    /// ```
    #[doc(alias = "PubSub.broadcast")]
    #[doc(alias = "tryEmit")]
    #[doc(alias = "try_broadcast")]
    #[doc(alias = "send")]
    #[inline]
    pub fn try_notify(&self, event: E) -> Result<usize, TryNotifyError<E>> {
        self.channel.try_store(event).map(|stored| {
            trace!(published(self.channel.name(), stored));
            stored.audience
        })
    }

    /// Waits until every lossless subscriber has room, then stores `event`.
    ///
    /// Returns the number of subscribers the event was stored for,
    /// [observers](crate::SubscribeOptions::observer) included; 0, at once, if there are none.
    /// As `notify` in Elixir's `GenEvent`, except that `GenEvent` queues without bound instead of
    /// waiting. The future's `within(duration)` limits the wait (feature `rt`).
    ///
    /// Waiting publishers are queued. Each free place is granted to the publisher that has waited
    /// longest, whose event is stored when its future is polled next; several publishers with a
    /// place store in the order in which they are polled. If the future is kept and not polled, its
    /// place goes to the next publisher, within some ten to twenty milliseconds if other events are
    /// unread. While places are granted, a publisher that finds room may yield once first, so that
    /// all publishers get their share.
    ///
    /// Inside a handler of this manager, the event is stored at once, even past full windows:
    /// publishers may wait for the handler itself. Publishers outside wait until all subscribers
    /// are within their windows again. A reader does the same with
    /// [`follow_up`](crate::Subscription::follow_up).
    ///
    /// The future borrows the manager. To spawn or store a publish, use
    /// [`notify_owned`](Self::notify_owned), or call `notify` inside of the spawned task, on a clone of the manager.
    ///
    /// # Errors
    /// [`NotifyError::Closed`](crate::error::NotifyError::Closed) with the event, if the manager was
    /// closed before it was stored.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: no subscriber gets the event, and the next queued
    /// publisher moves up. The event is stored in the poll that returns `Ready`, so dropping the
    /// future afterwards loses nothing either.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut reader = manager.subscribe();
    /// assert_eq!(manager.notify('a').now_or_never(), Some(Ok(1)));
    ///
    /// let mut second = manager.notify('b');
    /// assert_eq!((&mut second).now_or_never(), None, "no room yet");
    /// assert_eq!(reader.next().now_or_never(), Some(Some('a')));
    /// assert_eq!(second.now_or_never(), Some(Ok(1)));
    /// ```
    #[doc(alias = "Publish")]
    #[doc(alias = "onNext")]
    #[doc(alias = "emit")]
    #[doc(alias = "broadcast")]
    #[doc(alias = "GenEvent.notify")]
    #[inline]
    pub fn notify(&self, event: E) -> Notify<'_, E> {
        Notify::new(&self.channel, event)
    }

    /// Stores `event` and waits until every subscriber has *received* the event: until its stream
    /// has yielded the event.
    ///
    /// The set of subscribers is fixed when the event is stored; later subscribers are not waited
    /// for, and neither are [observers](crate::SubscribeOptions::observer). Without subscribers to
    /// wait for, the future resolves at once, and the receipt
    /// [`is_unheard`](crate::Receipt::is_unheard). Elixir's `ack_notify` returns when the manager
    /// process has taken the event from its mailbox.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own acknowledgement.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: no subscriber gets the event. Dropped later: all
    /// subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// let mut received = manager.ack_notify("hello");
    /// assert!((&mut received).now_or_never().is_none());
    ///
    /// let hello = reader.next().now_or_never();
    /// let receipt = received.now_or_never().unwrap().unwrap();
    /// assert_eq!((hello, receipt.acked()), (Some(Some("hello")), 1));
    /// ```
    #[doc(alias = "GenEvent.ack_notify")]
    pub fn ack_notify(&self, event: E) -> AckNotify<'_, E> {
        AckNotify::new(&self.channel, event)
    }

    /// Stores `event` and waits until every subscriber has *finished* the event.
    ///
    /// A subscriber finishes an event by polling for the next one, or by calling
    /// [`Subscription::ack`]. A subscriber that drops its stream before, with the event unread or in
    /// flight, or that is disconnected before it reads the event, does not finish: `sync_notify`
    /// stops waiting for the subscriber, and [`Receipt::unfinished`](crate::Receipt::unfinished)
    /// names it. The set of subscribers is fixed when the event is stored, and has no
    /// [observers](crate::SubscribeOptions::observer); without subscribers to wait for, the future
    /// resolves at once. As `sync_notify` in Elixir's `GenEvent`.
    ///
    /// A subscriber with an event in flight that does not poll again makes this future wait. Do not
    /// await the future in the task that reads the manager: the task would wait for itself.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own acknowledgement.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: no subscriber gets the event. Dropped later: all
    /// subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, executor::block_on, join};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut worker = manager.subscribe();
    /// let mut done = Vec::new();
    ///
    /// let receipt = block_on(async {
    ///     let work = async {
    ///         let job = worker.next().await.unwrap();
    ///         done.push(job);
    ///         worker.ack(); // or polls for the next event
    ///     };
    ///     join!(manager.sync_notify("job"), work).0.unwrap()
    /// });
    /// assert!(receipt.all_acked());
    /// assert_eq!(done, ["job"]);
    /// ```
    ///
    /// [`Subscription::ack`]: crate::Subscription::ack
    #[doc(alias = "GenEvent.sync_notify")]
    pub fn sync_notify(&self, event: E) -> SyncNotify<'_, E> {
        SyncNotify::new(&self.channel, event)
    }

    /// Waits until there is room for one event, and reserves the room.
    ///
    /// For an event that is only created once there is room, or that must be published where
    /// nothing can be awaited. The [`Permit`](crate::Permit) stores the event without waiting and
    /// cannot fail. `reserve` uses the same wait queue as [`notify`](Self::notify). At most
    /// `capacity` permits are out at once, but inside a handler of this manager each permit is given
    /// at once. The future's `within(duration)` limits the wait (feature `rt`).
    ///
    /// # Errors
    /// [`ReserveError::Closed`](crate::error::ReserveError::Closed), if the manager is closed.
    ///
    /// # Cancel safety
    /// Dropping the future reserves no room, and the next queued publisher moves up.
    ///
    /// # Examples
    /// ```
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let reader = manager.subscribe();
    /// let permit = block_on(manager.reserve()).unwrap();
    /// let event = "made only now";
    /// assert_eq!(permit.notify(event), 1);
    /// assert_eq!(reader.len(), 1);
    /// ```
    pub fn reserve(&self) -> Reserve<'_, E> {
        Reserve::new(&self.channel)
    }

    /// Waits until every event stored before the first poll is settled: finished or given up. Does not wait
    /// for [observers](crate::SubscribeOptions::observer), and does not close the manager.
    /// [`quiet`](Self::quiet) also waits for what is published meanwhile.
    ///
    /// # Memory
    /// Events are stored in segments of at most 256 neighbours, and freed by the segment. Of the
    /// events that a completed flush has waited for, manager and streams keep none in memory,
    /// except for
    /// - [retained](crate::EventManagerBuilder::retain) events;
    /// - events that a stream has yet to yield: replayed events, and the rest after a disconnect;
    /// - events that an observer has not finished when the flush begins;
    /// - the neighbours, in the same segment, of such an event, of a newer unread event, and of an
    ///   event that a stream has missed since its last poll or `ack`.
    ///
    /// Without a flush, a subscriber also keeps the last segment it has read, or the events just before it
    /// joined, until the subscriber is polled for the next event. The call that lets go of an event last
    /// drops the event. The flush does not wait for such a call on another thread, which may be about to
    /// drop the event.
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if the caller is a handler of this manager
    /// that has an event in flight.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// manager.try_notify(1).unwrap();
    ///
    /// let mut settled = manager.flush();
    /// assert!((&mut settled).now_or_never().is_none());
    /// reader.next().now_or_never();
    /// reader.ack();
    /// assert!(settled.now_or_never().is_some());
    /// ```
    ///
    /// Events that every subscriber has finished with are no longer in memory:
    /// ```
    /// use std::sync::Arc;
    ///
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// let frame = Arc::new([0; 1024]);
    /// manager.try_notify(Arc::clone(&frame)).unwrap();
    ///
    /// drop(reader.next().now_or_never());
    /// reader.ack();
    /// manager.flush().now_or_never().unwrap().unwrap();
    /// assert!(Arc::into_inner(frame).is_some(), "no other reference is left");
    /// ```
    pub fn flush(&self) -> Flush<'_, E> {
        Flush::new(&self.channel)
    }

    /// Waits until every stored event is settled and no publisher is queued, at the same moment.
    ///
    /// Unlike [`flush`](Self::flush), also waits for what is published meanwhile: by handlers, by
    /// [follow-ups](crate::Subscription::follow_up), and by anybody else. So the chain of events
    /// that an event leads to is finished as a whole. A steady stream of events keeps this future
    /// from resolving. On a closed manager, waits for the stored events. Neither permits, nor
    /// replayed events, nor [observers](crate::SubscribeOptions::observer) are waited for.
    ///
    /// Costs as much as a `flush` for each link of the longest chain.
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if the caller is a handler of this manager.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// manager.try_notify("order").unwrap();
    /// let (mut flushed, mut quiet) = (manager.flush(), manager.quiet());
    /// assert!((&mut flushed).now_or_never().is_none());
    /// assert!((&mut quiet).now_or_never().is_none());
    ///
    /// reader.next().now_or_never();
    /// reader.follow_up("shipped").unwrap();
    /// reader.ack();
    /// assert!(flushed.now_or_never().is_some(), "the order is settled");
    /// assert!((&mut quiet).now_or_never().is_none(), "what follows from it is not");
    /// reader.next().now_or_never();
    /// reader.ack();
    /// assert_eq!(quiet.now_or_never(), Some(Ok(())));
    /// ```
    pub fn quiet(&self) -> Quiet<'_, E> {
        Quiet::new(&self.channel)
    }
}
