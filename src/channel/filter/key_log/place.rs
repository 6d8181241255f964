//! The place of a reader in a key log, which the reader shares with the channel.

use std::task::Waker;

use super::KeyLog;
use super::event::{Freed, KeyedEvent};
use crate::channel::filter::any_queue::{AnyQueue, Closed};
use crate::channel::filter::user_code::Removed;
use crate::channel::source::{Backlog, Unread};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::receipt::Cause;
use crate::util::sync::{Arc, Mutex};

/// A subscriber and the log that it reads. The cursor of the subscriber is the place.
pub(crate) struct KeyPlace<E> {
    log: Arc<KeyLog<E>>,
    subscriber: Arc<SubscriberState>,
    /// What the subscriber has left unread; `None` while it is attached. Locked before the log.
    left: Mutex<Option<Left<E>>>,
}

/// The unread events of a subscriber that was detached.
pub(super) struct Left<E> {
    /// For the reader, if its stream goes on. The reader takes them once.
    pub(super) backlog: Option<Box<Backlog<KeyedEvent<E>>>>,
    /// For the publishers that wait for them.
    pub(super) unread: Option<Unread<KeyedEvent<E>>>,
}

impl<E> KeyPlace<E> {
    /// Lets a new subscriber read `log`. Called under the channel's lock.
    pub(super) fn new(log: &Arc<KeyLog<E>>, subscriber: &Arc<SubscriberState>) -> Self {
        log.join(subscriber);
        Self {
            log: Arc::clone(log),
            subscriber: Arc::clone(subscriber),
            left: Mutex::new(None),
        }
    }

    fn read(&self) -> u64 {
        self.subscriber.cursor.load().position()
    }

    /// Takes the backlog of a detached subscriber.
    pub(super) fn take_backlog(&self) -> Option<Box<Backlog<KeyedEvent<E>>>> {
        self.left.lock().as_mut()?.backlog.take()
    }

    /// Returns the number of unread events that the reader has not taken as its backlog.
    pub(super) fn unread(&self) -> usize {
        match &*self.left.lock() {
            None => to_usize(self.log.unread(self.read())),
            Some(left) => left.backlog.as_ref().map_or(0, |backlog| backlog.len()),
        }
    }

    /// Returns the sequence number of the next of these events.
    #[cfg(feature = "rt")]
    pub(super) fn next_seq(&self) -> Option<u64> {
        match &*self.left.lock() {
            None => self.log.next_seq(self.read()),
            Some(left) => next_of(left.backlog.as_ref()?),
        }
    }
}

/// Returns the sequence number of the next event of a backlog.
#[cfg(feature = "rt")]
pub(super) fn next_of<E>(backlog: &Backlog<KeyedEvent<E>>) -> Option<u64> {
    (backlog.has_next()).then(|| backlog.get(backlog.next).seq())
}

/// Converts a number of unread events.
fn to_usize(events: u64) -> usize {
    usize::try_from(events).expect("unread events are in memory")
}

impl<E: 'static> AnyQueue for KeyPlace<E> {
    fn subscriber(&self) -> &Arc<SubscriberState> {
        &self.subscriber
    }

    fn len(&self) -> usize {
        to_usize(self.log.unread(self.read()))
    }

    fn front_and_cursor(&self) -> (Option<u64>, CursorState) {
        // What is unread follows from the cursor alone.
        let cursor = self.subscriber.cursor.load();
        (self.log.next_seq(cursor.position()), cursor)
    }

    fn contains(&self, seq: u64) -> bool {
        self.log.contains(self.read(), seq)
    }

    fn close(&self, cause: Cause) -> Closed {
        let mut freed = Freed::new();
        let mut left = self.left.lock();
        let (waker, unread) = self.log.leave(&self.subscriber, cause, &mut freed);
        let is_unsettled = unread.unread.is_some();
        *left = Some(unread);
        Closed {
            waker,
            is_unsettled,
            removed: removed(freed),
        }
    }

    fn settle_unread(&self) {
        let unread = (self.left.lock().as_mut()).and_then(|left| left.unread.take());
        if let Some(unread) = unread {
            unread.settle();
        }
    }

    fn complete(&self) -> Option<Waker> {
        self.log.complete(&self.subscriber)
    }

    fn catch_up(&self) -> Option<Removed> {
        let mut freed = Freed::new();
        self.log.catch_up(&self.subscriber, &mut freed);
        removed(freed)
    }
}

/// Returns what is to be dropped without a lock.
fn removed<E: 'static>(freed: Freed<E>) -> Option<Removed> {
    (!freed.is_empty()).then(|| Arc::new(freed) as _)
}
