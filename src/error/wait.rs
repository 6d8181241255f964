//! The error of `flush` and `stop` with a time limit. Needs feature `rt`.

use std::error::Error;
use std::fmt;

use super::WOULD_DEADLOCK;
use crate::inspect::SubscriberInfo;
use crate::util::list::list;

/// The reason why [`flush`] or [`stop`] with a time limit failed: [`Flush::within`] and
/// [`Stop::within`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent::{EventManager, error::WaitError};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let stuck = manager.subscribe();
/// manager.try_notify("unread").unwrap();
///
/// let late = manager.flush().within(Duration::from_secs(1)).await.unwrap_err();
/// assert!(matches!(late, WaitError::Unsettled(_)));
/// assert_eq!(late.waiting_for()[0].id(), stuck.id());
/// # }
/// ```
///
/// [`flush`]: crate::EventManager::flush
/// [`stop`]: crate::EventManager::stop
/// [`Flush::within`]: crate::future::Flush::within
/// [`Stop::within`]: crate::future::Stop::within
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WaitError {
    /// The caller is a handler of this manager and would have waited for itself. This error is
    /// returned at once, not after the time limit.
    WouldDeadlock,
    /// The time is up, and something is still waited for.
    Unsettled(Unsettled),
}

/// The state of a `flush` or `stop` when its time ran out.
///
/// To go on waiting, call `flush` or `stop` again.
#[derive(Debug, Clone)]
pub struct Unsettled {
    pub(crate) waiting_for: Vec<SubscriberInfo>,
}

impl Unsettled {
    /// Returns the subscribers that have not answered yet, oldest first.
    ///
    /// Some may have answered since the error was made. The slice is empty only from `stop`, if
    /// permits alone are waited for.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.waiting_for
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waiting_for.is_empty() {
            return f.write_str("not over in time: permits are out, or publishers are queued");
        }
        f.write_str("not answered in time by ")?;
        list(&self.waiting_for, f)
    }
}

impl Error for Unsettled {}

impl WaitError {
    /// Returns the subscribers that have not answered yet, oldest first.
    ///
    /// The slice is empty for [`WouldDeadlock`](Self::WouldDeadlock), and from `stop`, if permits
    /// alone are waited for.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        match self {
            Self::WouldDeadlock => &[],
            Self::Unsettled(unsettled) => unsettled.waiting_for(),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldDeadlock => f.write_str(WOULD_DEADLOCK),
            Self::Unsettled(unsettled) => fmt::Display::fmt(unsettled, f),
        }
    }
}

impl Error for WaitError {}
