//! The local registry, which follows the broker's bucket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_nats::jetstream::Message;
use genevent::kv::{Bucket, Registry};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::token::unescape;
use crate::kv_stream::Change;
use crate::reader::{Read, Reader};

/// The local registry and how far it has followed.
pub(super) struct Mirror<V> {
    pub(super) local: Registry<V>,
    /// The last change of each name, also of names that are free again.
    names: Mutex<HashMap<String, u64>>,
    applied: watch::Sender<u64>,
}

impl<V: Clone + DeserializeOwned + Send + Sync + 'static> Mirror<V> {
    pub(super) fn new(local: Registry<V>) -> Self {
        Self {
            local,
            names: Mutex::default(),
            applied: watch::Sender::new(0),
        }
    }

    /// Returns the number of the last change of a name; 0 for none.
    pub(super) fn last_change(&self, name: &str) -> u64 {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).copied().unwrap_or(0)
    }

    fn note_change(&self, name: &str, number: u64) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), number);
    }

    /// Waits until the change with this number is visible.
    pub(super) async fn followed(&self, number: u64) {
        let mut applied = self.applied.subscribe();
        let followed = applied.wait_for(|applied| *applied >= number).await;
        followed.expect("this mirror has the sender");
    }

    /// Follows the changes for ever.
    pub(super) async fn follow(&self, mut changes: Reader) {
        loop {
            let Read { number, message } = changes.next().await;
            self.apply(number, &message).await;
            self.applied.send_replace(number);
        }
    }

    async fn apply(&self, number: u64, message: &Message) {
        let Some(Change { key, value }) = Change::new(message) else {
            return;
        };
        let (name, key) = match key.split_once('.') {
            Some((name, key)) => (unescape(name), Some(unescape(key))),
            None => (unescape(key), None),
        };
        let (Some(name), key) = (name, key) else {
            tracing::error!(number, "a key of the registry cannot be decoded");
            return;
        };
        let Some(key) = key else {
            self.note_change(&name, number);
            match (value, self.local.lookup(&name)) {
                (Some(_), None) => self.create(&name).await,
                (None, Some(bucket)) => bucket.stop(),
                _ => {}
            }
            return;
        };
        // A value behind the end of its bucket belongs to no bucket.
        let (Some(bucket), Some(key)) = (self.local.lookup(&name), key) else {
            return;
        };
        set(
            &bucket,
            key,
            value.map(|value| serde_json::from_slice(value)),
            number,
        )
        .await;
    }

    async fn create(&self, name: &str) {
        // The queue of the local events is full until their subscribers have finished some.
        while self.local.create(name).await.is_err() {
            self.local.flush().await;
        }
    }
}

async fn set<V: Clone>(
    bucket: &Bucket<V>,
    key: String,
    value: Option<serde_json::Result<V>>,
    number: u64,
) {
    match value {
        Some(Ok(value)) => drop(bucket.put(key, value).await),
        Some(Err(error)) => tracing::error!(%error, number, "a value cannot be decoded"),
        None => drop(bucket.delete(&key).await),
    }
}
