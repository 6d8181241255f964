//! The options of a new handler.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::Location;

use super::Handler;
#[cfg(doc)]
use super::StopReason;
use super::owner::NewOwner;
use super::restart::Restart;
use crate::channel::Channel;
use crate::channel::filter::interest::Predicate;
use crate::filter::Filtered;
use crate::options::SubscribeOptions;
use crate::topics::Topics;
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

pub(super) use sealed::Made;

/// The options of a handler, for [`EventManager::add_handler_with`].
///
/// With no options but a name, `add_handler_with` is [`EventManager::add_handler`].
///
/// # Examples
/// A handler that wants only some of the events, and skips old events when it is slow:
/// ```
/// use genevent::{EventManager, HandlerOptions, Overflow, SubscribeOptions, handler_fn};
///
/// #[derive(Clone)]
/// enum Event { Price(u32), Order(&'static str) }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(64);
/// let (tx, rx) = std::sync::mpsc::channel();
/// let newest = SubscribeOptions::new().overflow(Overflow::DropOldest).window(1);
/// let options = HandlerOptions::new("screen")
///     .filter(|event: &Event| matches!(event, Event::Price(_)))
///     .subscribe(newest);
/// let screen = manager.add_handler_with(options, handler_fn(move |event: &Event| {
///     if let Event::Price(price) = event { tx.send(*price).unwrap() }
/// })).unwrap();
///
/// for price in [7, 8, 9] {
///     manager.notify(Event::Price(price)).await.unwrap();
/// }
/// assert!(manager.sync_notify(Event::Order("tea")).await.unwrap().is_unheard());
/// manager.flush().await.unwrap();
/// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [9]);
/// assert_eq!(screen.missed(), 2);
/// # }
/// ```
///
/// [`EventManager::add_handler`]: crate::EventManager::add_handler
/// [`EventManager::add_handler_with`]: crate::EventManager::add_handler_with
#[must_use = "options do nothing until they are given to `add_handler_with`"]
pub struct HandlerOptions<E, R = ()> {
    pub(super) name: Arc<str>,
    /// `None` unless set: in a group, a handler has no subscription of its own.
    pub(super) subscribe: Option<SubscribeOptions>,
    pub(super) filter: Option<Filter<E>>,
    pub(super) owner: Option<NewOwner>,
    /// `Restart`, or nothing.
    pub(super) restart: R,
}

/// Subscribes to the wanted events only, by a filter or a topic. Guarded, because other values of the user
/// may be dropped in the same unwinding and panic as well.
pub(super) type Filter<E> = Guarded<Box<dyn SubscribeWanted<E>>>;

/// A closure that subscribes with checked options.
pub(super) trait SubscribeWanted<E>:
    FnOnce(&Arc<Channel<E>>, SubscribeOptions, &'static Location<'static>) -> Filtered<E> + Send + Sync
{
}

impl<E, F> SubscribeWanted<E> for F where
    F: FnOnce(&Arc<Channel<E>>, SubscribeOptions, &'static Location<'static>) -> Filtered<E>
        + Send
        + Sync
{
}

impl<E> HandlerOptions<E> {
    /// Returns the options of a handler with this name: every event, policy
    /// [`Overflow::Wait`](crate::Overflow::Wait), no owner and no restart.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, HandlerOptions, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.add_handler_with(HandlerOptions::new("log"), handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(manager.which_handlers(), ["log"]);
    /// # }
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            subscribe: None,
            filter: None,
            owner: None,
            restart: (),
        }
    }

    /// Restarts the handler when it panics, as often as `restart` allows. In place of a handler,
    /// [`add_handler_with`](crate::EventManager::add_handler_with) takes a factory of handlers then.
    ///
    /// The subscription survives. The event at which the handler panicked counts as dropped and is not
    /// handled again; every other event is handled once, by the old handler or by the new handler. The old
    /// handler's `terminate` is called with [`StopReason::Restarted`]. An error returned by the handler is
    /// no failure that restarts: the handler goes on. [`stopped`](crate::HandlerRef::stopped) is ready when
    /// no more restart is allowed, or when the handler has ended for another reason.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, HandlerOptions, Restart, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// let inverse = move || {
    ///     let tx = tx.clone();
    ///     handler_fn(move |n: &i32| tx.send(10 / n).unwrap())
    /// };
    /// let twice = Restart::on_failure(2, Duration::from_secs(1));
    /// let options = HandlerOptions::new("inverse").restart(twice);
    /// manager.add_handler_with(options, inverse).unwrap();
    /// manager.notify(5).await.unwrap();
    /// assert_eq!(manager.sync_notify(0).await.unwrap().dropped(), 1);
    /// manager.sync_notify(2).await.unwrap();
    /// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2, 5]);
    /// # }
    /// ```
    pub fn restart(self, restart: Restart) -> HandlerOptions<E, Restart> {
        HandlerOptions {
            name: self.name,
            subscribe: self.subscribe,
            filter: self.filter,
            owner: self.owner,
            restart,
        }
    }
}

impl<E, R> HandlerOptions<E, R> {
    /// Sets the options of the handler's subscription: its overflow policy, window, replay and
    /// predecessors, and whether it is an observer.
    ///
    /// Without an overflow policy, the policy is [`Overflow::Wait`](crate::Overflow::Wait), whatever
    /// the default of the manager. Under a lossy policy, the handler is told of each loss by
    /// [`Handler::handle_missed`], and [`HandlerRef::missed`](crate::HandlerRef::missed) counts the lost
    /// events. A policy that disconnects frees the publishers, and does not interrupt the handler: a handler
    /// that is stuck in an await keeps its name, and `stop` waits for its end, until the handler is
    /// [aborted](crate::HandlerRef::abort). The name of the
    /// subscription is the name of the handler. `max_unacked` has no effect, because a handler
    /// handles one event at a time.
    ///
    /// # Examples
    #[cfg_attr(feature = "test-util", doc = "```")]
    #[cfg_attr(not(feature = "test-util"), doc = "```ignore")]
    /// use genevent::{EventManager, HandlerOptions, SubscribeOptions};
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::builder().capacity(8).retain(2).build();
    /// for n in 1..=3 {
    ///     manager.notify(n).await.unwrap();
    /// }
    /// let late = HandlerOptions::new("late").subscribe(SubscribeOptions::new().replay(2));
    /// let seen = Probe::new();
    /// let late = manager.add_handler_with(late, seen.clone()).unwrap();
    /// late.remove().await.unwrap();
    /// assert_eq!(seen.drain(), [2, 3]);
    /// # }
    /// ```
    pub fn subscribe(mut self, options: impl Into<SubscribeOptions>) -> Self {
        self.subscribe = Some(options.into());
        self
    }

    /// Lets the handler see only the events that `filter` wants.
    ///
    /// The filter is evaluated by publishers, before an event is stored, as for
    /// [`subscribe_filter`](crate::EventManager::subscribe_filter); module [`filter`](crate::filter) has
    /// the rules. An event that is not wanted neither wakes the handler nor takes room in its window, and
    /// no publisher waits for the handler to finish it. Wanted events are cloned. As for filtered streams,
    /// [`after`](crate::SubscribeOptions::after) panics, and [`replay`](crate::SubscribeOptions::replay)
    /// begins with wanted events. A filter that panics disconnects the handler. Inside of the handler,
    /// `sync_notify` is refused for events that are not wanted, too.
    ///
    /// # Examples
    #[cfg_attr(feature = "test-util", doc = "```")]
    #[cfg_attr(not(feature = "test-util"), doc = "```ignore")]
    /// use genevent::{EventManager, HandlerOptions};
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let even = HandlerOptions::new("even").filter(|n: &u32| n % 2 == 0);
    /// let seen = Probe::new();
    /// manager.add_handler_with(even, seen.clone()).unwrap();
    /// assert!(manager.sync_notify(1).await.unwrap().is_unheard());
    /// assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
    /// assert_eq!(seen.drain(), [2]);
    /// # }
    /// ```
    pub fn filter(mut self, filter: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self
    where
        E: Clone + Send + Sync + 'static,
    {
        let subscribe = move |channel: &Arc<Channel<E>>, options, created_at| {
            let filter = move |event: &E| filter(event).then(|| event.clone());
            Filtered::new(channel, options, created_at, Predicate::new(filter))
        };
        self.filter = Some(Guarded::new(Box::new(subscribe)));
        self
    }

    /// Lets the handler see only the events with `key`.
    ///
    /// The handler subscribes as by [`Topics::subscribe_with`](crate::Topics::subscribe_with), and runs as a
    /// handler with a [filter](Self::filter) does. The last call of `topic` or `filter` counts.
    ///
    /// # Panics
    /// [`add_handler_with`](crate::EventManager::add_handler_with) panics with these options if the topics
    /// belong to another manager.
    ///
    /// # Examples
    #[cfg_attr(feature = "test-util", doc = "```")]
    #[cfg_attr(not(feature = "test-util"), doc = "```ignore")]
    /// use genevent::{EventManager, HandlerOptions};
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let last_digit = manager.topics(|n: &u32| n % 10);
    /// let sevens = HandlerOptions::new("sevens").topic(&last_digit, 7);
    /// let seen = Probe::new();
    /// manager.add_handler_with(sevens, seen.clone()).unwrap();
    /// assert!(manager.sync_notify(8).await.unwrap().is_unheard());
    /// assert_eq!(manager.sync_notify(17).await.unwrap().acked(), 1);
    /// assert_eq!(seen.drain(), [17]);
    /// # }
    /// ```
    pub fn topic<K>(mut self, topics: &Topics<E, K>, key: K) -> Self
    where
        E: Clone + Send + Sync + 'static,
        K: Hash + Eq + Send + Sync + 'static,
    {
        let (topics, key) = (topics.clone(), Guarded::new(key));
        let subscribe = move |channel: &Arc<Channel<E>>, options, created_at| {
            topics.subscribe_handler(key.into_inner(), channel, options, created_at)
        };
        self.filter = Some(Guarded::new(Box::new(subscribe)));
        self
    }

    /// Removes the handler when `owner` is ready.
    ///
    /// The owner is any future: a `JoinHandle`, a cancelled token, the receiver of a oneshot.
    /// Events stored before the owner wakes are still handled, and later events are not. The owner
    /// is polled once when the handler is added, and then by the task of the handler. If the owner
    /// is ready already, the handler is removed at once. An owner that panics is gone.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, HandlerOptions, StopReason, handler_fn};
    /// use tokio::sync::oneshot;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let (connection, closed) = oneshot::channel::<()>();
    /// let options = HandlerOptions::new("forward").owner(closed);
    /// let forward = manager.add_handler_with(options, handler_fn(|_: &u8| ())).unwrap();
    /// drop(connection);
    /// assert_eq!(forward.stopped().await, StopReason::OwnerGone);
    /// # }
    /// ```
    pub fn owner(mut self, owner: impl Future + Send + 'static) -> Self {
        self.owner = Some(NewOwner::new(owner));
        self
    }
}

impl<E, R: fmt::Debug> fmt::Debug for HandlerOptions<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerOptions")
            .field("name", &self.name)
            .field("subscribe", &self.subscribe)
            .field("filter", &self.filter.is_some())
            .field("owner", &self.owner.is_some())
            .field("restart", &self.restart)
            .finish()
    }
}

/// The value that [`add_handler_with`](crate::EventManager::add_handler_with) takes beside its
/// options: a handler, or with a [restart](HandlerOptions::restart) a factory of handlers.
///
/// # Examples
/// ```
/// use genevent::{EventManager, Handler, HandlerOptions, handler::HandlerSource, handler_fn};
///
/// /// Adds a handler or a factory.
/// fn add<R: HandlerSource<u8, S>, S>(manager: &EventManager<u8>, options: HandlerOptions<u8, R>, source: S) {
///     manager.add_handler_with(options, source).unwrap();
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// add(&manager, HandlerOptions::new("log"), handler_fn(|_: &u8| ()));
/// assert_eq!(manager.which_handlers(), ["log"]);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{S}` is not a factory of handlers",
    label = "with `HandlerOptions::restart`, write a closure that makes the handler",
    note = "for example `move || handler_fn(|event: &Event| println!(\"{{event:?}}\"))`"
)]
pub trait HandlerSource<E, S>: sealed::Make<E, S> {
    /// The type of the handler.
    type Handler: Handler<E>;
}

impl<E: Sync + 'static, H: Handler<E>> HandlerSource<E, H> for () {
    type Handler = H;
}

#[diagnostic::do_not_recommend]
impl<E: Sync + 'static, H: Handler<E>, F: FnMut() -> H + Send + 'static> HandlerSource<E, F>
    for Restart
{
    type Handler = H;
}

mod sealed {
    use crate::handler::Handler;
    use crate::handler::dyn_handler::DynHandler;
    use crate::handler::restart::{AnyFactory, Restart};
    use crate::util::panic_guard::Guarded;

    /// A handler, and the factory that makes it again.
    #[expect(
        unnameable_types,
        missing_debug_implementations,
        reason = "sealed: only runners use it"
    )]
    pub struct Made<E> {
        pub(in crate::handler) handler: Box<dyn DynHandler<E>>,
        pub(in crate::handler) restart: Option<(Box<dyn AnyFactory<E>>, Restart)>,
    }

    #[expect(
        unnameable_types,
        reason = "sealed: a runner knows these two sources only"
    )]
    pub trait Make<E, S>: Sized {
        fn make(self, source: S) -> Made<E>;
        fn take_back(made: Made<E>) -> S;
    }

    impl<E: Sync + 'static, H: Handler<E>> Make<E, H> for () {
        fn make(self, handler: H) -> Made<E> {
            Made {
                handler: Box::new(handler),
                restart: None,
            }
        }

        fn take_back(made: Made<E>) -> H {
            let handler = made.handler.into_any().downcast();
            *handler.expect("the handler is an `H`")
        }
    }

    impl<E: Sync + 'static, H: Handler<E>, F: FnMut() -> H + Send + 'static> Make<E, F> for Restart {
        fn make(self, factory: F) -> Made<E> {
            // The factory is guarded during its call, because the `Drop` of a factory that has
            // panicked may panic as well.
            let mut factory = Guarded::new(factory);
            let handler: Box<dyn DynHandler<E>> = Box::new(factory());
            Made {
                handler,
                restart: Some((Box::new(factory.into_inner()), self)),
            }
        }

        fn take_back(made: Made<E>) -> F {
            let (factory, _) = made.restart.expect("the handler was made by a factory");
            *(factory.into_any().downcast()).expect("the factory is an `F`")
        }
    }
}
