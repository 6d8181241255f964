//! Subscribing, and ending a subscription from outside.

use std::panic::Location;

use super::EventManager;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::subscription::Subscription;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// A stream of the events published from now on.
    ///
    /// The stream follows the manager's [`default_overflow`], which is
    /// [`Overflow::Wait`](crate::Overflow::Wait) if the builder was not told otherwise: then the
    /// stream yields every event, and publishers wait for the stream. With another default, the
    /// stream may lose events or be disconnected; `subscribe_with(Overflow::Wait)` is lossless
    /// whatever the default.
    ///
    /// It takes effect at the call, not at the first poll, so nothing in between is missed
    /// (Elixir's `GenEvent.stream` subscribes when it is enumerated). On a closed manager: a
    /// stream that has ended. To begin with events that came before:
    /// [`replay`](SubscribeOptions::replay).
    ///
    /// # An event that cannot be cloned
    /// The stream claims an event and then clones it. A panic of `Clone` loses nothing: the next poll
    /// clones the same event again. A stream whose next event always panics in `Clone` therefore
    /// never gets past that event: every poll panics, and publishers wait once the window is full
    /// of the events after it. Dropping the stream is the way out for the reader.
    /// [`disconnect`](Self::disconnect) is the way out for publishers; the disconnected stream still
    /// stops at that event. Handlers and [`subscribe_filter_map`](Self::subscribe_filter_map) borrow events and
    /// clone none.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// manager.try_notify("before").unwrap();
    /// let mut reader = manager.subscribe();
    /// manager.try_notify("after").unwrap();
    /// assert_eq!(reader.next().now_or_never(), Some(Some("after")));
    ///
    /// manager.close();
    /// let mut late = manager.subscribe();
    /// assert_eq!(late.next().now_or_never(), Some(None));
    /// ```
    ///
    /// With another default, and lossless all the same:
    ///
    /// ```
    /// use genevent::{EventManager, Overflow};
    ///
    /// let builder = EventManager::builder().capacity(1);
    /// let manager = builder.default_overflow(Overflow::DropOldest).build();
    /// let lossy = manager.subscribe();
    /// assert_eq!((manager.try_notify(1), manager.try_notify(2)), (Ok(1), Ok(1)));
    /// assert_eq!(lossy.missed(), 1);
    ///
    /// let lossless = manager.subscribe_with(Overflow::Wait);
    /// assert_eq!(manager.try_notify(3), Ok(2));
    /// assert!(manager.try_notify(4).is_err(), "the lossless one has no room");
    /// # drop(lossless);
    /// ```
    ///
    /// [`default_overflow`]: crate::EventManagerBuilder::default_overflow
    #[doc(alias = "GenEvent.stream")]
    #[track_caller]
    pub fn subscribe(&self) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new())
    }

    /// A stream with a policy, a window or a name of its own.
    ///
    /// Takes [`SubscribeOptions`], or an [`Overflow`](crate::Overflow) alone.
    ///
    /// # Panics
    /// If it is to come [after](SubscribeOptions::after) a subscription of another manager.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow, SubscribeOptions};
    ///
    /// let manager = EventManager::new(1_000);
    /// let log = manager.subscribe_with(SubscribeOptions::new().name("log").window(2));
    /// let metrics = manager.subscribe_with(Overflow::DropOldest);
    /// manager.try_notify(1).unwrap();
    /// manager.try_notify(2).unwrap();
    /// assert!(manager.try_notify(3).is_err(), "the log's window is full");
    /// # drop((log, metrics));
    /// ```
    #[track_caller]
    pub fn subscribe_with(&self, options: impl Into<SubscribeOptions>) -> Subscription<E> {
        let options = options.into();
        assert!(
            self.channel.owns(&options.after),
            "a subscription comes after others of its own manager"
        );
        Subscription::new(Arc::clone(&self.channel), options, Location::caller())
    }

    /// A stream that is the next stage after `other`: it sees an event only once `other` has settled
    /// it and all before.
    ///
    /// As the stages of a Disruptor's graph, but they may come and go at any time. A stage is a
    /// subscriber with the policy of [`subscribe`](Self::subscribe). With
    /// [`Overflow::Wait`](crate::Overflow::Wait), publishers wait for the room of the stage, which
    /// what it may not see yet takes up as well, and `sync_notify` waits for both. Settled is what `other` has finished with,
    /// given up, or lost to newer events; of an `other` that yields deliveries, each must be
    /// answered for. Once `other` has left, nothing is waited for but deliveries that are out; one
    /// that is disconnected is waited for while it has an event in hand.
    ///
    /// What it may not see yet counts against it as every unread event: with
    /// [`Overflow::WaitAtMost`](crate::Overflow) or `Disconnect`, a stage is disconnected for the
    /// slowness of `other`; with `DropOldest`, it loses events for that. To disconnect the stage
    /// releases publishers; to disconnect an `other` that is stuck with an event in hand does not.
    ///
    /// A stage that has read everything is woken by a new event as every subscriber is, and once
    /// more when it may see it. What is [replayed](SubscribeOptions::replay), and what it still
    /// yields after it was disconnected, does not wait. There can be no cycle: who is waited for
    /// came first. With options of its own, or after several: [`SubscribeOptions::after`].
    ///
    /// Do not read both in one task so that one waits for the other (`zip`): page
    /// [`deadlocks`](crate::deadlocks).
    ///
    /// # Panics
    /// If `other` is a subscription of another manager.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut journal = manager.subscribe();
    /// let mut business = manager.subscribe_after(&journal);
    ///
    /// manager.try_notify("order").unwrap();
    /// assert_eq!(business.next().now_or_never(), None);
    /// assert_eq!(journal.next().now_or_never(), Some(Some("order")));
    /// assert_eq!(business.next().now_or_never(), None, "the journal has it in hand");
    /// journal.ack();
    /// assert_eq!(business.next().now_or_never(), Some(Some("order")));
    /// ```
    #[track_caller]
    pub fn subscribe_after(&self, other: &Subscription<E>) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new().after(other.id()))
    }

    /// Ends a subscription from outside: the way out of a reader that is stuck.
    ///
    /// It no longer counts, at once: what it had not read is `dropped` in the receipts, and
    /// publishers that waited for it go on. Its stream still yields what it had not read, then
    /// ends. What it has in hand it still owes. Gives false if there is no such subscription
    /// any more.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let stuck = manager.subscribe();
    /// let mut saved = manager.sync_notify("save");
    /// assert!((&mut saved).now_or_never().is_none());
    ///
    /// assert!(manager.disconnect(stuck.id()));
    /// let receipt = saved.now_or_never().unwrap().unwrap();
    /// assert_eq!(receipt.dropped_by(), [stuck.id()]);
    /// ```
    pub fn disconnect(&self, subscriber: SubscriberId) -> bool {
        self.channel.disconnect(subscriber)
    }
}
