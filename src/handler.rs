//! Handlers: callbacks, called by a task that reads a subscription.
//!
//! A [`Handler`] is called with every event, by reference and with one event at a time, by a task
//! of its own. An event is acknowledged when the handler has finished, as a stream acknowledges by
//! polling for the next event. [`add_handler`] adds a handler to a manager under a unique name, and
//! [`add_handler_with`] with [options](HandlerOptions): a filter, an overflow policy, an owner. The
//! [`HandlerRef`] calls the handler ([`call`], [`call_async`]), removes the handler ([`remove`]), or
//! replaces the handler ([`swap`]), each at a position in the sequence of events. However a handler ends,
//! [`stopped`] returns the reason, once the handler's [`terminate`] has run and the name is free.
//!
//! An error returned by a handler drops the event and does not end the handler ([`Handled`]). A panic
//! ends only the panicking handler. Dropping the `HandlerRef` leaves the handler running.
//! Neither the reference nor the handler keeps the manager open.
//!
//! # Events are lent
//! A handler that awaits is a type with an `async fn`, whose future may hold the event. The future
//! of a closure may not hold the event, because the type of a closure cannot express this. The
//! compiler reports "lifetime may not live long enough", or "returning this value requires that
//! `'1` must outlive `'2`":
//!
//! ```compile_fail
//! # async fn save(_: &str) {}
//! let manager = genevent::EventManager::<String>::new(8);
//! manager.add_handler("save", |event: &String| async move {
//!     save(event).await; // the future borrows the event
//! });
//! ```
//!
//! Copy the data for the future out of the event first:
//!
//! ```
//! # async fn save(_: &str) {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = genevent::EventManager::<String>::new(8);
//! manager.add_handler("save", |event: &String| {
//!     let event = event.clone();
//!     async move { save(&event).await }
//! }).unwrap();
//! assert!(manager.sync_notify("text".into()).await.unwrap().all_acked());
//! # }
//! ```
//!
//! The future of an async closure, `async |event| ..`, always holds the event. The compiler reports
//! "one type is more general than the other":
//!
//! ```compile_fail
//! # async fn save(_: &str) {}
//! let manager = genevent::EventManager::<String>::new(8);
//! manager.add_handler("save", async |event: &String| save(event).await);
//! ```
//!
//! # Waiting inside of a handler
//! A handler must not wait for itself. Inside of a handler, publishing to its own manager never
//! waits: events of [`notify`], [`try_notify`] and sinks are stored at once, even past full windows,
//! and permits are given at once. The handler sees the new event after the current event, and
//! publishers outside wait until all subscribers are within their windows again. Memory is bounded
//! by the stored events and what each of them leads to, so an event must not lead to more and more
//! events without end. Tasks spawned by the handler are outside.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let manager = genevent::EventManager::new(1);
//! let weak = manager.downgrade();
//! manager.add_handler("steps", move |order: &u32| {
//!     let (manager, order) = (weak.upgrade().unwrap(), *order);
//!     async move {
//!         for step in 1..=3 * u32::from(order < 10) {
//!             assert_eq!(manager.notify(10 * order + step).await, Ok(1), "the window has room for one");
//!         }
//!     }
//! }).unwrap();
//! manager.notify(7).await.unwrap();
//! manager.quiet().await.unwrap(); // the order and its steps are settled
//! assert_eq!(manager.stats().published(), 4);
//! # }
//! ```
//!
//! Calls that could only wait for the handler itself return `WouldDeadlock` at once:
//! `sync_notify`, `ack_notify`, `flush`, `quiet`, `stop`; and `call`, `remove` and `swap` on itself,
//! or in a group on any handler of the group. `remove_handler` by name does not wait there, and removes
//! the handler after the current event. The same holds if the wait began outside of the
//! handler. Some cycles cannot be detected: a task spawned and awaited by the handler, [`stopped`]
//! on itself, or another handler that waits for this handler. The page
//! [`deadlocks`](crate::deadlocks#in-handlers) lists these cycles, with ways out.
//!
//! [`add_handler`]: crate::EventManager::add_handler
//! [`add_handler_with`]: crate::EventManager::add_handler_with
//! [`call`]: HandlerRef::call
//! [`call_async`]: HandlerRef::call_async
//! [`remove`]: HandlerRef::remove
//! [`swap`]: HandlerRef::swap
//! [`stopped`]: HandlerRef::stopped
//! [`terminate`]: Handler::terminate
//! [`notify`]: crate::EventManager::notify
//! [`try_notify`]: crate::EventManager::try_notify

// Imports run in this order, from the last layer to the first: no two modules import each other.
//
// 1. Vocabulary: stop_reason, closure, outcome, user_value.
// 2. One handler: exit, registration, dyn_handler, restart, owner, options, member.
// 3. Commands and their way to a runner: command, command_queue, mailbox, runner_handle,
//    owner_waker, address.
// 4. The task: user_code, runner (with runner/answers, runner/event, runner/execute and
//    runner/subscription).
// 5. Public handles and errors: add_error, error, any_handler_ref, handler_ref, call, swap_error, swap,
//    guard, new_handler, group, weak_group, manager_ext.
mod add_error;
mod address;
mod any_handler_ref;
mod call;
mod closure;
mod command;
mod command_queue;
mod dyn_handler;
mod error;
mod exit;
mod group;
mod guard;
mod handler_ref;
mod mailbox;
mod manager_ext;
mod member;
mod new_handler;
mod options;
mod outcome;
mod owner;
mod owner_waker;
mod registration;
mod restart;
mod runner;
mod runner_handle;
mod stop_reason;
mod swap;
mod swap_error;
mod user_code;
mod user_value;
mod weak_group;

use std::error::Error;
use std::future::Future;
use std::ops::ControlFlow;

pub use add_error::{AddHandlerError, Refused};
pub use any_handler_ref::AnyHandlerRef;
pub use closure::{HandlerFn, HandlerFuture, IntoHandled, handler_fn};
pub use dyn_handler::DynHandler;
pub use error::{CallError, RemoveError};
pub use group::HandlerGroup;
pub use guard::HandlerGuard;
pub use handler_ref::HandlerRef;
pub use options::{HandlerOptions, HandlerSource};
pub use restart::Restart;
pub use stop_reason::StopReason;
pub use swap_error::{SwapError, TrySwapError};
pub use weak_group::WeakHandlerGroup;

use outcome::HandledNow;

/// The result of handling one event.
///
/// `Break` ends the handler. An error does not end the handler, which goes on with the next event: the
/// event counts as dropped, and the receipt of a publisher that waits names the handler, with the
/// text of the error ([`Cause::Failed`](crate::Cause::Failed)). Without such a publisher, only feature
/// `tracing` reports the error. The operator `?` converts every error, and strings.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{Cause, EventManager, Handled, Handler};
///
/// struct Parse(Vec<u8>);
///
/// impl Handler<String> for Parse {
///     async fn handle_event(&mut self, text: &String) -> Handled {
///         self.0.push(text.parse()?);
///         Ok(ControlFlow::Continue(()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let parse = manager.add_handler("parse", Parse(Vec::new())).unwrap();
/// let receipt = manager.sync_notify("seven".to_string()).await.unwrap();
/// let cause = receipt.unfinished()[0].cause();
/// assert_eq!(*cause, Cause::Failed("invalid digit found in string".into()));
/// assert!(manager.sync_notify("7".to_string()).await.unwrap().all_acked());
/// assert_eq!(parse.call(|parse| parse.0.clone()).await, Ok(vec![7]));
/// # }
/// ```
pub type Handled = Result<ControlFlow<()>, Box<dyn Error + Send + Sync>>;

/// A callback that handles every event.
///
/// Closures are handlers, too: synchronous closures through [`handler_fn`], and closures that
/// return a future directly, if the future does not borrow the event; see the [module's
/// page](self).
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, Handled, Handler, StopReason};
///
/// /// Adds up to a limit.
/// #[derive(Default)]
/// struct Sum(u32);
///
/// impl Handler<u32> for Sum {
///     async fn handle_event(&mut self, n: &u32) -> Handled {
///         self.0 += n;
///         Ok(if self.0 > 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
///     }
///
///     async fn terminate(&mut self, reason: &StopReason) {
///         println!("{} in the end: {reason}", self.0);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let sum = manager.add_handler("sum", Sum::default()).unwrap();
/// manager.notify(2).await.unwrap();
/// manager.notify(3).await.unwrap();
/// assert_eq!(sum.call(|sum| sum.0).await, Ok(5));
/// manager.notify(96).await.unwrap();
/// assert_eq!(sum.stopped().await, StopReason::Finished);
/// # }
/// ```
#[doc(alias = "GenEvent")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of events of type `{E}`",
    label = "not a `Handler<{E}>`",
    note = "a handler is a type with `impl Handler<{E}>`, `handler_fn(|event: &{E}| ..)`, or a closure that returns \
            a future which does not borrow the event"
)]
pub trait Handler<E>: Send + 'static {
    /// Handles one event. `Break` ends the handler, as `:remove_handler` does in `GenEvent`.
    ///
    /// The event counts as finished when the future is ready with `Ok`. After an error, the event
    /// counts as dropped and the handler goes on: see [`Handled`]. If the future panics, the event
    /// counts as dropped and the handler ends; in a group, the other handlers still handle the event.
    fn handle_event(&mut self, event: &E) -> impl Future<Output = Handled> + Send;

    /// Called when the handler has lost `events` under a lossy [overflow
    /// policy](crate::Overflow::DropOldest), or because
    /// [`replay_since`](crate::SubscribeOptions::replay_since) asked for events that were not retained any
    /// more; before the first event after the gap. The default does nothing.
    ///
    /// A publisher that waits for the next event waits for this call as well. After a
    /// [restart](crate::Restart) or a swap, the new handler is told of the losses that the old handler
    /// was not told of. A panic counts as a panic of the handler: without a restart, the next event
    /// counts as dropped, and a restarted handler still handles it. [`HandlerRef::missed`] is the
    /// number of all losses so far.
    ///
    /// # Examples
    #[cfg_attr(feature = "test-util", doc = "```")]
    #[cfg_attr(not(feature = "test-util"), doc = "```ignore")]
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handled, Handler, HandlerOptions, Overflow, SubscribeOptions};
    /// use genevent::test_util::Probe;
    ///
    /// struct Screen(Probe<String>);
    ///
    /// impl Handler<u32> for Screen {
    ///     async fn handle_event(&mut self, price: &u32) -> Handled {
    ///         self.0.record(price.to_string());
    ///         Ok(ControlFlow::Continue(()))
    ///     }
    ///
    ///     async fn handle_missed(&mut self, events: u64) {
    ///         self.0.record(format!("{events} missed"));
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let newest = SubscribeOptions::new().overflow(Overflow::DropOldest).window(1);
    /// let seen = Probe::new();
    /// let options = HandlerOptions::new("screen").subscribe(newest);
    /// manager.add_handler_with(options, Screen(seen.clone())).unwrap();
    /// for price in [7, 8, 9] {
    ///     manager.notify(price).await.unwrap();
    /// }
    /// manager.flush().await.unwrap();
    /// assert_eq!(seen.drain(), ["2 missed", "9"]);
    /// # }
    /// ```
    fn handle_missed(&mut self, events: u64) -> impl Future<Output = ()> + Send {
        let _ = events;
        async {}
    }

    /// Called once when the handler ends, or when a [restart](crate::Restart) replaces the handler:
    /// the reason is [`StopReason::Restarted`] then. The default does nothing.
    ///
    /// `terminate` is not called when the runtime shuts down, nor after
    /// [`try_swap`](HandlerRef::try_swap) has replaced the handler. [`StopReason::Aborted`] says
    /// when `terminate` is cut short.
    ///
    /// After a panic in `handle_event` the handler may be in any state. A panic in `terminate` does
    /// not change the end of the handler.
    fn terminate(&mut self, reason: &StopReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        async {}
    }

    /// Handles the event without a future, unless the handler needs a future.
    #[doc(hidden)]
    fn handle_now(&mut self, event: &E) -> HandledNow {
        let _ = event;
        HandledNow::NeedsFuture
    }
}
