//! The options of a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream;
use bytes::Bytes;

use crate::codec::{Codec, Json};
use crate::error::Source;

type Encode<E> = dyn Fn(&E) -> Result<Bytes, Source> + Send + Sync;
type Decode<E> = dyn Fn(Bytes) -> Result<E, Source> + Send + Sync;

/// The options of [`Cluster::join_with`](crate::Cluster::join_with).
///
/// All nodes of a cluster need the same codec and heartbeat.
pub struct ClusterOptions<E> {
    pub(super) node: Option<String>,
    pub(super) capacity: usize,
    pub(super) heartbeat: Duration,
    pub(super) stream: stream::Config,
    pub(super) encode: Arc<Encode<E>>,
    pub(super) decode: Arc<Decode<E>>,
}

impl<E: 'static> ClusterOptions<E> {
    /// Creates options with the default values, for events as JSON.
    #[must_use]
    pub fn new() -> Self
    where
        Json: Codec<E>,
    {
        Self::with_codec(Json)
    }

    /// Creates options with the default values, for events by `codec`.
    #[must_use]
    pub fn with_codec(codec: impl Codec<E>) -> Self {
        let encode = Arc::new(codec);
        let decode = Arc::clone(&encode);
        Self {
            node: None,
            capacity: 1024,
            heartbeat: Duration::from_secs(3),
            stream: stream::Config::default(),
            encode: Arc::new(move |event| encode.encode(event).map_err(Into::into)),
            decode: Arc::new(move |payload| decode.decode(payload).map_err(Into::into)),
        }
    }

    /// Names the node, with letters, digits, `-` and `_`. The default is a random name. Two nodes must
    /// not have the same name at a time.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.node = Some(name.into());
        self
    }

    /// Sets the capacity of the node's own manager, in events: by default, 1,024.
    #[must_use]
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets after which time without a sign of life a node counts as gone: by default, three seconds.
    /// A node gives three signs in this time.
    ///
    /// # Panics
    /// If `time` is zero.
    #[must_use]
    pub fn heartbeat(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a heartbeat takes time");
        self.heartbeat = time;
        self
    }

    /// Sets the limits of the stream, such as its `max_age`, for the node that creates the stream. The
    /// name and the subjects are the cluster's. By default, the stream keeps every event for ever.
    #[must_use]
    pub fn stream(mut self, config: stream::Config) -> Self {
        self.stream = config;
        self
    }
}

impl<E: 'static> Default for ClusterOptions<E>
where
    Json: Codec<E>,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for ClusterOptions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterOptions")
            .field("node", &self.node)
            .field("capacity", &self.capacity)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a heartbeat takes time")]
    fn a_heartbeat_of_no_time_is_refused() {
        let _ = ClusterOptions::<u64>::new().heartbeat(Duration::ZERO);
    }
}
