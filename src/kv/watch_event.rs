//! The events that a watch yields.

use std::fmt;

use super::bucket::Bucket;
use super::event::{RegistryEvent, fmt_event};
use super::exit::ExitReason;

/// Something that a [`Watch`](super::Watch) tells.
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
    /// A bucket that existed already. By the time this is heard, it may have ended.
    Existing {
        /// Its name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// That was all there was; changes follow.
    Ready,
    /// A bucket was created. By the time this is heard, it may have ended.
    Created {
        /// Its name.
        name: String,
        /// The bucket itself.
        bucket: Bucket<V>,
    },
    /// A bucket that was told of before has ended.
    Exited {
        /// The name it had.
        name: String,
        /// The bucket itself, empty.
        bucket: Bucket<V>,
        /// Why it ended.
        reason: ExitReason,
    },
}

impl<V> WatchEvent<V> {
    /// The name of the bucket that this is about; `None` for `Ready`.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Existing { name, .. }
            | Self::Created { name, .. }
            | Self::Exited { name, .. } => Some(name),
            Self::Ready => None,
        }
    }

    /// The bucket that this is about; `None` for `Ready`.
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

// Not derived, which would ask `V` for `Clone`.
impl<V> Clone for WatchEvent<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Existing { name, bucket } => Self::Existing {
                name: name.clone(),
                bucket: bucket.clone(),
            },
            Self::Ready => Self::Ready,
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
