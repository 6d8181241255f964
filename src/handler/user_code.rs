//! The scope in which a runner runs the code of its handlers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::StopReason;
use super::dyn_handler::DynHandler;
use super::exit::ExitState;
use super::member::Member;
use super::outcome::{Answer, HandledNow, Outcome, catch};
use super::runner_handle::RunnerHandle;
use super::user_value::{UserFuture, UserValue};
use crate::channel::handlers::current;
use crate::channel::trace::Scope;
use crate::end_reason::DisconnectCause;
use crate::receipt::Cause;

/// A removed handler, or the reason why its `terminate` did not complete.
pub(super) type Removed<E> = Result<UserValue<Box<dyn DynHandler<E>>>, StopReason>;

/// The scope in which all code of the handlers of a runner runs: panics are caught, the subscriber
/// is marked as the current handler, the tracing span is entered, and aborts are noticed.
pub(super) struct UserCodeScope<E> {
    pub(super) runner: RunnerHandle<E>,
    pub(super) span: Scope,
}

impl<E: Send + Sync + 'static> UserCodeScope<E> {
    /// Runs user code. Returns the message of a panic as an error.
    #[inline]
    pub(super) fn call<T>(&self, code: impl FnOnce() -> T) -> Result<T, String> {
        current::run(self.runner.subscriber, || self.span.run(|| catch(code)))
    }

    /// Runs a future of the user until the future is ready or aborted. The future is polled at
    /// least once, even if an abort was requested before.
    pub(super) async fn run<T>(&self, exit: &ExitState, code: UserFuture<'_, T>) -> Outcome<T> {
        let mut code = self.runner.wrap_user_value(code);
        poll_fn(|cx| {
            let outcome = match self.call(|| code.as_mut().poll(cx)) {
                Ok(Poll::Ready(done)) => Outcome::Done(done),
                Ok(Poll::Pending) => {
                    // Register before checking: an abort in between would be missed.
                    self.runner.mailbox.wake_on_abort(cx);
                    if !exit.is_aborted() {
                        return Poll::Pending;
                    }
                    Outcome::Aborted
                }
                Err(message) => Outcome::Panicked(message),
            };
            Poll::Ready(outcome)
        })
        .await
    }

    /// Makes a future of the user, and [runs](Self::run) the future.
    pub(super) async fn run_made<'a, T>(
        &self,
        exit: &ExitState,
        make: impl FnOnce() -> UserFuture<'a, T>,
    ) -> Outcome<T> {
        match self.call(make) {
            Ok(code) => self.run(exit, code).await,
            Err(message) => Outcome::Panicked(message),
        }
    }

    /// Lets `members` handle an event for as long as no future is needed. Returns how many members
    /// have handled the event and stay, and the answer of the next member. The answer is `None`
    /// if no member is next, or if the next member needs a future.
    #[inline]
    pub(super) fn handle_now<'a>(
        &self,
        members: impl Iterator<Item = &'a mut Member<E>>,
        event: &E,
    ) -> (usize, Option<Answer>) {
        let mut done = 0;
        // Set the current handler and catch panics once for all members: per member, both would
        // cost more than a small callback. A panic comes from the member at index `done`.
        let stopped = self.call(|| {
            for member in members {
                if member.is_aborted() {
                    return Some(Answer::Aborted);
                }
                match member.handler().dyn_handle_now(event) {
                    HandledNow::Continue => done += 1,
                    stopped => return Answer::of_now(stopped),
                }
            }
            None
        });
        let stopped = stopped.unwrap_or_else(|message| Some(Answer::Panicked(message)));
        (done, stopped)
    }

    /// Lets a member handle an event by a future. Calls `awaiting` whenever the future is pending.
    pub(super) async fn handle(
        &self,
        member: &mut Member<E>,
        event: &E,
        mut awaiting: impl FnMut(),
    ) -> Answer {
        let (exit, handler) = member.exit_and_handler();
        let mut handling = pin!(self.run(exit, handler.dyn_handle(event)));
        let outcome = poll_fn(|cx| {
            let outcome = handling.as_mut().poll(cx);
            if outcome.is_pending() {
                awaiting();
            }
            outcome
        });
        match outcome.await {
            Outcome::Done(result) => {
                let answer = self.call(|| Answer::of(result));
                answer.unwrap_or_else(Answer::Panicked)
            }
            Outcome::Panicked(message) => Answer::Panicked(message),
            Outcome::Aborted => Answer::Aborted,
        }
    }

    /// Tells a member that it has missed events.
    pub(super) async fn tell_missed(&self, member: &mut Member<E>, events: u64) -> Outcome<()> {
        let (exit, handler) = member.exit_and_handler();
        self.run(exit, handler.dyn_missed(events)).await
    }

    /// Calls `terminate`, which one more abort cuts short. Returns an error after such an abort, or
    /// after a panic.
    async fn terminate(
        &self,
        exit: &ExitState,
        handler: &mut dyn DynHandler<E>,
        reason: &StopReason,
    ) -> Result<(), StopReason> {
        exit.clear_abort();
        match self.run(exit, handler.dyn_terminate(reason)).await {
            Outcome::Done(()) => Ok(()),
            Outcome::Panicked(message) => Err(StopReason::Panicked(message)),
            Outcome::Aborted => Err(StopReason::Aborted),
        }
    }

    /// Ends a member: terminates the handler, frees the name and sets the reason. After the `last`
    /// member, the subscription is disconnected.
    pub(super) async fn end(
        &self,
        member: Member<E>,
        reason: StopReason,
        last: bool,
    ) -> Removed<E> {
        let Member {
            registration,
            identity,
            handler,
            ..
        } = member;
        let removed = match handler {
            Some(mut handler) => {
                let exit = &registration.exit;
                let terminated = self.terminate(exit, &mut **handler, &reason).await;
                terminated.map(|()| handler)
            }
            None => Err(reason.clone()),
        };
        if last {
            // Disconnect before setting the reason: the next publish of a task with the reason no
            // longer counts this subscriber. The event in flight is settled later.
            self.runner
                .channel
                .disconnect_handler(self.runner.subscriber);
        }
        if let Some(identity) = identity {
            // The same for a member of a group: publishers no longer count it.
            let cause = if registration.exit.is_disconnected() {
                Cause::Disconnected(DisconnectCause::Requested)
            } else {
                Cause::Left
            };
            (self.runner.channel).leave_group(self.runner.subscriber, identity.id, cause);
        }
        registration.end(reason);
        removed
    }

    /// Restarts a member after a panic. Returns the reason to end the member if no restart is
    /// allowed, or if the restart fails.
    pub(super) async fn restart(
        &self,
        member: &mut Member<E>,
        message: String,
    ) -> Option<StopReason> {
        let exit = &member.registration.exit;
        // An abort wins over a restart.
        if exit.is_aborted() {
            return Some(StopReason::Aborted);
        }
        let Some(restart_state) = member.restart_state.as_mut() else {
            return Some(StopReason::Panicked(message));
        };
        if !restart_state.allow() {
            return Some(StopReason::Panicked(message));
        }
        let reason = StopReason::Restarted(message);
        // Terminate the broken handler. An abort meanwhile ends the member.
        if let Some(mut broken) = member.handler.take() {
            if let Outcome::Aborted = self.run(exit, (**broken).dyn_terminate(&reason)).await {
                return Some(StopReason::Aborted);
            }
        }
        match self.call(|| restart_state.make()) {
            Ok(handler) => {
                trace!(restarted(&member.registration.label, &reason));
                member.handler = Some(self.runner.wrap_user_value(handler));
                None
            }
            Err(message) => Some(StopReason::Panicked(message)),
        }
    }
}
