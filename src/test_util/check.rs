//! What the macros ask of a stream.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::assertion::{Assertion, Check, sealed};

/// Borrows a stream as a method's receiver does, also where it is a `&mut` already.
pub trait Lend: Stream {
    /// Itself.
    fn lend(&mut self) -> &mut Self {
        self
    }
}

impl<S: Stream> Lend for S {}

/// A stream, how to judge what comes of it, and how to fail at the caller's line.
pub(super) struct StreamCheck<'a, S, J, F> {
    stream: &'a mut S,
    judge: Option<J>,
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

    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, String>> {
        match Pin::new(&mut *self.stream).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            came @ Poll::Ready(_) => Poll::Ready(self.judge(came)),
        }
    }

    fn late(&mut self) -> Result<T, String> {
        self.judge(Poll::Pending)
    }

    fn fail(&self, told: &str) -> ! {
        match (self.fail)(told) {}
    }
}

impl<S: Stream, J, F> StreamCheck<'_, S, J, F> {
    fn judge<T>(&mut self, came: Poll<Option<S::Item>>) -> Result<T, String>
    where
        J: FnOnce(Poll<Option<S::Item>>) -> Result<T, String>,
    {
        self.judge.take().expect("an assertion is judged once")(came)
    }
}

fn told(expected: impl Display, came: impl Display) -> String {
    format!(" expected: {expected}\n     came: {came}")
}

/// What came of a stream, in words.
fn in_words<T>(came: &Poll<Option<T>>, show: impl FnOnce(&T) -> String) -> String {
    match came {
        Poll::Ready(Some(item)) => show(item),
        Poll::Ready(None) => "the end of the stream".into(),
        Poll::Pending => "nothing".into(),
    }
}

/// An item that `take` gives something for; it gives back what is not as `expected`.
pub fn next<S: Stream + Unpin, T, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    expected: &'static str,
    take: impl FnOnce(S::Item) -> Result<T, S::Item>,
    show: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = T>> {
    let judge = move |came| {
        let came = match came {
            Poll::Ready(Some(item)) => match take(item) {
                Ok(taken) => return Ok(taken),
                Err(other) => Poll::Ready(Some(other)),
            },
            came => came,
        };
        Err(told(expected, in_words(&came, show)))
    };
    asks(stream, judge, fail)
}

/// An item that is as `expected`.
pub fn equal<S: Stream + Unpin, X, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    expected: X,
    is_equal: impl FnOnce(&S::Item, &X) -> bool,
    show: impl FnOnce(&S::Item) -> String,
    show_expected: impl FnOnce(&X) -> String,
    fail: F,
) -> Assertion<impl Check<Output = S::Item>> {
    let judge = move |came| match came {
        Poll::Ready(Some(item)) if is_equal(&item, &expected) => Ok(item),
        came => Err(told(show_expected(&expected), in_words(&came, show))),
    };
    asks(stream, judge, fail)
}

/// Neither an item nor the end.
pub fn pending<S: Stream + Unpin, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    show: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = ()>> {
    let judge = move |came| match came {
        Poll::Pending => Ok(()),
        came @ Poll::Ready(_) => Err(told("nothing", in_words(&came, show))),
    };
    asks(stream, judge, fail)
}

/// The end.
pub fn ended<S: Stream + Unpin, F: Fn(&str) -> Infallible>(
    stream: &mut S,
    show: impl FnOnce(&S::Item) -> String,
    fail: F,
) -> Assertion<impl Check<Output = ()>> {
    let judge = move |came| match came {
        Poll::Ready(None) => Ok(()),
        came => Err(told("the end of the stream", in_words(&came, show))),
    };
    asks(stream, judge, fail)
}

fn asks<S, J, F, T>(stream: &mut S, judge: J, fail: F) -> Assertion<impl Check<Output = T>>
where
    S: Stream + Unpin,
    J: FnOnce(Poll<Option<S::Item>>) -> Result<T, String>,
    F: Fn(&str) -> Infallible,
{
    Assertion::new(StreamCheck {
        stream,
        judge: Some(judge),
        fail,
    })
}
