//! Waiting for room alone: `reserve`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::publish::QueueEntry;
use crate::channel::Channel;
use crate::channel::handle::{Handle, HoldShared};
#[cfg(feature = "rt")]
use crate::error::NotReserved;
use crate::error::ReserveError;
use crate::permit::Permit;
#[cfg(feature = "rt")]
use crate::util::coop;
use crate::util::sync::Arc;

/// Waits for room, and reserves the room.
struct ReserveRoom<H: HoldShared> {
    hold: H,
    entry: QueueEntry,
}

impl<H: HoldShared> ReserveRoom<H> {
    fn new(hold: H) -> Self {
        Self {
            hold,
            entry: QueueEntry::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit<H::Event>, ReserveError>> {
        poll_reserve(self.hold.shared(), &mut self.entry, cx)
    }
}

#[cfg(feature = "rt")]
impl<H: HoldShared> ReserveRoom<H> {
    /// Leaves the wait queue, and returns the error; `None` if there is room now.
    fn give_up(&mut self) -> Option<NotReserved> {
        let channel = self.hold.channel();
        let waiting_for = channel.blocking();
        if waiting_for.is_empty() && self.entry.is_notified(channel) {
            // Room was freed after the last poll, and the waker is about to be called.
            return None;
        }
        self.entry.leave(channel);
        Some(NotReserved { waiting_for })
    }
}

impl<H: HoldShared> Drop for ReserveRoom<H> {
    fn drop(&mut self) {
        self.entry.leave(self.hold.channel());
    }
}

macro_rules! reserve {
    ($($(#[$doc:meta])* $name:ident<$($life:lifetime,)? E>, $hold:ty;)+) => {$(
        $(#[$doc])*
        #[must_use = "futures do nothing unless polled"]
        pub struct $name<$($life,)? E>(ReserveRoom<$hold>);

        impl<$($life,)? E> $name<$($life,)? E> {
            pub(crate) fn new(hold: $hold) -> Self {
                Self(ReserveRoom::new(hold))
            }
        }

        #[cfg(feature = "rt")]
        impl<$($life,)? E> $name<$($life,)? E> {
            pub(crate) fn give_up(&mut self) -> Option<NotReserved> {
                self.0.give_up()
            }
        }

        impl<$($life,)? E> Future for $name<$($life,)? E> {
            type Output = Result<Permit<E>, ReserveError>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(cx)
            }
        }
    )+};
}

reserve! {
    /// Future of [`EventManager::reserve`](crate::EventManager::reserve).
    Reserve<'a, E>, &'a Arc<Channel<E>>;
    /// Future of [`EventManager::reserve_owned`](crate::EventManager::reserve_owned).
    ReserveOwned<E>, Handle<E>;
}

/// Polls for a permit, by way of an entry in the wait queue.
pub(crate) fn poll_reserve<E>(
    channel: &Arc<Channel<E>>,
    entry: &mut QueueEntry,
    cx: &mut Context<'_>,
) -> Poll<Result<Permit<E>, ReserveError>> {
    #[cfg(feature = "rt")]
    if !entry.is_queued() {
        ready!(coop::poll_publish(cx, || channel.is_in_handler()));
    }
    let reserved = ready!(entry.poll(cx, |key, waker| channel.poll_reserve(key, waker)));
    Poll::Ready(match reserved {
        Some(()) => Ok(Permit::new(Arc::clone(channel))),
        None => Err(ReserveError::Closed),
    })
}
