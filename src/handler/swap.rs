//! Replacing a handler between two events.

use std::future::{Future, poll_fn, ready};

use super::address::HandlerAddress;
use super::command::{AnyBox, Command, Swap, Swapped};
use super::dyn_handler::DynHandler;
use super::handler_ref::TYPE;
use super::user_value::UserFuture;
use super::{Handler, HandlerRef, StopReason, SwapError, TrySwapError};
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static, H: Handler<E>> HandlerRef<E, H> {
    /// Replaces the handler by the result of `f`, between two events: no event is lost or handled
    /// twice. The name, the position in the list and the owner stay.
    ///
    /// The old handler's `terminate` is called with [`StopReason::Swapped`], and then `f`. The new
    /// handler is not restarted after a panic, even if the old handler was added with a restart.
    ///
    /// # Errors
    /// [`SwapError::Stopped`] if the handler had ended already, or ended because `f` panicked; with
    /// the reason. [`SwapError::WouldDeadlock`] inside of the handler itself.
    ///
    /// # Cancel safety
    /// Dropped before the first poll: nothing has happened. Dropped later: the handler is swapped,
    /// and [`EventManager::handler`](crate::EventManager::handler) finds the new handler.
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
    pub fn swap<H2: Handler<E>>(
        self,
        f: impl FnOnce(H) -> H2 + Send + 'static,
    ) -> impl Future<Output = Result<HandlerRef<E, H2>, SwapError>> {
        // `f` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let f = Guarded::new(f);
        async move {
            let (name, new) = (Arc::clone(&self.name), self.successor::<H2>());
            let f = |old| ready(Ok(f.into_inner()(old)));
            match self.replace(true, f, &new).await {
                Some(Ok(_swapped)) => Ok(HandlerRef::new(name, new)),
                Some(Err(reason)) => Err(SwapError::Stopped(reason)),
                None => Err(SwapError::WouldDeadlock),
            }
        }
    }

    /// Replaces the handler as [`swap`](Self::swap) does, by the result of the future of `f`, which
    /// may await.
    ///
    /// The next event is handled once the future is ready, by the new handler. Code of the future is
    /// code of the handler: publishing never waits, and a wait for the handler itself is refused.
    ///
    /// # Errors
    /// [`SwapError::Stopped`] if the handler had ended already, was aborted meanwhile, or ended
    /// because `f` or its future panicked; with the reason. [`SwapError::WouldDeadlock`] inside of
    /// the handler itself.
    ///
    /// # Cancel safety
    /// As in `swap`.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # async fn connect() -> std::sync::mpsc::Sender<u8> { std::sync::mpsc::channel().0 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let offline = manager.add_handler("send", handler_fn(|_: &u8| ())).unwrap();
    /// let online = offline.swap_async(|_offline| async {
    ///     let connection = connect().await;
    ///     handler_fn(move |n: &u8| { let _ = connection.send(*n); })
    /// });
    /// assert_eq!(online.await.unwrap().name(), "send");
    /// # }
    /// ```
    #[doc(alias = "GenEvent.swap_handler")]
    pub fn swap_async<H2: Handler<E>, F>(
        self,
        f: impl FnOnce(H) -> F + Send + 'static,
    ) -> impl Future<Output = Result<HandlerRef<E, H2>, SwapError>>
    where
        F: Future<Output = H2> + Send + 'static,
    {
        // `f` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let f = Guarded::new(f);
        async move {
            let (name, new) = (Arc::clone(&self.name), self.successor::<H2>());
            let f = |old| {
                let new = f.into_inner()(old);
                async move { Ok(new.await) }
            };
            match self.replace(true, f, &new).await {
                Some(Ok(_swapped)) => Ok(HandlerRef::new(name, new)),
                Some(Err(reason)) => Err(SwapError::Stopped(reason)),
                None => Err(SwapError::WouldDeadlock),
            }
        }
    }

    /// Replaces the handler as [`swap`](Self::swap) does, unless `f` gives the handler back, which
    /// then keeps running.
    ///
    /// The old handler's `terminate` is not called: `f` may refuse, and then the handler keeps
    /// running.
    ///
    /// # Errors
    /// [`TrySwapError::Refused`] with a reference to the handler, which keeps running. Otherwise as
    /// in `swap`.
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
    /// new = None; // the new handler could not be made
    /// let refused = old.try_swap(|old| new.ok_or(old)).await.unwrap_err();
    /// let TrySwapError::Refused(old) = refused else { panic!() };
    /// assert!(old.call(|_| ()).await.is_ok(), "the old handler keeps running");
    /// # }
    /// ```
    #[doc(alias = "GenEvent.swap_handler")]
    pub fn try_swap<H2: Handler<E>>(
        self,
        f: impl FnOnce(H) -> Result<H2, H> + Send + 'static,
    ) -> impl Future<Output = Result<HandlerRef<E, H2>, TrySwapError<E, H>>> {
        // `f` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let f = Guarded::new(f);
        async move {
            let new = self.successor::<H2>();
            let f = |old| ready(f.into_inner()(old));
            match self.replace(false, f, &new).await {
                Some(Ok(true)) => Ok(HandlerRef::new(self.name, new)),
                Some(Ok(false)) => Err(TrySwapError::Refused(self)),
                Some(Err(reason)) => Err(TrySwapError::Stopped(reason)),
                None => Err(TrySwapError::WouldDeadlock),
            }
        }
    }

    /// Makes the address of the successor, in the same runner.
    fn successor<H2: Handler<E>>(&self) -> HandlerAddress<E> {
        HandlerAddress::new::<H2>(self.address.runner.clone(), self.address.id, Arc::default())
    }

    /// Replaces the handler by the result of `f`, which runs in the task of the handler. Returns
    /// whether `f` made a new handler, or the reason why the handler has ended; `None` if the
    /// handler would wait for itself.
    async fn replace<H2: Handler<E>, F>(
        &self,
        terminate: bool,
        f: impl FnOnce(H) -> F + Send + 'static,
        new: &HandlerAddress<E>,
    ) -> Option<Result<bool, StopReason>>
    where
        F: Future<Output = Result<H2, H>> + Send + 'static,
    {
        let replace = move |old: AnyBox| -> UserFuture<'static, Swapped<E>> {
            // The future is guarded: after a panic of its poll, its `Drop` runs while the thread
            // unwinds.
            let mut new = Guarded::new(Box::pin(f(*old.downcast().expect(TYPE))));
            Box::pin(async move {
                match poll_fn(|cx| new.as_mut().poll(cx)).await {
                    Ok(new) => Ok(Box::new(new) as Box<dyn DynHandler<E>>),
                    Err(old) => Err(Box::new(old) as Box<dyn DynHandler<E>>),
                }
            })
        };
        let HandlerAddress { runner, exit, .. } = &self.address;
        let swapped = self.address.ask(|reply| {
            Command::Swap(Swap {
                target: Arc::clone(exit),
                terminate,
                replace: runner.wrap_user_value(Box::new(replace)),
                exit: Arc::clone(&new.exit),
                handler_type: new.handler_type,
                reply,
            })
        });
        swapped.await
    }
}
