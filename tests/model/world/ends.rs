//! The futures of `disconnected()`, which know the end of a subscription without polling the stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use genevent::future::Disconnected;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::Checked;
use super::super::driven::{Events, Wakers};
use super::super::reference::{End, State, Who};
use super::checks::end_of;
use super::{World, within};

/// A future that waits for the end of a subscription.
pub(crate) struct Watch {
    who: Who,
    future: Disconnected,
    wakers: Wakers,
}

impl World<'_> {
    /// Watches the end of a stream, from now on.
    pub(crate) fn watch_end(&mut self, who: Who, stream: &Events) -> Checked {
        let mut watch = Watch {
            who,
            future: stream.disconnected(),
            wakers: Wakers::default(),
        };
        if self.poll_end(&mut watch)?.is_pending() {
            self.watches.push(watch);
        }
        Ok(())
    }

    /// The futures of all subscriptions that have ended since were woken, and know why; no other was.
    pub(crate) fn check_ends(&mut self) -> Checked {
        for mut watch in std::mem::take(&mut self.watches) {
            let has_ended = self.reference.readers[watch.who].state != State::Attached;
            let place = |error| within(format_args!("the end of #{}", watch.who + 1), &error);
            watch.wakers.check(has_ended).map_err(place)?;
            if !has_ended || self.poll_end(&mut watch)?.is_pending() {
                self.watches.push(watch);
            }
        }
        Ok(())
    }

    fn poll_end(&self, watch: &mut Watch) -> Result<Poll<()>, TestCaseError> {
        let waker = watch.wakers.set(false);
        let mut cx = Context::from_waker(&waker);
        let end = Pin::new(&mut watch.future).poll(&mut cx);
        let expected = match self.reference.readers[watch.who].state {
            State::Attached => Poll::Pending,
            State::Disconnected(cause) => Poll::Ready(Some(End::Disconnected(cause))),
            State::Ended(end) => Poll::Ready(Some(end)),
            State::Gone => Poll::Ready(None),
        };
        prop_assert_eq!(end.map(|end| end.map(end_of)), expected, "the end");
        Ok(expected.map(|_| ()))
    }
}
