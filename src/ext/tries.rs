//! The ways of trying the work on items: once, or again after each pause of a backoff.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::ext::in_flight::OneTry;
use crate::ext::settle::{Acks, Settle};

/// The last result of an item, and its acknowledgements.
pub(crate) type Tried<Error> = (Result<(), Error>, Acks);

/// The ways of trying the work on items: [`OneTry`] and
/// [`Retries`](crate::ext::Retries). Sealed.
#[expect(
    unnameable_types,
    reason = "no other crate can implement a way of trying"
)]
pub trait Tries: Progress {
    type Error: fmt::Display;

    /// Polls for the next item whose tries are over, with the last result.
    fn poll_result(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tried<Self::Error>>>;

    /// Stops taking items; the work in progress continues.
    fn stop_taking(self: Pin<&mut Self>);
}

/// The progress of items, whatever the work on them is. Sealed.
#[expect(
    unnameable_types,
    reason = "no other crate can implement a way of trying"
)]
pub trait Progress {
    /// Returns the number of items in progress.
    fn len(&self) -> usize;

    /// Returns whether all work is complete and no more items can follow.
    fn is_done(&self) -> bool;
}

impl<V, S, Fut, F, Error> Tries for OneTry<S, Fut, F>
where
    S: Stream<Item: Settle<Value = V>>,
    F: FnMut(V) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
{
    type Error = Error;

    fn poll_result(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tried<Error>>> {
        self.poll_done(cx)
    }

    fn stop_taking(self: Pin<&mut Self>) {
        self.stop_taking();
    }
}

impl<S, Fut, F> Progress for OneTry<S, Fut, F> {
    fn len(&self) -> usize {
        self.in_flight().len()
    }

    fn is_done(&self) -> bool {
        self.in_flight().is_done()
    }
}
