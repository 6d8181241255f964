//! The `created` operator: yields created buckets.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::kv::bucket::Bucket;
use crate::kv::event::RegistryEvent;

pin_project! {
    /// Stream of [`RegistryStreamExt::created`](crate::kv::RegistryStreamExt::created).
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Created<S> {
        #[pin]
        events: S,
    }
}

impl<S> Created<S> {
    pub(super) fn new(events: S) -> Self {
        Self { events }
    }
}

impl<V, S: Stream<Item = RegistryEvent<V>>> Stream for Created<S> {
    type Item = (String, Bucket<V>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut events = self.project().events;
        loop {
            match ready!(events.as_mut().poll_next(cx)) {
                Some(RegistryEvent::Created { name, bucket }) => {
                    return Poll::Ready(Some((name, bucket)));
                }
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.events.size_hint().1)
    }
}

impl<V, S: FusedStream<Item = RegistryEvent<V>>> FusedStream for Created<S> {
    fn is_terminated(&self) -> bool {
        self.events.is_terminated()
    }
}
