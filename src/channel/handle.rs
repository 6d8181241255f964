//! Handles of the channel, and the ways in which a publishing future holds the channel.

use std::ops::Deref;

use super::Channel;
use crate::util::sync::Arc;

/// A counted handle: the channel is open while there is one, unless it is closed on request.
pub(crate) struct Handle<E>(Arc<Channel<E>>);

impl<E> Handle<E> {
    /// Wraps a new channel, which counts its first handle from the start.
    pub(crate) fn first(channel: Arc<Channel<E>>) -> Self {
        Self(channel)
    }

    /// Returns another handle of `channel`, or `None` if no handle is left.
    pub(crate) fn of(channel: &Arc<Channel<E>>) -> Option<Self> {
        channel.add_handle().then(|| Self(Arc::clone(channel)))
    }
}

impl<E> Clone for Handle<E> {
    fn clone(&self) -> Self {
        Self::of(&self.0).expect("the handle being cloned keeps the channel open")
    }
}

impl<E> Drop for Handle<E> {
    fn drop(&mut self) {
        self.0.drop_handle();
    }
}

impl<E> Deref for Handle<E> {
    type Target = Arc<Channel<E>>;

    #[inline]
    fn deref(&self) -> &Arc<Channel<E>> {
        &self.0
    }
}

/// The channel of a publishing future: borrowed, or held open by a handle of the future's own.
pub(crate) trait Hold {
    type Event;

    fn channel(&self) -> &Channel<Self::Event>;
}

/// A [`Hold`] from which a permit takes its share of the channel.
pub(crate) trait HoldShared: Hold {
    fn shared(&self) -> &Arc<Channel<Self::Event>>;
}

impl<E> Hold for &Channel<E> {
    type Event = E;

    #[inline]
    fn channel(&self) -> &Channel<E> {
        self
    }
}

impl<E> Hold for &Arc<Channel<E>> {
    type Event = E;

    fn channel(&self) -> &Channel<E> {
        self
    }
}

impl<E> HoldShared for &Arc<Channel<E>> {
    fn shared(&self) -> &Arc<Channel<E>> {
        self
    }
}

impl<E> Hold for Handle<E> {
    type Event = E;

    #[inline]
    fn channel(&self) -> &Channel<E> {
        self
    }
}

impl<E> HoldShared for Handle<E> {
    fn shared(&self) -> &Arc<Channel<E>> {
        self
    }
}
