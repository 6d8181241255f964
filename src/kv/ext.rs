//! Operators over streams of registry events.

mod selection;

pub use selection::{Created, Exited, Named};

use futures_core::Stream;

use super::event::RegistryEvent;
use super::reflect::Reflect;
use super::view::View;

/// Operators to select events of a registry.
///
/// A skipped event is finished at once, because the operator polls the stream again immediately. So
/// implicit acknowledgement stays exact.
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
    /// Yields each created bucket, with its name: `(name, bucket)`.
    fn created(self) -> Created<Self>
    where
        Self: Sized,
    {
        Created::new(self)
    }

    /// Yields each ended bucket, with its name and the reason: `(name, bucket, reason)`.
    fn exited(self) -> Exited<Self>
    where
        Self: Sized,
    {
        Exited::new(self)
    }

    /// Yields the events of all buckets with this name.
    fn named(self, name: impl Into<String>) -> Named<Self>
    where
        Self: Sized,
    {
        Named::new(self, name.into())
    }

    /// Yields all events unchanged, and keeps `view` up to date with the yielded events.
    ///
    /// The view starts empty and shows the buckets created from now on. If the stream misses an
    /// `Exited`, the view keeps the bucket. If two registries share one manager, the view has a
    /// single entry for a name used by both. [`Watch::reflect`](super::Watch::reflect) starts with
    /// the existing buckets, follows only one registry, and notices missed events.
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
