//! What a combinator does to the truth of [`sync_notify`]: a page of the documentation.
//!
//! A [`Subscription`] says "finished" by being polled again. Adapters that ask for the next event
//! only when the work on the one before is done keep that true. Adapters that read ahead, to work
//! on several events at once or to gather them, make it say "finished" too early. A [`Delivery`]
//! carries the acknowledgement with the event and leaves it to whoever works on it:
//!
//! ```
//! use futures::{FutureExt, StreamExt, channel::oneshot};
//! use genevent::EventManager;
//!
//! let manager = EventManager::<u32>::new(8);
//!
//! // Early: to have two at once, it asks for the second as soon as it has the first.
//! let (finish, work) = oneshot::channel::<()>();
//! let work = work.shared();
//! let mut pipeline = manager.subscribe().map(|_| work.clone()).buffer_unordered(2);
//! let mut done = manager.sync_notify(1);
//! assert!((&mut done).now_or_never().is_none());
//! assert!(pipeline.next().now_or_never().is_none(), "the work goes on");
//! assert!(done.now_or_never().is_some(), "and the receipt says that it is finished");
//! drop((pipeline, finish));
//!
//! // Exact: the delivery goes with the work.
//! let (finish, work) = oneshot::channel::<()>();
//! let work = work.shared();
//! let jobs = manager.subscribe().deliveries().map(|job| {
//!     let work = work.clone();
//!     async move {
//!         work.await.unwrap();
//!         job.ack()
//!     }
//! });
//! let mut pipeline = jobs.buffer_unordered(2);
//! let mut done = manager.sync_notify(2);
//! assert!((&mut done).now_or_never().is_none());
//! assert!(pipeline.next().now_or_never().is_none());
//! assert!((&mut done).now_or_never().is_none(), "it waits for the work");
//! finish.send(()).unwrap();
//! assert_eq!(pipeline.next().now_or_never(), Some(Some(2)));
//! assert!(done.now_or_never().unwrap().unwrap().all_acked());
//! ```
//!
//! # The table
//!
//! What the receipt says of an event, with the stream of [`subscribe`] (*implicit*) and with that
//! of [`deliveries`], whose consumer calls [`Delivery::ack`] when its work is done. The project's
//! tests measure every entry, with futures 0.3 and tokio-stream 0.1.
//!
//! - *exact*: "finished", when the work is done;
//! - *early*: "finished", while the work goes on or has not begun;
//! - *open*: nothing, until somebody lets go;
//! - *dropped*: "not finished", it names the subscriber in [`dropped_by`].
//!
//! | pipeline | implicit | deliveries |
//! |---|---|---|
//! | `while let`; `for_each`; `then`; `fold`; `scan`; `map`; `filter`; `filter_map`; `flat_map`; `flatten`; `zip`; `take`; `buffered(1)`; `peekable` | exact | exact |
//! | `select`; `merge`; `StreamMap`; `select!`; `timeout`; `throttle`; `async_stream::stream!`; dropping the stream | exact | exact |
//! | `buffered(n)`; `buffer_unordered(n)`; `for_each_concurrent(n)`; `flatten_unordered`; a task for each event | early | exact |
//! | `chunks`; `ready_chunks`; `chunks_timeout`; `forward`; `send_all`; `peekable` while an event is in hand | early | exact |
//! | holding the stream idle | open | exact |
//! | `Subscription::ack` before going idle | exact | – |
//! | `map` that acknowledges | – | early |
//! | `map` that copies the value out; what `filter` filters out | exact | dropped |
//! | keeping the item | exact | open |
//! | a caught panic, the stream lives on | exact | dropped |
//! | a caught panic, the stream goes with it | dropped | dropped |
//! | `filter_acked`; `for_each_acked`; `try_for_each_acked`; `ready_batches`; `batches` | – | exact |
//!
//! # When to use deliveries
//!
//! Plain events, as long as one is worked on at a time: there is nothing to forget. Deliveries as
//! soon as the pipeline reads ahead, spawns, or gathers; when an event's fate is to be told apart,
//! finished or not; and when the reader may stay idle for long with an event behind it.
//!
//! The operators of [`ext`](crate::ext) acknowledge at the right moment, so that there is nothing
//! to forget there either: `for_each_acked(limit, f)` for `for_each_concurrent`, `batches` and
//! `ready_batches` for `chunks_timeout` and `ready_chunks`, and `filter_acked` for `filter`, which
//! acknowledges what it filters out.
//!
//! ```
//! use std::future::ready;
//! use futures::{FutureExt, StreamExt, executor::block_on};
//! use genevent::{EventManager, EventStreamExt};
//!
//! let manager = EventManager::new(8);
//! let dropping = manager.subscribe().deliveries().filter(|n| ready(**n % 2 == 0));
//! let acking = manager.subscribe().deliveries().filter_acked(|n| n % 2 == 0);
//! let mut done = manager.sync_notify(1);
//! assert!((&mut done).now_or_never().is_none());
//! manager.close();
//! block_on(dropping.for_each(async |even| drop(even.ack())));
//! block_on(acking.for_each(async |even| drop(even.ack())));
//!
//! let receipt = done.now_or_never().unwrap().unwrap();
//! assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
//! ```
//!
//! # Panics
//!
//! A panic in the work that somebody catches: with deliveries, the event counts as dropped. With
//! plain events it depends on what becomes of the stream. If the stream lives on (`for_each` owns
//! it, or borrows it from outside), its next poll or its drop says "finished", as always. If the
//! unwinding drops the stream (an `async` block with a `while let` owns it; so do most tasks),
//! the event counts as dropped:
//!
//! ```
//! use std::panic::{AssertUnwindSafe, resume_unwind};
//! use futures::{FutureExt, StreamExt};
//! use genevent::EventManager;
//!
//! let manager = EventManager::<u32>::new(8);
//! let mut outside = manager.subscribe();
//! let mut inside = manager.subscribe();
//! let inside_id = inside.id();
//! let mut done = manager.sync_notify(1);
//! assert!((&mut done).now_or_never().is_none());
//!
//! let lives_on = (&mut outside).for_each(async |_| resume_unwind(Box::new("work fails")));
//! let caught = AssertUnwindSafe(lives_on).catch_unwind().now_or_never();
//! assert!(caught.unwrap().is_err());
//! assert!(outside.next().now_or_never().is_none(), "reads on: that is finished");
//!
//! let goes_with_it = async move {
//!     while let Some(_event) = inside.next().await {
//!         resume_unwind(Box::new("work fails"));
//!     }
//! };
//! let caught = AssertUnwindSafe(goes_with_it).catch_unwind().now_or_never();
//! assert!(caught.unwrap().is_err());
//!
//! let receipt = done.now_or_never().unwrap().unwrap();
//! assert_eq!((receipt.acked(), receipt.dropped_by()), (1, &[inside_id][..]));
//! ```
//!
//! [`Subscription`]: crate::Subscription
//! [`Delivery`]: crate::Delivery
//! [`Delivery::ack`]: crate::Delivery::ack
//! [`deliveries`]: crate::Subscription::deliveries
//! [`dropped_by`]: crate::Receipt::dropped_by
//! [`subscribe`]: crate::EventManager::subscribe
//! [`sync_notify`]: crate::EventManager::sync_notify
