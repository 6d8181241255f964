//! The names in use and the events queued for delivery, changed together under one lock.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Notify;

use super::bucket::{Bucket, BucketOwner, Ending};
use super::event::RegistryEvent;
use super::exit::ExitReason;
use crate::util::shrink::Shrink;
use crate::util::sync::Mutex;

/// The outbox's retained capacity, in events. A longer outbox releases its memory when empty.
const MIN_CAPACITY: usize = 1_024;

pub(super) struct Table<V> {
    state: Mutex<State<V>>,
    /// Notified when the outbox or its end changes. A notification is stored until the announcer
    /// waits.
    wake: Notify,
    queue_capacity: usize,
}

/// The names and the outbox.
///
/// # Invariants
/// 1. A bucket is live exactly as long as `names` maps its name to the bucket. So a live bucket can
///    be looked up, and an ended bucket cannot.
/// 2. Adding or removing a name queues the event in the same step, unless delivery has stopped:
///    then the outbox stays empty. So the events tell the whole history, in order.
/// 3. `enqueued` counts the events ever queued, and so is the number of the newest event. Each
///    bucket knows the numbers of its two events, which lets a watch recognize events of its
///    snapshot.
/// 4. Unless delivery has stopped, `names` is the result of all events up to the number `enqueued`: a
///    snapshot and its number agree.
///
/// By 1, a bucket with values is never dropped for the last time. So dropping an event runs no user
/// code, and needs no guard.
struct State<V> {
    names: BTreeMap<Arc<str>, Bucket<V>>,
    outbox: VecDeque<RegistryEvent<V>>,
    enqueued: u64,
    /// The last registry is dropped: no event follows the queued events.
    closed: bool,
    delivering: bool,
}

impl<V> State<V> {
    /// Returns the sequence number of the next event.
    fn next_number(&self) -> u64 {
        self.enqueued + 1
    }

    fn enqueue(&mut self, event: RegistryEvent<V>) {
        if self.delivering {
            self.outbox.push_back(event);
            self.enqueued += 1;
        }
    }

    /// Ends a bucket whose name was just removed.
    fn end(&mut self, bucket: Bucket<V>, reason: ExitReason) -> Ending<V> {
        let ending = bucket.end_locked(reason, self.next_number());
        self.enqueue(RegistryEvent::Exited {
            name: bucket.name().to_owned(),
            bucket,
            reason,
        });
        ending
    }
}

impl<V: Send + Sync + 'static> Table<V> {
    /// Returns the bucket with this name, and creates the bucket if the name is free.
    pub(super) fn create(self: &Arc<Self>, name: &str) -> Result<Bucket<V>, CreateError> {
        let bucket = {
            let mut state = self.state.lock();
            if let Some(bucket) = state.names.get(name) {
                return Ok(bucket.clone());
            }
            if state.outbox.len() >= self.queue_capacity {
                return Err(CreateError::QueueFull);
            }
            let key = Arc::<str>::from(name);
            let owner = Arc::clone(self) as _;
            let bucket = Bucket::new(Arc::clone(&key), owner, state.next_number());
            state.names.insert(key, bucket.clone());
            state.enqueue(RegistryEvent::Created {
                name: name.to_owned(),
                bucket: bucket.clone(),
            });
            bucket
        };
        self.wake.notify_one();
        Ok(bucket)
    }
}

impl<V> Table<V> {
    pub(super) fn new(queue_capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                names: BTreeMap::new(),
                outbox: VecDeque::new(),
                enqueued: 0,
                closed: false,
                delivering: true,
            }),
            wake: Notify::new(),
            queue_capacity,
        })
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Bucket<V>> {
        self.state.lock().names.get(name).cloned()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let names: Vec<_> = self.state.lock().names.keys().cloned().collect();
        names.iter().map(ToString::to_string).collect()
    }

    /// Returns the existing buckets, and the number of the last event included in that state.
    pub(super) fn snapshot(&self) -> (Vec<Bucket<V>>, u64) {
        let state = self.state.lock();
        (state.names.values().cloned().collect(), state.enqueued)
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().names.len()
    }

    /// Returns the number of events ever queued.
    pub(super) fn enqueued(&self) -> u64 {
        self.state.lock().enqueued
    }

    /// Ends all buckets and, after their events, the outbox. Called when the last registry is
    /// dropped.
    pub(super) fn end_all(&self) {
        let endings: Vec<_> = {
            let mut state = self.state.lock();
            state.closed = true;
            let names = std::mem::take(&mut state.names);
            let buckets = names.into_values();
            buckets
                .map(|bucket| state.end(bucket, ExitReason::RegistryGone))
                .collect()
        };
        self.wake.notify_one();
        endings.into_iter().for_each(Ending::run);
    }

    // ---- For the announcer ------------------------------------------------------------------

    /// Takes the next event to be delivered. Pending if there is none yet, `None` if none can
    /// follow.
    pub(super) fn pop(&self) -> Poll<Option<RegistryEvent<V>>> {
        let mut state = self.state.lock();
        let next = state.outbox.pop_front();
        state.outbox.shrink_if_sparse(MIN_CAPACITY);
        match next {
            None if state.delivering && !state.closed => Poll::Pending,
            next => Poll::Ready(next),
        }
    }

    /// Waits until the outbox may have changed.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Drops the queued events and stops queueing, so that the announcer ends.
    pub(super) fn stop_delivery(&self) {
        let mut state = self.state.lock();
        state.delivering = false;
        let undelivered = std::mem::take(&mut state.outbox);
        drop(state);
        drop(undelivered);
        self.wake.notify_one();
    }
}

impl<V: Send + Sync> BucketOwner<V> for Table<V> {
    fn end(&self, bucket: &Bucket<V>, reason: ExitReason) {
        let ending = {
            let mut state = self.state.lock();
            // The bucket has ended already if the name is free or belongs to a newer bucket.
            let current = state.names.get(bucket.name());
            let is_any = current.is_some() && seeded_bug!("late-stop-ends-newer-bucket");
            if current != Some(bucket) && !is_any {
                return;
            }
            let bucket = state.names.remove(bucket.name());
            bucket.map(|bucket| state.end(bucket, reason))
        };
        self.wake.notify_one();
        ending.into_iter().for_each(Ending::run);
    }
}

/// The reason why [`Registry::create`](super::Registry::create) refused.
///
/// # Examples
/// ```
/// use genevent::EventManager;
/// use genevent::kv::{CreateError, Registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u8>::builder().queue_capacity(1).build(EventManager::default());
/// registry.create("a").await.unwrap();
///
/// let error = registry.create("b").await.unwrap_err(); // no event was delivered in between
/// assert_eq!(error, CreateError::QueueFull);
/// registry.flush().await;
/// assert!(registry.create("b").await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CreateError {
    /// As many events as [allowed](super::RegistryBuilder::queue_capacity) are queued for delivery.
    /// [`flush`](super::Registry::flush) waits until the queue has room.
    QueueFull,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the queue of registry events is full",
        })
    }
}

impl Error for CreateError {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;

    use super::{MIN_CAPACITY, Table};
    use crate::kv::bucket::BucketOwner;
    use crate::kv::{ExitReason, RegistryEvent};

    #[test]
    fn a_delivered_long_outbox_leaves_no_memory_behind() {
        const TIMES: usize = 100_000;
        let table = Table::<u8>::new(usize::MAX);
        for _ in 0..TIMES {
            let bucket = table.create("a").expect("the outbox is unbounded");
            table.end(&bucket, ExitReason::Stopped);
        }
        // Each bucket holds its owner.
        assert_eq!(Arc::strong_count(&table), 1 + TIMES);
        for n in 0..2 * TIMES {
            match table.pop() {
                Poll::Ready(Some(RegistryEvent::Created { .. })) if n % 2 == 0 => {}
                Poll::Ready(Some(RegistryEvent::Exited { .. })) if n % 2 == 1 => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
        assert!(table.pop().is_pending());
        assert_eq!(Arc::strong_count(&table), 1);
        assert!(table.state.lock().outbox.capacity() <= MIN_CAPACITY);
    }
}
