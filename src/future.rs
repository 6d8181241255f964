//! The futures that the manager's methods return, as named types, so that they can be stored in
//! structs.
//!
//! All futures are lazy, `Send` and `Unpin`, and may be dropped at any time. The method that
//! returns a future documents the effect of dropping it. The futures whose names end in `Owned` borrow
//! nothing.

pub use awaiting::{AckNotify, AckNotifyOwned, SyncNotify, SyncNotifyOwned};
pub use flush::{Flush, Stop};
pub use lifecycle::{Closed, Disconnected, Unsubscribed, WaitForSubscribers};
pub use next::Next;
pub use quiet::Quiet;
pub use reserve::{Reserve, ReserveOwned};
#[cfg(feature = "rt")]
pub use settled::Settled;
#[cfg(feature = "rt")]
pub use within::Within;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::channel::Channel;
use crate::channel::handle::Handle;
#[cfg(feature = "rt")]
use crate::channel::ticket::Ticket;
#[cfg(feature = "rt")]
use crate::error::NotStored;
use crate::error::NotifyError;
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;

mod awaiting;
mod flush;
mod lifecycle;
mod next;
mod publish;
mod quiet;
mod reserve;
#[cfg(feature = "rt")]
mod settled;
#[cfg(feature = "rt")]
mod within;

pub(crate) use publish::QueueEntry;
use publish::StoreEvent;
pub(crate) use reserve::poll_reserve;

macro_rules! notify {
    ($($(#[$doc:meta])* $name:ident<$($life:lifetime,)? E>, $hold:ty;)+) => {$(
        $(#[$doc])*
        #[must_use = "an event is not published until its future is polled"]
        pub struct $name<$($life,)? E>(StoreEvent<$hold>);

        impl<$($life,)? E> $name<$($life,)? E> {
            #[inline]
            pub(crate) fn new(hold: $hold, event: E) -> Self {
                Self(StoreEvent::new(hold, event))
            }
        }

        #[cfg(feature = "rt")]
        impl<$($life,)? E> $name<$($life,)? E> {
            pub(crate) fn give_up(&mut self) -> Option<NotStored<E>> {
                self.0.give_up()
            }
        }

        impl<$($life,)? E> Unpin for $name<$($life,)? E> {}

        impl<$($life,)? E> Future for $name<$($life,)? E> {
            type Output = Result<usize, NotifyError<E>>;

            #[inline]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(None, cx).map_ok(|stored| {
                    trace!(published(self.0.channel().name(), stored));
                    stored.audience
                })
            }
        }
    )+};
}

notify! {
    /// Future of [`EventManager::notify`](crate::EventManager::notify).
    Notify<'a, E>, &'a Channel<E>;
    /// Future of [`EventManager::notify_owned`](crate::EventManager::notify_owned).
    NotifyOwned<E>, Handle<E>;
}

/// Returns whether the subscribers `waiting_for` still have to answer.
///
/// If the list is empty, the last answer is decided, and about to reach the ticket.
#[cfg(feature = "rt")]
fn are_late(waiting_for: &[SubscriberInfo], ticket: &Ticket) -> bool {
    let is_undecided = !waiting_for.is_empty() && !ticket.is_settled();
    is_undecided || seeded_bug!("late-answer-names-nobody")
}

macro_rules! opaque_debug {
    ($($name:ident<$($life:lifetime,)? E>)+) => {$(
        impl<E> fmt::Debug for $name<$($life,)? E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

opaque_debug! {
    Notify<'_, E> AckNotify<'_, E> SyncNotify<'_, E> Reserve<'_, E>
    NotifyOwned<E> AckNotifyOwned<E> SyncNotifyOwned<E> ReserveOwned<E>
    Flush<'_, E> Quiet<'_, E> Stop<'_, E>
    Closed<'_, E> Unsubscribed<'_, E> WaitForSubscribers<'_, E>
}
