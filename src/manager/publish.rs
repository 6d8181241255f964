//! The ladder: four ways to publish, and what goes with them.

use super::EventManager;
use crate::error::TryNotifyError;
use crate::future::{AckNotify, Flush, Notify, Reserve, SyncNotify};
use crate::sink::{EventSink, SyncSink};

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Stores `event` if that needs no waiting.
    ///
    /// Gives the number of subscribers that it was stored for. With none, that is 0: the event
    /// takes its number in the sequence and is gone, unless the manager
    /// [retains](crate::EventManagerBuilder::retain) it.
    ///
    /// Takes O(1) while no subscriber has been left unlooked at for a whole window of events, and
    /// O(log subscribers) for each that has; waking costs one call for each that sleeps.
    ///
    /// # Errors
    /// [`Full`](TryNotifyError::Full) if a lossless subscriber has no room for it, or if
    /// publishers that came earlier still wait; [`Closed`](TryNotifyError::Closed) once the
    /// manager is closed. Both give the event back.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, error::TryNotifyError};
    ///
    /// let manager = EventManager::new(1);
    /// assert_eq!(manager.try_notify('a'), Ok(0), "nobody listens");
    ///
    /// let reader = manager.subscribe();
    /// assert_eq!(manager.try_notify('b'), Ok(1));
    /// assert_eq!(manager.try_notify('c'), Err(TryNotifyError::Full('c')));
    /// # drop(reader);
    /// ```
    #[inline]
    pub fn try_notify(&self, event: E) -> Result<usize, TryNotifyError<E>> {
        self.channel.try_store(event).map(|stored| {
            trace!(published(self.channel.name(), stored));
            stored.audience
        })
    }

    /// Stores `event` once every waiting subscriber has room for it.
    ///
    /// Gives the number of subscribers that it was stored for; 0, at once, if there are none.
    /// As `notify` in Elixir's `GenEvent`, except that it waits where that would queue without
    /// bound.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager waits for room
    /// that it would have to make itself: its unread events, and permits that it was given, fill its
    /// window. For room that permits of other tasks hold, a handler waits as everybody.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody, and the place in line passes to
    /// the next publisher. It is stored in the poll that returns `Ready`, so nothing is lost
    /// after it either.
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
    #[doc(alias = "GenEvent.notify")]
    #[inline]
    pub fn notify(&self, event: E) -> Notify<'_, E> {
        Notify::new(&self.channel, event)
    }

    /// Stores `event` and waits until every subscriber has *received* it: its stream has
    /// yielded it.
    ///
    /// Who is waited for is fixed when the event is stored; whoever subscribes later does not
    /// count. With no subscribers the receipt is at hand at once, and
    /// [`is_unheard`](crate::Receipt::is_unheard). Elixir's `ack_notify` answers when the
    /// manager takes the event up; this one knows more.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own answer.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody. Later: delivered to all, only
    /// the receipt is lost. Never to some.
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

    /// Stores `event` and waits until every subscriber has *finished* with it.
    ///
    /// A subscriber has finished when it comes back for the next event, calls
    /// [`Subscription::ack`], or drops its stream. One that ends otherwise (leaves with the
    /// event unread, panics over it, is disconnected) is not waited for, and
    /// [`Receipt::dropped_by`](crate::Receipt::dropped_by) names it. Who is waited for is fixed
    /// when the event is stored; with no subscribers the receipt is at hand at once. As
    /// `sync_notify` in Elixir's `GenEvent`.
    ///
    /// A subscriber that holds an event and does not come back makes this wait. Do not await
    /// it from the task that reads: it would wait for itself.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own answer.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody. Later: delivered to all, only
    /// the receipt is lost. Never to some.
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
    ///         drop(worker); // finished with it, and with everything
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

    /// Waits until there is room for one event, and holds it.
    ///
    /// For an event that is only made once it can be sent, or must be sent where nothing can be
    /// awaited. The [`Permit`](crate::Permit) stores it without waiting and cannot fail. Stands in the same line
    /// as [`notify`](Self::notify). At most `capacity` permits are out at once.
    ///
    /// # Errors
    /// [`ReserveError`](crate::error::ReserveError): `Closed`, if the manager is closed;
    /// `WouldDeadlock`, as in [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// Dropping it holds no room, and passes the place in line on.
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

    /// A sink whose items are published, for the end of a pipeline.
    ///
    /// # Examples
    /// ```
    /// use futures::{SinkExt, executor::block_on};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// block_on(manager.sink().send("sent")).unwrap();
    /// assert_eq!(reader.len(), 1);
    /// ```
    pub fn sink(&self) -> EventSink<E> {
        EventSink::new(self.clone())
    }

    /// A sink that is flushed when every subscriber has finished with what was sent.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, SinkExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// let mut sink = manager.sync_sink();
    /// let mut sent = sink.send("sent");
    /// assert!((&mut sent).now_or_never().is_none());
    /// drop(reader);
    /// assert!(sent.now_or_never().is_some());
    /// ```
    pub fn sync_sink(&self) -> SyncSink<E> {
        SyncSink::new(self.clone())
    }

    /// Waits until every event stored before the first poll is settled: finished with, or
    /// dropped by whoever did not. Closes nothing.
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if a handler of this manager asks, which
    /// has an event in hand itself.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
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
    pub fn flush(&self) -> Flush<'_, E> {
        Flush::new(&self.channel)
    }
}
