//! The unread events of a filtered subscriber, as the channel sees them.

use std::task::Waker;

use super::user_code::Removed;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::receipt::Cause;
use crate::util::sync::Arc;

/// A filter queue, or the place of a reader in a key log, without the type of the values.
pub(crate) trait AnyQueue: Send + Sync {
    fn subscriber(&self) -> &Arc<SubscriberState>;

    /// Returns the number of unread events.
    fn len(&self) -> usize;

    /// Returns the sequence number of the first unread event and the cursor, as of the same moment.
    fn front_and_cursor(&self) -> (Option<u64>, CursorState);

    /// Returns whether event `seq` is unread.
    fn contains(&self, seq: u64) -> bool;

    /// Refuses further events. Unread events stay readable.
    fn close(&self, cause: Cause) -> Closed;

    /// Gives up all unread events of a closed queue. Not called under the channel's lock,
    /// as settling wakes publishers.
    fn settle_unread(&self);

    /// Marks the queue as complete and returns the waker: no more events follow, and the
    /// subscriber stays attached.
    fn complete(&self) -> Option<Waker>;

    /// Frees the events that only this subscriber has kept, and that it has read.
    fn catch_up(&self) -> Option<Removed> {
        None
    }
}

/// The work that [`AnyQueue::close`] leaves for the time after the channel is unlocked.
pub(crate) struct Closed {
    /// The waker of the parked reader.
    pub(crate) waker: Option<Waker>,
    /// Whether [`AnyQueue::settle_unread`] must be called.
    pub(crate) is_unsettled: bool,
    pub(crate) removed: Option<Removed>,
}
