//! Keeping a view up to date with the events that pass.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::bucket::Bucket;
use super::event::RegistryEvent;
use super::view::View;
use super::watch::WatchEvent;

pin_project! {
    /// Stream of [`RegistryStreamExt::reflect`](super::RegistryStreamExt::reflect) and of
    /// [`Watch::reflect`](super::Watch::reflect).
    ///
    /// The view is changed before the event is yielded, so whoever has seen an event finds it in
    /// the view. Over a watch, it is complete with `Ready`, and stays as it is until then.
    #[must_use = "streams do nothing unless polled"]
    pub struct Reflect<S, V> {
        #[pin]
        events: S,
        view: View<V>,
        // What the view will start with when `Ready` comes.
        arriving: Vec<Bucket<V>>,
    }
}

impl<S, V> Reflect<S, V> {
    pub(super) fn new(events: S, view: View<V>) -> Self {
        Self {
            events,
            view,
            arriving: Vec::new(),
        }
    }

    /// The view that is kept up to date.
    pub fn view(&self) -> &View<V> {
        &self.view
    }

    /// The stream that passes through.
    pub fn get_ref(&self) -> &S {
        &self.events
    }

    /// The stream that passes through, for its `ack`.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.events
    }
}

/// What changes a view. Not for others to implement.
pub trait Reflected<V> {
    #[doc(hidden)]
    fn reflect_in(&self, view: &View<V>, arriving: &mut Vec<Bucket<V>>);
}

impl<V> Reflected<V> for RegistryEvent<V> {
    fn reflect_in(&self, view: &View<V>, _: &mut Vec<Bucket<V>>) {
        match self {
            Self::Created { bucket, .. } => view.insert(bucket),
            Self::Exited { bucket, .. } => view.remove(bucket),
        }
    }
}

impl<V> Reflected<V> for WatchEvent<V> {
    fn reflect_in(&self, view: &View<V>, arriving: &mut Vec<Bucket<V>>) {
        match self {
            Self::Existing { bucket, .. } => arriving.push(bucket.clone()),
            Self::Ready => view.start(std::mem::take(arriving)),
            Self::Created { bucket, .. } => view.insert(bucket),
            Self::Exited { bucket, .. } => view.remove(bucket),
        }
    }
}

impl<S, V> Stream for Reflect<S, V>
where
    S: Stream,
    S::Item: Reflected<V>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let event = ready!(this.events.poll_next(cx));
        if let Some(event) = &event {
            event.reflect_in(this.view, this.arriving);
        }
        Poll::Ready(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl<S, V> FusedStream for Reflect<S, V>
where
    S: FusedStream,
    S::Item: Reflected<V>,
{
    fn is_terminated(&self) -> bool {
        self.events.is_terminated()
    }
}

impl<S: fmt::Debug, V> fmt::Debug for Reflect<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflect")
            .field("events", &self.events)
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}
