//! User code of subscribers: caught panics, and values that are dropped without a lock.

use std::any::Any;

use crate::util::panic_guard::drop_payload;
use crate::util::sync::Arc;

/// What was removed under a lock, to be dropped without: its `Drop` is user code.
pub(crate) type Removed = Arc<dyn Send + Sync>;

/// User code that belongs to one subscriber has panicked. The panic is caught.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Panicked {
    pub(super) fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        drop_payload(payload);
        Self
    }
}
