//! How a manager is asked for what concerns one subscriber.

use std::panic::Location;

use super::Filtered;
use crate::manager::EventManager;
use crate::options::SubscribeOptions;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// A stream of what `filter` makes of the events from now on: of each that concerns this
    /// subscriber, the part that does.
    ///
    /// The publisher asks `filter` before the event is stored, outside of every lock. What it
    /// answers with `None` takes no room here, wakes nobody, owes nothing, and is not in the
    /// receipt's count. What it gives waits in a queue of this subscriber's own. The policy of that
    /// queue is the manager's [`default_overflow`](crate::EventManagerBuilder::default_overflow),
    /// as with [`subscribe`](Self::subscribe); with [`Overflow::Wait`](crate::Overflow::Wait),
    /// nothing is lost, and publishers of events that the filter wants wait while the window is
    /// full. On a closed manager: a stream that has ended.
    ///
    /// Keep the closure short and pure: it may be asked more than once about an event, and of
    /// events that are then not published. One that panics ends this subscription alone. See
    /// module [`filter`](crate::filter).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<(&str, u32)>::new(8);
    /// let mut eggs = manager.subscribe_filter_map(|(name, n)| (*name == "eggs").then_some(*n));
    ///
    /// assert_eq!(manager.try_notify(("milk", 1)), Ok(0), "concerns nobody");
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

    /// As [`subscribe_filter_map`](Self::subscribe_filter_map), with a policy, a window or a name of its own.
    ///
    /// The window counts events that it wants; if not set, it is the manager's capacity.
    ///
    /// # Panics
    /// If it is to come [after](SubscribeOptions::after) others.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::new(64);
    /// let options = SubscribeOptions::new().name("tens").window(1);
    /// let tens = manager.subscribe_filter_map_with(options, |n| (n % 10 == 0).then_some(n / 10));
    /// assert_eq!(manager.try_notify(10), Ok(1));
    /// assert!(manager.try_notify(20).is_err(), "its window is full");
    /// assert_eq!(manager.try_notify(21), Ok(0), "which is no concern of this one");
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
        Filtered::new(self.channel(), checked(options), Location::caller(), filter)
    }

    /// A stream of the events from now on that `wanted` says yes to, as
    /// [`subscribe_filter_map`](Self::subscribe_filter_map).
    ///
    /// A wanted event is cloned once, by its publisher; others are not.
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
    #[track_caller]
    pub fn subscribe_filter<F>(&self, wanted: F) -> Filtered<E>
    where
        E: Clone,
        F: Fn(&E) -> bool + Send + Sync + 'static,
    {
        self.subscribe_filter_with(SubscribeOptions::new(), wanted)
    }

    /// As [`subscribe_filter`](Self::subscribe_filter), with a policy, a window or a name of its
    /// own.
    ///
    /// # Panics
    /// If it is to come [after](SubscribeOptions::after) others.
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
        wanted: F,
    ) -> Filtered<E>
    where
        E: Clone,
        F: Fn(&E) -> bool + Send + Sync + 'static,
    {
        let filter = move |event: &E| wanted(event).then(|| event.clone());
        Filtered::new(self.channel(), checked(options), Location::caller(), filter)
    }
}

/// The options, of somebody who waits for nobody.
#[track_caller]
fn checked(options: impl Into<SubscribeOptions>) -> SubscribeOptions {
    let options = options.into();
    assert!(
        options.after.is_empty(),
        "a filtered subscription does not wait for others"
    );
    options
}
