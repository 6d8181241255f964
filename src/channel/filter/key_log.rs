//! The key log: the events of one key of [`topics`](super::topics), kept once for all readers.
//!
//! A publisher appends an event once, and wakes all parked readers, whatever their number. A reader takes a
//! segment under the lock of the key log, reads it without a lock, and clones each event as it yields the
//! event. The parts are those of the channel: a [`Log`], and [`ParkedReaders`].
//!
//! ```text
//!   offset                   1     2     3     4          tail = 4
//!                          ┌─────┬─────┬─────┬─────┐
//!   sequence number        │  12 │  15 │  16 │  29 │      the events between have other keys
//!                          └─────┴─────┴─────┴─────┘
//!                             ▲           ▲
//!   cursors                  12          16
//! ```
//!
//! The cursor of a reader tells how far the reader has read, in sequence numbers, as that of every
//! subscriber. Offsets, which number the events of the key from 1, are found by searching the log.

use std::collections::VecDeque;
use std::task::Waker;

use crate::channel::log::{Log, SegmentKey};
use crate::channel::parked::{ParkedReaders, Unparked};
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::util::number_table::NumberTable;
use crate::util::sync::{Arc, AtomicU64, Mutex, Ordering};

pub(crate) mod batch;
pub(crate) mod event;
pub(crate) mod unread;

use batch::KeyBatch;
use event::{Freed, KeyedEvent, SharedEvent};
use unread::Unread;

/// The events of a key that not all of its readers have read.
///
/// # Invariants
/// 1. `tail` is the offset of the newest event. It is stored under the lock, and changes only under the
///    channel's lock as well.
/// 2. Each of the `readers` is counted once in the log, at the segment key in its slots, and has read
///    the events up to its cursor. The log keeps all later events.
/// 3. A parked reader is one of the `readers`, and has read every event. An append therefore finds the waker
///    of every parked reader.
pub(crate) struct KeyLog<E> {
    tail: AtomicU64,
    inner: Mutex<Inner<E>>,
}

struct Inner<E> {
    log: Log<KeyedEvent<E>>,
    /// The readers that have not left. They get the next event.
    readers: NumberTable<Arc<SubscriberState>>,
    /// How many of the readers are observers.
    observers: usize,
    parked: ParkedReaders,
}

/// The result of [`KeyLog::load_or_park`].
pub(super) enum Loaded {
    /// The batch has the next event.
    Batch,
    /// There is no next event.
    Parked,
    /// There is no next event, and a clone of the waker is needed to park.
    NeedWaker,
    /// There is no next event, and none will follow.
    Complete,
}

/// What a reader leaves behind.
pub(super) struct Left<E> {
    pub(super) waker: Option<Waker>,
    /// The events that the reader has not read.
    pub(super) unread: Unread<E>,
}

impl<E> KeyLog<E> {
    /// Creates a log for readers with up to `capacity` unread events.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            tail: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                log: Log::new(capacity, 0),
                readers: NumberTable::new(),
                observers: 0,
                parked: ParkedReaders::new(),
            }),
        }
    }

    /// Returns the offset of the newest event; 0 before the first.
    #[inline]
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    // ---- Readers ----------------------------------------------------------------------------

    /// Adds a reader, which gets the events from now on. Called under the channel's lock.
    pub(super) fn join(&self, subscriber: &Arc<SubscriberState>) {
        let mut inner = self.inner.lock();
        inner.observers += usize::from(subscriber.is_observer);
        inner.log.add_reader().store(subscriber);
        (inner.readers).insert(subscriber.id.number, Arc::clone(subscriber));
        inner.check();
    }

    /// Removes a reader, and detaches its cursor: the reader claims no event of the log any more. Called under
    /// the channel's lock, once.
    pub(super) fn leave(&self, subscriber: &SubscriberState, freed: &mut Freed<E>) -> Left<E> {
        let mut inner = self.inner.lock();
        let waker = inner.unpark(subscriber);
        let key = SegmentKey::of(subscriber);
        // Take the segments before leaving, which may free them; but the first event only after
        // detaching: until then, the reader goes on claiming.
        let segments = match inner.unread(subscriber.cursor.load().position()) {
            0 => VecDeque::new(),
            _ => inner.log.segments_from(key),
        };
        let read = subscriber.cursor.detach().position();
        let next = inner.offset(read) + 1;
        let unread = Unread::new(segments, next, inner.log.tail(), freed);
        inner.log.leave(key, freed);
        inner.observers -= usize::from(subscriber.is_observer);
        inner.readers.remove(subscriber.id.number);
        let readers = inner.readers.len();
        inner.parked.give_back(readers);
        inner.release_if_all_parked(freed);
        inner.check();
        Left { waker, unread }
    }

    /// Returns the number of readers that get the next event.
    pub(super) fn readers(&self) -> usize {
        self.inner.lock().readers.len()
    }

    /// Returns the number of readers that get the next event and must acknowledge it.
    pub(super) fn awaited(&self) -> usize {
        let inner = self.inner.lock();
        inner.readers.len() - inner.observers
    }

    /// Takes out the waker of a reader.
    pub(super) fn unpark(&self, subscriber: &SubscriberState) -> Option<Waker> {
        self.inner.lock().unpark(subscriber)
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// Loads the segment with the next event into `batch`, which the reader has read.
    #[cfg(feature = "rt")]
    pub(super) fn load(&self, subscriber: &SubscriberState, batch: &mut KeyBatch<E>) {
        self.inner.lock().load(subscriber, batch);
    }

    /// Loads the segment with the next event into `batch`, or parks the reader. A replaced waker is in
    /// `spare` then. The reader has not left, and has read the batch before.
    pub(super) fn load_or_park(
        &self,
        subscriber: &SubscriberState,
        batch: &mut KeyBatch<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Loaded {
        let mut inner = self.inner.lock();
        // Check again with every waker: an event may have been appended while the waker was cloned.
        let check = !(seeded_bug!("key-reader-parks-without-checking") && spare.is_some());
        if check && inner.load(subscriber, batch) {
            return Loaded::Batch;
        }
        if inner.parked.would_wake(subscriber, waker) {
            return Loaded::Parked;
        }
        let Some(waker) = spare.take() else {
            return Loaded::NeedWaker;
        };
        *spare = inner.parked.park(subscriber, waker);
        // The last reader that parks frees all events; any other only moves to the log's end.
        if !inner.release_if_all_parked(batch.freed()) {
            let mut key = SegmentKey::of(subscriber);
            inner.log.advance_to_end(&mut key, batch.freed());
            key.store(subscriber);
        }
        inner.check();
        Loaded::Parked
    }

    /// Frees the events that only this reader has kept, and that it has read.
    pub(super) fn catch_up(&self, subscriber: &SubscriberState, freed: &mut Freed<E>) {
        let mut inner = self.inner.lock();
        // A reader that joined after the newest events is counted with them until it moves on.
        inner.log.seal_active();
        let mut key = SegmentKey::of(subscriber);
        let mut read = inner.offset(subscriber.cursor.load().position());
        if seeded_bug!("flush-frees-unread-of-key") {
            read = inner.log.tail();
        }
        inner.log.advance(&mut key, read, freed);
        key.store(subscriber);
        inner.log.trim(freed);
    }

    /// Returns the number of events after a cursor's position.
    pub(super) fn unread(&self, read: u64) -> u64 {
        self.inner.lock().unread(read)
    }

    /// Returns whether an event after a cursor's position has this sequence number.
    pub(super) fn contains(&self, read: u64, seq: u64) -> bool {
        let inner = self.inner.lock();
        let newest = inner.log.get(inner.offset(seq));
        read < seq && newest.is_some_and(|event| event.seq() == seq)
    }

    /// Returns the sequence number of the next event after a cursor's position.
    pub(super) fn next_seq(&self, read: u64) -> Option<u64> {
        let inner = self.inner.lock();
        let next = inner.log.get(inner.offset(read) + 1);
        next.map(KeyedEvent::seq)
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Appends an event for the readers, of which there must be any, and takes out the parked readers.
    /// Called under the channel's lock.
    pub(super) fn append(
        &self,
        seq: u64,
        event: Arc<SharedEvent<E>>,
        ticket: Option<&Arc<Ticket>>,
    ) -> Unparked {
        let mut inner = self.inner.lock();
        debug_assert!(inner.readers.len() > 0, "nobody would read the event");
        let tail = inner.log.append(KeyedEvent::new(seq, event), ticket);
        self.tail.store(tail, Ordering::Release);
        inner.parked.unpark_all()
    }
}

impl<E> Inner<E> {
    /// Returns the offset of the last event up to a cursor's position.
    fn offset(&self, read: u64) -> u64 {
        self.log.last_before(|event| event.seq() <= read)
    }

    fn unread(&self, read: u64) -> u64 {
        self.log.tail() - self.offset(read)
    }

    /// Loads the segment with the next event into `batch`. Returns false if there is no next event.
    fn load(&mut self, subscriber: &SubscriberState, batch: &mut KeyBatch<E>) -> bool {
        let read = batch.read_or(|| self.offset(subscriber.cursor.load().position()));
        if read == self.log.tail() {
            return false;
        }
        let mut key = SegmentKey::of(subscriber);
        let index = self.log.advance(&mut key, read, batch.freed());
        key.store(subscriber);
        batch.load(self.log.segment_at(index).clone());
        true
    }

    fn unpark(&mut self, subscriber: &SubscriberState) -> Option<Waker> {
        let readers = &self.readers;
        readers.get(subscriber.id.number)?;
        (self.parked).unpark(subscriber.id.number, |number| {
            readers.get(number).expect("key log: invariant 3")
        })
    }

    /// Frees all events if every reader is parked. Returns false if any is not.
    fn release_if_all_parked(&mut self, freed: &mut Freed<E>) -> bool {
        let readers = self.readers.len();
        self.parked.len() == readers && self.log.release(readers, freed)
    }

    /// Asserts the invariants, in debug builds.
    fn check(&self) {
        if cfg!(debug_assertions) {
            self.log.check(self.readers.len());
        }
    }
}
