//! The error of `try_next`.

use std::error::Error;
use std::fmt;

/// The reason why [`try_next`](crate::Subscription::try_next) returned no event.
///
/// # Examples
/// ```
/// use genevent::{EventManager, error::TryNextError};
///
/// let manager = EventManager::<u32>::new(1);
/// let mut reader = manager.subscribe();
/// assert_eq!(reader.try_next(), Err(TryNextError::Empty));
/// manager.close();
/// assert_eq!(reader.try_next(), Err(TryNextError::Ended));
/// assert_eq!(TryNextError::Ended.to_string(), "the stream has ended");
/// ```
#[doc(alias = "TryRecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TryNextError {
    /// No event is ready to be read. Later events may follow.
    Empty,
    /// The stream has ended: no event will follow. `end_reason()` of the stream tells why.
    Ended,
}

impl fmt::Display for TryNextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no event is ready",
            Self::Ended => "the stream has ended",
        })
    }
}

impl Error for TryNextError {}
