//! The `exited` operator: yields ended buckets.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::kv::bucket::Bucket;
use crate::kv::event::RegistryEvent;
use crate::kv::exit::ExitReason;

pin_project! {
    /// Stream of [`RegistryStreamExt::exited`](crate::kv::RegistryStreamExt::exited).
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Exited<S> {
        #[pin]
        events: S,
    }
}

impl<S> Exited<S> {
    pub(super) fn new(events: S) -> Self {
        Self { events }
    }
}

impl<V, S: Stream<Item = RegistryEvent<V>>> Stream for Exited<S> {
    type Item = (String, Bucket<V>, ExitReason);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut events = self.project().events;
        loop {
            match ready!(events.as_mut().poll_next(cx)) {
                Some(RegistryEvent::Exited {
                    name,
                    bucket,
                    reason,
                }) => return Poll::Ready(Some((name, bucket, reason))),
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.events.size_hint().1)
    }
}

impl<V, S: FusedStream<Item = RegistryEvent<V>>> FusedStream for Exited<S> {
    fn is_terminated(&self) -> bool {
        self.events.is_terminated()
    }
}
