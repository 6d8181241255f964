//! The events of a watch.

use std::fmt;

use super::bucket::Bucket;
use super::event::{RegistryEvent, fmt_event, impl_clone};
use super::exit::ExitReason;

/// An event of a [`Watch`](super::Watch).
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::{Registry, WatchEvent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// registry.create("old").await.unwrap();
/// let mut watch = registry.watch();
/// assert_eq!(watch.next().await.unwrap().name(), Some("old"));
/// assert!(matches!(watch.next().await, Some(WatchEvent::Ready)));
/// # }
/// ```
#[non_exhaustive]
pub enum WatchEvent<V> {
    /// A bucket existed already when the snapshot was taken. The bucket may have ended by the time
    /// this event is received.
    Existing {
        /// The bucket's name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// The snapshot is complete; changes follow.
    Ready,
    /// A bucket was created. The bucket may have ended by the time this event is received.
    Created {
        /// The bucket's name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// A bucket has ended. An earlier event of the watch introduced the bucket.
    Exited {
        /// The bucket's name.
        name: String,
        /// The bucket itself, empty.
        bucket: Bucket<V>,
        /// The reason of the bucket's end.
        reason: ExitReason,
    },
}

impl<V> WatchEvent<V> {
    /// Returns the bucket's name; `None` for `Ready`.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Existing { name, .. }
            | Self::Created { name, .. }
            | Self::Exited { name, .. } => Some(name),
            Self::Ready => None,
        }
    }

    /// Returns the bucket; `None` for `Ready`.
    pub fn bucket(&self) -> Option<&Bucket<V>> {
        match self {
            Self::Existing { bucket, .. }
            | Self::Created { bucket, .. }
            | Self::Exited { bucket, .. } => Some(bucket),
            Self::Ready => None,
        }
    }
}

impl<V> From<RegistryEvent<V>> for WatchEvent<V> {
    fn from(event: RegistryEvent<V>) -> Self {
        match event {
            RegistryEvent::Created { name, bucket } => Self::Created { name, bucket },
            RegistryEvent::Exited {
                name,
                bucket,
                reason,
            } => Self::Exited {
                name,
                bucket,
                reason,
            },
        }
    }
}

impl_clone! {
    WatchEvent {
        Existing { name, bucket }
        Ready {}
        Created { name, bucket }
        Exited { name, bucket, reason }
    }
}

impl<V> fmt::Debug for WatchEvent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("Ready"),
            Self::Existing { name, .. } => fmt_event(f, "Existing", name, None),
            Self::Created { name, .. } => fmt_event(f, "Created", name, None),
            Self::Exited { name, reason, .. } => fmt_event(f, "Exited", name, Some(*reason)),
        }
    }
}
