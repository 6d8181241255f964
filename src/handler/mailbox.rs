//! The way to a runner.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::unconstrained;

use super::command::{Command, Order};
use super::user_value::Theirs;
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
/// 1. While `stirred` is false, there is nothing in it, and whatever comes next wakes the runner,
///    which is one task for all its life.
pub(super) struct Mailbox<E> {
    mail: Mutex<Mail<E>>,
    /// Set under the lock; the runner, at every event, looks at it without.
    stirred: AtomicBool,
}

struct Mail<E> {
    orders: Vec<Order<E>>,
    /// Some handler has been aborted.
    rung: bool,
    closed: bool,
    /// Of the runner, while it sleeps.
    sleeper: Option<Waker>,
    /// It sleeps in code of a handler's, and has time for orders when that is done.
    engaged: bool,
}

impl<E> Mailbox<E> {
    fn new() -> Self {
        Self {
            mail: Mutex::new(Mail {
                orders: Vec::new(),
                rung: false,
                closed: false,
                sleeper: None,
                engaged: false,
            }),
            stirred: AtomicBool::new(true),
        }
    }

    /// To do something that the runner must see.
    fn stir(&self) -> MutexGuard<'_, Mail<E>> {
        let early = planted!("stirred-too-early");
        if early {
            self.stirred.store(true, Ordering::Release);
        }
        let mail = self.mail.lock();
        if !early {
            self.stirred.store(true, Ordering::Release);
        }
        mail
    }

    /// Gives the order back if nobody will carry it out.
    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    fn send(&self, order: Order<E>) -> Result<(), Order<E>> {
        let mut mail = self.stir();
        if mail.closed && !planted!("orders-left-behind") {
            return Err(order);
        }
        mail.orders.push(order);
        let sleeper = if mail.engaged {
            None
        } else {
            mail.sleeper.take()
        };
        drop(mail);
        sleeper.into_iter().for_each(wake);
        Ok(())
    }

    /// A handler is to be aborted.
    pub(super) fn ring(&self) {
        let mut mail = self.stir();
        mail.rung = true;
        let sleeper = mail.sleeper.take();
        drop(mail);
        sleeper.into_iter().for_each(wake);
    }

    /// Takes what has come, if anything may have: orders, and whether it has rung. The runner is
    /// woken by whatever comes next.
    #[inline]
    pub(super) fn take(&self, cx: &Context<'_>) -> Option<(Vec<Order<E>>, bool)> {
        (self.stirred.load(Ordering::Acquire)).then(|| self.empty(cx))
    }

    #[inline(never)]
    fn empty(&self, cx: &Context<'_>) -> (Vec<Order<E>>, bool) {
        let mut mail = self.mail.lock();
        self.stirred.store(false, Ordering::Relaxed);
        mail.sleep(cx, false);
        (
            std::mem::take(&mut mail.orders),
            std::mem::take(&mut mail.rung),
        )
    }

    /// The runner is woken when it rings.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.stir().sleep(cx, true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.mail.lock().closed
    }

    /// Refuses orders from now on, and gives out those that have come.
    pub(super) fn close(&self) -> Vec<Order<E>> {
        let mut mail = self.stir();
        mail.closed = true;
        let orders = std::mem::take(&mut mail.orders);
        // It holds the task, which whoever holds the mailbox need not keep.
        let sleeper = mail.sleeper.take();
        drop(mail);
        drop(sleeper);
        orders
    }
}

impl<E> Mail<E> {
    fn sleep(&mut self, cx: &Context<'_>, engaged: bool) {
        self.engaged = engaged;
        let known = self.sleeper.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            // The waker of a task of tokio's: nobody else's code.
            self.sleeper = Some(cx.waker().clone());
        }
    }
}

/// Held by everybody who may ask something of a runner.
pub(super) struct Link<E> {
    pub(super) channel: Arc<Channel<E>>,
    pub(super) subscriber: SubscriberId,
    pub(super) mailbox: Arc<Mailbox<E>>,
}

impl<E> Clone for Link<E> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            subscriber: self.subscriber,
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

impl<E> Link<E> {
    pub(super) fn new(channel: &Arc<Channel<E>>, subscriber: SubscriberId) -> Self {
        Self {
            channel: Arc::clone(channel),
            subscriber,
            mailbox: Arc::new(Mailbox::new()),
        }
    }

    /// To be done after all events stored until now. Gives the command back if nobody will.
    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    pub(super) fn order(&self, command: Command<E>) -> Result<(), Command<E>> {
        self.order_after(self.channel.tail(), command)
    }

    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    pub(super) fn order_after(&self, after: u64, command: Command<E>) -> Result<(), Command<E>> {
        let sent = self.mailbox.send(Order { after, command });
        sent.map_err(|refused| refused.command)
    }

    /// What the runner is to hold, and to drop in its place.
    pub(super) fn theirs<T>(&self, it: T) -> Theirs<T> {
        Theirs::new(it, self.subscriber)
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
