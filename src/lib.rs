//! An event manager hands every subscriber a [`Stream`] of its events, over a bounded channel
//! that loses nothing. A publisher can wait until an event is stored, received, or *finished
//! with* by every subscriber, and gets a receipt that says so. It is Elixir's `GenEvent`, rebuilt
//! for async Rust with streams first.
//!
//! ```
//! use futures::StreamExt;
//! use genevent::EventManager;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::new(64);
//!
//! let mut orders = manager.subscribe();
//! let kitchen = tokio::spawn(async move {
//!     while let Some(order) = orders.next().await {
//!         println!("cooking {order}"); // coming back for the next one says "done"
//!     }
//! });
//!
//! let receipt = manager.sync_notify("order 1").await.unwrap();
//! assert_eq!(receipt.acked(), 1); // the kitchen has finished with it
//!
//! drop(manager); // closes it: the stream ends, and the task with it
//! kitchen.await.unwrap();
//! # }
//! ```
//!
//! # The ladder
//!
//! Four ways to publish; each waits for more than the one before.
//!
//! | call | returns when | and gives |
//! |---|---|---|
//! | [`try_notify`] | at once | how many it was stored for, or the event back: `Full`, `Closed` |
//! | [`notify`] | the event is stored: every waiting subscriber had room | how many it was stored for |
//! | [`ack_notify`] | every subscriber has *received* it | a [`Receipt`] |
//! | [`sync_notify`] | every subscriber has *finished* with it | a [`Receipt`] |
//!
//! A subscriber has finished with an event when it polls its stream for the next one, calls
//! [`Subscription::ack`], or drops the stream. One that can no longer finish (it left, panicked,
//! was disconnected) is not waited for; the receipt names it.
//!
//! # Room
//!
//! One sequence, numbered from 1, is kept once for all subscribers; each reads at its own pace
//! and may have up to `capacity` events unread. What happens then is the subscriber's choice:
//!
//! | [`Overflow`] | a subscriber whose window is full |
//! |---|---|
//! | [`Wait`](Overflow::Wait), the default | makes publishers wait. Nothing is lost |
//! | [`WaitAtMost(duration)`](Overflow) | makes publishers wait that long, then is disconnected |
//! | [`DropOldest`](Overflow::DropOldest) | loses its oldest unread events, counted in [`missed`](Subscription::missed) |
//! | [`Disconnect`](Overflow::Disconnect) | is disconnected, reads what it had, and ends |
//!
//! A manager may be built with another [default](EventManagerBuilder::default_overflow) for its
//! streams. Handlers are always waited for.
//!
//! An event counts until it is yielded, and the place it frees wakes the publisher at the head of
//! the line, and only that one. When every subscriber waits for more, nothing is kept in memory.
//!
//! Who wants few of the events says which: [`subscribe_filter`](EventManager::subscribe_filter) and
//! [`subscribe_filter_map`](EventManager::subscribe_filter_map) have the publisher judge them before the queue, so
//! that the others cost this subscriber nothing. See module [`filter`]. And who must not see an event
//! before another one is done with it, subscribes [`after`](EventManager::subscribe_after) that one.
//!
//! # What a combinator does to "finished"
//!
//! Adapters that ask for the next event only when they are done with the one before keep
//! [`sync_notify`] exact; those that read ahead answer early, unless they are given
//! [deliveries](Subscription::deliveries). Page [`combinators`] has the whole table, and the
//! operators of [`ext`] that acknowledge by themselves. In short (*exact*: the receipt says
//! "finished" when the work is done; *early*: before that; *open*: not until somebody lets go;
//! *dropped*: it names the subscriber as one that did not finish):
//!
//! | pipeline | plain events | deliveries |
//! |---|---|---|
//! | `while let`; `for_each`; `then`; `map`; `filter_map`; `take`; `select`; `timeout` | exact | exact |
//! | `buffer_unordered(n)`; `for_each_concurrent(n)`; `chunks`; `forward`; a task for each event | early | exact |
//! | holding the stream idle | open | exact |
//! | what `filter` filters out | exact | dropped |
//! | `filter_acked`; `for_each_acked`; `batches` | – | exact |
//!
//! # Deadlocks
//!
//! Whoever waits for every subscriber waits for its own subscription, too: [`sync_notify`] from
//! the loop that reads the same manager never returns. A handler is told instead
//! ([`WouldDeadlock`](error::WouldDeadlock)); of other tasks nobody can know. So waiting for
//! answers takes a limit, `within(duration)`, and the error names who has not answered, with the
//! line that subscribed it; for room, [`WaitAtMost`](Overflow) is the limit. Page [`deadlocks`] has
//! every shape of this, with its way out.
//!
//! # Handlers
//!
//! Where a callback is all that is wanted: [`add_handler`] runs a [`Handler`] or a closure in a
//! task that folds a subscription, and its [`HandlerRef`] asks it things, swaps it, removes it
//! and tells how it ended. See module [`handler`].
//!
//! # The registry
//!
//! Module [`kv`] is a key-value registry that publishes the creation and the end of its buckets
//! as events: what the chapter on `GenEvent` in Elixir's guide builds. Page [`guide`] retells that
//! chapter, snippet by snippet, and says where this crate departs from it.
//!
//! # Seeing
//!
//! [`EventManager::stats`] says who waits for whom, and since when: as values, as text for people,
//! and as a drawing ([`Stats::to_dot`]).
//!
//! Feature `tracing` tells, under target `genevent` and by the names of manager and subscriber, of
//! every publish (`TRACE`, and with the counts of its receipt once that is there), of subscribers
//! that join, leave and lose events, with the reason, and of handlers that end (`DEBUG`; `WARN` for
//! a panic). Code of handlers runs in span `handler`. With `rt`, a manager that is built with
//! `warn_after(duration)` warns of each subscriber that holds publishers for longer. Events are
//! never formatted. A listener is called without a lock, may call back, and harms nobody with a
//! panic; what a listener causes on its thread while it is told something is not told again.
//!
//! # Coming from something else
//!
//! Page [`migrating`] has what one wrote and what one writes now, for tokio's `broadcast`, a
//! vector of `mpsc` senders, `async-broadcast`, and `GenEvent`.
//!
//! # Features and runtimes
//!
//! | feature | default | brings | on |
//! |---|---|---|---|
//! | none | | managers, streams, deliveries, permits, sinks | any executor; `futures-core`, `futures-sink`, `pin-project-lite` |
//! | `rt` | yes | handlers, the registry, `within`, `WaitAtMost`, `batches`, `for_each_acked`, `try_for_each_acked` | tokio |
//! | `test-util` | | for tests: module `test_util`, with `assert_next!`, `assert_no_event!`, `assert_ended!` and a probe that records | any executor; on tokio its clock, also a paused one |
//! | `tracing` | | what happens, told to whoever listens with `tracing`; with `rt`, `warn_after` | `tracing` |
//!
//! Rust 1.85 or later. No `unsafe`.
//!
//! # When to use something else
//!
//! - Only the latest value matters: `tokio::sync::watch`.
//! - Each event is for *one* of many workers: an `mpsc` or `mpmc` channel.
//! - Old events may be lost at any time and nobody asks when they were processed:
//!   `tokio::sync::broadcast`.
//! - Events must survive the process: a log or a broker.
//!
//! [`Stream`]: futures_core::Stream
//! [`try_notify`]: EventManager::try_notify
//! [`notify`]: EventManager::notify
//! [`ack_notify`]: EventManager::ack_notify
//! [`sync_notify`]: EventManager::sync_notify
#![cfg_attr(
    not(feature = "rt"),
    doc = "[`kv`]: https://docs.rs/genevent/latest/genevent/kv/
[`guide`]: https://docs.rs/genevent/latest/genevent/guide/
[`handler`]: https://docs.rs/genevent/latest/genevent/handler/
[`add_handler`]: https://docs.rs/genevent/latest/genevent/struct.EventManager.html#method.add_handler
[`Handler`]: https://docs.rs/genevent/latest/genevent/trait.Handler.html
[`HandlerRef`]: https://docs.rs/genevent/latest/genevent/struct.HandlerRef.html"
)]
#![cfg_attr(feature = "rt", doc = "[`add_handler`]: EventManager::add_handler")]
#![forbid(unsafe_code)]
// Without a clock, nobody asks the core some of the questions it can answer.
#![cfg_attr(not(feature = "rt"), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod util;
#[macro_use]
mod channel;

// In this order the docs of `EventManager` list its own methods before those of handlers.
mod manager;

#[doc = include_str!("../docs/combinators.md")]
pub mod combinators {}
#[doc = include_str!("../docs/deadlocks.md")]
pub mod deadlocks {}
mod delivery;
mod end_reason;
pub mod error;
pub mod ext;
pub mod filter;
pub mod future;
#[cfg(feature = "rt")]
#[doc = include_str!("../docs/guide.md")]
pub mod guide {}
#[cfg(feature = "rt")]
pub mod handler;
mod inspect;
#[cfg(feature = "rt")]
pub mod kv;
#[doc = include_str!("../docs/migrating.md")]
#[cfg_attr(feature = "rt", doc = "[`guide`]: crate::guide")]
#[cfg_attr(
    not(feature = "rt"),
    doc = "[`guide`]: https://docs.rs/genevent/latest/genevent/guide/"
)]
pub mod migrating {}
mod options;
mod permit;
mod receipt;
mod sink;
mod subscriber_id;
mod subscription;
#[cfg(feature = "test-util")]
pub mod test_util;

/// Every program in README, as a test.
#[cfg(all(doctest, feature = "rt"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use delivery::{Ack, Deliveries, Delivery};
pub use end_reason::{DisconnectCause, EndReason};
pub use ext::{Batch, EventStreamExt};
pub use filter::Filtered;
#[cfg(feature = "rt")]
pub use handler::{
    Handler, HandlerGroup, HandlerGuard, HandlerRef, Restart, StopReason, handler_fn,
};
pub use inspect::{Stats, SubscriberInfo};
pub use manager::{EventManager, EventManagerBuilder, WeakEventManager};
pub use options::{Overflow, SubscribeOptions};
pub use permit::Permit;
pub use receipt::Receipt;
pub use sink::{EventSink, SyncSink};
pub use subscriber_id::{SubscriberId, SubscriberKind};
pub use subscription::{Received, Subscription, WithMissed};
