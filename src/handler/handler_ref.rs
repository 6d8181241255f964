//! What the users of a handler hold.

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use tokio::sync::oneshot;

use super::command::{AnyBox, Command, Swap, Swapped};
use super::exit::{ExitState, HandlerAddress};
use super::member::AnyHandler;
use super::{CallError, Handler, HandlerGuard, StopReason, TrySwapError};
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// A handler that has been added: asks it things, replaces it, ends it.
///
/// From [`EventManager::add_handler`] and its kin, and [`EventManager::handler`]. Dropping it
/// leaves the handler running. It does not keep the manager open.
///
/// [`call`](Self::call), [`swap`](Self::swap) and [`remove`](Self::remove) have their place in
/// the sequence of events: what is stored before they are first polled is handled before, what
/// is stored later is not. They are carried out by the handler's task, also if their future is
/// dropped after its first poll. Inside of the handler itself they answer `WouldDeadlock`; if they
/// were first polled outside, they are still carried out.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let other = log.clone();
/// drop(log); // the handler stays
/// assert!(other.remove().await.is_ok());
/// # }
/// ```
///
/// [`EventManager::add_handler`]: crate::EventManager::add_handler
/// [`EventManager::handler`]: crate::EventManager::handler
pub struct HandlerRef<E, H> {
    name: Arc<str>,
    pub(super) address: HandlerAddress<E>,
    handler: PhantomData<fn() -> H>,
}

impl<E, H> HandlerRef<E, H> {
    pub(super) fn new(name: Arc<str>, listed: HandlerAddress<E>) -> Self {
        Self {
            name,
            address: listed,
            handler: PhantomData,
        }
    }

    /// Removes it after all events stored until now; nobody waits for that.
    pub(super) fn request_removal(&self) {
        self.address.request_removal();
    }

    /// The name it was added under.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(log.name(), "log");
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the handler at once, with whatever it is awaiting: that future is dropped.
    ///
    /// The event in hand counts as dropped, and so do those that it has not seen. Its
    /// `terminate` is called; one more `abort` while that runs cuts it short. Code that does not
    /// await cannot be interrupted. In a group, if another one is handling an event, it ends when
    /// that one is done, and does not see that event. While it is being swapped, it ends and the
    /// new one does not come; a reference to what has been swapped aborts nobody.
    ///
    /// # Examples
    /// ```
    /// use std::{future::pending, ops::ControlFlow};
    /// use genevent::{EventManager, StopReason};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let stuck = manager.add_handler("stuck", |_: &u8| pending::<()>()).unwrap();
    /// manager.notify(1).await.unwrap();
    /// stuck.abort();
    /// assert_eq!(stuck.stopped().await, StopReason::Aborted);
    /// # }
    /// ```
    pub fn abort(&self) {
        self.address.exit.abort();
        self.address.runner.mailbox.request_abort();
    }

    /// Waits until the handler has ended, and tells why: after its `terminate` has run and its
    /// name is free. The future does not borrow this.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let stopped = tokio::spawn(log.stopped());
    /// drop(manager);
    /// assert_eq!(stopped.await.unwrap(), StopReason::ManagerClosed);
    /// # }
    /// ```
    #[doc(alias = "gen_event_EXIT")]
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static + use<E, H> {
        self.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static, H: Handler<E>> HandlerRef<E, H> {
    /// Runs `f` with the handler, after all events stored before, and gives its answer.
    ///
    /// # Errors
    /// [`CallError`]: the handler has ended, or the call would wait for itself. If `f` panics,
    /// that is a panic of the handler.
    ///
    /// # Cancel safety
    /// Dropped before its first poll: `f` is not called. Later: it is, and its answer is lost.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handler};
    ///
    /// struct Count(u32);
    ///
    /// impl Handler<&'static str> for Count {
    ///     async fn handle_event(&mut self, _: &&'static str) -> ControlFlow<()> {
    ///         self.0 += 1;
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let count = manager.add_handler("count", Count(0)).unwrap();
    /// manager.notify("one").await.unwrap();
    /// manager.notify("two").await.unwrap();
    /// assert_eq!(count.call(|count| count.0).await, Ok(2));
    /// # }
    /// ```
    #[doc(alias = "GenEvent.call")]
    #[expect(clippy::missing_panics_doc, reason = "its fate is that of an `H`")]
    pub async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        let HandlerAddress {
            runner: link,
            exit: fate,
            ..
        } = &self.address;
        if link.is_inside() {
            return Err(CallError::WouldDeadlock);
        }
        let (answer, answered) = oneshot::channel();
        let (failed, failure) = oneshot::channel();
        let answer = link.wrap_user_value(answer);
        let call = move |handler: &mut dyn Any| {
            answer.send(f(handler.downcast_mut::<H>().expect(TYPE)));
        };
        drop_caught(link.send_now(Command::CallFn {
            target: Arc::clone(fate),
            call: link.wrap_user_value(Box::new(call)),
            on_panic: link.wrap_user_value(failed),
        }));
        let answer = link.wait(async {
            if let Ok(answer) = answered.await {
                return Ok(answer);
            }
            Err(match failure.await {
                Ok(message) => CallError::Panicked(message),
                Err(_) => CallError::Stopped(fate.stopped().await),
            })
        });
        answer.await.unwrap_or(Err(CallError::WouldDeadlock))
    }

    /// Puts the handler that `f` makes of this one in its place, between two events: none is
    /// lost or seen twice. Name, place in the list, and owner stay.
    ///
    /// The old one's `terminate` is called with [`StopReason::Swapped`], then `f`. The new one
    /// is not restarted if it panics, whatever the old one was added with.
    ///
    /// # Errors
    /// The handler has ended already, and why; or just now, because `f` panicked; or
    /// [`StopReason::WouldDeadlock`].
    ///
    /// # Cancel safety
    /// Dropped before its first poll: nothing has happened. Later: it is swapped, and
    /// [`EventManager::handler`](crate::EventManager::handler) finds the new one.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let quiet = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let was = quiet.stopped();
    /// let loud = quiet.swap(|_| handler_fn(|n: &u8| println!("{n}"))).await.unwrap();
    /// assert_eq!(was.await, StopReason::Swapped);
    /// assert_eq!((loud.name(), manager.which_handlers()), ("log", vec!["log".to_string()]));
    /// # }
    /// ```
    #[doc(alias = "GenEvent.swap_handler")]
    pub async fn swap<H2: Handler<E>>(
        self,
        f: impl FnOnce(H) -> H2 + Send + 'static,
    ) -> Result<HandlerRef<E, H2>, StopReason> {
        let swapped = self.exchange(true, |old| Ok(f(old))).await;
        swapped.map_err(|error| match error {
            TrySwapError::Stopped(reason) => reason,
            TrySwapError::Refused(_) => unreachable!("the closure does not refuse"),
        })
    }

    /// As [`swap`](Self::swap), but `f` may give the handler back, which then goes on.
    ///
    /// The old one's `terminate` is not called, as `f` may refuse: `f` has it whole.
    ///
    /// # Errors
    /// [`TrySwapError::Refused`] with a reference to the handler, which goes on; or it has
    /// ended, as in `swap`.
    ///
    /// # Cancel safety
    /// As `swap`.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler::TrySwapError, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let old = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let mut new = Some(handler_fn(|n: &u8| println!("{n}")));
    /// new = None; // it could not be made
    /// let refused = old.try_swap(|old| new.ok_or(old)).await.unwrap_err();
    /// let TrySwapError::Refused(old) = refused else { panic!() };
    /// assert!(old.call(|_| ()).await.is_ok(), "it goes on");
    /// # }
    /// ```
    #[doc(alias = "GenEvent.swap_handler")]
    pub async fn try_swap<H2: Handler<E>>(
        self,
        f: impl FnOnce(H) -> Result<H2, H> + Send + 'static,
    ) -> Result<HandlerRef<E, H2>, TrySwapError<E, H>> {
        self.exchange(false, f).await
    }

    async fn exchange<H2: Handler<E>>(
        self,
        terminate: bool,
        f: impl FnOnce(H) -> Result<H2, H> + Send + 'static,
    ) -> Result<HandlerRef<E, H2>, TrySwapError<E, H>> {
        let HandlerAddress {
            runner: link,
            exit: fate,
            ..
        } = &self.address;
        if link.is_inside() {
            return Err(TrySwapError::Stopped(StopReason::WouldDeadlock));
        }
        let (answer, answered) = oneshot::channel();
        let new = HandlerAddress {
            runner: link.clone(),
            exit: Arc::<ExitState>::default(),
            handler_type: TypeId::of::<H2>(),
        };
        let with = move |old: AnyBox| -> Swapped<E> {
            match f(*old.downcast().expect(TYPE)) {
                Ok(new) => Ok(Box::new(new) as Box<dyn AnyHandler<E>>),
                Err(old) => Err(Box::new(old)),
            }
        };
        drop_caught(link.send_now(Command::Swap(Swap {
            target: Arc::clone(fate),
            terminate,
            replace: link.wrap_user_value(Box::new(with)),
            successor: new.clone(),
            reply: link.wrap_user_value(answer),
        })));
        match self.address.answer(answered).await {
            Ok(true) => Ok(HandlerRef::new(self.name, new)),
            Ok(false) => Err(TrySwapError::Refused(self)),
            Err(reason) => Err(TrySwapError::Stopped(reason)),
        }
    }

    /// Takes the handler out: after all events stored before, and its `terminate`.
    ///
    /// # Errors
    /// It had ended already, and why; or its `terminate` panicked; or
    /// [`StopReason::WouldDeadlock`].
    ///
    /// # Cancel safety
    /// Dropped before its first poll: nothing has happened. Later: it is removed, and dropped.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handler};
    ///
    /// struct Collect(Vec<u8>);
    ///
    /// impl Handler<u8> for Collect {
    ///     async fn handle_event(&mut self, n: &u8) -> ControlFlow<()> {
    ///         self.0.push(*n);
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let collect = manager.add_handler("collect", Collect(Vec::new())).unwrap();
    /// for n in 1..=3 {
    ///     manager.notify(n).await.unwrap();
    /// }
    /// assert_eq!(collect.remove().await.ok().unwrap().0, [1, 2, 3]);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.remove_handler")]
    #[expect(clippy::missing_panics_doc, reason = "its fate is that of an `H`")]
    pub async fn remove(self) -> Result<H, StopReason> {
        let HandlerAddress {
            runner: link,
            exit: fate,
            ..
        } = &self.address;
        if link.is_inside() {
            return Err(StopReason::WouldDeadlock);
        }
        let (answer, answered) = oneshot::channel();
        let answer = link.wrap_user_value(answer);
        let give = move |handler: Result<AnyBox, StopReason>| {
            answer.send(handler.map(|handler| *handler.downcast::<H>().expect(TYPE)));
        };
        drop_caught(link.send_now(Command::Remove {
            target: Arc::clone(fate),
            give: Some(link.wrap_user_value(Box::new(give))),
        }));
        self.address.answer(answered).await?
    }

    /// Binds the handler to a guard: when that is dropped, the handler is removed, after the
    /// events stored until then.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let guard = log.drop_guard();
    /// let stopped = guard.stopped();
    /// drop(guard);
    /// assert_eq!(stopped.await, StopReason::Removed);
    /// # }
    /// ```
    pub fn drop_guard(self) -> HandlerGuard<E, H> {
        HandlerGuard::new(self)
    }
}

// Commands find a handler by its fate, and a swap gives the new handler another fate.
const TYPE: &str = "the fate of this reference is that of a handler of type `H`";

impl<E, H> Clone for HandlerRef<E, H> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.name), self.address.clone())
    }
}

impl<E, H> fmt::Debug for HandlerRef<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRef")
            .field("name", &self.name)
            .field("stopped", &self.address.exit.reason())
            .finish_non_exhaustive()
    }
}
