//! The reason of a bucket's end.

use std::error::Error;
use std::fmt;

/// The reason of a bucket's end, and the error of [`Bucket::update`](super::Bucket::update).
///
/// # Examples
/// ```
/// use genevent::kv::ExitReason;
///
/// assert_eq!(ExitReason::RegistryGone.to_string(), "registry gone");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitReason {
    /// [`Bucket::stop`](super::Bucket::stop) was called.
    Stopped,
    /// A closure panicked in [`Bucket::update`](super::Bucket::update).
    Panicked,
    /// The last [`Registry`](super::Registry) was dropped.
    RegistryGone,
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped",
            Self::Panicked => "panicked",
            Self::RegistryGone => "registry gone",
        })
    }
}

impl Error for ExitReason {}
