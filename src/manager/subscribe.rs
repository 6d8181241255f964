//! Subscribing, and disconnecting a subscription.

use std::panic::Location;

use super::EventManager;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::subscription::Subscription;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Subscribes: returns a stream of the events published from now on.
    ///
    /// The stream follows the manager's [`default_overflow`], which is
    /// [`Overflow::Wait`](crate::Overflow::Wait) unless the builder sets another policy. With
    /// `Wait`, the stream yields every event, and publishers wait for the stream. With another
    /// default, the stream may lose events or be disconnected; `subscribe_with(Overflow::Wait)` is
    /// lossless with any default.
    ///
    /// The subscription takes effect at the call, not at the first poll, so no event in between is
    /// missed (Elixir's `GenEvent.stream` subscribes when it is enumerated). On a closed manager,
    /// the returned stream has ended. To start with earlier events, use
    /// [`replay`](SubscribeOptions::replay).
    ///
    /// # An event that cannot be cloned
    /// The stream claims an event and then clones it. A panic of `Clone` loses nothing: the next
    /// poll clones the same event again. A stream whose next event always panics in `Clone`
    /// therefore never gets past that event: every poll panics, and publishers wait once the window
    /// is full of the events after it. Dropping the stream is the way out for the reader.
    /// [`disconnect`](Self::disconnect) is the way out for publishers; the disconnected stream
    /// still stops at that event. Handlers and [`subscribe_filter_map`](Self::subscribe_filter_map)
    /// borrow events and clone none.
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
    /// A lossless subscription of a manager with another default:
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
    #[doc(alias = "new_receiver")]
    #[doc(alias = "resubscribe")]
    #[doc(alias = "GenEvent.stream")]
    #[track_caller]
    pub fn subscribe(&self) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new())
    }

    /// Subscribes with a policy, a window, a name or other options.
    ///
    /// Takes [`SubscribeOptions`], or an [`Overflow`](crate::Overflow) alone.
    ///
    /// # Panics
    /// If the options put the stream [after](SubscribeOptions::after) a subscription of another
    /// manager, or after an [observer](SubscribeOptions::observer), or ask for a
    /// [replay](SubscribeOptions::replay) of a manager that retains nothing.
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
        self.channel.check_options(&options);
        Subscription::new(Arc::clone(&self.channel), options, Location::caller())
    }

    /// Subscribes a later stage: the stream yields an event only once `other` has settled the event
    /// and all events before.
    ///
    /// As the stages of a Disruptor's graph, except that stages may come and go at any time. A
    /// stage is a subscriber with the same policy as [`subscribe`](Self::subscribe). With
    /// [`Overflow::Wait`](crate::Overflow::Wait), publishers wait for room in the window of the
    /// stage. Events not visible to the stage yet occupy its window too, so a slow `other` can fill
    /// it. `sync_notify` waits for both subscribers.
    ///
    /// An event is settled when `other` has finished the event, given it up, or lost it to newer
    /// events; an `other` that yields deliveries must settle each delivery. Once `other` has left,
    /// only its deliveries still out are waited for. A disconnected `other` is waited for while it
    /// has an event in flight.
    ///
    /// Events not visible to the stage yet are unread events like all others. With
    /// [`Overflow::WaitAtMost`](crate::Overflow) or `Disconnect`, a stage is therefore disconnected
    /// if `other` is slow; with `DropOldest`, the stage loses events. Disconnecting the stage
    /// releases publishers; disconnecting an `other` stuck with an event in flight does not.
    ///
    /// A stage that has read everything is woken by a new event, as every subscriber is, and once
    /// more when the stage may see the event. [Replayed](SubscribeOptions::replay) events, and the
    /// backlog of a disconnected stage, are yielded without waiting. There can be no cycle, because
    /// `other` always subscribed earlier. For other options, or for a stage after several
    /// subscriptions, use [`SubscribeOptions::after`].
    ///
    /// Do not read both streams in one task so that one read waits for the other (`zip`): see page
    /// [`deadlocks`](crate::deadlocks).
    ///
    /// # Panics
    /// If `other` is a subscription of another manager, or an
    /// [observer](SubscribeOptions::observer).
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
    /// assert_eq!(business.next().now_or_never(), None, "the journal has not finished");
    /// journal.ack();
    /// assert_eq!(business.next().now_or_never(), Some(Some("order")));
    /// ```
    #[track_caller]
    pub fn subscribe_after(&self, other: &Subscription<E>) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new().after(other.id()))
    }

    /// Disconnects a subscription: the way to get past a stuck reader.
    ///
    /// The subscription is detached at once: receipts of its unread events list the subscription as
    /// unfinished, and publishers no longer wait. The stream still yields the unread events and then ends.
    /// An event in flight must still be acknowledged. A handler is aborted, also in a group, by its own id;
    /// the id of the group aborts the group with all of its handlers. Returns `false` if no such
    /// subscription is attached.
    ///
    /// A handler of a group has no subscription of its own, and is detached when the task of the group ends
    /// the handler: not before another handler of the group has handled its event.
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
    /// assert_eq!(receipt.unfinished()[0].id(), stuck.id());
    /// ```
    pub fn disconnect(&self, subscriber: SubscriberId) -> bool {
        // Mark before the disconnect: a handler that finds its subscription at an end begins to
        // terminate, and an abort that comes later would cut that short.
        let Some((runner, was_attached)) = self.channel.find_runner(subscriber) else {
            return self.channel.disconnect(subscriber);
        };
        let is_first = runner.mark_disconnected();
        // The marked handler may have left already.
        self.channel.disconnect(subscriber);
        runner.wake_aborted();
        was_attached.unwrap_or(is_first)
    }
}
