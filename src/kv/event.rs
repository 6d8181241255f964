//! The events of a registry.

use std::fmt;

use super::bucket::Bucket;
use super::exit::ExitReason;

/// A change of a registry.
///
/// Every bucket has exactly one `Created` and exactly one `Exited`, however the bucket ends. The
/// `Exited` of a bucket comes before the `Created` of the next bucket with the same name.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::{Registry, RegistryEvent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// let mut events = registry.events();
/// let shopping = registry.create("shopping").await.unwrap();
///
/// match events.next().await.unwrap() {
///     RegistryEvent::Created { name, bucket } => assert_eq!((&*name, bucket), ("shopping", shopping)),
///     other => panic!("unexpected: {other:?}"),
/// }
/// # }
/// ```
#[non_exhaustive]
pub enum RegistryEvent<V> {
    /// A bucket was created. The bucket may have ended by the time this event is received.
    #[doc(alias = "create")]
    Created {
        /// The bucket's name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// A bucket has ended. The name may belong to another bucket by the time this event is
    /// received.
    #[doc(alias = "exit")]
    Exited {
        /// The bucket's name.
        name: String,
        /// The bucket itself, empty.
        bucket: Bucket<V>,
        /// The reason of the bucket's end.
        reason: ExitReason,
    },
}

impl<V> RegistryEvent<V> {
    /// Returns the bucket's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Created { name, .. } | Self::Exited { name, .. } => name,
        }
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> &Bucket<V> {
        match self {
            Self::Created { bucket, .. } | Self::Exited { bucket, .. } => bucket,
        }
    }
}

/// Implements `Clone` for an event with the given variants. `derive` would require `V: Clone`.
macro_rules! impl_clone {
    ($event:ident { $($variant:ident { $($field:ident),* })+ }) => {
        impl<V> Clone for $event<V> {
            fn clone(&self) -> Self {
                match self {
                    $(Self::$variant { $($field),* } => Self::$variant {
                        $($field: Clone::clone($field)),*
                    },)+
                }
            }
        }
    };
}

pub(super) use impl_clone;

impl_clone! { RegistryEvent { Created { name, bucket } Exited { name, bucket, reason } } }

impl<V> fmt::Debug for RegistryEvent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { name, .. } => fmt_event(f, "Created", name, None),
            Self::Exited { name, reason, .. } => fmt_event(f, "Exited", name, Some(*reason)),
        }
    }
}

/// Formats an event with the bucket's name. The bucket is left out, because the name identifies it.
pub(super) fn fmt_event(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    name: &str,
    reason: Option<ExitReason>,
) -> fmt::Result {
    let mut out = f.debug_struct(kind);
    out.field("name", &name);
    if let Some(reason) = reason {
        out.field("reason", &reason);
    }
    out.finish_non_exhaustive()
}
