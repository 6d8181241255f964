//! The `named` operator: yields the events of a single name.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::kv::event::RegistryEvent;

pin_project! {
    /// Stream of [`RegistryStreamExt::named`](crate::kv::RegistryStreamExt::named).
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Named<S> {
        #[pin]
        events: S,
        name: String,
    }
}

impl<S> Named<S> {
    pub(super) fn new(events: S, name: String) -> Self {
        Self { events, name }
    }
}

impl<V, S: Stream<Item = RegistryEvent<V>>> Stream for Named<S> {
    type Item = RegistryEvent<V>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            match ready!(this.events.as_mut().poll_next(cx)) {
                Some(event) if event.name() != this.name => {}
                picked => return Poll::Ready(picked),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.events.size_hint().1)
    }
}

impl<V, S: FusedStream<Item = RegistryEvent<V>>> FusedStream for Named<S> {
    fn is_terminated(&self) -> bool {
        self.events.is_terminated()
    }
}
