//! The `reflect` operator: keeps a view up to date with the yielded events.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::bucket::Bucket;
use super::event::RegistryEvent;
use super::view::View;
use super::watch_event::WatchEvent;

pin_project! {
    /// Stream of [`RegistryStreamExt::reflect`](super::RegistryStreamExt::reflect) and of
    /// [`Watch::reflect`](super::Watch::reflect).
    ///
    /// The view changes before the event is yielded, so the receiver of an event finds the change
    /// in the view. Over a watch, the view changes at `Ready` from empty, or from its old contents,
    /// to the complete snapshot.
    #[must_use = "streams do nothing unless polled"]
    pub struct Reflect<S, V> {
        #[pin]
        events: S,
        view: View<V>,
        // The buckets of the snapshot, shown by the view from `Ready` on.
        snapshot: Vec<Bucket<V>>,
    }
}

impl<S, V> Reflect<S, V> {
    pub(super) fn new(events: S, view: View<V>) -> Self {
        Self {
            events,
            view,
            snapshot: Vec::new(),
        }
    }

    /// Returns the view.
    pub fn view(&self) -> &View<V> {
        &self.view
    }

    /// Returns the source stream.
    pub fn get_ref(&self) -> &S {
        &self.events
    }

    /// Returns the source stream mutably, for its `ack`.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.events
    }
}

/// An event that changes a view: [`RegistryEvent`] and [`WatchEvent`]. No other type implements
/// this trait.
///
/// The trait serves as a bound in code that takes a [`Reflect`] over any stream.
///
/// # Examples
/// ```
/// use futures::{Stream, StreamExt};
/// use genevent::EventManager;
/// use genevent::kv::{Reflect, Reflected, Registry, RegistryStreamExt, View};
///
/// /// Reads one event, and returns the number of buckets in the view after the event.
/// async fn step<S, V>(reflect: &mut Reflect<S, V>) -> usize
/// where
///     S: Stream + Unpin,
///     S::Item: Reflected<V>,
/// {
///     reflect.next().await;
///     reflect.view().len()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// let mut events = registry.events().reflect(View::new());
/// let mut watch = registry.watch().reflect(View::new());
/// registry.create("shopping").await.unwrap();
/// assert_eq!(step(&mut watch).await, 0, "`Ready`, of nothing");
/// let created = futures::join!(step(&mut events), step(&mut watch));
/// assert_eq!(created, (1, 1));
/// # }
/// ```
pub trait Reflected<V>: sealed::Sealed {
    #[doc(hidden)]
    fn reflect_in(&self, view: &View<V>, snapshot: &mut Vec<Bucket<V>>);
}

mod sealed {
    #[expect(
        unnameable_types,
        reason = "only this crate's events may change a view"
    )]
    pub trait Sealed {}
    impl<V> Sealed for super::RegistryEvent<V> {}
    impl<V> Sealed for super::WatchEvent<V> {}
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
    fn reflect_in(&self, view: &View<V>, snapshot: &mut Vec<Bucket<V>>) {
        match self {
            Self::Existing { bucket, .. } => snapshot.push(bucket.clone()),
            Self::Ready => view.replace(std::mem::take(snapshot)),
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
            event.reflect_in(this.view, this.snapshot);
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
