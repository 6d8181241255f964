//! The way to a runner.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::unconstrained;

use super::command::{Command, QueuedCommand};
use super::user_value::UserValue;
use crate::channel::Channel;
use crate::channel::handlers::current;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::wake;
use crate::util::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering};

/// Orders that the runner has not seen, and its waker.
///
/// Closing it and taking what is in it is one step: an order is either refused or carried out.
///
/// # Invariants
/// 1. While `has_mail` is false, there is nothing in it, and whatever comes next wakes the runner,
///    which is one task for all its life.
pub(super) struct Mailbox<E> {
    mail: Mutex<Mail<E>>,
    /// Set under the lock; the runner, at every event, looks at it without.
    has_mail: AtomicBool,
}

struct Mail<E> {
    commands: Vec<QueuedCommand<E>>,
    /// Some handler has been aborted.
    abort_requested: bool,
    closed: bool,
    /// Of the runner, while it sleeps.
    runner_waker: Option<Waker>,
    /// It sleeps in code of a handler's, and has time for orders when that is done.
    in_user_code: bool,
}

impl<E> Mailbox<E> {
    fn new() -> Self {
        Self {
            mail: Mutex::new(Mail {
                commands: Vec::new(),
                abort_requested: false,
                closed: false,
                runner_waker: None,
                in_user_code: false,
            }),
            has_mail: AtomicBool::new(true),
        }
    }

    /// To do something that the runner must see.
    fn lock_and_mark(&self) -> MutexGuard<'_, Mail<E>> {
        let early = seeded_bug!("mailbox-marked-too-early");
        if early {
            self.has_mail.store(true, Ordering::Release);
        }
        let mail = self.mail.lock();
        if !early {
            self.has_mail.store(true, Ordering::Release);
        }
        mail
    }

    /// Gives the order back if nobody will carry it out.
    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    fn send(&self, order: QueuedCommand<E>) -> Result<(), QueuedCommand<E>> {
        let mut mail = self.lock_and_mark();
        if mail.closed && !seeded_bug!("commands-left-behind") {
            return Err(order);
        }
        mail.commands.push(order);
        let sleeper = if mail.in_user_code {
            None
        } else {
            mail.runner_waker.take()
        };
        drop(mail);
        sleeper.into_iter().for_each(wake);
        Ok(())
    }

    /// A handler is to be aborted.
    pub(super) fn request_abort(&self) {
        let mut mail = self.lock_and_mark();
        mail.abort_requested = true;
        let sleeper = mail.runner_waker.take();
        drop(mail);
        sleeper.into_iter().for_each(wake);
    }

    /// Takes what has come, if anything may have: orders, and whether it has rung. The runner is
    /// woken by whatever comes next.
    #[inline]
    pub(super) fn take(&self, cx: &Context<'_>) -> Option<(Vec<QueuedCommand<E>>, bool)> {
        (self.has_mail.load(Ordering::Acquire)).then(|| self.drain(cx))
    }

    #[inline(never)]
    fn drain(&self, cx: &Context<'_>) -> (Vec<QueuedCommand<E>>, bool) {
        let mut mail = self.mail.lock();
        self.has_mail.store(false, Ordering::Relaxed);
        mail.register_runner(cx, false);
        (
            std::mem::take(&mut mail.commands),
            std::mem::take(&mut mail.abort_requested),
        )
    }

    /// The runner is woken when it rings.
    pub(super) fn wake_on_abort(&self, cx: &Context<'_>) {
        self.lock_and_mark().register_runner(cx, true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.mail.lock().closed
    }

    /// Refuses orders from now on, and gives out those that have come.
    pub(super) fn close(&self) -> Vec<QueuedCommand<E>> {
        let mut mail = self.lock_and_mark();
        mail.closed = true;
        let orders = std::mem::take(&mut mail.commands);
        // It holds the task, which whoever holds the mailbox need not keep.
        let sleeper = mail.runner_waker.take();
        drop(mail);
        drop(sleeper);
        orders
    }
}

impl<E> Mail<E> {
    fn register_runner(&mut self, cx: &Context<'_>, engaged: bool) {
        self.in_user_code = engaged;
        let known = self.runner_waker.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            // The waker of a task of tokio's: nobody else's code.
            self.runner_waker = Some(cx.waker().clone());
        }
    }
}

/// Held by everybody who may ask something of a runner.
pub(super) struct RunnerHandle<E> {
    pub(super) channel: Arc<Channel<E>>,
    pub(super) subscriber: SubscriberId,
    pub(super) mailbox: Arc<Mailbox<E>>,
}

impl<E> Clone for RunnerHandle<E> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            subscriber: self.subscriber,
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

impl<E> RunnerHandle<E> {
    pub(super) fn new(channel: &Arc<Channel<E>>, subscriber: SubscriberId) -> Self {
        Self {
            channel: Arc::clone(channel),
            subscriber,
            mailbox: Arc::new(Mailbox::new()),
        }
    }

    /// To be done after all events stored until now. Gives the command back if nobody will.
    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    pub(super) fn send_now(&self, command: Command<E>) -> Result<(), Command<E>> {
        self.send_after(self.channel.tail(), command)
    }

    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    pub(super) fn send_after(&self, after: u64, command: Command<E>) -> Result<(), Command<E>> {
        let sent = self.mailbox.send(QueuedCommand {
            not_before: after,
            command,
        });
        sent.map_err(|refused| refused.command)
    }

    /// What the runner is to hold, and to drop in its place.
    pub(super) fn wrap_user_value<T>(&self, it: T) -> UserValue<T> {
        UserValue::new(it, self.subscriber)
    }

    /// Whether the running code belongs to the handlers of this runner.
    pub(super) fn is_inside(&self) -> bool {
        current::handler() == Some(self.subscriber)
    }

    /// Awaits something of the runner; `None` when that is to wait for itself.
    pub(super) async fn wait<F: Future>(&self, answer: F) -> Option<F::Output> {
        // An answer that is there counts, also when the task has used up its turn: to that,
        // tokio's channels say that they are pending.
        let mut answer = pin!(unconstrained(answer));
        // At every poll: the future may have been taken inside since the last one.
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Pending if self.is_inside() => Poll::Ready(None),
            poll => poll.map(Some),
        })
        .await
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use std::task::Wake;

    use super::*;

    struct Quiet;

    impl Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn closed_it_keeps_no_task() {
        let task = Arc::new(Quiet);
        let waker = Waker::from(Arc::clone(&task));
        let mailbox = Mailbox::<u32>::new();
        drop(mailbox.take(&Context::from_waker(&waker)));
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2);
        drop(mailbox.close());
        assert_eq!(Arc::strong_count(&task), 1);
    }
}
