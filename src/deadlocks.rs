//! How a task comes to wait for itself, and how to find out which one does.
//!
//! Whoever waits for *every* subscriber, for its answer or for room, waits for its own
//! subscription, too. Streams give no sign of it: the manager cannot know which task reads which
//! one. (Of handlers it knows more: see [below](#in-handlers).) But every wait can be given a limit, and the error then names the subscription with
//! the line that created it:
//!
//! ```
//! use std::time::Duration;
//! use futures::StreamExt;
//! use genevent::EventManager;
//!
//! # #[cfg(not(feature = "rt"))]
//! # fn main() {}
//! # #[cfg(feature = "rt")]
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let manager = EventManager::new(8);
//! let mut orders = manager.subscribe();
//! let line = line!() - 1;
//! manager.try_notify("order").unwrap();
//!
//! while let Some(event) = orders.next().await {
//!     if event == "order" {
//!         let shipped = manager.sync_notify("shipped").within(Duration::from_secs(5)).await;
//!         let error = shipped.unwrap_err();
//!         assert_eq!(error.pending()[0].id(), orders.id()); // ourselves
//!         assert!(error.to_string().contains(&format!(":{line}:")));
//!         # manager.close();
//!     }
//! }
//! # }
//! ```
//!
//! # The shapes
//!
//! | what waits | for what | instead |
//! |---|---|---|
//! | [`sync_notify`] or [`ack_notify`] from the `while let` loop that reads the same manager | the loop to come back | [`notify`]; or from a task of its own |
//! | the same from `then`, `for_each`, `fold`, … over a subscription | the stream to be polled again | [`notify`] |
//! | [`flush`] or [`stop`] with an event in hand | that event | [`Subscription::ack`] first |
//! | [`flush`] or [`stop`] while holding a [`Delivery`] | that delivery | [`Delivery::ack`] first |
//! | [`sync_notify`] while holding as many deliveries as [`max_unacked`] allows | the next one, which is not let out | acknowledge first, or a higher limit |
//! | [`notify`] when the buffer is full, in the only task that empties it | room | [`try_notify`]; a task of its own; [`Overflow::WaitAtMost`] |
//! | [`notify`] or [`reserve`] behind a publishing future of the same task that `select!` has put aside (`&mut first`) | the first future, which has the earlier turn and is not polled | dropping the first future; `join!`, which polls both |
//! | [`notify`] or [`reserve`] after a `timeout` around `sink.send(event)` has elapsed | the sink, which keeps its turn | closing or dropping the sink; sending with that sink again |
//! | [`notify`], [`stop`], or the end of a stream, while holding a [`Permit`] or a sink that is ready | the permit | [`Permit::notify`], or dropping the permit, first |
//! | [`sync_notify`] with `deliveries().chunks(n)` behind it, and fewer than `n` events to come | the chunk to fill | [`ready_batches`] or [`batches`], which do not wait for more |
//! | `zip`, or one loop, over a subscription and another one that comes [after] it | the first one to be polled again, which finishes its event | a task for each; [`Subscription::ack`] |
//! | everybody, for a forgotten `let _sub = manager.subscribe()` | a stream that nobody polls | drop it: `let _` without a name does so at once |
//!
//! No subscriber is to blame when a permit or another publisher is waited for: the error of `within`
//! then names none, or subscribers with nothing unread.
//!
//! The same can happen between two managers whose readers publish to each other, and across
//! tasks: a task that awaits another one which awaits it by one of these.
//!
//! # In handlers
//!
//! Inside of a handler, what could only wait for that handler answers `WouldDeadlock` at once
//! (module `handler`). What it awaits by other means is not found out, and hangs. So do the
//! shapes above with a future that was put aside, with a sink, and with a permit that holds no room
//! of the handler itself. And:
//!
//! | what waits, in a handler | for what | instead |
//! |---|---|---|
//! | a task that it spawned, which calls [`sync_notify`], `call`, [`flush`], … | the task, which waits for the handler | [`notify`]; not to await the task; `within` in the task |
//! | `stopped()` of itself, or of another one of its group | its own end | end by `Break`; await it in a task of its own |
//! | [`sync_notify`] to another manager, a handler of which calls `sync_notify` to this one | that handler, which waits for this one | [`notify`] one way; `within` |
//! | [`notify`], when another subscription that comes [after] the handler has no room, and the handler itself has | that one, which waits for the handler's event | [`try_notify`]; no smaller window for that one |
//! | [`notify`], for room that a [`Permit`] holds whose task waits for the handler (by [`sync_notify`], `call`, [`flush`], …) | that task, to use or drop the permit | the task to use or drop it first; [`try_notify`] |
//! | the answer to [`sync_notify`] or [`ack_notify`] whose event was stored before, outside | itself, and the event cannot be given back | not to pass such futures in; `within` |
//!
//! From outside, `abort()` of its `HandlerRef` ends a handler whatever it awaits.
//!
//! # The ways out
//!
//! With feature `rt`, which brings the clock:
//!
//! - `within`, on what [`sync_notify`], [`ack_notify`], [`flush`] and [`stop`] return, limits the
//!   whole wait, for room and for answers. Its error tells whether the event was stored, and its
//!   `pending()` who is waited for.
//! - [`Overflow::WaitAtMost`], for a subscription or for [all of a manager], limits the wait for
//!   room only, [`notify`]'s too: the subscription that holds everybody is disconnected, and its
//!   [`end_reason`] says so. It does not help whoever waits for an answer.
//!
//! With or without:
//!
//! - [`EventManager::subscribers`] lists who is how far behind, at any time, and
//!   [`EventManager::disconnect`] takes one out.
//!
//! Each shape is a test in `tests/deadlocks.rs`: that it hangs, what breaks it, and whom the error
//! names.
//!
//! [after]: crate::EventManager::subscribe_after
//! [`notify`]: crate::EventManager::notify
//! [`try_notify`]: crate::EventManager::try_notify
//! [`ack_notify`]: crate::EventManager::ack_notify
//! [`sync_notify`]: crate::EventManager::sync_notify
//! [`reserve`]: crate::EventManager::reserve
//! [`flush`]: crate::EventManager::flush
//! [`stop`]: crate::EventManager::stop
//! [`EventManager::subscribers`]: crate::EventManager::subscribers
//! [`EventManager::disconnect`]: crate::EventManager::disconnect
//! [`Subscription::ack`]: crate::Subscription::ack
//! [`Delivery`]: crate::Delivery
//! [`Delivery::ack`]: crate::Delivery::ack
//! [`Permit`]: crate::Permit
//! [`Permit::notify`]: crate::Permit::notify
//! [`max_unacked`]: crate::SubscribeOptions::max_unacked
//! [`Overflow::WaitAtMost`]: crate::Overflow
//! [all of a manager]: crate::EventManagerBuilder::default_overflow
//! [`end_reason`]: crate::Subscription::end_reason
//! [`ready_batches`]: crate::EventStreamExt
//! [`batches`]: crate::EventStreamExt
