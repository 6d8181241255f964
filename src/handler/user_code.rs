//! Where the code of handlers runs.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use super::StopReason;
use super::exit::ExitState;
use super::mailbox::RunnerHandle;
use super::member::{AnyHandler, Boxed, Member};
use super::user_value::UserValue;
use crate::channel::handlers::current;
use crate::channel::trace::Scope;
use crate::util::panic_guard::drop_payload;

/// Runs code of the user's; a panic is its message.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        drop_payload(payload);
        message.unwrap_or_else(|| "a value that is no message".to_owned())
    })
}

/// How code of a handler's ended.
pub(super) enum Outcome<T> {
    Done(T),
    Panicked(String),
    Aborted,
}

pub(super) type Handled = Outcome<ControlFlow<()>>;

/// The handler; or why not, if its `terminate` came to no end of its own.
pub(super) type Removed<E> = Result<UserValue<Box<dyn AnyHandler<E>>>, StopReason>;

/// Where all code of handlers runs: caught, marked as inside of its subscription, and aborted on
/// request.
pub(super) struct UserCodeScope<E>(pub(super) RunnerHandle<E>, pub(super) Scope);

impl<E: Send + Sync + 'static> UserCodeScope<E> {
    #[inline]
    pub(super) fn call<T>(&self, code: impl FnOnce() -> T) -> Result<T, String> {
        current::run(self.0.subscriber, || self.1.run(|| catch(code)))
    }

    /// Polls it at least once, whoever aborts it.
    pub(super) async fn run<T>(&self, fate: &ExitState, code: Boxed<'_, T>) -> Outcome<T> {
        let mut code = self.0.wrap_user_value(code);
        poll_fn(|cx| {
            let ran = match self.call(|| code.as_mut().poll(cx)) {
                Ok(Poll::Ready(done)) => Outcome::Done(done),
                Ok(Poll::Pending) => {
                    self.0.mailbox.wake_on_abort(cx);
                    // After that: whoever aborts it from now on rings.
                    if !fate.is_aborted() {
                        return Poll::Pending;
                    }
                    Outcome::Aborted
                }
                Err(message) => Outcome::Panicked(message),
            };
            Poll::Ready(ran)
        })
        .await
    }

    /// Without futures, as far as that can be done: how many of `members` are done with the event
    /// and stay, and what the next one did, if there is one and it needs no future.
    #[inline]
    pub(super) fn handle_now<'a>(
        &self,
        members: impl Iterator<Item = &'a mut Member<E>>,
        event: &E,
    ) -> (usize, Option<Handled>) {
        let mut done = 0;
        // One mark and one net for all of them: a panic is that of whoever comes after `done`.
        let stopped = self.call(|| {
            for member in members {
                if member.registration.exit.is_aborted() {
                    return Some(Outcome::Aborted);
                }
                let handler = member.handler.as_mut().expect(HANDLER);
                match handler.handle_now(event) {
                    Some(ControlFlow::Continue(())) => done += 1,
                    stopped => return stopped.map(Outcome::Done),
                }
            }
            None
        });
        let stopped = stopped.unwrap_or_else(|message| Some(Outcome::Panicked(message)));
        (done, stopped)
    }

    pub(super) async fn handle(&self, member: &mut Member<E>, event: &E) -> Handled {
        let handler = member.handler.as_mut().expect(HANDLER);
        self.run(&member.registration.exit, handler.handle(event))
            .await
    }

    /// Calls `terminate`, which one more abort cuts short. `Err`: that, or a panic.
    async fn terminate(
        &self,
        fate: &ExitState,
        handler: &mut dyn AnyHandler<E>,
        reason: &StopReason,
    ) -> Result<(), StopReason> {
        fate.forget_abort();
        match self.run(fate, handler.terminate(reason)).await {
            Outcome::Done(()) => Ok(()),
            Outcome::Panicked(message) => Err(StopReason::Panicked(message)),
            Outcome::Aborted => Err(StopReason::Aborted),
        }
    }

    /// Terminates the handler, frees its name and tells why it ended. With the `last`
    /// one, the subscription counts no more.
    pub(super) async fn end(
        &self,
        member: Member<E>,
        reason: StopReason,
        last: bool,
    ) -> Removed<E> {
        let Member {
            registration: life,
            handler,
            ..
        } = member;
        let ended = match handler {
            Some(mut handler) => {
                let ended = self.terminate(&life.exit, &mut **handler, &reason).await;
                ended.map(|()| handler)
            }
            None => Err(reason.clone()),
        };
        if last {
            // Owes still what is in hand: that is answered for after the end is told.
            self.0.channel.disconnect_handler(self.0.subscriber);
        }
        life.end(reason);
        ended
    }

    /// The handler has panicked: makes it anew if it may, or else gives the reason to end it.
    pub(super) async fn restart(
        &self,
        member: &mut Member<E>,
        message: String,
    ) -> Option<StopReason> {
        let fate = &member.registration.exit;
        if fate.is_aborted() {
            return Some(StopReason::Aborted);
        }
        let reason = StopReason::Panicked(message);
        let Some(revival) = member.restart_state.as_mut() else {
            return Some(reason);
        };
        if !revival.is_allowed() {
            return Some(reason);
        }
        if let Some(mut broken) = member.handler.take() {
            if let Outcome::Aborted = self.run(fate, broken.terminate(&reason)).await {
                return Some(StopReason::Aborted);
            }
        }
        match self.call(|| revival.factory.make()) {
            Ok(anew) => {
                trace!(restarted(&member.registration.label, &reason));
                member.handler = Some(self.0.wrap_user_value(anew));
                None
            }
            Err(message) => Some(StopReason::Panicked(message)),
        }
    }
}

pub(super) const HANDLER: &str = "a handler is there until it ends";
