//! Which retained events a subscription starts with.

use super::SubscribeOptions;

/// The retained events that a subscription starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Replay {
    #[default]
    Nothing,
    /// The newest, at most this many. Not 0.
    Newest(usize),
    /// All events after this sequence number.
    Since(u64),
}

impl SubscribeOptions {
    /// Starts with the newest events published earlier, in their order: as many as the manager
    /// still [retains](crate::EventManagerBuilder::retain), and at most `events`. 0 if not set. A
    /// number above the retained events means all of them.
    ///
    /// Live events follow the replayed events without a gap or a duplicate, even while publishers
    /// run. No publisher waits for replayed events: receipts do not include them, a [`flush`] does
    /// not wait for them, and a [`Delivery`](crate::Delivery) of a replayed event owes no
    /// acknowledgement, although the delivery counts towards [`max_unacked`](Self::max_unacked).
    /// Replayed events take no room in the window, so overflow policies do not affect them: a
    /// subscription that loses its oldest events, or is disconnected, still yields all replayed
    /// events first, and reports the loss or the end afterwards. Events published meanwhile are
    /// unread events as usual.
    ///
    /// [`Subscription::len`] and the stream's `size_hint` include replayed events;
    /// [`SubscriberInfo::unread`] does not, because it counts the events that fill the window.
    /// Replayed events stay in memory until this subscription has read them. Subscribing takes time
    /// in proportion to the segments of the replayed events. A segment holds up to 256 events, or
    /// only one in the worst case, where each event was read alone.
    ///
    /// A [filtered](crate::filter) or [keyed](crate::Topics) subscription starts with the newest
    /// `events` *wanted* events. The call that subscribes evaluates the retained events, from the
    /// newest back to the oldest, until it has found enough; no lock is held meanwhile, and publishers
    /// go on. A predicate that panics for a retained event disconnects its subscription, as it does
    /// for a live event; a key function that panics lets the call panic.
    ///
    /// The last call of `replay` or [`replay_since`](Self::replay_since) counts.
    ///
    /// # Panics
    /// The methods that subscribe panic if `events` is not 0 and the manager was built without
    /// [`retain`](crate::EventManagerBuilder::retain): such a replay would always be empty.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().capacity(1).retain(100).build();
    /// for line in ["one", "two", "three"] {
    ///     manager.try_notify(line).unwrap();
    /// }
    /// let tail = manager.subscribe_with(SubscribeOptions::new().replay(2));
    /// assert_eq!(tail.len(), 2);
    /// assert_eq!(manager.try_notify("four"), Ok(1), "its window is empty");
    ///
    /// drop(manager);
    /// let lines = tail.collect::<Vec<_>>().now_or_never().unwrap();
    /// assert_eq!(lines, ["two", "three", "four"]);
    /// ```
    ///
    /// [`flush`]: crate::EventManager::flush
    /// [`Subscription::len`]: crate::Subscription::len
    /// [`SubscriberInfo::unread`]: crate::SubscriberInfo::unread
    pub fn replay(mut self, events: usize) -> Self {
        self.replay = match events {
            0 => Replay::Nothing,
            events => Replay::Newest(events),
        };
        self
    }

    /// Starts with the retained events after the event with number `seq`: for a reader that goes on
    /// where an earlier subscription has stopped, such as a browser with a `Last-Event-ID`.
    ///
    /// Events after `seq` that the manager does not [retain](crate::EventManagerBuilder::retain) any
    /// more are missed: [`missed`](crate::Subscription::missed) counts these events from the start, and
    /// [`with_missed`](crate::Subscription::with_missed) yields their number before the first event. A
    /// [filtered](crate::filter) or [keyed](crate::Topics) subscription cannot know which of them it
    /// wanted, and counts all. In all else, this option works like [`replay`](Self::replay), without
    /// a limit for the number of events.
    ///
    /// A `seq` of 0 asks for all events, and a `seq` at or above the number of the newest event for
    /// none: the subscription then starts with the next event. Sequence numbers begin at 1 in each
    /// manager. A reader that may outlive the process must therefore keep a mark of the manager
    /// beside the number, such as the time of its start, and ask for a `seq` of 0 if the mark has
    /// changed.
    ///
    /// # Panics
    /// The methods that subscribe panic if the manager was built without
    /// [`retain`](crate::EventManagerBuilder::retain).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, Received, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().retain(3).build();
    /// for line in ["one", "two", "three", "four", "five"] {
    ///     manager.try_notify(line).unwrap();
    /// }
    /// // A browser has seen event 1, and comes back.
    /// let since = SubscribeOptions::new().replay_since(1);
    /// let back = manager.subscribe_with(since);
    /// assert_eq!(back.missed(), 1);
    ///
    /// drop(manager);
    /// let all = back.with_missed().collect::<Vec<_>>().now_or_never().unwrap();
    /// let lines = ["three", "four", "five"].map(Received::Event);
    /// assert_eq!(all, [&[Received::Missed(1)], &lines[..]].concat());
    /// ```
    #[doc(alias = "Last-Event-ID")]
    pub fn replay_since(mut self, seq: u64) -> Self {
        self.replay = Replay::Since(seq);
        self
    }
}
