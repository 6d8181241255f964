//! Combinators for streams of registry events.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::bucket::Bucket;
use super::event::RegistryEvent;
use super::exit::ExitReason;
use super::reflect::Reflect;
use super::view::View;

/// Picks events of a registry.
///
/// What is left out is finished with at once: the stream is polled on, so implicit
/// acknowledgement stays exact.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::{Registry, RegistryStreamExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u8>::new(EventManager::default());
/// let exits = registry.events().named("b").exited().map(|(_, _, reason)| reason.to_string());
/// registry.create("a").await.unwrap();
/// registry.create("b").await.unwrap().stop();
/// drop(registry);
/// assert_eq!(exits.collect::<Vec<_>>().await, ["stopped"]);
/// # }
/// ```
pub trait RegistryStreamExt<V>: Stream<Item = RegistryEvent<V>> {
    /// The buckets that are created, with their names: `(name, bucket)`.
    fn created(self) -> Created<Self>
    where
        Self: Sized,
    {
        Created { events: self }
    }

    /// The buckets that end, with their names, and why: `(name, bucket, reason)`.
    fn exited(self) -> Exited<Self>
    where
        Self: Sized,
    {
        Exited { events: self }
    }

    /// The events of the buckets of one name.
    fn named(self, name: impl Into<String>) -> Named<Self>
    where
        Self: Sized,
    {
        Named {
            events: self,
            name: name.into(),
        }
    }

    /// Keeps `view` up to date with what passes through: all of it, as it is.
    ///
    /// The view starts empty, and shows what is created from here on. If the stream loses an
    /// `Exited`, its bucket stays; and of two registries on one manager, one name is one entry.
    /// To start with what there is, of one registry, and to notice what is lost:
    /// [`Watch::reflect`](super::Watch::reflect).
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use genevent::kv::{RegistryStreamExt, View};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let view = View::new();
    /// let mut events = registry.events().reflect(view.clone());
    /// let shopping = registry.create("shopping").await.unwrap();
    /// assert_eq!(events.next().await.unwrap().name(), "shopping");
    /// assert_eq!(view.get("shopping"), Some(shopping));
    /// # }
    /// ```
    fn reflect(self, view: View<V>) -> Reflect<Self, V>
    where
        Self: Sized,
    {
        Reflect::new(self, view)
    }
}

impl<V, S> RegistryStreamExt<V> for S where S: Stream<Item = RegistryEvent<V>> + ?Sized {}

pin_project! {
    /// Stream of [`RegistryStreamExt::created`].
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Created<S> {
        #[pin]
        events: S,
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

pin_project! {
    /// Stream of [`RegistryStreamExt::exited`].
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Exited<S> {
        #[pin]
        events: S,
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

pin_project! {
    /// Stream of [`RegistryStreamExt::named`].
    #[derive(Debug, Clone)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Named<S> {
        #[pin]
        events: S,
        name: String,
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

macro_rules! fused_with_its_source {
    ($($name:ident)+) => {$(
        impl<S: FusedStream> FusedStream for $name<S>
        where
            Self: Stream,
        {
            fn is_terminated(&self) -> bool {
                self.events.is_terminated()
            }
        }
    )+};
}

fused_with_its_source! { Created Exited Named }
