//! Losses of a filtered subscription as values, in their place among the items.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::Filtered;
use crate::subscription::Received;

/// Stream of [`Filtered::with_missed`].
#[must_use = "streams do nothing unless polled"]
pub struct FilteredWithMissed<T> {
    filtered: Filtered<T>,
}

impl<T> FilteredWithMissed<T> {
    pub(super) fn new(filtered: Filtered<T>) -> Self {
        Self { filtered }
    }

    /// The subscription, which goes on without telling.
    pub fn into_inner(self) -> Filtered<T> {
        self.filtered
    }

    /// The subscription itself, for its `missed` and the like.
    pub fn get_ref(&self) -> &Filtered<T> {
        &self.filtered
    }

    /// The subscription itself, for its `ack`.
    pub fn get_mut(&mut self) -> &mut Filtered<T> {
        &mut self.filtered
    }
}

// Not derived, which would ask `T` for `Debug`.
impl<T: Send + 'static> fmt::Debug for FilteredWithMissed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilteredWithMissed")
            .field("filtered", &self.filtered)
            .finish()
    }
}

impl<T: Send + 'static> Stream for FilteredWithMissed<T> {
    type Item = Received<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received<T>>> {
        self.filtered.poll_received(cx, true)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (items, _) = self.filtered.size_hint();
        (items, None)
    }
}

impl<T: Send + 'static> FusedStream for FilteredWithMissed<T> {
    fn is_terminated(&self) -> bool {
        self.filtered.is_terminated()
    }
}
