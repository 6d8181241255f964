//! A registry across processes.

mod mirror;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, Context, stream::Stream};
use bytes::Bytes;
use genevent::EventManager;
use genevent::kv::{Bucket, Registry, Watch};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::connection;
use crate::error::RegistryError;
use crate::kv_stream;
use crate::reader::Reader;
use mirror::Mirror;
use token::escape;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

/// A registry of named buckets, across processes: a key-value bucket of the broker, and a local
/// [`Registry`], which follows the broker's bucket.
///
/// Reading, watching and reflecting are done by the local registry, so
/// [`WatchEvent`](genevent::kv::WatchEvent)s, [`reflect`](genevent::kv::Watch::reflect) and
/// [`View`](genevent::kv::View) work as in a single process. Changes go through this type to the
/// broker, and a call returns once its own change is visible here. All nodes apply all changes in the
/// same order. A change made to a local bucket directly stays in this process and is lost.
///
/// Values are JSON. Clones are the same registry; dropping the last clone ends the local registry, and
/// changes nothing at the broker.
///
/// # Examples
/// ```no_run
/// use futures::StreamExt;
/// use genevent::kv::{View, WatchEvent};
/// use genevent_nats::SharedRegistry;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = async_nats::connect("localhost").await?;
/// let registry = SharedRegistry::<u32>::open(client, "shops").await?;
/// let mut watch = registry.watch().reflect(View::new());
///
/// registry.create("shopping").await?;
/// registry.put("shopping", "milk", &3).await?;
/// while let Some(event) = watch.next().await {
///     println!("{event:?}: now {:?}", watch.view().names());
/// }
/// # Ok(())
/// # }
/// ```
pub struct SharedRegistry<V> {
    shared: Arc<Shared<V>>,
}

struct Shared<V> {
    client: Client,
    jetstream: Context,
    stream: Stream,
    bucket: String,
    mirror: Arc<Mirror<V>>,
    follow: JoinHandle<()>,
}

impl<V> Drop for Shared<V> {
    fn drop(&mut self) {
        self.follow.abort();
    }
}

impl<V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> SharedRegistry<V> {
    /// Opens the registry in the broker's key-value bucket `bucket`, and creates a missing bucket.
    /// Returns once the whole bucket is visible.
    ///
    /// # Errors
    /// [`RegistryError::InvalidName`] for a name with other characters than letters,
    /// digits, `-` and `_`; [`RegistryError::Unreachable`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future opens nothing, but the bucket may exist then.
    pub async fn open(client: Client, bucket: &str) -> Result<Self, RegistryError> {
        if !kv_stream::is_bucket_name(bucket) {
            return Err(RegistryError::InvalidName);
        }
        let jetstream = jetstream::new(client.clone());
        let config = kv_stream::config(bucket, Duration::ZERO);
        let stream = jetstream.get_or_create_stream(config).await;
        let mut stream = stream.map_err(RegistryError::unreachable)?;
        let info = stream.info().await.map_err(RegistryError::unreachable)?;
        let (empty, last) = (info.state.messages == 0, info.state.last_sequence);

        let mirror = Arc::new(Mirror::new(Registry::new(EventManager::default())));
        let changes = Reader::new(jetstream.clone(), stream.clone(), 0);
        let follow = {
            let mirror = Arc::clone(&mirror);
            tokio::spawn(async move { mirror.follow(changes).await })
        };
        let shared = Shared {
            client,
            jetstream,
            stream,
            bucket: bucket.to_owned(),
            mirror,
            follow,
        };
        if !empty {
            shared.mirror.followed(last).await;
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Returns the local registry, for its events and look-ups.
    pub fn local(&self) -> &Registry<V> {
        &self.shared.mirror.local
    }

    /// Watches the buckets, as [`Registry::watch`].
    pub fn watch(&self) -> Watch<V> {
        self.local().watch()
    }

    /// Returns the bucket with this name, as visible on this node, as [`Registry::lookup`].
    pub fn lookup(&self, name: &str) -> Option<Bucket<V>> {
        self.local().lookup(name)
    }

    /// Creates the bucket with this name for all nodes, if the name is free, and returns once the
    /// bucket is visible here.
    ///
    /// If two nodes create the same name at once, the broker creates a single bucket.
    ///
    /// # Errors
    /// [`RegistryError::Unreachable`].
    ///
    /// # Cancel safety
    /// A dropped future may have created the bucket or not.
    pub async fn create(&self, name: &str) -> Result<(), RegistryError> {
        let mirror = &self.shared.mirror;
        while self.lookup(name).is_none() {
            let last = mirror.last_change(name);
            let key = escape(name);
            let created = self.change(|| {
                let (jetstream, bucket) = (&self.shared.jetstream, &self.shared.bucket);
                kv_stream::put_if(jetstream, bucket, &key, Bytes::from_static(b"{}"), last)
            });
            match created.await? {
                Some(number) => mirror.followed(number).await,
                // Another change was first, perhaps a change of our own with a lost confirmation.
                None => tokio::time::sleep(BACKOFF.after(1)).await,
            }
        }
        Ok(())
    }

    /// Ends the bucket with this name for all nodes. Returns whether the bucket existed, once the end is
    /// visible here.
    ///
    /// # Errors
    /// [`RegistryError::Unreachable`].
    ///
    /// # Cancel safety
    /// A dropped future may have ended the bucket or not.
    pub async fn stop(&self, name: &str) -> Result<bool, RegistryError> {
        if self.lookup(name).is_none() {
            return Ok(false);
        }
        let (shared, key) = (&self.shared, escape(name));
        let stopped = self.change(|| kv_stream::delete(&shared.jetstream, &shared.bucket, &key));
        let Some(number) = stopped.await? else {
            return Ok(false); // not reached: ending a bucket expects no earlier change
        };
        shared.mirror.followed(number).await;
        // The values belong to no bucket any more; they only take room. Another node may have created
        // the name again meanwhile, so only values from before the end are removed.
        let values = format!("$KV.{}.{key}.>", shared.bucket);
        let purge = shared.stream.purge().sequence(number).filter(values);
        if let Err(error) = purge.await {
            tracing::warn!(%error, name, "the values of an ended bucket could not be removed");
        }
        Ok(true)
    }

    /// Sets a value in a bucket for all nodes, and returns once the value is visible here.
    ///
    /// # Errors
    /// [`RegistryError::NoBucket`]; [`RegistryError::NotEncodable`]; [`RegistryError::Unreachable`].
    ///
    /// # Cancel safety
    /// A dropped future may have set the value or not.
    pub async fn put(&self, name: &str, key: &str, value: &V) -> Result<(), RegistryError> {
        let value = serde_json::to_vec(value);
        let value: Bytes = value
            .map_err(|error| RegistryError::NotEncodable(error.into()))?
            .into();
        self.set(name, key, Some(value)).await
    }

    /// Removes a value from a bucket for all nodes, and returns once the removal is visible here.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    /// As [`put`](Self::put).
    pub async fn delete(&self, name: &str, key: &str) -> Result<(), RegistryError> {
        self.set(name, key, None).await
    }

    async fn set(&self, name: &str, key: &str, value: Option<Bytes>) -> Result<(), RegistryError> {
        if self.lookup(name).is_none() {
            return Err(RegistryError::NoBucket);
        }
        let (shared, key) = (&self.shared, format!("{}.{}", escape(name), escape(key)));
        let changed = self.change(async || match &value {
            Some(value) => {
                kv_stream::put(&shared.jetstream, &shared.bucket, &key, value.clone()).await
            }
            None => kv_stream::delete(&shared.jetstream, &shared.bucket, &key).await,
        });
        if let Some(number) = changed.await? {
            shared.mirror.followed(number).await;
        }
        Ok(())
    }

    /// Makes a change until the broker has confirmed the change. A change made twice is the same change. `None`:
    /// another change was first.
    async fn change(
        &self,
        mut change: impl AsyncFnMut() -> Result<u64, PublishError>,
    ) -> Result<Option<u64>, RegistryError> {
        let mut failures = 0;
        loop {
            let client = &self.shared.client;
            let connects = connection::count(client);
            let result = tokio::select! {
                result = change() => result,
                () = connection::renewed(client, connects) => continue,
            };
            match result {
                Ok(number) => return Ok(Some(number)),
                Err(error) => match error.kind() {
                    PublishErrorKind::WrongLastSequence => return Ok(None),
                    PublishErrorKind::MaxPayloadExceeded => {
                        return Err(RegistryError::unreachable(error));
                    }
                    _ => {
                        failures += 1;
                        tracing::warn!(%error, failures, "a change was not confirmed");
                        tokio::time::sleep(BACKOFF.after(failures)).await;
                    }
                },
            }
        }
    }
}

impl<V> Clone for SharedRegistry<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V> fmt::Debug for SharedRegistry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRegistry")
            .field("bucket", &self.shared.bucket)
            .finish_non_exhaustive()
    }
}
