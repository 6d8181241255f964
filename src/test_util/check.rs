//! The checks of streams, used by the macros.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::assertion::{Assertion, Check, sealed};

/// Borrows a stream mutably by method-call syntax, which accepts both a stream and a `&mut` of a
/// stream, also a `&mut` in an immutable variable.
pub trait Lend: Stream {
    /// Returns the stream itself.
    fn lend(&mut self) -> &mut Self {
        self
    }
}

impl<S: Stream> Lend for S {}

/// A stream, a closure to verify the result of its poll, and a closure to panic at the caller's
/// line.
pub(super) struct StreamCheck<'a, S, J, F> {
    stream: &'a mut S,
    /// `None` once called.
    verify: Option<J>,
    fail: F,
}

impl<S, J, F> sealed::Sealed for StreamCheck<'_, S, J, F> {}

impl<S, J, F, T> Check for StreamCheck<'_, S, J, F>
where
    S: Stream + Unpin,
    J: FnOnce(Poll<Option<S::Item>>) -> Result<T, String>,
    F: Fn(&str) -> Infallible,
{
    type Output = T;

    fn poll_check(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, String>> {
        match Pin::new(&mut *self.stream).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            polled @ Poll::Ready(_) => Poll::Ready(self.verify(polled)),
        }
    }

    fn timed_out(&mut self) -> Result<T, String> {
        self.verify(Poll::Pending)
    }

    fn fail(&self, message: &str) -> ! {
        match (self.fail)(message) {}
    }
}

impl<S: Stream, J, F> StreamCheck<'_, S, J, F> {
    fn verify<T>(&mut self, polled: Poll<Option<S::Item>>) -> Result<T, String>
    where
        J: FnOnce(Poll<Option<S::Item>>) -> Result<T, String>,
    {
        self.verify.take().expect("a check verifies only once")(polled)
    }
}

fn mismatch(expected: impl Display, actual: impl Display) -> String {
    format!(" expected: {expected}\n     came: {actual}")
}

/// Describes the result of polling a stream.
fn describe<T>(polled: &Poll<Option<T>>, describe_item: impl FnOnce(&T) -> String) -> String {
    match polled {
        Poll::Ready(Some(item)) => describe_item(item),
        Poll::Ready(None) => "the end of the stream".into(),
        Poll::Pending => "nothing".into(),
    }
}

/// Checks for an item accepted by `take`. `take` returns a rejected item unchanged.
pub fn next<S: Stream + Unpin, T, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    expected: &'static str,
    take: impl FnOnce(S::Item) -> Result<T, S::Item>,
    describe_item: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = T>> {
    let verify = move |polled| {
        let polled = match polled {
            Poll::Ready(Some(item)) => match take(item) {
                Ok(taken) => return Ok(taken),
                Err(other) => Poll::Ready(Some(other)),
            },
            polled => polled,
        };
        Err(mismatch(expected, describe(&polled, describe_item)))
    };
    assertion(stream, verify, fail)
}

/// Checks for an item equal to `expected`.
pub fn equal<S: Stream + Unpin, X, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    expected: X,
    is_equal: impl FnOnce(&S::Item, &X) -> bool,
    describe_item: impl FnOnce(&S::Item) -> String,
    describe_expected: impl FnOnce(&X) -> String,
    fail: F,
) -> Assertion<impl Check<Output = S::Item>> {
    let verify = move |polled| match polled {
        Poll::Ready(Some(item)) if is_equal(&item, &expected) => Ok(item),
        polled => Err(mismatch(
            describe_expected(&expected),
            describe(&polled, describe_item),
        )),
    };
    assertion(stream, verify, fail)
}

/// Checks for neither an item nor the end.
pub fn no_event<S: Stream + Unpin, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    describe_item: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = ()>> {
    let verify = move |polled| match polled {
        Poll::Pending => Ok(()),
        polled @ Poll::Ready(_) => Err(mismatch("nothing", describe(&polled, describe_item))),
    };
    assertion(stream, verify, fail)
}

/// Checks for the end.
pub fn ended<S: Stream + Unpin, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    describe_item: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = ()>> {
    let verify = move |polled| match polled {
        Poll::Ready(None) => Ok(()),
        polled => Err(mismatch(
            "the end of the stream",
            describe(&polled, describe_item),
        )),
    };
    assertion(stream, verify, fail)
}

fn assertion<S, J, F, T>(stream: &mut S, verify: J, fail: F) -> Assertion<impl Check<Output = T>>
where
    S: Stream + Unpin,
    J: FnOnce(Poll<Option<S::Item>>) -> Result<T, String>,
    F: Fn(&str) -> Infallible,
{
    Assertion::new(StreamCheck {
        stream,
        verify: Some(verify),
        fail,
    })
}
