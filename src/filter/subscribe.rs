//! Methods of the event manager for filtered subscriptions.

use std::panic::Location;

use super::Filtered;
use crate::channel::Channel;
use crate::channel::filter::interest::Predicate;
use crate::manager::EventManager;
use crate::options::SubscribeOptions;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Subscribes to the values of `filter` for the events published from now on.
    ///
    /// The publisher calls `filter` before the event is stored, outside of every lock. An event for
    /// which `filter` returns `None` takes no room in this subscription, wakes no task, owes no
    /// acknowledgement, and does not count in the receipt. A returned value waits in a queue of the
    /// subscription's own. The overflow policy of that queue is the manager's
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow), as with
    /// [`subscribe`](Self::subscribe). With [`Overflow::Wait`](crate::Overflow::Wait), no value is
    /// lost, and publishers of matching events wait while the window is full. On a closed manager,
    /// the returned stream has ended.
    ///
    /// Keep the closure short and pure: publishers may call `filter` more than once for an event,
    /// and for events that are not published in the end. A panic of `filter` ends this subscription
    /// only. See module [`filter`](crate::filter).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<(&str, u32)>::new(8);
    /// let mut eggs = manager.subscribe_filter_map(|(name, n)| (*name == "eggs").then_some(*n));
    ///
    /// assert_eq!(manager.try_notify(("milk", 1)), Ok(0), "no subscriber wants milk");
    /// assert_eq!(manager.try_notify(("eggs", 6)), Ok(1));
    /// assert_eq!(eggs.next().now_or_never(), Some(Some(6)));
    /// ```
    #[track_caller]
    pub fn subscribe_filter_map<T, F>(&self, filter: F) -> Filtered<T>
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        self.subscribe_filter_map_with(SubscribeOptions::new(), filter)
    }

    /// Subscribes as [`subscribe_filter_map`](Self::subscribe_filter_map) does, with options such
    /// as an overflow policy, a window or a name.
    ///
    /// The window counts wanted events, and defaults to the manager's capacity.
    ///
    /// # Panics
    /// If the options make the subscription a stage [after](SubscribeOptions::after) other
    /// subscribers, or ask for a [replay](SubscribeOptions::replay) of a manager that retains nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::new(64);
    /// let options = SubscribeOptions::new().name("tens").window(1);
    /// let tens = manager.subscribe_filter_map_with(options, |n| (n % 10 == 0).then_some(n / 10));
    /// assert_eq!(manager.try_notify(10), Ok(1));
    /// assert!(manager.try_notify(20).is_err(), "the window is full");
    /// assert_eq!(manager.try_notify(21), Ok(0), "21 needs no room in the window");
    /// assert_eq!(tens.len(), 1);
    /// ```
    #[track_caller]
    pub fn subscribe_filter_map_with<T, F>(
        &self,
        options: impl Into<SubscribeOptions>,
        filter: F,
    ) -> Filtered<T>
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        let options = check_options(self.channel(), options);
        let filter = Predicate::new(filter);
        Filtered::new(self.channel(), options, Location::caller(), filter)
    }

    /// Subscribes to the events published from now on for which `predicate` returns true.
    ///
    /// The publisher clones each matching event once for this subscription. In all other respects,
    /// this method works like [`subscribe_filter_map`](Self::subscribe_filter_map).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let errors = manager.subscribe_filter(|line: &String| line.starts_with("error"));
    /// for line in ["starting", "error: no disk", "stopping"] {
    ///     manager.try_notify(String::from(line)).unwrap();
    /// }
    /// drop(manager);
    /// let errors = errors.collect::<Vec<_>>().now_or_never().unwrap();
    /// assert_eq!(errors, ["error: no disk"]);
    /// ```
    #[doc(alias = "filter")]
    #[track_caller]
    pub fn subscribe_filter<F>(&self, predicate: F) -> Filtered<E>
    where
        E: Clone,
        F: Fn(&E) -> bool + Send + Sync + 'static,
    {
        self.subscribe_filter_with(SubscribeOptions::new(), predicate)
    }

    /// Subscribes as [`subscribe_filter`](Self::subscribe_filter) does, with options such as an
    /// overflow policy, a window or a name.
    ///
    /// # Panics
    /// If the options make the subscription a stage [after](SubscribeOptions::after) other
    /// subscribers, or ask for a [replay](SubscribeOptions::replay) of a manager that retains nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow};
    ///
    /// let manager = EventManager::new(2);
    /// let odd = manager.subscribe_filter_with(Overflow::DropOldest, |n| n % 2 == 1);
    /// for n in 1..=6 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// assert_eq!((odd.len(), odd.missed()), (2, 1));
    /// ```
    #[track_caller]
    pub fn subscribe_filter_with<F>(
        &self,
        options: impl Into<SubscribeOptions>,
        predicate: F,
    ) -> Filtered<E>
    where
        E: Clone,
        F: Fn(&E) -> bool + Send + Sync + 'static,
    {
        let filter = move |event: &E| predicate(event).then(|| event.clone());
        let options = check_options(self.channel(), options);
        let filter = Predicate::new(filter);
        Filtered::new(self.channel(), options, Location::caller(), filter)
    }
}

/// Converts and checks the options of a filtered subscription, which cannot be a stage.
#[track_caller]
pub(crate) fn check_options<E: 'static>(
    channel: &Channel<E>,
    options: impl Into<SubscribeOptions>,
) -> SubscribeOptions {
    let options = options.into();
    assert!(
        options.after.is_empty(),
        "a filtered subscription cannot be a stage after other subscribers"
    );
    channel.check_options(&options);
    options
}
