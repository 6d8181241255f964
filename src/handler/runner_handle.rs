//! The handle by which commands reach a runner.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::task::unconstrained;

use super::command::{Command, QueuedCommand};
use super::mailbox::Mailbox;
use super::user_value::UserValue;
use crate::channel::Channel;
use crate::channel::handlers::current;
use crate::channel::subscriber::SubscriberState;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::sync::Arc;

/// A handle to a runner, shared by the references to its handlers.
pub(super) struct RunnerHandle<E> {
    pub(super) channel: Arc<Channel<E>>,
    pub(super) subscriber: SubscriberId,
    subscriber_state: Arc<SubscriberState>,
    pub(super) mailbox: Arc<Mailbox<QueuedCommand<E>>>,
}

impl<E> Clone for RunnerHandle<E> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            subscriber: self.subscriber,
            subscriber_state: Arc::clone(&self.subscriber_state),
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

impl<E> RunnerHandle<E> {
    pub(super) fn new(channel: &Arc<Channel<E>>, subscriber: &Arc<SubscriberState>) -> Self {
        Self {
            channel: Arc::clone(channel),
            subscriber: subscriber.id,
            subscriber_state: Arc::clone(subscriber),
            mailbox: Arc::new(Mailbox::new()),
        }
    }

    /// Returns whether the subscription was disconnected by a call of `disconnect` or `stop_now`.
    pub(super) fn was_disconnected_on_request(&self) -> bool {
        let cause = DisconnectCause::Requested;
        self.subscriber_state.end() == Some(EndReason::Disconnected { cause })
    }

    /// Returns how many events the subscription has missed.
    pub(super) fn missed(&self) -> u64 {
        self.subscriber_state.missed()
    }

    /// Returns the identity of the subscription.
    pub(super) fn identity(&self) -> Identity {
        self.subscriber_state.identity()
    }

    /// Queues a command behind all events stored so far. Returns the command if the runner has
    /// ended.
    pub(super) fn send_now(&self, command: Command<E>) -> Option<Command<E>> {
        self.send_after(self.channel.tail(), command)
    }

    /// Queues a command behind event `not_before`. Returns the command if the runner has ended.
    pub(super) fn send_after(&self, not_before: u64, command: Command<E>) -> Option<Command<E>> {
        let sent = self.mailbox.send(QueuedCommand {
            not_before,
            command,
        });
        sent.err().map(|refused| refused.command)
    }

    /// Wraps a value for the runner; dropping the value is guarded.
    pub(super) fn wrap_user_value<T>(&self, value: T) -> UserValue<T> {
        UserValue::new(value, self.subscriber)
    }

    /// Returns whether the running code belongs to a handler of this runner.
    pub(super) fn is_current(&self) -> bool {
        current::handler() == Some(self.subscriber)
    }

    /// Waits for a reply of the runner. Returns `None` if a handler of the runner would wait for
    /// itself.
    pub(super) async fn wait<F: Future>(&self, reply: F) -> Option<F::Output> {
        // Unconstrained: tokio's channels report a reply as pending once the task has used up its
        // coop budget, and a pending reply inside of the handler is taken for a deadlock.
        let mut reply = pin!(unconstrained(reply));
        // Check at every poll: the future may have been moved into a handler since the last poll.
        poll_fn(|cx| match reply.as_mut().poll(cx) {
            Poll::Pending if self.is_current() => Poll::Ready(None),
            poll => poll.map(Some),
        })
        .await
    }
}
