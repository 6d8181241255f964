//! An event manager delivers every event to every subscriber. Each subscriber is a [`Stream`] over
//! a lossless bounded channel. A publisher can wait until an event is stored, received, or
//! *finished* by every subscriber, and gets a receipt. The design is Elixir's `GenEvent`, rebuilt
//! for async Rust with streams first.
//!
//! Use genevent when several parts of a program react to the same events, no event may be lost
//! silently, and the publisher needs to know when all parts are done. Use
//! [something else](#when-to-use-something-else) for the latest value of a state, for work shared
//! between workers, and for events that must survive the process.
//!
//! After `cargo add genevent` and `cargo add tokio --features full`:
//!
//! ```
//! use genevent::EventManager;
//!
//! #[tokio::main]
//! async fn main() {
//!     let manager = EventManager::new(64);
//!
//!     let mut orders = manager.subscribe();
//!     let kitchen = tokio::spawn(async move {
//!         while let Some(order) = orders.next().await {
//!             println!("cooking {order}"); // the next poll acknowledges the order
//!         }
//!     });
//!
//!     let receipt = manager.sync_notify("order 1").await.unwrap();
//!     assert_eq!(receipt.acked(), 1); // the kitchen has finished with the order
//!
//!     drop(manager); // the stream ends, and the task with it
//!     kitchen.await.unwrap();
//! }
//! ```
//!
//! | page | for |
//! |---|---|
//! | [`cookbook`] | complete programs for common needs, also with axum, tonic and ratatui |
//! | [`combinators`] | the effect of each adapter of `futures` and `tokio-stream` on receipts |
//! | [`deadlocks`] | calls that wait for themselves, and the ways out |
//! | [`migrating`] | code before and after, for tokio's `broadcast`, `mpsc`, `async-broadcast` and `GenEvent` |
//! | [`comparison`] | other crates and systems, and when to take these |
//! | [`guide`] | Elixir's chapter on `GenEvent`, retold |
//!
#![doc = include_str!("../docs/sequence.svg")]
//!
//! # Four ways to publish
//!
//! Each call waits for more than the previous row.
//!
//! | call | returns when | and gives |
//! |---|---|---|
//! | [`try_notify`] | at once | the number of subscribers, or the event back: `Full`, `Closed` |
//! | [`notify`] | the event is stored: every lossless subscriber had room | the number of subscribers |
//! | [`ack_notify`] | every subscriber has *received* it | a [`Receipt`] |
//! | [`sync_notify`] | every subscriber has *finished* with it | a [`Receipt`] |
//!
//! A subscriber finishes an event by polling its stream for the next one, or by calling
//! [`Subscription::ack`]. A subscriber that leaves without either (by `break`, `?`, a panic or an
//! abort) or was disconnected is not waited for, and is named in the receipt with the [`Cause`]. So is
//! a subscriber that reports a failure, by [`nack`](Subscription::nack).
//!
//! What follows from an event is published at once, also past full windows, because publishers may
//! wait for the subscriber itself: by [`notify`] inside a handler, and by [`follow_up`] in a reader.
//! [`quiet`](EventManager::quiet) waits for an event and every event that it leads to.
//!
//! # Room
//!
//! The manager stores one sequence of events, numbered from 1, once for all subscribers. Each
//! subscriber reads at its own pace and may have up to `capacity` events unread. Each subscriber
//! chooses an overflow policy for a full window:
//!
//! | [`Overflow`] | a subscriber whose window is full |
//! |---|---|
//! | [`Wait`](Overflow::Wait), the default | makes publishers wait. Nothing is lost |
//! | [`WaitAtMost(duration)`](Overflow) | makes publishers wait that long, then is disconnected |
//! | [`DropOldest`](Overflow::DropOldest) | loses its oldest unread events, counted in [`missed`](Subscription::missed) |
//! | [`Disconnect`](Overflow::Disconnect) | is disconnected, reads what it had, and ends |
//!
//! A manager can be built with another [default](EventManagerBuilder::default_overflow) for its
//! streams. Publishers wait for handlers, unless their
//! `HandlerOptions` say otherwise.
//!
//! An event occupies the window until the stream yields the event. The freed place is granted to the
//! publisher that has waited longest, and wakes that publisher. A publishing future that exists and
//! is not polled delays no other publisher. Once every subscriber has finished with every event, the
//! manager keeps none in memory when all subscribers are parked, or after a
//! [`flush`](EventManager::flush), except for [retained](EventManagerBuilder::retain) events.
//!
//! To receive few of the events, subscribe with a filter:
//! [`subscribe_filter`](EventManager::subscribe_filter) or
//! [`subscribe_filter_map`](EventManager::subscribe_filter_map). The publisher evaluates the filter
//! before the event is queued, so unwanted events cost this subscriber nothing. See module
//! [`filter`]. For one key among many, such as a room or a user, subscribe by
//! [`topics`](EventManager::topics): the publisher looks up the subscribers of the event's key, and all
//! others cost nothing. To see each event only after another subscriber has finished it, subscribe
//! [`after`](EventManager::subscribe_after) the other subscriber.
//!
//! # Observers
//!
//! A reader that the work does not depend on, such as a screen, subscribes as an
//! [observer](SubscribeOptions::observer): no call waits for its acknowledgement, and no receipt
//! contains it. An observer with a lossy policy delays nobody, however slow.
//!
//! A service answers a request when its consumers have finished the event. Browsers see the same
//! events by server-sent events: each begins with the last 20 events and is cut off when it is too
//! slow, and [`disconnected`](Subscription::disconnected) closes its socket, also while the socket
//! takes nothing and the stream is not polled:
//!
//! ```
//! use futures::StreamExt;
//! use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = EventManager::builder().capacity(64).retain(20).build();
//! let mut orders = manager.subscribe();
//! let kitchen = tokio::spawn(async move { while orders.next().await.is_some() {} });
//! manager.sync_notify(0).await.unwrap();
//!
//! // For each browser that connects; `write` writes to its socket.
//! let browser = SubscribeOptions::new().observer().replay(20);
//! let mut events = manager.subscribe_with(browser.overflow(Overflow::Disconnect).window(8));
//! let gone = events.disconnected();
//! # let written = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
//! # let counted = std::sync::Arc::clone(&written);
//! # let write = async move |_event: u32| {
//! #     counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//! #     std::future::pending::<()>().await; // the browser reads nothing
//! # };
//! let connection = tokio::spawn(async move {
//!     let writing = async {
//!         while let Some(event) = events.next().await {
//!             write(event).await;
//!         }
//!     };
//!     tokio::select! {
//!         () = writing => None,
//!         reason = gone => reason, // dropping the socket closes it
//!     }
//! });
//!
//! // For each request.
//! for order in 1..=20 {
//!     let receipt = manager.sync_notify(order).await.unwrap();
//!     assert_eq!((receipt.acked(), receipt.dropped()), (1, 0)); // the kitchen alone
//! }
//! let reason = connection.await.unwrap().unwrap();
//! assert!(matches!(reason, EndReason::Disconnected { .. }));
//! # assert_eq!(written.load(std::sync::atomic::Ordering::Relaxed), 1);
//! manager.stop().await.unwrap();
//! # kitchen.await.unwrap();
//! # }
//! ```
//!
//! # What a combinator does to "finished"
//!
//! Adapters that request the next event only after finishing the previous event keep
//! [`sync_notify`] exact. Adapters reading ahead acknowledge too early, unless the pipeline works
//! on [deliveries](Subscription::deliveries). Page [`combinators`] has the whole table, and the
//! operators of [`ext`] acknowledge by themselves. In short (*exact*: the receipt says "finished"
//! when the work is done; *early*: while the work continues; *open*: not until the event is
//! released; *dropped*: the receipt names the subscriber as not finished):
//!
//! | pipeline | plain events | deliveries |
//! |---|---|---|
//! | `while let`; `for_each`; `then`; `map`; `filter_map`; `select`; `timeout` | exact | exact |
//! | the last event of `take(n)`; leaving a loop by `break` or `?`; dropping the stream | dropped | exact |
//! | `buffer_unordered(n)`; `for_each_concurrent(n)`; `chunks`; `forward`; a task for each event | early | exact |
//! | holding the stream idle | open | exact |
//! | what `filter` filters out | exact | dropped |
//! | `filter_acked`; `for_each_acked`; `batches` | – | exact |
//!
//! # Deadlocks
//!
//! [`sync_notify`] waits for every subscription, including the caller's own: called from the loop
//! reading the same manager, `sync_notify` never returns. A handler gets the error
//! [`WouldDeadlock`](error::WouldDeadlock) instead; the manager cannot detect the deadlock in other
//! tasks. Publishing inside a handler never waits for room, and neither does [`follow_up`] in a
//! reader. Every other wait takes a limit, `within(duration)`. The error names the subscribers without
//! room or without an answer, with the source line that subscribed each. [`WaitAtMost`](Overflow)
//! limits the wait for room on the subscriber's side. Page [`deadlocks`] lists every shape of this deadlock,
//! with its way out.
//!
//! # Handlers
//!
//! For a callback, [`add_handler`] runs a [`Handler`] or a closure in a task, with each
//! event of a subscription. Its [`HandlerRef`] calls the handler, swaps or removes the handler, and reports
//! how the handler ended. See module [`handler`].
//!
//! # The registry
//!
//! Module [`kv`] is a key-value registry. It publishes the creation and the end of its buckets as
//! events, as in the chapter on `GenEvent` of Elixir's guide. Page [`guide`] retells the chapter,
//! snippet by snippet, and lists the differences.
//!
//! # Inspection
//!
//! [`EventManager::stats`] shows which publishers wait for which subscribers, and since when: as
//! values, as readable text, and as a drawing ([`Stats::to_dot`]).
//!
//! Feature `tracing` emits events with target `genevent`, which carry the names of manager and
//! subscriber:
//!
//! - every publish (`TRACE`), and the counts of its receipt (`TRACE`);
//! - subscribers that join (as an observer or not), leave or lose events, with the reason (`DEBUG`);
//! - handlers that end (`DEBUG`; `WARN` for a panic) or return an error (`WARN`). Handler code runs in span
//!   `handler`.
//!
//! User events are never formatted. The `tracing` subscriber is called without a lock, may call
//! back into the manager, and does no harm by a panic. Events caused by the `tracing` subscriber on
//! its thread during such a call are not emitted.
//!
//! # Coming from something else
//!
//! Page [`migrating`] shows old code and its replacement for tokio's `broadcast`, a vector of
//! `mpsc` senders, `async-broadcast`, and `GenEvent`. Page [`comparison`] says when to take something
//! else.
//!
//! # Features and runtimes
//!
//! | feature | default | brings | on |
//! |---|---|---|---|
//! | none | | managers, streams, deliveries, permits, sinks | any executor; `futures-core`, `futures-sink`, `pin-project-lite` |
//! | `rt` | yes | handlers, the registry, `within`, `WaitAtMost`, `batches`, `debounce_acked`, `for_each_acked`, `try_for_each_acked` | handlers and registry: tokio; the rest: any executor |
//! | `serde` | | `Serialize` for [`Receipt`], [`Stats`], [`SubscriberInfo`], ids, causes and reasons | `serde` |
//! | `test-util` | | for tests: module `test_util`, with `assert_next!`, `assert_no_event!`, `assert_ended!` and a probe that records | any executor; the timers are tokio's |
//! | `tracing` | | what happens, told to whoever listens with `tracing` | `tracing` |
//!
//! Rust 1.85 or later. No `unsafe`.
//!
//! # Time limits
//!
//! Everything with a time limit (`within`, `WaitAtMost`, `batches`, the assertions of `test_util`) or with a
//! pause (`debounce_acked`, `retry`) waits on any executor, and may be polled in several of them in
//! succession. Inside of tokio the clock is tokio's, also a
//! [paused clock](https://docs.rs/tokio/latest/tokio/time/fn.pause.html); elsewhere it is the system's. A
//! thread named `genevent-timer` fires the timers; the first such wait starts the thread, and so does the
//! first publisher that waits behind another inside of tokio. So no runtime needs `enable_time`.
//!
//! The timers of a paused clock are fired by its runtime, which therefore needs `enable_time`; tokio
//! panics otherwise. Pause the clock before the wait begins: a clock that is paused later is noticed
//! when the waiting future is polled next.
//!
//! # When to use something else
//!
//! - Only the latest value matters: `tokio::sync::watch`.
//! - Each event is for *one* of many workers: an `mpsc` or `mpmc` channel.
//! - Old events may be lost at any time, and no publisher asks when they were processed:
//!   `tokio::sync::broadcast`.
//! - Events must survive the process, or reach others: a log or a broker. Crate
//!   [`genevent-nats`](https://docs.rs/genevent-nats) connects managers with one.
//!
//! [`Stream`]: futures_core::Stream
//! [`try_notify`]: EventManager::try_notify
//! [`notify`]: EventManager::notify
//! [`ack_notify`]: EventManager::ack_notify
//! [`sync_notify`]: EventManager::sync_notify
//! [`follow_up`]: Subscription::follow_up
#![cfg_attr(
    not(feature = "rt"),
    doc = "[`kv`]: https://docs.rs/genevent/latest/genevent/kv/
[`cookbook`]: https://docs.rs/genevent/latest/genevent/cookbook/
[`guide`]: https://docs.rs/genevent/latest/genevent/guide/
[`handler`]: https://docs.rs/genevent/latest/genevent/handler/
[`add_handler`]: https://docs.rs/genevent/latest/genevent/struct.EventManager.html#method.add_handler
[`Handler`]: https://docs.rs/genevent/latest/genevent/trait.Handler.html
[`HandlerRef`]: https://docs.rs/genevent/latest/genevent/struct.HandlerRef.html"
)]
#![cfg_attr(feature = "rt", doc = "[`add_handler`]: EventManager::add_handler")]
#![forbid(unsafe_code)]
// Without `rt`, parts of the engine have no caller: deadlines, and the checks for handlers.
#![cfg_attr(not(feature = "rt"), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod util;
#[macro_use]
mod channel;

// Declared first: rustdoc lists the methods of `EventManager` before its handler methods.
mod manager;

#[doc = include_str!("../docs/combinators.md")]
pub mod combinators {}
#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}
#[cfg(feature = "rt")]
#[cfg_attr(any(not(doctest), feature = "test-util"), doc = include_str!("../docs/cookbook.md"))]
#[cfg_attr(
    all(doctest, not(feature = "test-util")),
    doc = "Tested with `test-util`."
)]
pub mod cookbook {
    // Tested by package `genevent-cookbook` in `tools/cookbook`, which has the frameworks.
    #[cfg_attr(not(doctest), doc = include_str!("../docs/cookbook_frameworks.md"))]
    #[cfg_attr(doctest, doc = "Recipes with axum, tonic and ratatui.")]
    pub mod frameworks {}
}
#[doc = include_str!("../docs/deadlocks.md")]
pub mod deadlocks {}
mod ack;
mod delivery;
mod end_reason;
pub mod error;
pub mod ext;
pub mod filter;
mod follow_up;
pub mod future;
#[cfg(feature = "rt")]
#[cfg_attr(any(not(doctest), feature = "test-util"), doc = include_str!("../docs/guide.md"))]
#[cfg_attr(
    all(doctest, not(feature = "test-util")),
    doc = "Tested with `test-util`."
)]
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
mod topics;

/// Tests every program of the README.
#[cfg(all(doctest, feature = "rt"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use ack::Ack;
pub use delivery::{Deliveries, Delivery};
pub use end_reason::{DisconnectCause, EndReason};
pub use ext::{Batch, EventStreamExt};
pub use filter::Filtered;
pub use follow_up::FollowUps;
#[cfg(feature = "rt")]
pub use handler::{
    Handled, Handler, HandlerGroup, HandlerGuard, HandlerOptions, HandlerRef, Restart, StopReason,
    WeakHandlerGroup, handler_fn,
};
pub use inspect::{Stats, SubscriberInfo};
pub use manager::{EventManager, EventManagerBuilder, WeakEventManager};
pub use options::{Overflow, SubscribeOptions};
pub use permit::Permit;
pub use receipt::{Cause, Receipt, Unfinished};
pub use sink::{EventSink, SyncSink};
pub use subscriber_id::{SubscriberId, SubscriberKind};
pub use subscription::{Received, Subscription, WithMissed};
pub use topics::Topics;
