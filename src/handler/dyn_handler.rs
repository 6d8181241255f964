//! Handlers of any type.

use std::any::Any;
use std::fmt;

use super::outcome::HandledNow;
use super::user_value::UserFuture;
use super::{Handled, Handler, StopReason};

/// A [`Handler`] of any type, behind a pointer.
///
/// Every handler is a `DynHandler`, and a `Box<dyn DynHandler<E>>` is a handler again: a host of
/// plug-ins adds, swaps and restarts handlers that are only known at run time.
/// [`downcast_ref`](#method.downcast_ref) and [`downcast_mut`](#method.downcast_mut) find the type
/// again.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, Handled, Handler, handler::DynHandler, handler_fn};
///
/// struct Sum(u32);
///
/// impl Handler<u32> for Sum {
///     async fn handle_event(&mut self, n: &u32) -> Handled {
///         self.0 += n;
///         Ok(ControlFlow::Continue(()))
///     }
/// }
///
/// type Plugin = Box<dyn DynHandler<u32>>;
///
/// fn load(name: &str) -> Plugin {
///     match name {
///         "sum" => Box::new(Sum(0)),
///         _ => Box::new(handler_fn(|n: &u32| println!("{n}"))),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// for name in ["sum", "print"] {
///     manager.add_handler(name, load(name)).unwrap();
/// }
/// manager.notify(7).await.unwrap();
/// let sum = manager.handler::<Plugin>("sum").unwrap();
/// assert_eq!(sum.call(|plugin| plugin.downcast_ref::<Sum>().unwrap().0).await, Ok(7));
/// # }
/// ```
// All methods but `dyn_handle_now` only make a future, whose first poll calls the user's code: the
// runner catches panics where the runner polls.
pub trait DynHandler<E>: Any + Send {
    #[doc(hidden)]
    fn dyn_handle_now(&mut self, event: &E) -> HandledNow;
    #[doc(hidden)]
    fn dyn_handle<'a>(&'a mut self, event: &'a E) -> UserFuture<'a, Handled>;
    #[doc(hidden)]
    fn dyn_missed(&mut self, events: u64) -> UserFuture<'_, ()>;
    #[doc(hidden)]
    fn dyn_terminate<'a>(&'a mut self, reason: &'a StopReason) -> UserFuture<'a, ()>;
    #[doc(hidden)]
    fn as_any(&self) -> &(dyn Any + Send);
    #[doc(hidden)]
    fn as_any_mut(&mut self) -> &mut (dyn Any + Send);
    #[doc(hidden)]
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<E: Sync, H: Handler<E>> DynHandler<E> for H {
    fn dyn_handle_now(&mut self, event: &E) -> HandledNow {
        self.handle_now(event)
    }

    fn dyn_handle<'a>(&'a mut self, event: &'a E) -> UserFuture<'a, Handled> {
        Box::pin(async move { self.handle_event(event).await })
    }

    fn dyn_missed(&mut self, events: u64) -> UserFuture<'_, ()> {
        Box::pin(async move { self.handle_missed(events).await })
    }

    fn dyn_terminate<'a>(&'a mut self, reason: &'a StopReason) -> UserFuture<'a, ()> {
        Box::pin(async move { self.terminate(reason).await })
    }

    fn as_any(&self) -> &(dyn Any + Send) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl<E: 'static> dyn DynHandler<E> {
    /// Returns the handler if its type is `H`.
    ///
    /// # Examples
    /// ```
    /// use genevent::{handler::{DynHandler, HandlerFn}, handler_fn};
    ///
    /// type Log = HandlerFn<fn(&u8)>;
    /// let log: Log = handler_fn(|n: &u8| println!("{n}"));
    /// let plugin: Box<dyn DynHandler<u8>> = Box::new(log);
    /// assert!(plugin.downcast_ref::<Log>().is_some());
    /// ```
    #[must_use]
    pub fn downcast_ref<H: Handler<E>>(&self) -> Option<&H> {
        self.as_any().downcast_ref()
    }

    /// Returns the handler, to be changed, if its type is `H`.
    ///
    /// # Examples
    /// As [`downcast_ref`](#method.downcast_ref):
    /// ```
    /// use genevent::{handler::{DynHandler, HandlerFn}, handler_fn};
    ///
    /// type Log = HandlerFn<fn(&u8)>;
    /// let log: Log = handler_fn(|n: &u8| println!("{n}"));
    /// let mut plugin: Box<dyn DynHandler<u8>> = Box::new(log);
    /// *plugin.downcast_mut::<Log>().unwrap() = handler_fn(|_: &u8| ());
    /// assert!(plugin.downcast_mut::<HandlerFn<fn(&u8) -> ()>>().is_some());
    /// ```
    #[must_use]
    pub fn downcast_mut<H: Handler<E>>(&mut self) -> Option<&mut H> {
        self.as_any_mut().downcast_mut()
    }
}

impl<E: Sync + 'static> Handler<E> for Box<dyn DynHandler<E>> {
    async fn handle_event(&mut self, event: &E) -> Handled {
        (**self).dyn_handle(event).await
    }

    async fn handle_missed(&mut self, events: u64) {
        (**self).dyn_missed(events).await;
    }

    async fn terminate(&mut self, reason: &StopReason) {
        (**self).dyn_terminate(reason).await;
    }

    fn handle_now(&mut self, event: &E) -> HandledNow {
        (**self).dyn_handle_now(event)
    }
}

impl<E> fmt::Debug for dyn DynHandler<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynHandler").finish_non_exhaustive()
    }
}
