//! Waiting for a condition: that the manager is closed, or has subscribers, or has none; that a
//! subscription is disconnected or has ended.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::Channel;
use crate::channel::condition::{Condition, ConditionKey};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::any_channel::AnyChannel;
use crate::end_reason::EndReason;
use crate::util::sync::Arc;

/// Waits for a condition of the manager.
pub(super) struct AwaitCondition<'a, E> {
    channel: &'a Channel<E>,
    condition: Condition,
    key: Option<ConditionKey>,
}

impl<'a, E> AwaitCondition<'a, E> {
    pub(super) fn new(channel: &'a Channel<E>, condition: Condition) -> Self {
        Self {
            channel,
            condition,
            key: None,
        }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<usize> {
        self.channel
            .poll_condition(self.condition, &mut self.key, cx.waker())
    }
}

impl<E> Drop for AwaitCondition<'_, E> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.channel.leave_condition(key);
        }
    }
}

/// Future of [`EventManager::closed`](crate::EventManager::closed).
#[must_use = "futures do nothing unless polled"]
pub struct Closed<'a, E>(AwaitCondition<'a, E>);

impl<'a, E> Closed<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(AwaitCondition::new(channel, Condition::Closed))
    }
}

impl<E> Future for Closed<'_, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx).map(|_| ())
    }
}

/// Future of [`EventManager::wait_for_subscribers`](crate::EventManager::wait_for_subscribers).
#[must_use = "futures do nothing unless polled"]
pub struct WaitForSubscribers<'a, E>(AwaitCondition<'a, E>);

impl<'a, E> WaitForSubscribers<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>, subscribers: usize) -> Self {
        Self(AwaitCondition::new(
            channel,
            Condition::Subscribers(subscribers),
        ))
    }
}

impl<E> Future for WaitForSubscribers<'_, E> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.0.poll(cx)
    }
}

/// Future of [`EventManager::unsubscribed`](crate::EventManager::unsubscribed).
#[must_use = "futures do nothing unless polled"]
pub struct Unsubscribed<'a, E>(AwaitCondition<'a, E>);

impl<'a, E> Unsubscribed<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(AwaitCondition::new(channel, Condition::Unsubscribed))
    }
}

impl<E> Future for Unsubscribed<'_, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx).map(|_| ())
    }
}

/// Future of [`Subscription::disconnected`](crate::Subscription::disconnected).
///
/// Holds neither the subscription nor the manager: it keeps no manager open, and no stream attached.
#[must_use = "futures do nothing unless polled"]
pub struct Disconnected {
    subscriber: Arc<SubscriberState>,
    /// `None` if the subscriber was detached when the future was made.
    channel: Option<AssertUnwindSafe<Arc<dyn AnyChannel>>>,
    key: Option<ConditionKey>,
}

impl Disconnected {
    pub(crate) fn new(
        subscriber: &Arc<SubscriberState>,
        channel: Option<Arc<dyn AnyChannel>>,
    ) -> Self {
        Self {
            subscriber: Arc::clone(subscriber),
            channel: channel.map(AssertUnwindSafe),
            key: None,
        }
    }
}

impl Future for Disconnected {
    type Output = Option<EndReason>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<EndReason>> {
        let Self {
            subscriber,
            channel,
            key,
        } = &mut *self;
        if let Some(channel) = channel {
            ready!(channel.poll_detached(subscriber.id, key, cx.waker()));
        }
        Poll::Ready(subscriber.end())
    }
}

impl Drop for Disconnected {
    fn drop(&mut self) {
        if let Some((channel, key)) = self.channel.as_ref().zip(self.key.take()) {
            channel.leave_condition(key);
        }
    }
}

impl fmt::Debug for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnected").finish_non_exhaustive()
    }
}
