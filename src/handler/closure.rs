//! Closures as handlers.

use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::ops::ControlFlow;

use sealed::Flow;

use super::outcome::HandledNow;
use super::{Handled, Handler};

/// Result types of closures as handlers: `()`, which continues; `ControlFlow<()>`; a `Result` of one
/// of these; and the `!` of a closure that never returns.
///
/// The error of a `Result` is an error of any type, a boxed error or a string. Its text is in the
/// receipt, as page [`Handled`] says.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// manager.add_handler("always", handler_fn(|_: &u8| ())).unwrap();
/// manager.add_handler("once", handler_fn(|_: &u8| ControlFlow::Break(()))).unwrap();
/// manager.add_handler("small", handler_fn(|n: &u8| match n {
///     0..10 => Ok(()),
///     _ => Err("too large"),
/// })).unwrap();
/// manager.sync_notify(1).await.unwrap();
/// assert_eq!(manager.which_handlers(), ["always", "small"]);
/// let receipt = manager.sync_notify(10).await.unwrap();
/// assert!(receipt.to_string().ends_with(": failed: too large"));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a closure that handles events returns `()`, `ControlFlow<()>` or a `Result` of one of them, \
               not `{Self}`",
    label = "returns `{Self}`",
    note = "end a synchronous closure with `;`, or return `ControlFlow::Continue(())` or `ControlFlow::Break(())`",
    note = "a closure that returns a future is a handler without `handler_fn`: \
            `|event: &Event| {{ let event = event.clone(); async move {{ .. }} }}`",
    note = "the future of an `async |event|` closure borrows the event: write a type with \
            `async fn handle_event`, or clone the event as above"
)]
pub trait IntoHandled: sealed::Sealed + Send + 'static {
    #[doc(hidden)]
    fn into_handled(self) -> Handled;
    #[doc(hidden)]
    fn into_handled_now(self) -> HandledNow;
}

mod sealed {
    use std::error::Error;
    use std::ops::ControlFlow;

    #[expect(
        unnameable_types,
        reason = "sealed: a runner gives a meaning to these types only"
    )]
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for ControlFlow<()> {}
    impl Sealed for Never {}
    impl<F: Flow, X: Into<Box<dyn Error + Send + Sync>>> Sealed for Result<F, X> {}

    /// The result types without an error.
    #[expect(
        unnameable_types,
        reason = "sealed: a runner gives a meaning to these types only"
    )]
    #[diagnostic::on_unimplemented(
        message = "the `Ok` of a closure that handles events is `()` or `ControlFlow<()>`, not `{Self}`",
        label = "returns `Ok({Self})`"
    )]
    pub trait Flow: Send + 'static {
        fn flow(self) -> ControlFlow<()>;
    }

    impl Flow for () {
        #[inline]
        fn flow(self) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }

    impl Flow for ControlFlow<()> {
        #[inline]
        fn flow(self) -> ControlFlow<()> {
            self
        }
    }

    impl Flow for Never {
        fn flow(self) -> ControlFlow<()> {
            self
        }
    }

    /// The type `!`, whose name is not stable.
    pub(super) type Never = <fn() -> ! as Returns>::Output;

    #[expect(unnameable_types, reason = "names `!` above")]
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }
}

// A blanket implementation for `Flow` would hide the message of `IntoHandled` about other types.
impl IntoHandled for () {
    #[inline]
    fn into_handled(self) -> Handled {
        Ok(self.flow())
    }

    #[inline]
    fn into_handled_now(self) -> HandledNow {
        HandledNow::Continue
    }
}

impl IntoHandled for ControlFlow<()> {
    #[inline]
    fn into_handled(self) -> Handled {
        Ok(self)
    }

    #[inline]
    fn into_handled_now(self) -> HandledNow {
        self.into()
    }
}

impl IntoHandled for sealed::Never {
    fn into_handled(self) -> Handled {
        self
    }

    fn into_handled_now(self) -> HandledNow {
        self
    }
}

impl<F, X> IntoHandled for Result<F, X>
where
    F: Flow,
    X: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    #[inline]
    fn into_handled(self) -> Handled {
        self.map(Flow::flow).map_err(Into::into)
    }

    #[inline]
    fn into_handled_now(self) -> HandledNow {
        match self {
            Ok(flow) => flow.flow().into(),
            Err(error) => HandledNow::Failed(Box::new(error.into())),
        }
    }
}

/// Makes a handler from a synchronous closure. Handling an event then needs no future.
///
/// The closure returns `()`; or a `ControlFlow<()>`, in which `Break` ends the handler; or a `Result`
/// of one of these, whose error makes the event count as dropped: see [`Handled`]. A closure with
/// `?` in its body needs a written result type, for example `|event: &E| -> Handled { .. }`.
///
/// # The type of the argument
/// The compiler checks the body of a closure before the compiler knows the events of the manager.
/// So the type of the argument must be written, `|event: &E|`, when the body calls a method of the
/// event or reads a field:
///
/// ```compile_fail,E0282
/// # let manager = genevent::EventManager::<String>::new(8);
/// manager.add_handler("log", genevent::handler_fn(|line| println!("{}", line.len())));
/// ```
///
/// The type must be written as well when the closure is bound to a variable before `handler_fn`
/// gets the closure:
///
/// ```compile_fail,E0277
/// # let manager = genevent::EventManager::<String>::new(8);
/// let ignore = |_| ();
/// manager.add_handler("ignore", genevent::handler_fn(ignore));
/// ```
///
/// Everywhere else the type can be left out: in a closure that only ignores the event, prints the
/// event or passes the event to a function, and for a named function.
///
/// ```
/// use genevent::{EventManager, handler_fn};
///
/// fn save(line: &String) {
///     println!("saved {line}");
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<String>::new(8);
/// manager.add_handler("ignore", handler_fn(|_| ())).unwrap();
/// manager.add_handler("print", handler_fn(|line| println!("{line}"))).unwrap();
/// manager.add_handler("pass on", handler_fn(|line| save(line))).unwrap();
/// manager.add_handler("save", handler_fn(save)).unwrap();
/// manager.add_handler("count", handler_fn(|line: &String| println!("{}", line.len()))).unwrap();
/// let named = handler_fn::<String, _, _>(|line| println!("{}", line.len()));
/// manager.add_handler("named", named).unwrap();
/// assert_eq!(manager.sync_notify("hello".into()).await.unwrap().acked(), 6);
/// # }
/// ```
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, StopReason, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let mut left = 2;
/// let two = manager.add_handler("two", handler_fn(move |_: &u8| {
///     left -= 1;
///     if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })).unwrap();
/// manager.sync_notify(1).await.unwrap();
/// manager.sync_notify(2).await.unwrap();
/// assert_eq!(two.stopped().await, StopReason::Finished);
/// # }
/// ```
pub fn handler_fn<E, F, A>(f: F) -> HandlerFn<F>
where
    F: FnMut(&E) -> A + Send + 'static,
    A: IntoHandled,
{
    HandlerFn(f)
}

/// A closure as a handler, made by [`handler_fn`].
///
/// # Examples
/// ```
/// use genevent::{EventManager, HandlerRef, handler::HandlerFn, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A plain function has a type that can be written down.
/// type Log = HandlerFn<fn(&u8)>;
/// let log: Log = handler_fn(|n: &u8| println!("{n}"));
/// let manager = EventManager::new(8);
/// let log: HandlerRef<u8, Log> = manager.add_handler("log", log).unwrap();
/// assert!(log.call(|_| ()).await.is_ok());
/// # }
/// ```
pub struct HandlerFn<F>(F);

impl<E, F, A> Handler<E> for HandlerFn<F>
where
    F: FnMut(&E) -> A + Send + 'static,
    A: IntoHandled,
{
    fn handle_event(&mut self, event: &E) -> impl Future<Output = Handled> + Send {
        ready((self.0)(event).into_handled())
    }

    fn handle_now(&mut self, event: &E) -> HandledNow {
        (self.0)(event).into_handled_now()
    }
}

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerFn").finish_non_exhaustive()
    }
}

/// Futures returned by closures as handlers: all futures.
///
/// The trait exists for the compiler's message about a closure that needs [`handler_fn`].
///
/// # Examples
/// ```
/// fn is_future_of_a_handler(_: impl genevent::handler::HandlerFuture<Output = ()>) -> bool { true }
/// assert!(is_future_of_a_handler(async {}));
/// ```
#[diagnostic::on_unimplemented(
    message = "a closure is a handler if it returns a future, and `{Self}` is not a future",
    label = "write `handler_fn(..)` around a closure that returns no future",
    note = "for example `manager.add_handler(\"log\", handler_fn(|event: &Event| println!(\"{{event:?}}\")))`"
)]
pub trait HandlerFuture: Future {}

#[diagnostic::do_not_recommend]
impl<F: Future> HandlerFuture for F {}

/// Closures that return a future are handlers, if the future does not borrow the event.
impl<E, F, Fut> Handler<E> for F
where
    F: FnMut(&E) -> Fut + Send + 'static,
    Fut: HandlerFuture + Send + 'static,
    Fut::Output: IntoHandled,
{
    fn handle_event(&mut self, event: &E) -> impl Future<Output = Handled> + Send {
        let work = self(event);
        async { work.await.into_handled() }
    }
}
