//! The outcomes of a check.

use std::fmt;

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise held.
    Kept,
    /// The promise was broken; the sentence is a counterexample.
    NotKept(String),
    /// The channel broke a declined promise: [`Kit::by_design`](crate::Kit::by_design).
    ByDesign {
        /// The declared reason.
        reason: String,
        /// The counterexample.
        counterexample: String,
    },
    /// The channel lacks a capability needed for the promise; the sentence names the capability.
    NotApplicable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::NotKept(counterexample) => write!(f, "not kept: {counterexample}"),
            Self::ByDesign {
                reason,
                counterexample,
            } => write!(f, "not kept by design, as {reason}: {counterexample}"),
            Self::NotApplicable(reason) => write!(f, "not applicable: {reason}"),
        }
    }
}

/// The result of a check's function.
pub(crate) type Verdict<T = ()> = Result<T, Stop>;

/// The reason why a check ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    NotKept(String),
    NotApplicable(&'static str),
}

/// Ends the check with a counterexample, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err($crate::outcome::Stop::NotKept(format!($($sentence)+)));
        }
    };
}
pub(crate) use ensure;
