//! What a registry tells.

use std::fmt;

use super::bucket::Bucket;
use super::exit::ExitReason;

/// Something that has happened to a registry.
///
/// Every bucket has exactly one `Created` and, however it ends, exactly one `Exited`; the
/// `Exited` of one bucket comes before the `Created` of the next one of its name.
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
    /// A bucket was created. By the time this is heard, it may have ended.
    #[doc(alias = "create")]
    Created {
        /// Its name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// A bucket has ended. By the time this is heard, its name may stand for another.
    #[doc(alias = "exit")]
    Exited {
        /// The name it had.
        name: String,
        /// The bucket itself, empty.
        bucket: Bucket<V>,
        /// Why it ended.
        reason: ExitReason,
    },
}

impl<V> RegistryEvent<V> {
    /// The name of the bucket that this is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Created { name, .. } | Self::Exited { name, .. } => name,
        }
    }

    /// The bucket that this is about.
    pub fn bucket(&self) -> &Bucket<V> {
        match self {
            Self::Created { bucket, .. } | Self::Exited { bucket, .. } => bucket,
        }
    }
}

impl<V> Clone for RegistryEvent<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Created { name, bucket } => Self::Created {
                name: name.clone(),
                bucket: bucket.clone(),
            },
            Self::Exited {
                name,
                bucket,
                reason,
            } => Self::Exited {
                name: name.clone(),
                bucket: bucket.clone(),
                reason: *reason,
            },
        }
    }
}

impl<V> fmt::Debug for RegistryEvent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { name, .. } => fmt_event(f, "Created", name, None),
            Self::Exited { name, reason, .. } => fmt_event(f, "Exited", name, Some(*reason)),
        }
    }
}

/// An event about a bucket, which goes by its name: the bucket itself is left out.
pub(super) fn fmt_event(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    name: &str,
    reason: Option<ExitReason>,
) -> fmt::Result {
    let mut all = f.debug_struct(kind);
    all.field("name", &name);
    if let Some(reason) = reason {
        all.field("reason", &reason);
    }
    all.finish_non_exhaustive()
}
