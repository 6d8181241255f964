//! Topics: subscriptions to the events with a certain key.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, Location};

use crate::channel::Channel;
use crate::channel::filter::topics::{TopicGroup, TopicKeys};
use crate::filter::{Filtered, check_options};
use crate::manager::EventManager;
use crate::options::SubscribeOptions;
use crate::util::sync::Arc;

/// The events of a manager by their keys, such as the room of a chat message or the symbol of a price:
/// from [`EventManager::topics`].
///
/// A subscriber of a key gets the events with that key. A publisher computes the key of its event once,
/// before the event is stored and outside of every lock, and looks up the subscribers of the key. So an
/// event costs the same beside ten subscribers of other keys as beside a million. A
/// [`filter`](crate::filter) for each key would be evaluated for each event.
///
/// In all else, the streams work as those of [`subscribe_filter`](EventManager::subscribe_filter), which
/// have the same type: the same order, overflow policies, [deliveries](crate::Deliveries), observers,
/// [replay](SubscribeOptions::replay) and receipts. Publishers wait for room in the windows of the
/// subscribers of the event's key, and of no others. An event whose key has no subscriber is not kept for
/// any. `HandlerOptions::topic` subscribes a handler.
///
/// Keys come and go with their subscribers, and need no declaration: a key without subscribers takes no
/// memory. A manager may have several topics, by different keys. A clone of the handle is another handle of
/// the same topics. Dropping all handles ends no subscription; a handle does not keep the manager open.
///
/// # The key function
/// The key function is called once for each event, by the publishing call, while the topics have
/// subscribers. Keep it short and pure. It may call the manager. An event that is not published in the
/// end, because its publisher gives up, may have been given to it as well. A subscriber that begins with a
/// [replay](SubscribeOptions::replay) calls it for retained events.
///
/// A panic of the key function, or of the key's `Hash` or `Eq`, is a panic of the publishing call, or of
/// the call that subscribes. The event is not stored then, for no subscriber at all. A panic of the event's
/// `Clone` disconnects the subscribers that the clone is for, as with a filter, and a panic of a key's
/// `Drop` is caught.
///
/// # Clones
/// An event is kept once for all lossless subscribers of its key alone: the publisher clones it once, and each of
/// these subscribers clones it again when the event is read. For each other subscriber, of several keys or with
/// [`DropOldest`](crate::Overflow::DropOldest), the publisher makes a clone of its own.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::EventManager;
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Message { room: u32, text: &'static str }
///
/// let manager = EventManager::new(64);
/// let rooms = manager.topics(|message: &Message| message.room);
/// let mut kitchen = rooms.subscribe(1);
/// let mut house = rooms.subscribe_any([1, 2]);
///
/// let tea = Message { room: 1, text: "tea?" };
/// let mice = Message { room: 2, text: "mice!" };
/// let rain = Message { room: 3, text: "rain" };
/// assert_eq!(manager.try_notify(tea.clone()), Ok(2));
/// assert_eq!(manager.try_notify(mice.clone()), Ok(1));
/// assert_eq!(manager.try_notify(rain), Ok(0), "nobody is in room 3");
///
/// drop(manager);
/// assert_eq!(kitchen.collect::<Vec<_>>().now_or_never().unwrap(), [tea.clone()]);
/// assert_eq!(house.collect::<Vec<_>>().now_or_never().unwrap(), [tea, mice]);
/// ```
#[doc(alias = "PubSub")]
#[doc(alias = "partition")]
pub struct Topics<E, K> {
    channel: Arc<Channel<E>>,
    /// Unwind safe: a panic of user code leaves no table half changed.
    group: AssertUnwindSafe<Arc<TopicGroup<E, K>>>,
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Sorts the events by a key, for subscribers of single keys.
    ///
    /// [`Topics`] has the details. The key is any value with `Hash` and `Eq`. Without subscribers, topics
    /// cost nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let prices = manager.topics(|(symbol, _): &(String, u32)| symbol.clone());
    /// let mut gold = prices.subscribe("gold".to_owned());
    /// manager.try_notify(("iron".to_owned(), 3)).unwrap();
    /// manager.try_notify(("gold".to_owned(), 70)).unwrap();
    /// let (_, price) = gold.next().now_or_never().flatten().unwrap();
    /// assert_eq!(price, 70);
    /// ```
    pub fn topics<K, F>(&self, key: F) -> Topics<E, K>
    where
        K: Hash + Eq + Send + Sync + 'static,
        F: Fn(&E) -> K + Send + Sync + 'static,
    {
        Topics {
            channel: Arc::clone(self.channel()),
            group: AssertUnwindSafe(TopicGroup::new(self.channel().capacity(), key)),
        }
    }
}

impl<E, K> Topics<E, K>
where
    E: Clone + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    /// Subscribes to the events with this key that are published from now on.
    ///
    /// Each event is cloned when it is read. The overflow policy is the manager's
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow). On a closed manager,
    /// the returned stream has ended.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let last_digit = manager.topics(|n: &u32| n % 10);
    /// let mut sevens = last_digit.subscribe(7);
    /// for n in 1..=20 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// drop(manager);
    /// assert_eq!(sevens.collect::<Vec<_>>().now_or_never().unwrap(), [7, 17]);
    /// ```
    #[doc(alias = "PubSub.subscribe")]
    #[track_caller]
    pub fn subscribe(&self, key: K) -> Filtered<E> {
        self.subscribe_with(key, SubscribeOptions::new())
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with options such as an overflow policy, a window,
    /// a name or a replay.
    ///
    /// The window counts events with the key. A [replay](SubscribeOptions::replay) begins with the newest
    /// retained events with the key.
    ///
    /// # Panics
    /// As [`subscribe_filter_with`](EventManager::subscribe_filter_with) does, and if the key function
    /// panics for a retained event.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().retain(100).build();
    /// let rooms = manager.topics(|(room, _): &(u32, &str)| *room);
    /// for event in [(1, "a"), (2, "b"), (1, "c"), (1, "d"), (2, "e")] {
    ///     manager.try_notify(event).unwrap();
    /// }
    /// let late = rooms.subscribe_with(1, SubscribeOptions::new().replay(2));
    /// drop(manager);
    /// let read = late.map(|(_, text)| text).collect::<Vec<_>>();
    /// assert_eq!(read.now_or_never().unwrap(), ["c", "d"]);
    /// ```
    #[track_caller]
    pub fn subscribe_with(&self, key: K, options: impl Into<SubscribeOptions>) -> Filtered<E> {
        self.subscribe_any_with([key], options)
    }

    /// Subscribes to the events with any of these keys, in the order in which they are published.
    ///
    /// A key that is named twice counts once. Without keys, the stream yields nothing until the
    /// manager is closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(32);
    /// let last_digit = manager.topics(|n: &u32| n % 10);
    /// let mut some = last_digit.subscribe_any([2, 8, 2]);
    /// for n in 1..=20 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// drop(manager);
    /// assert_eq!(some.collect::<Vec<_>>().now_or_never().unwrap(), [2, 8, 12, 18]);
    /// ```
    #[track_caller]
    pub fn subscribe_any(&self, keys: impl IntoIterator<Item = K>) -> Filtered<E> {
        self.subscribe_any_with(keys, SubscribeOptions::new())
    }

    /// Subscribes as [`subscribe_any`](Self::subscribe_any) does, with options.
    ///
    /// # Panics
    /// As [`subscribe_with`](Self::subscribe_with).
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow};
    ///
    /// let manager = EventManager::new(1);
    /// let last_digit = manager.topics(|n: &u32| n % 10);
    /// let some = last_digit.subscribe_any_with([2, 8], Overflow::DropOldest);
    /// for n in 1..=20 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// assert_eq!((some.len(), some.missed()), (1, 3));
    /// ```
    #[track_caller]
    pub fn subscribe_any_with(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: impl Into<SubscribeOptions>,
    ) -> Filtered<E> {
        let options = check_options(&self.channel, options);
        self.subscribe_at(keys, options, Location::caller())
    }

    fn subscribe_at(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Filtered<E> {
        let keys = TopicKeys::new(&self.group, keys);
        Filtered::new(&self.channel, options, created_at, keys)
    }
}

#[cfg(feature = "rt")]
impl<E, K> Topics<E, K>
where
    E: Clone + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    /// Subscribes for a handler of `channel`. The options are checked.
    ///
    /// # Panics
    /// If the topics belong to another manager.
    #[track_caller]
    pub(crate) fn subscribe_handler(
        &self,
        key: K,
        channel: &Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Filtered<E> {
        assert!(
            Arc::ptr_eq(channel, &self.channel),
            "the topic of a handler belongs to the handler's own manager"
        );
        self.subscribe_at([key], options, created_at)
    }
}

// Not derived: `derive` would require `E: Clone` and `K: Clone`.
impl<E, K> Clone for Topics<E, K> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            group: AssertUnwindSafe(Arc::clone(&self.group)),
        }
    }
}

impl<E, K> fmt::Debug for Topics<E, K> {
    /// Shows the number of keys that have subscribers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics")
            .field("manager", &self.channel.name())
            .field("keys", &self.group.keys())
            .finish_non_exhaustive()
    }
}
