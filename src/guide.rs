//! The chapter on `GenEvent` in Elixir's guide, told again for this crate.
//!
//! For readers of that chapter, and of code that was written after it. Each section gives what
//! the Elixir says, and then what one writes here. The names are in a [table](#the-names), and
//! what is different on purpose [comes last](#where-we-depart-and-why).
//!
//! # Event managers
//!
//! The chapter begins with a manager that nobody listens to. Both ways to publish answer `:ok`:
//!
//! ```elixir
//! {:ok, manager} = GenEvent.start_link
//! GenEvent.sync_notify(manager, :hello)
//! GenEvent.notify(manager, :world)
//! ```
//!
//! Here a manager is a value, and no process: it needs no runtime and cannot crash. It is made
//! with a capacity, and each way to publish says what has become of the event:
//!
//! ```
//! use genevent::EventManager;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let receipt = manager.sync_notify("hello").await.unwrap();
//! assert!(receipt.is_unheard(), "nobody listens");
//! assert_eq!(manager.notify("world").await, Ok(0));
//! # }
//! ```
//!
//! # The forwarder
//!
//! The first handler sends every event to the process that added it, `self()`, whose mailbox
//! `flush` prints:
//!
//! ```elixir
//! defmodule Forwarder do
//!   use GenEvent
//!   def handle_event(event, parent) do
//!     send parent, event
//!     {:ok, parent}
//!   end
//! end
//! GenEvent.add_handler(manager, Forwarder, self())
//! GenEvent.sync_notify(manager, {:hello, :world})
//! flush  # {:hello, :world}
//! ```
//!
//! The module and its state become one type, a [`Handler`], and the mailbox a channel. It is
//! lent the event, and says whether it goes on: `Continue` is `{:ok, state}`, `Break` is
//! `:remove_handler`.
//!
//! ```
//! use std::ops::ControlFlow;
//! use genevent::{EventManager, Handler};
//! use tokio::sync::mpsc;
//!
//! struct Forwarder<E> {
//!     parent: mpsc::Sender<E>,
//! }
//!
//! impl<E: Clone + Send + Sync + 'static> Handler<E> for Forwarder<E> {
//!     async fn handle_event(&mut self, event: &E) -> ControlFlow<()> {
//!         match self.parent.send(event.clone()).await {
//!             Ok(()) => ControlFlow::Continue(()),
//!             Err(_) => ControlFlow::Break(()), // there is no parent any more
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let (parent, mut mailbox) = mpsc::channel(8);
//! manager.add_handler("forwarder", Forwarder { parent }).unwrap();
//! manager.sync_notify(("hello", "world")).await.unwrap();
//! assert_eq!(mailbox.try_recv(), Ok(("hello", "world")));
//! # }
//! ```
//!
//! A handler that awaits nothing may be a closure: see [`handler_fn`].
//!
//! # Sync and async
//!
//! The chapter points out that handlers run in the manager's process, that `sync_notify` waits
//! for them and that `notify` does not. It prefers `sync_notify`: a publisher that waits is held
//! back while handlers are slow (back-pressure), where `notify` fills a mailbox without end.
//!
//! Handlers have tasks of their own here. What is waited for is the same:
//!
//! ```
//! use genevent::{EventManager, handler_fn};
//! use std::sync::mpsc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let (parent, mailbox) = mpsc::channel();
//! let forwarder = handler_fn(move |n: &u32| parent.send(*n).unwrap());
//! manager.add_handler("forwarder", forwarder).unwrap();
//!
//! assert_eq!(manager.notify(1).await, Ok(1));
//! assert!(mailbox.try_recv().is_err(), "stored, and not handled yet");
//!
//! let receipt = manager.sync_notify(2).await.unwrap();
//! assert!(receipt.all_acked());
//! assert_eq!(mailbox.try_iter().collect::<Vec<_>>(), [1, 2]);
//! # }
//! ```
//!
//! Back-pressure is not: [`notify`] waits as well, for room. It is there whichever one takes, and
//! the choice is about what one wants to know. [`try_notify`] never waits, and gives the event
//! back instead:
//!
//! ```
//! use futures::{FutureExt, StreamExt};
//! use genevent::{EventManager, error::TryNotifyError};
//!
//! let manager = EventManager::new(2);
//! let mut slow = manager.subscribe();
//! assert_eq!(manager.notify(1).now_or_never(), Some(Ok(1)));
//! assert_eq!(manager.notify(2).now_or_never(), Some(Ok(1)));
//!
//! let mut third = manager.notify(3);
//! assert_eq!((&mut third).now_or_never(), None, "it waits for room");
//! assert_eq!(manager.try_notify(4), Err(TryNotifyError::Full(4)));
//!
//! assert_eq!(slow.next().now_or_never(), Some(Some(1)));
//! assert_eq!(third.now_or_never(), Some(Ok(1)));
//! ```
//!
//! # Registry events
//!
//! Next the chapter teaches its registry to tell what happens to its buckets. It argues that the
//! manager be started elsewhere and handed in, and begins with the test: a forwarder is added,
//! a bucket created and stopped, and both must be heard of:
//!
//! ```elixir
//! {:ok, manager} = GenEvent.start_link
//! {:ok, registry} = KV.Registry.start_link(manager)
//! GenEvent.add_mon_handler(manager, Forwarder, self())
//!
//! KV.Registry.create(registry, "shopping")
//! {:ok, bucket} = KV.Registry.lookup(registry, "shopping")
//! assert_receive {:create, "shopping", ^bucket}
//!
//! Agent.stop(bucket)
//! assert_receive {:exit, "shopping", ^bucket}
//! ```
//!
//! The same test, of the registry in module [`kv`], with what feature `test-util` has for tests: a
//! `Probe` is the forwarder and the mailbox, and `assert_next!` waits as `assert_receive` does. What
//! Elixir pins with `^` is compared in the guard. Where the whole of what happened is asked for,
//! nothing need be waited for: [`Registry::flush`] returns when everybody has finished with it.
//!
//! ```
//! use genevent::EventManager;
//! use genevent::kv::{ExitReason, Registry, RegistryEvent};
//! use genevent::test_util::{Probe, assert_next};
//! use tokio::sync::oneshot;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let manager = EventManager::default();
//! let registry = Registry::<u32>::new(manager.clone());
//! let mut mailbox = Probe::new();
//! let (myself, gone) = oneshot::channel::<()>();
//! manager.add_mon_handler("forwarder", mailbox.clone(), gone).unwrap();
//!
//! registry.create("shopping").await.unwrap();
//! let shopping = registry.lookup("shopping").unwrap();
//! assert_next!(
//!     mailbox,
//!     matches RegistryEvent::Created { name, bucket } if *name == *"shopping" && bucket == shopping
//! )
//! .await;
//!
//! shopping.stop();
//! let reason = assert_next!(
//!     mailbox,
//!     matches RegistryEvent::Exited { bucket, reason, .. } if bucket == shopping => reason
//! )
//! .await;
//! assert_eq!(reason, ExitReason::Stopped);
//! # drop(myself);
//! # }
//! ```
//!
//! Then the chapter makes the test pass: `start_link` keeps the manager in the server's state,
//! and `handle_cast({:create, name}, …)` and `handle_info({:DOWN, …}, …)` each call
//! `GenEvent.sync_notify` before they return. As they run in the registry's only process, a
//! handler that looks a name up waits for a process that waits for the handler, until the call
//! times out and the handler crashes. Ours puts the event in line and goes on; a task takes the
//! line to the manager, with [`sync_notify`] too. So an observer may call back:
//!
//! ```
//! use futures::StreamExt;
//! use genevent::EventManager;
//! use genevent::kv::{Registry, RegistryStreamExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let registry = Registry::<u32>::new(EventManager::default());
//! let mut created = registry.events().created();
//! registry.create("shopping").await.unwrap();
//!
//! let (name, bucket) = created.next().await.unwrap();
//! assert_eq!(registry.lookup(&name), Some(bucket)); // with the event still in hand
//! registry.create("shopping's audit").await.unwrap();
//! assert_eq!(created.next().await.unwrap().0, "shopping's audit");
//! # }
//! ```
//!
//! # Monitored handlers
//!
//! The test adds its forwarder with `add_mon_handler`: if the test's process ends, there is
//! nobody to forward to, and the manager removes the handler. Processes are monitored in Elixir;
//! here the owner is any future, and the handler goes when it is ready: a `JoinHandle`, the
//! receiver of a oneshot whose sender lives with the owner, a token that is cancelled.
//!
//! ```elixir
//! GenEvent.add_mon_handler(manager, Forwarder, self())
//! ```
//!
//! ```
//! use genevent::{EventManager, StopReason, handler_fn};
//! use tokio::sync::oneshot;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let (hang_up, hung_up) = oneshot::channel::<()>();
//! let connection = tokio::spawn(hung_up);
//! let forwarder = handler_fn(|event: &u32| println!("{event}"));
//! let forwarder = manager.add_mon_handler("forwarder", forwarder, connection).unwrap();
//!
//! drop(hang_up); // the connection's task ends
//! assert_eq!(forwarder.stopped().await, StopReason::OwnerGone);
//! assert!(manager.which_handlers().is_empty());
//! # }
//! ```
//!
//! `stopped` is also where `{:gen_event_EXIT, handler, reason}` went: whoever wants to know awaits
//! it, be it the owner or not.
//!
//! # Event streams
//!
//! Last, the chapter consumes events as a stream, in a process of its own, as reading blocks:
//!
//! ```elixir
//! spawn_link fn ->
//!   for x <- GenEvent.stream(manager), do: IO.inspect(x)
//! end
//! GenEvent.notify(manager, {:hello, :world})
//! ```
//!
//! There it comes at the end; here it is the first thing to know, and all the rest stands upon
//! it. A [`Subscription`] is a `Stream`, and coming back for the next event acknowledges the one
//! before:
//!
//! ```
//! use futures::StreamExt;
//! use genevent::EventManager;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let mut stream = manager.subscribe();
//! let printer = tokio::spawn(async move {
//!     let mut seen = Vec::new();
//!     while let Some(x) = stream.next().await {
//!         println!("{x:?}");
//!         seen.push(x);
//!     }
//!     seen
//! });
//!
//! manager.notify(("hello", "world")).await.unwrap();
//! drop(manager); // the stream ends when all is read
//! assert_eq!(printer.await.unwrap(), [("hello", "world")]);
//! # }
//! ```
//!
//! Streams are enough most of the time, says the chapter, and handlers are for what needs more,
//! or for tests. That holds here as well, and more so, since [combinators](crate::combinators)
//! keep the acknowledgement true:
//!
//! ```
//! use futures::StreamExt;
//! use genevent::EventManager;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::<u32>::new(64);
//! let even = manager.subscribe().filter(|n| std::future::ready(n % 2 == 0));
//! let squares = tokio::spawn(even.map(|n| n * n).take(2).collect::<Vec<_>>());
//! for n in 1..=4 {
//!     manager.sync_notify(n).await.unwrap();
//! }
//! assert_eq!(squares.await.unwrap(), [4, 16]);
//! # }
//! ```
//!
//! # The names
//!
//! | `GenEvent` | here |
//! |---|---|
//! | `start_link` | [`EventManager::new`], [`EventManager::builder`] |
//! | `notify`; `ack_notify`; `sync_notify` | [`notify`]; [`ack_notify`]; [`sync_notify`] |
//! | `stream` | [`subscribe`] |
//! | `add_handler`; `add_mon_handler` | [`add_handler`]; [`add_mon_handler`] |
//! | `which_handlers`; `remove_handler` | [`which_handlers`]; [`HandlerRef::remove`], or [by name](crate::EventManager::remove_handler) |
//! | `call`; `swap_handler`, `swap_mon_handler` | [`HandlerRef::call`]; [`HandlerRef::swap`], [`try_swap`](crate::HandlerRef::try_swap) |
//! | `{:gen_event_EXIT, handler, reason}` | [`HandlerRef::stopped`] |
//! | `stop` | [`stop`] |
//! | `init`; `terminate` | making the value; [`Handler::terminate`] |
//! | `handle_info` | a task that receives, and a handler's [`call`](crate::HandlerRef::call), or an event of its own |
//! | `code_change`; registered and remote names | none: a manager is a value of one process |
//!
//! # Where we depart, and why
//!
//! - **Bounded, and lossless unless asked.** A mailbox grows until memory ends; a manager has a
//!   capacity, and publishers wait. A subscriber may choose for itself to lose events or to be
//!   cut off ([`Overflow`]), and is told so: no loss is silent.
//! - **`sync_notify` counts.** `GenEvent` answers `:ok` also if a handler crashed over the event.
//!   A [`Receipt`] tells how many have finished, and who has not.
//! - **`ack_notify` says more**: every subscriber has *received* the event, where `GenEvent`
//!   answers when the manager takes it up.
//! - **A subscription takes effect at the call**, not at the first demand. What is published in
//!   between is not missed, and two streams that are zipped see the same events.
//! - **Handlers do not run in the manager**, but each in a task of its own, so a slow one delays
//!   nobody but who waits for it. [`handler_group`] is the shape of old: many in one task, oldest
//!   first.
//! - **Names are unique, and apart from types**: `{Module, id}` is a string here, handlers and
//!   groups share one set of names, and a name is free again only after `terminate`.
//! - **Nobody hangs on what is gone**, and a handler that could only wait for itself is told
//!   [`WouldDeadlock`](crate::error::NotifyError::WouldDeadlock). `GenEvent` crashes a handler
//!   that calls its own manager, and a stream that does so hangs. For what cannot be found out,
//!   who waits for answers sets a limit (`within`), and its error names who is waited for: page
//!   [`deadlocks`](crate::deadlocks).
//! - **Asking never waits behind events.** A stuck consumer under `sync_notify` makes a `GenEvent`
//!   unstoppable; here `subscribe`, `which_handlers`, `disconnect` or `close` answer at once.
//!   Only what has a place in the sequence waits for it: `call`, `swap`, `remove`.
//! - **A swap cannot fail half-way**: `GenEvent` has removed the old handler when the new one's
//!   `init` fails. [`try_swap`](crate::HandlerRef::try_swap) leaves it running; and the owner stays.
//! - **Every end is told**, once, after `terminate`, to whoever asks; the death of a `GenEvent`
//!   is not told to the owners of its handlers. A handler that panics ends alone, and may be
//!   restarted without missing an event ([`add_handler_with`]).
//! - **Events are facts**: `Created` and `Exited`, where the chapter has `:create` and `:exit`.
//!   The registry tells *why* a bucket ended, and its `lookup` is ahead of its events: a name is
//!   visible before `Created` is delivered, and free before `Exited` is.
//! - **`call` has no five seconds**: give it `tokio::time::timeout`. As there, the call is still
//!   made; unlike there, no late answer arrives anywhere.
//!
//! [`Handler`]: crate::Handler
//! [`Handler::terminate`]: crate::Handler::terminate
//! [`handler_fn`]: crate::handler_fn
//! [`HandlerRef::call`]: crate::HandlerRef::call
//! [`HandlerRef::remove`]: crate::HandlerRef::remove
//! [`HandlerRef::stopped`]: crate::HandlerRef::stopped
//! [`HandlerRef::swap`]: crate::HandlerRef::swap
//! [`EventManager::new`]: crate::EventManager::new
//! [`EventManager::builder`]: crate::EventManager::builder
//! [`notify`]: crate::EventManager::notify
//! [`try_notify`]: crate::EventManager::try_notify
//! [`ack_notify`]: crate::EventManager::ack_notify
//! [`sync_notify`]: crate::EventManager::sync_notify
//! [`subscribe`]: crate::EventManager::subscribe
//! [`add_handler`]: crate::EventManager::add_handler
//! [`add_mon_handler`]: crate::EventManager::add_mon_handler
//! [`add_handler_with`]: crate::EventManager::add_handler_with
//! [`handler_group`]: crate::EventManager::handler_group
//! [`which_handlers`]: crate::EventManager::which_handlers
//! [`stop`]: crate::EventManager::stop
//! [`Subscription`]: crate::Subscription
//! [`Receipt`]: crate::Receipt
//! [`Overflow`]: crate::Overflow
//! [`kv`]: crate::kv
//! [`Registry::flush`]: crate::kv::Registry::flush
