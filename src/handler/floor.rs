//! Where the code of handlers runs.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::StopReason;
use super::member::{AnyHandler, Boxed, Member};
use crate::channel::Channel;
use crate::foreign::discard;
use crate::inside;
use crate::inspect::SubscriberId;
use crate::sync::Arc;

/// Runs code of the user's; a panic is its message.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        discard(payload);
        message.unwrap_or_else(|| "a value that is no message".to_owned())
    })
}

/// How code of a handler's ended.
pub(super) enum Ran<T> {
    Done(T),
    Panicked(String),
    Aborted,
}

/// Where all code of handlers runs: caught, marked as inside of its subscription, and aborted on
/// request.
pub(super) struct Floor<E> {
    pub(super) channel: Arc<Channel<E>>,
    pub(super) subscriber: SubscriberId,
    pub(super) aborts: mpsc::UnboundedReceiver<u64>,
    /// Asked for, and not carried out.
    pub(super) aborted: Vec<u64>,
}

impl<E: Send + Sync + 'static> Floor<E> {
    pub(super) fn call<T>(&self, code: impl FnOnce() -> T) -> Result<T, String> {
        inside::run(self.subscriber, || catch(code))
    }

    pub(super) async fn run<T>(&mut self, id: u64, mut code: Boxed<'_, T>) -> Ran<T> {
        let ran = poll_fn(|cx| {
            self.hear_aborts(cx);
            if self.take_abort(id) {
                return Poll::Ready(Ran::Aborted);
            }
            match self.call(|| code.as_mut().poll(cx)) {
                Ok(Poll::Ready(done)) => Poll::Ready(Ran::Done(done)),
                Ok(Poll::Pending) => Poll::Pending,
                Err(message) => Poll::Ready(Ran::Panicked(message)),
            }
        });
        let ran = ran.await;
        let _ = self.call(|| drop(code));
        ran
    }

    pub(super) fn hear_aborts(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(id)) = self.aborts.poll_recv(cx) {
            self.aborted.push(id);
        }
    }

    pub(super) fn take_abort(&mut self, id: u64) -> bool {
        let asked = self.aborted.len();
        self.aborted.retain(|aborted| *aborted != id);
        self.aborted.len() < asked
    }

    /// Calls `terminate`. `Err`: it panicked.
    pub(super) async fn terminate(
        &mut self,
        id: u64,
        handler: &mut dyn AnyHandler<E>,
        reason: &StopReason,
    ) -> Result<(), StopReason> {
        match self.run(id, handler.terminate(reason)).await {
            Ran::Done(()) => Ok(()),
            Ran::Panicked(message) => Err(StopReason::Panicked(message)),
            Ran::Aborted => Err(StopReason::Aborted),
        }
    }

    /// Terminates the handler, frees its name and tells why it ended. Gives it out, unless its
    /// `terminate` panicked. With the `last` one, the subscription counts no more.
    pub(super) async fn end(
        &mut self,
        member: Member<E>,
        reason: StopReason,
        last: bool,
    ) -> Result<Box<dyn AnyHandler<E>>, StopReason> {
        let Member {
            life,
            id,
            handler,
            owner,
            revival,
        } = member;
        discard((owner, revival));
        let Some(mut handler) = handler else {
            self.leave_if(last);
            life.end(reason.clone());
            return Err(reason);
        };
        let terminated = self.terminate(id, &mut *handler, &reason).await;
        self.leave_if(last);
        life.end(reason);
        match terminated {
            Ok(()) => Ok(handler),
            Err(reason) => {
                discard(handler);
                Err(reason)
            }
        }
    }

    fn leave_if(&self, last: bool) {
        if last {
            // Owes still what is in hand: that is answered for after the end is told.
            self.channel.disconnect(self.subscriber);
        }
    }

    /// The handler has panicked: makes it anew if it may, or else gives the reason to end it.
    pub(super) async fn revive(
        &mut self,
        member: &mut Member<E>,
        message: String,
    ) -> Option<StopReason> {
        let reason = StopReason::Panicked(message);
        let Some(revival) = &mut member.revival else {
            return Some(reason);
        };
        if !revival.is_allowed() {
            return Some(reason);
        }
        if let Some(mut broken) = member.handler.take() {
            let ended = self.terminate(member.id, &mut *broken, &reason).await;
            discard(broken);
            if let Err(StopReason::Aborted) = ended {
                return Some(StopReason::Aborted);
            }
        }
        match self.call(|| revival.factory.make()) {
            Ok(anew) => {
                member.handler = Some(anew);
                None
            }
            Err(message) => Some(StopReason::Panicked(message)),
        }
    }
}
