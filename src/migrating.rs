//! Coming from something else: what you had, what you write here, what is different.
//!
//! From [`tokio::sync::broadcast`](#from-tokios-broadcast), from
//! [a vector of senders](#from-a-vector-of-mpsc-senders), from
//! [`async-broadcast`](#from-async-broadcast), and from [`GenEvent`](#from-genevent).
//!
//! Two things hold for all of them. A subscription that does not say otherwise **loses nothing and
//! makes publishers wait**, so one that is kept and never polled holds them for ever: drop it, or
//! choose another [`Overflow`]. And events must be `Sync` as well as `Send`, as all subscribers
//! read the one that is stored; each clones it when it takes it, on its own task.
//!
//! # From tokio's broadcast
//!
//! What you had. A receiver that is slow loses the oldest events, whether it wants to or not, and
//! every reader has three cases to deal with:
//!
//! ```
//! use tokio::sync::broadcast::{self, error::RecvError};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (prices, mut screen) = broadcast::channel(2);
//! for price in 1..=5 {
//!     prices.send(price).unwrap();
//! }
//! drop(prices);
//!
//! let (mut shown, mut missed) = (Vec::new(), 0);
//! loop {
//!     match screen.recv().await {
//!         Ok(price) => shown.push(price),
//!         Err(RecvError::Lagged(n)) => missed += n,
//!         Err(RecvError::Closed) => break,
//!     }
//! }
//! assert_eq!((shown, missed), (vec![4, 5], 3));
//! # }
//! ```
//!
//! The same here. The receiver is a stream, and losses are counted beside it ([`missed`]), or are
//! values in it ([`with_missed`]):
//!
//! ```
//! use futures::StreamExt;
//! use genevent::{EventManager, Overflow};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let prices = EventManager::new(2);
//! let mut screen = prices.subscribe_with(Overflow::DropOldest);
//! for price in 1..=5 {
//!     prices.try_notify(price).unwrap();
//! }
//! drop(prices);
//!
//! let mut shown = Vec::new();
//! while let Some(price) = screen.next().await {
//!     shown.push(price);
//! }
//! assert_eq!((shown, screen.missed()), (vec![4, 5], 3));
//! # }
//! ```
//!
//! | `tokio::sync::broadcast` | here |
//! |---|---|
//! | `channel(n)` | [`EventManager::new(n)`](crate::EventManager::new); `n` is not rounded up |
//! | `tx.subscribe()`, `rx.resubscribe()` | [`subscribe_with(Overflow::DropOldest)`][`subscribe_with`], or [`subscribe`] to lose nothing |
//! | `tx.send(e)` | [`try_notify(e)`][`try_notify`]; with readers that lose nothing, [`notify(e).await`][`notify`] |
//! | `rx.recv()`: `Ok`, `Closed` | [`next()`]: `Some`, `None` |
//! | `RecvError::Lagged(n)` | [`missed`], or [`Received::Missed(n)`](crate::Received) |
//! | `tx.receiver_count()`, `rx.len()` | [`subscriber_count`], [`pending`](crate::Subscription::pending) |
//! | `BroadcastStream` | the subscription itself |
//!
//! What changes: **each subscriber chooses for itself.** One that must see everything stands
//! beside one that may lose events, and only the first makes publishers wait:
//!
//! ```
//! use futures::{FutureExt, StreamExt};
//! use genevent::{EventManager, Overflow, error::TryNotifyError};
//!
//! let prices = EventManager::new(2);
//! let screen = prices.subscribe_with(Overflow::DropOldest);
//! let mut audit = prices.subscribe();
//! assert_eq!(prices.try_notify(1), Ok(2));
//! assert_eq!(prices.try_notify(2), Ok(2));
//! assert_eq!(prices.try_notify(3), Err(TryNotifyError::Full(3)), "for the audit's sake");
//!
//! assert_eq!(audit.next().now_or_never(), Some(Some(1)));
//! assert_eq!(prices.try_notify(3), Ok(2));
//! assert_eq!((screen.missed(), audit.missed()), (1, 0));
//! ```
//!
//! What stays: a subscription begins at the call, and dropping `next()`, as `select!` does, loses
//! nothing.
//!
//! What to look out for:
//!
//! - `send` fails when there is no receiver. `try_notify` gives `Ok(0)`, and the manager stays open
//!   without any; a receiver that was kept only so that `send` would work can go, and must.
//! - `try_notify` gives `Full` as soon as one subscriber is there that loses nothing and is slow.
//! - [`closed`](crate::EventManager::closed) waits for the manager to be closed, not, as
//!   `Sender::closed` does, for the last receiver to go.
//!
//! # From a vector of mpsc senders
//!
//! What you had: a channel for each reader, and a loop that sends to all.
//!
//! ```
//! use futures::FutureExt;
//! use tokio::sync::mpsc;
//!
//! struct Orders {
//!     readers: Vec<mpsc::Sender<&'static str>>,
//! }
//!
//! impl Orders {
//!     async fn publish(&mut self, order: &'static str) {
//!         for reader in &self.readers {
//!             let _ = reader.send(order).await;
//!         }
//!         self.readers.retain(|reader| !reader.is_closed());
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (to_kitchen, mut kitchen) = mpsc::channel(8);
//! let (to_billing, mut billing) = mpsc::channel(1);
//! let mut orders = Orders { readers: vec![to_kitchen, to_billing] };
//!
//! orders.publish("tea").await;
//! assert!(orders.publish("cake").now_or_never().is_none(), "billing has no room: given up");
//! assert_eq!((kitchen.recv().await, kitchen.recv().await), (Some("tea"), Some("cake")));
//! assert_eq!(billing.recv().await, Some("tea"));
//! assert!(billing.try_recv().is_err(), "one of the two has heard of the cake");
//! # }
//! ```
//!
//! The same here. An event that is given up is delivered to nobody:
//!
//! ```
//! use futures::{FutureExt, StreamExt};
//! use genevent::{EventManager, SubscribeOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let orders = EventManager::new(8);
//! let mut kitchen = orders.subscribe();
//! let mut billing = orders.subscribe_with(SubscribeOptions::new().window(1));
//!
//! assert_eq!(orders.notify("tea").await, Ok(2));
//! assert!(orders.notify("cake").now_or_never().is_none(), "billing has no room: given up");
//! assert_eq!((kitchen.next().await, billing.next().await), (Some("tea"), Some("tea")));
//! assert!(kitchen.next().now_or_never().is_none(), "nobody has heard of the cake");
//!
//! drop(billing); // there is nothing to tidy up
//! assert_eq!(orders.notify("cake").await, Ok(1));
//! # }
//! ```
//!
//! | a vector of senders | here |
//! |---|---|
//! | `channel(n)` for each reader | one capacity; [`window(n)`](crate::SubscribeOptions::window) for a reader that wants less |
//! | `send` in a loop | [`notify`] |
//! | `try_send` in a loop, and out with whoever is full | [`Overflow::Disconnect`], chosen by the reader |
//! | `unbounded_channel` | a large capacity: memory is taken as events come |
//! | `retain(..)`, a lock around the vector | nothing: dropping the subscription is enough |
//! | a `oneshot` in each message, to know that it is dealt with | [`sync_notify`], and its [`Receipt`](crate::Receipt) |
//!
//! What changes: **all or nobody**, as above, and **one order.** Two publishers that loop over the
//! same vector can be seen in one order by one reader and in the other by the next; here all
//! readers see the same. And an event is kept once, however many read it.
//!
//! What to look out for:
//!
//! - `try_send` in a loop that goes on when one is full loses the *newest* events of that reader.
//!   [`Overflow::DropOldest`] loses the oldest.
//! - A vector that sends each event to *one* of its readers in turn is a queue for workers: stay
//!   with a channel.
//! - If readers get different events, each of them subscribes with a filter: [`subscribe_where`],
//!   or [`subscribe_map`] for a part of each event. The publisher asks the filter before the queue,
//!   so an event that a reader does not want takes no room there, and that reader is not waited
//!   for. `StreamExt::filter` comes behind the queue, where every event takes room:
//!
//! ```
//! use futures::{FutureExt, StreamExt};
//! use genevent::EventManager;
//!
//! let orders = EventManager::new(1);
//! let mut teas = orders.subscribe_where(|order: &&str| order.starts_with("tea"));
//! let mut cakes = orders.subscribe_map(|order: &&str| order.strip_prefix("cake ").map(str::len));
//! assert_eq!(orders.try_notify("tea for two"), Ok(1));
//! assert_eq!(orders.try_notify("cake plain"), Ok(1), "the full window of `teas` is no matter");
//! assert_eq!(teas.next().now_or_never(), Some(Some("tea for two")));
//! assert_eq!(cakes.next().now_or_never(), Some(Some(5)));
//! ```
//!
//! # From async-broadcast
//!
//! The nearest relative: bounded, lossless unless told otherwise, receivers that are streams.
//! What you had:
//!
//! ```
//! use futures::{StreamExt, executor::block_on};
//!
//! # block_on(async {
//! let (mut prices, screen) = async_broadcast::broadcast(2);
//! prices.set_overflow(true); // for every receiver
//! for price in 1..=5 {
//!     prices.broadcast(price).await.unwrap();
//! }
//! drop(prices);
//! assert_eq!(screen.collect::<Vec<_>>().await, [4, 5]); // the stream does not tell of a loss
//! # });
//! ```
//!
//! The same here:
//!
//! ```
//! use futures::{StreamExt, executor::block_on};
//! use genevent::{EventManager, Overflow, Received};
//!
//! # block_on(async {
//! let prices = EventManager::new(2);
//! let screen = prices.subscribe_with(Overflow::DropOldest).with_missed();
//! for price in 1..=5 {
//!     prices.notify(price).await.unwrap();
//! }
//! drop(prices);
//! let shown = screen.collect::<Vec<_>>().await;
//! assert_eq!(shown, [Received::Missed(3), Received::Event(4), Received::Event(5)]);
//! # });
//! ```
//!
//! | `async-broadcast` | here |
//! |---|---|
//! | `broadcast(n)` | [`EventManager::new(n)`](crate::EventManager::new) |
//! | `tx.broadcast(e).await`, `tx.try_broadcast(e)` | [`notify(e).await`][`notify`], [`try_notify(e)`][`try_notify`] |
//! | `tx.new_receiver()`, `inactive.activate()` | [`subscribe`] |
//! | `set_overflow(true)` | [`Overflow::DropOldest`], for one; [`default_overflow`], for all |
//! | `RecvError::Overflowed(n)` | [`missed`], [`with_missed`] |
//! | `set_await_active(true)` (its default) | [`wait_for_subscribers(1).await`][`wait_for_subscribers`] first |
//! | `InactiveReceiver`, to keep it open | nothing: a manager stays open without subscribers |
//! | `rx.clone()`, from where `rx` stands; `set_capacity` | none |
//!
//! What changes: **each subscriber chooses for itself** whether to lose events, to make publishers
//! wait, or to be disconnected; and [`ack_notify`] and [`sync_notify`] tell when all have it, or
//! are done with it.
//!
//! What to look out for:
//!
//! - With inactive receivers alone, `broadcast` waits for an active one; with none at all, it
//!   fails. `notify` gives `Ok(0)` in both cases:
//!
//! ```
//! use futures::{FutureExt, executor::block_on};
//! use genevent::EventManager;
//!
//! # block_on(async {
//! let (old, receiver) = async_broadcast::broadcast(2);
//! let inactive = receiver.deactivate();
//! assert!(old.broadcast(1).now_or_never().is_none());
//! drop(inactive);
//! assert!(old.broadcast(1).await.is_err());
//!
//! let new = EventManager::new(2);
//! assert_eq!(new.notify(1).await, Ok(0));
//! # });
//! ```
//!
//! - In overflow mode `broadcast` gives back what it pushed out. Here nobody but the reader that
//!   lost an event is told, as it may be the only one.
//!
//! # From `GenEvent`
//!
//! What you had, in Elixir, and in Erlang's `gen_event` by other names:
//!
//! ```elixir
//! defmodule Logins do
//!   use GenEvent
//!   def handle_event({:login, _who}, count), do: {:ok, count + 1}
//!   def handle_call(:count, count), do: {:ok, count, count}
//! end
//!
//! {:ok, manager} = GenEvent.start_link
//! GenEvent.add_handler(manager, Logins, 0)
//! GenEvent.notify(manager, {:login, "ada"})
//! GenEvent.call(manager, Logins, :count)  # 1
//! ```
//!
//! The same here. What is called is not `handle_call` but any closure on the handler:
//!
//! ```
//! # #[cfg(not(feature = "rt"))]
//! # fn main() {}
//! # #[cfg(feature = "rt")]
//! use genevent::{EventManager, Handler};
//! use std::ops::ControlFlow;
//!
//! struct Login(&'static str);
//!
//! struct Logins {
//!     count: u32,
//! }
//!
//! # #[cfg(feature = "rt")]
//! impl Handler<Login> for Logins {
//!     async fn handle_event(&mut self, _login: &Login) -> ControlFlow<()> {
//!         self.count += 1;
//!         ControlFlow::Continue(()) // `Break` is `:remove_handler`
//!     }
//! }
//!
//! # #[cfg(feature = "rt")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//! let logins = manager.add_handler("logins", Logins { count: 0 }).unwrap();
//! manager.notify(Login("ada")).await.unwrap();
//! assert_eq!(logins.call(|logins| logins.count).await, Ok(1));
//! # }
//! ```
//!
//! `GenEvent.stream` is [`subscribe`], and is what to begin with: most handlers are a pipeline
//! that somebody spawns. Page [`guide`] goes through Elixir's chapter on `GenEvent` snippet by
//! snippet, and has the table of all names.
//!
//! What changes: **bounded**, where a mailbox grows until memory ends, so that `notify` may wait;
//! **`sync_notify` counts** who has finished, where `GenEvent` answers `:ok` also if a handler
//! crashed over the event; and **handlers run beside the manager**, each in a task of its own, so
//! that a slow one delays nobody but who waits for it.
//!
//! What to look out for:
//!
//! - A subscription takes effect at the call, not when it is first polled: do not make one long
//!   before somebody reads it.
//! - A manager is a value of one process: no registered names, no remote nodes.
//! - A handler that publishes to its own manager uses `notify`. `sync_notify` from there could only
//!   wait for itself, and answers `WouldDeadlock`; from a task that reads the stream it hangs: page
//!   [`deadlocks`](crate::deadlocks).
//!
//! [`EventManager`]: crate::EventManager
//! [`ack_notify`]: crate::EventManager::ack_notify
//! [`default_overflow`]: crate::EventManagerBuilder::default_overflow
//! [`missed`]: crate::Subscription::missed
//! [`next()`]: crate::Subscription
//! [`notify`]: crate::EventManager::notify
//! [`Overflow`]: crate::Overflow
//! [`Overflow::Disconnect`]: crate::Overflow::Disconnect
//! [`Overflow::DropOldest`]: crate::Overflow::DropOldest
//! [`subscribe`]: crate::EventManager::subscribe
//! [`subscribe_map`]: crate::EventManager::subscribe_map
//! [`subscribe_where`]: crate::EventManager::subscribe_where
//! [`subscribe_with`]: crate::EventManager::subscribe_with
//! [`subscriber_count`]: crate::EventManager::subscriber_count
//! [`sync_notify`]: crate::EventManager::sync_notify
//! [`try_notify`]: crate::EventManager::try_notify
//! [`wait_for_subscribers`]: crate::EventManager::wait_for_subscribers
//! [`with_missed`]: crate::Subscription::with_missed
#![cfg_attr(feature = "rt", doc = "[`guide`]: crate::guide")]
#![cfg_attr(
    not(feature = "rt"),
    doc = "[`guide`]: https://docs.rs/genevent/latest/genevent/guide/"
)]
