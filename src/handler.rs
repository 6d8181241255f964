//! Handlers: callbacks, run by a task that folds a subscription.
//!
//! A [`Handler`] is called with every event, by reference and one at a time, by a task of its
//! own; when it is done with one, that is acknowledged as by a stream that comes back for the
//! next. It is added to a manager by [`add_handler`] under a name of its own; the [`HandlerRef`]
//! asks it things ([`call`]), takes it out ([`remove`]), or puts another one in its place
//! ([`swap`]), each at its place in the sequence of events. However a handler ends,
//! [`stopped`] tells why, once its [`terminate`] has run and its name is free.
//!
//! A panic ends that handler alone. Dropping the `HandlerRef` leaves it running; it does not keep
//! the manager open, and neither does a handler itself.
//!
//! # Events are lent
//! A handler that awaits is a type with an `async fn`: its future may hold the event. A closure's
//! future may not, as the type of a closure cannot say so; the compiler answers "lifetime may not
//! live long enough", or "returning this value requires that `'1` must outlive `'2`":
//!
//! ```compile_fail
//! # async fn save(_: &str) {}
//! let manager = genevent::EventManager::<String>::new(8);
//! manager.add_handler("save", |event: &String| async move {
//!     save(event).await; // the future borrows the event
//! });
//! ```
//!
//! Take out of the event what the future needs, before the future:
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
//! # What a handler must not wait for
//! Itself. Inside of a handler, [`notify`] to its own manager is fine; that event is seen after
//! the current one. What could only wait for the handler itself answers `WouldDeadlock` at once:
//! `sync_notify`, `ack_notify`, `flush`, `stop`, `call`, `remove` and `swap` on itself (in a
//! group: on any of it), and room that it would have to make itself; also where the wait began
//! outside. What is not found out stands on page [`deadlocks`](crate::deadlocks#in-handlers), with
//! the ways out: a task that it spawns and waits for, [`stopped`] on itself, another manager whose
//! handler waits for this one.
//!
//! [`add_handler`]: crate::EventManager::add_handler
//! [`call`]: HandlerRef::call
//! [`remove`]: HandlerRef::remove
//! [`swap`]: HandlerRef::swap
//! [`stopped`]: HandlerRef::stopped
//! [`terminate`]: Handler::terminate
//! [`notify`]: crate::EventManager::notify

mod closure;
mod command;
mod exit;
mod group;
mod guard;
mod handler_ref;
mod mailbox;
mod manager_ext;
mod member;
mod new_handler;
mod owner;
mod reason;
mod runner;
mod user_code;
mod user_value;

use std::future::Future;
use std::ops::ControlFlow;

pub use closure::{HandlerFn, IntoControlFlow, handler_fn};
pub use group::HandlerGroup;
pub use guard::HandlerGuard;
pub use handler_ref::HandlerRef;
pub use member::Restart;
pub use reason::{AddHandlerError, CallError, StopReason, TrySwapError};

/// What is done with every event.
///
/// Closures are handlers, too: synchronous ones through [`handler_fn`], and those that give a
/// future which does not borrow the event as they are; see the [module's page](self).
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, Handler, StopReason};
///
/// /// Adds up, until it is too much.
/// #[derive(Default)]
/// struct Sum(u32);
///
/// impl Handler<u32> for Sum {
///     async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
///         self.0 += n;
///         if self.0 > 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
pub trait Handler<E>: Send + 'static {
    /// Handles one event. `Break` ends the handler, as `:remove_handler` in `GenEvent`.
    ///
    /// The event counts as finished with when the future is ready. If it panics, the event
    /// counts as dropped and the handler ends; in a group, the others still handle the event.
    fn handle_event(&mut self, event: &E) -> impl Future<Output = ControlFlow<()>> + Send;

    /// Called once, when the handler ends, or when a [restart](crate::Restart) puts a new handler
    /// in its place. Does nothing if not given.
    ///
    /// Not called when the runtime goes, nor when [`try_swap`](HandlerRef::try_swap) has given the
    /// handler away. [`StopReason::Aborted`] says when `terminate` is cut short.
    ///
    /// After a panic in `handle_event` the handler may be in any state. A panic in `terminate`
    /// changes nothing about the end.
    fn terminate(&mut self, reason: &StopReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        async {}
    }

    /// Handles the event without a future, if that can be done.
    #[doc(hidden)]
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>> {
        let _ = event;
        None
    }
}
