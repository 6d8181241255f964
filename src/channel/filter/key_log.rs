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

use std::task::Waker;

use crate::channel::log::{Log, SegmentKey};
use crate::channel::parked::{ParkedReaders, Unparked};
use crate::channel::source::{AfterBacklog, Backlog, Unread};
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::EndReason;
use crate::receipt::Cause;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::{Arc, AtomicU64, Mutex, Ordering};

mod batch;
mod crowd;
pub(crate) mod event;
mod place;
pub(crate) mod reader;

use batch::KeyBatch;
use crowd::{Crowd, Readers};
use event::{Freed, KeyedEvent, SharedEvent};
use place::Left;

/// The events of a key that not all of its readers have read.
///
/// # Invariants
/// 1. `tail` is the offset of the newest event. It is stored under the lock, and changes only under the
///    channel's lock as well.
/// 2. Each of the `readers` is counted once in the log, at the segment key in its slots, and has read
///    the events up to its cursor. The log keeps all later events.
/// 3. A parked reader is one of the `readers`, and has read every event. An append therefore finds the waker
///    of every parked reader.
/// 4. The cursors of the readers are attached. Leaving, and nothing else, detaches a cursor.
pub(crate) struct KeyLog<E> {
    tail: AtomicU64,
    inner: Mutex<Inner<E>>,
}

struct Inner<E> {
    log: Log<KeyedEvent<E>>,
    /// The readers that have not left. They get the next event.
    readers: Readers,
    /// How many of the readers are observers.
    observers: usize,
    crowd: Crowd,
    parked: ParkedReaders,
    /// No more events follow.
    is_complete: bool,
}

/// The result of [`KeyLog::load_or_park`].
enum Loaded {
    /// The batch has the next event.
    Batch,
    /// There is no next event.
    Parked,
    /// There is no next event, and none will follow.
    Complete,
    /// The reader has left.
    Left,
}

/// The work that an append leaves for the time after the channel is unlocked.
pub(crate) struct Appended {
    pub(crate) readers: Unparked,
    /// The numbers of the lossless readers whose unread events fill at least half of the window.
    pub(crate) crowded: Vec<u64>,
}

impl<E> KeyLog<E> {
    /// Creates a log for readers with up to `capacity` unread events.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            tail: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                log: Log::new(capacity, 0),
                readers: Readers::new(),
                observers: 0,
                crowd: Crowd::new(),
                parked: ParkedReaders::new(),
                is_complete: false,
            }),
        }
    }

    /// Returns the offset of the newest event; 0 before the first.
    #[inline]
    fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    // ---- Readers ----------------------------------------------------------------------------

    /// Adds a reader, which gets the events from now on. Called under the channel's lock.
    fn join(&self, subscriber: &Arc<SubscriberState>) {
        let mut inner = self.inner.lock();
        inner.observers += usize::from(subscriber.is_observer);
        inner.log.add_reader().store(subscriber);
        let tail = inner.log.tail();
        inner.crowd.join(subscriber, tail);
        (inner.readers).insert(subscriber.id.number, Arc::clone(subscriber));
        inner.check();
    }

    /// Removes a reader, and detaches its cursor: the reader claims no event of the log any more. Returns its
    /// waker, and what it leaves unread. Called under the channel's lock, once.
    fn leave(
        &self,
        subscriber: &SubscriberState,
        cause: Cause,
        freed: &mut Freed<E>,
    ) -> (Option<Waker>, Left<E>) {
        let mut inner = self.inner.lock();
        let waker = inner.unpark(subscriber);
        let key = SegmentKey::of(subscriber);
        let disconnected = match subscriber.end() {
            Some(EndReason::Disconnected { cause }) => Some(cause),
            _ => None,
        };
        // Take the segments before leaving, which may free them; but the first event only after
        // detaching: until then, the reader goes on claiming.
        let segments = disconnected.map(|_| inner.log.segments_from(key));
        let read = inner.offset(subscriber.cursor.detach().position());
        let backlog = segments.zip(disconnected).map(|(segments, cause)| {
            let mut backlog = Box::new(Backlog {
                segments,
                next: read + 1,
                end: inner.log.tail(),
                after: AfterBacklog::Disconnected(cause),
            });
            freed.extend(backlog.pop_read());
            backlog
        });
        let owes = !subscriber.is_observer;
        let segments = owes.then(|| inner.log.ticketed_after(key, read));
        let segments = segments.filter(|segments| !segments.is_empty());
        let unread = segments.map(|segments| Unread {
            subscriber: subscriber.identity(),
            cause,
            position: read,
            segments,
        });
        inner.log.leave(key, freed);
        inner.remove(subscriber, freed);
        inner.check();
        (waker, Left { backlog, unread })
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

    /// Returns the ids of the readers.
    pub(super) fn reader_ids(&self) -> Vec<SubscriberId> {
        let inner = self.inner.lock();
        inner.readers.iter().map(|reader| reader.id).collect()
    }

    /// Returns the readers without room for an event beside `reserved`.
    pub(super) fn full_readers(&self, reserved: u64) -> Vec<SubscriberId> {
        let inner = self.inner.lock();
        let candidates = inner.crowd.readers_beside(reserved);
        let readers = candidates.unwrap_or(&inner.readers).iter();
        let is_full = |reader: &&Arc<SubscriberState>| {
            let read = reader.cursor.load().position();
            inner.unread(read) + reserved >= reader.window as u64
        };
        readers.filter(is_full).map(|reader| reader.id).collect()
    }

    /// Marks the log as complete, and takes out the waker of a reader.
    fn complete(&self, subscriber: &SubscriberState) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.is_complete = true;
        inner.unpark(subscriber)
    }

    /// Returns whether a reader gets no more events.
    fn is_over(&self, subscriber: &SubscriberState) -> bool {
        let inner = self.inner.lock();
        inner.is_complete || has_left(subscriber)
    }

    /// Takes out the waker of a reader.
    fn unpark(&self, subscriber: &SubscriberState) -> Option<Waker> {
        self.inner.lock().unpark(subscriber)
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// Loads the segment with the next event into `batch`, which was read to the end; or parks the reader, and
    /// leaves a replaced waker in `spare`. No event is in flight. Returns `None` if a clone of the waker is
    /// needed in `spare`.
    fn load_or_park(
        &self,
        subscriber: &SubscriberState,
        batch: &mut KeyBatch<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        freed: &mut Freed<E>,
    ) -> Option<Loaded> {
        let mut inner = self.inner.lock();
        if has_left(subscriber) {
            return Some(Loaded::Left);
        }
        // Check again with every waker: an event may have been appended while the waker was cloned.
        let check = !(seeded_bug!("key-reader-parks-without-checking") && spare.is_some());
        if check && inner.load(subscriber, batch, freed) {
            return Some(Loaded::Batch);
        }
        if inner.is_complete {
            return Some(Loaded::Complete);
        }
        if inner.parked.would_wake(subscriber, waker) {
            return Some(Loaded::Parked);
        }
        let waker = spare.take()?;
        *spare = inner.parked.park(subscriber, waker);
        // The last reader that parks frees all events; any other only moves to the log's end.
        if !inner.release_if_all_parked(freed) {
            let mut key = SegmentKey::of(subscriber);
            inner.log.advance_to_end(&mut key, freed);
            key.store(subscriber);
        }
        inner.check();
        Some(Loaded::Parked)
    }

    /// Frees the events that only this reader has kept, and that it has read.
    fn catch_up(&self, subscriber: &SubscriberState, freed: &mut Freed<E>) {
        let mut inner = self.inner.lock();
        if has_left(subscriber) {
            return;
        }
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
    fn unread(&self, read: u64) -> u64 {
        self.inner.lock().unread(read)
    }

    /// Returns whether an event after a cursor's position has this sequence number.
    fn contains(&self, read: u64, seq: u64) -> bool {
        let inner = self.inner.lock();
        let newest = inner.log.get(inner.offset(seq));
        read < seq && newest.is_some_and(|event| event.seq() == seq)
    }

    /// Returns the sequence number of the next event after a cursor's position.
    fn next_seq(&self, read: u64) -> Option<u64> {
        let inner = self.inner.lock();
        let next = inner.log.get(inner.offset(read) + 1);
        next.map(KeyedEvent::seq)
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Appends the event in `event`, unless there are no readers, and takes out the parked readers.
    /// Called under the channel's lock.
    pub(super) fn append(
        &self,
        seq: u64,
        event: &mut Option<Arc<SharedEvent<E>>>,
        ticket: Option<&Arc<Ticket>>,
    ) -> Option<Appended> {
        let inner = &mut *self.inner.lock();
        if inner.readers.len() == 0 {
            return None;
        }
        let event = event.take().expect("an event is appended once");
        let Inner { log, crowd, .. } = inner;
        let tail = log.append(KeyedEvent::new(seq, event), ticket);
        self.tail.store(tail, Ordering::Release);
        crowd.update(&inner.readers, tail, |reader| {
            offset(log, reader.cursor.load().position())
        });
        Some(Appended {
            crowded: crowd.lossless(),
            readers: inner.parked.unpark_all(),
        })
    }
}

/// Returns whether a reader has left. The log is locked: leaving detaches the cursor (invariant 4).
fn has_left(reader: &SubscriberState) -> bool {
    reader.cursor.load().is_detached()
}

/// Returns the offset of the last event up to a cursor's position.
fn offset<E>(log: &Log<KeyedEvent<E>>, read: u64) -> u64 {
    log.last_before(|event| event.seq() <= read)
}

impl<E> Inner<E> {
    fn offset(&self, read: u64) -> u64 {
        offset(&self.log, read)
    }

    fn unread(&self, read: u64) -> u64 {
        self.log.tail() - self.offset(read)
    }

    /// Loads the segment with the next event into `batch`. Returns false if there is no next event.
    fn load(
        &mut self,
        subscriber: &SubscriberState,
        batch: &mut KeyBatch<E>,
        freed: &mut Freed<E>,
    ) -> bool {
        let read = batch.claimed_or(|| self.offset(subscriber.cursor.load().position()));
        if read == self.log.tail() {
            return false;
        }
        let mut key = SegmentKey::of(subscriber);
        let index = self.log.advance(&mut key, read, freed);
        key.store(subscriber);
        batch.load(self.log.segment_at(index).clone());
        true
    }

    /// Removes a reader that the log does not count any more.
    fn remove(&mut self, subscriber: &SubscriberState, freed: &mut Freed<E>) {
        let number = subscriber.id.number;
        debug_assert!(has_left(subscriber), "key log: invariant 4");
        self.observers -= usize::from(subscriber.is_observer);
        self.readers.remove(number);
        self.crowd.leave(number);
        self.parked.give_back(self.readers.len());
        self.release_if_all_parked(freed);
    }

    fn unpark(&mut self, subscriber: &SubscriberState) -> Option<Waker> {
        if has_left(subscriber) {
            return None;
        }
        let readers = &self.readers;
        (self.parked).unpark(subscriber, |number| {
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
