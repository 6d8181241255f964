//! Waiting for a condition of the manager: that it is closed, or has subscribers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::channel::Channel;
use crate::channel::condition::{Condition, ConditionKey};

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
