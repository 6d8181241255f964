//! Questions to a handler: closures that run with the handler, between two events.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use tokio::sync::oneshot;

use super::address::HandlerAddress;
use super::command::{CallFn, Command, Reply};
use super::handler_ref::TYPE;
use super::user_value::UserFuture;
use super::{CallError, Handler, HandlerRef};
use crate::util::panic_guard::{Guarded, drop_caught};
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static, H: Handler<E>> HandlerRef<E, H> {
    /// Runs `f` with the handler, behind all events stored so far, and returns the result of `f`.
    ///
    /// # Errors
    /// [`CallError`]: the handler has ended, the handler would wait for itself, or `f` panicked. A
    /// panic of `f` counts as a panic of the handler.
    ///
    /// # Cancel safety
    /// Dropped before the first poll: `f` is not called. Dropped later: `f` is called, and the
    /// result is lost.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handled, Handler};
    ///
    /// struct Count(u32);
    ///
    /// impl Handler<&'static str> for Count {
    ///     async fn handle_event(&mut self, _: &&'static str) -> Handled {
    ///         self.0 += 1;
    ///         Ok(ControlFlow::Continue(()))
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
    #[expect(
        clippy::missing_panics_doc,
        reason = "a `HandlerRef<E, H>` is only made for a handler of type `H`"
    )]
    pub fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, CallError>> {
        // `f` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let f = Guarded::new(f);
        self.ask(|reply| {
            CallFn::Now(Box::new(move |handler| {
                let handler = handler.downcast_mut::<H>().expect(TYPE);
                // The result is guarded: the future of the caller may be dropped with the unread
                // reply.
                reply.send(Guarded::new(f.into_inner()(handler)));
            }))
        })
    }

    /// Runs `f` with the handler, as [`call`](Self::call) does, and returns the result of the
    /// future, which may await and borrow the handler: `|handler| Box::pin(async move { .. })`.
    ///
    /// The handler handles the next event once the future is ready. Code of the future is code of
    /// the handler: publishing never waits, and a wait for the handler itself is refused.
    ///
    /// # Errors
    /// [`CallError`]: the handler has ended, or was aborted meanwhile; the handler would wait for
    /// itself; or `f` or its future panicked, which counts as a panic of the handler.
    ///
    /// # Cancel safety
    /// Dropped before the first poll: `f` is not called. Dropped later: `f` is called, its future
    /// runs to the end, and the result is lost.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handled, Handler};
    /// use tokio::io::{AsyncWriteExt, BufWriter};
    ///
    /// /// Writes each event into a buffer.
    /// struct Log(BufWriter<Vec<u8>>);
    ///
    /// impl Handler<&'static str> for Log {
    ///     async fn handle_event(&mut self, event: &&'static str) -> Handled {
    ///         self.0.write_all(event.as_bytes()).await.unwrap();
    ///         Ok(ControlFlow::Continue(()))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let log = manager.add_handler("log", Log(BufWriter::new(Vec::new()))).unwrap();
    /// manager.notify("tea, ").await.unwrap();
    /// manager.notify("soup").await.unwrap();
    /// let written = log.call_async(|log| Box::pin(async move {
    ///     log.0.flush().await.unwrap();
    ///     log.0.get_ref().clone()
    /// }));
    /// assert_eq!(written.await, Ok(b"tea, soup".to_vec()));
    /// # }
    /// ```
    #[doc(alias = "GenEvent.call")]
    pub fn call_async<R: Send + 'static>(
        &self,
        f: impl for<'a> FnOnce(&'a mut H) -> Pin<Box<dyn Future<Output = R> + Send + 'a>>
        + Send
        + 'static,
    ) -> impl Future<Output = Result<R, CallError>> {
        // `f` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let f = Guarded::new(f);
        self.ask(|reply| CallFn::Async(Box::new(move |handler| run(f, handler, reply))))
    }

    /// Sends the call made by `call` of a reply sender, and waits for the reply.
    async fn ask<R: Send + 'static>(
        &self,
        call: impl FnOnce(Reply<Guarded<R>>) -> CallFn,
    ) -> Result<R, CallError> {
        let HandlerAddress { runner, exit, .. } = &self.address;
        if runner.is_current() {
            return Err(CallError::WouldDeadlock);
        }
        let (reply, replied) = oneshot::channel();
        let (on_panic, panicked) = oneshot::channel();
        let call = call(runner.wrap_user_value(reply));
        drop_caught(runner.send_now(Command::Call {
            target: Arc::clone(exit),
            call: runner.wrap_user_value(call),
            on_panic: runner.wrap_user_value(on_panic),
        }));
        // The runner drops `reply` if the user code panics or if the handler has ended. In the first
        // case the runner sends the message of the panic, also if the handler is restarted and does
        // not stop.
        let result = runner.wait(async {
            if let Ok(result) = replied.await {
                return Ok(result);
            }
            Err(match panicked.await {
                Ok(message) => CallError::Panicked(message),
                Err(_) => CallError::Stopped(exit.stopped().await),
            })
        });
        let result = result.await.unwrap_or(Err(CallError::WouldDeadlock));
        result.map(Guarded::into_inner)
    }
}

/// Calls `f`, and returns a future that sends the result of its future.
fn run<'a, H: 'static, R: Send + 'static>(
    f: Guarded<impl FnOnce(&'a mut H) -> UserFuture<'a, R>>,
    handler: &'a mut (dyn Any + Send),
    reply: Reply<Guarded<R>>,
) -> UserFuture<'a, ()> {
    let handler = handler.downcast_mut::<H>().expect(TYPE);
    // The future is guarded: after a panic of its poll, its `Drop` runs while the thread unwinds.
    let mut result = Guarded::new(f.into_inner()(handler));
    Box::pin(async move {
        let result = poll_fn(|cx| result.as_mut().poll(cx)).await;
        reply.send(Guarded::new(result));
    })
}
