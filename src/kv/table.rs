//! Which names stand, and what has yet to be told about them: changed together, under one lock.

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

/// Room in a short line that is kept, in events. After a long line, memory comes back.
const RETAINED_CAPACITY: usize = 1_024;

pub(super) struct Table<V> {
    state: Mutex<State<V>>,
    /// Rung when there is something for the announcer. Heard also if it comes back later.
    wake: Notify,
    queue_capacity: usize,
}

/// # Invariants
/// 1. A bucket lives exactly as long as its name stands for it in `names`.
/// 2. A name that comes or goes puts its event in line in the same step, unless the announcer
///    has gone: then the line is empty for good.
/// 3. `enqueued` counts the events that were ever put in line, and so numbers them: a bucket
///    knows the numbers of its two.
/// 4. `names` is what comes of all events up to number `enqueued`.
///
/// So nobody drops a bucket for good that still has values: dropping an event runs no code of
/// the values' owner, and needs no care.
struct State<V> {
    names: BTreeMap<Arc<str>, Bucket<V>>,
    outbox: VecDeque<RegistryEvent<V>>,
    enqueued: u64,
    /// No registry is left: nothing comes after what is in line.
    closed: bool,
    delivering: bool,
}

impl<V> State<V> {
    /// The number of the next event.
    fn next_number(&self) -> u64 {
        self.enqueued + 1
    }

    fn enqueue(&mut self, event: RegistryEvent<V>) {
        if self.delivering {
            self.outbox.push_back(event);
            self.enqueued += 1;
        }
    }

    /// Ends a bucket that has just lost its name.
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
    /// The bucket of this name: the one there is, or else a new one.
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
            let home = Arc::clone(self) as _;
            let bucket = Bucket::new(Arc::clone(&key), home, state.next_number());
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

    /// What exists, and the number of the last event that has made it so.
    pub(super) fn snapshot(&self) -> (Vec<Bucket<V>>, u64) {
        let state = self.state.lock();
        (state.names.values().cloned().collect(), state.enqueued)
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().names.len()
    }

    /// How many events were put in line so far.
    pub(super) fn enqueued(&self) -> u64 {
        self.state.lock().enqueued
    }

    /// The last registry is gone: ends all buckets, and the line after them.
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

    /// The event to be told next; pending if there is none yet, `None` if there never will be.
    pub(super) fn pop(&self) -> Poll<Option<RegistryEvent<V>>> {
        let mut state = self.state.lock();
        let next = state.outbox.pop_front();
        state.outbox.shrink_if_sparse(RETAINED_CAPACITY);
        match next {
            None if state.delivering && !state.closed => Poll::Pending,
            next => Poll::Ready(next),
        }
    }

    /// Waits until there may be something new in line.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Nothing in line will be told any more, and the announcer may go.
    pub(super) fn stop_delivery(&self) {
        let mut state = self.state.lock();
        state.delivering = false;
        let untold = std::mem::take(&mut state.outbox);
        drop(state);
        drop(untold);
        self.wake.notify_one();
    }
}

impl<V: Send + Sync> BucketOwner<V> for Table<V> {
    fn end(&self, bucket: &Bucket<V>, reason: ExitReason) {
        let ending = {
            let mut state = self.state.lock();
            // If it has ended, the name is free, or stands for its successor.
            if state.names.get(bucket.name()) != Some(bucket) {
                return;
            }
            let bucket = state.names.remove(bucket.name());
            bucket.map(|bucket| state.end(bucket, reason))
        };
        self.wake.notify_one();
        ending.into_iter().for_each(Ending::run);
    }
}

/// Why [`Registry::create`](super::Registry::create) did not.
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
/// let error = registry.create("b").await.unwrap_err(); // nothing was delivered in between
/// assert_eq!(error, CreateError::QueueFull);
/// registry.flush().await;
/// assert!(registry.create("b").await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CreateError {
    /// As many events as [allowed](super::RegistryBuilder::queue_capacity) wait to be delivered.
    /// [`flush`](super::Registry::flush) waits until there is room.
    QueueFull,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the line of registry events to be delivered is full",
        })
    }
}

impl Error for CreateError {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;

    use super::{RETAINED_CAPACITY, Table};
    use crate::kv::bucket::BucketOwner;
    use crate::kv::{ExitReason, RegistryEvent};

    #[test]
    fn once_it_is_told_a_long_line_and_its_buckets_leave_nothing_behind() {
        const TIMES: usize = 100_000;
        let table = Table::<u8>::new(usize::MAX);
        for _ in 0..TIMES {
            let bucket = table.create("a").expect("there is room");
            table.end(&bucket, ExitReason::Stopped);
        }
        // Each bucket holds its home.
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
        assert!(table.state.lock().outbox.capacity() <= RETAINED_CAPACITY);
    }
}
