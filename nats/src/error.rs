//! The errors, a type for each side.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The error below another error.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// The reason why an [`Inbound`](crate::Inbound) does not start, or has ended.
///
/// No message is acknowledged by the error: the broker keeps unfinished messages.
#[derive(Debug)]
#[non_exhaustive]
pub enum InboundError {
    /// The broker has no such consumer, or has lost it.
    NoConsumer {
        /// The name of the consumer.
        consumer: String,
        /// The name of its stream.
        stream: String,
    },
    /// The broker did not describe the consumer. The source says why.
    Unreachable(Source),
    /// The consumer's acknowledgement policy is not explicit, so the broker would not wait for the
    /// subscribers.
    NotExplicit {
        /// The name of the consumer.
        consumer: String,
    },
    /// The broker would deliver messages beside each other, which cannot be processed in order.
    NotInOrder {
        /// The name of the consumer.
        consumer: String,
        /// The number of unacknowledged messages allowed by the consumer's configuration.
        max_ack_pending: i64,
    },
    /// The consumer gives up before the [`Inbound`](crate::Inbound) does, so its last attempts would
    /// never come, and no dead letter either.
    GivesUpFirst {
        /// The number of deliveries after which the consumer gives up.
        consumer: u64,
        /// The number of deliveries after which the [`Inbound`](crate::Inbound) gives up.
        inbound: u64,
    },
}

impl fmt::Display for InboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConsumer { consumer, stream } => {
                write!(f, "no consumer {consumer:?} on stream {stream:?}")
            }
            Self::Unreachable(_) => f.write_str("the broker did not describe the consumer"),
            Self::NotExplicit { consumer } => write!(
                f,
                "consumer {consumer:?} needs the acknowledgement policy `Explicit`"
            ),
            Self::NotInOrder {
                consumer,
                max_ack_pending,
            } => write!(
                f,
                "consumer {consumer:?} has max_ack_pending {max_ack_pending}: set it to 1 for messages \
                 in order, or allow several at once by `max_in_flight`"
            ),
            Self::GivesUpFirst { consumer, inbound } => write!(
                f,
                "the consumer gives up after {consumer} deliveries, before the limit of {inbound} \
                 is reached"
            ),
        }
    }
}

impl Error for InboundError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(source) => Some(&**source),
            _ => None,
        }
    }
}

/// The reason why an [`Outbound`](crate::Outbound) does not start.
///
/// A running bridge does not fail, but tries again, or refuses single events, whose receipts have the
/// reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutboundError {
    /// No stream stores the subject.
    NoStream {
        /// The subject.
        subject: String,
    },
    /// The broker did not say which stream stores the subject. The source says why.
    Unreachable(Source),
    /// The stream's window for duplicates is missing or too short: an event sent again would be
    /// stored twice.
    NoDedupWindow {
        /// The name of the stream.
        stream: String,
        /// The window of the stream.
        window: Duration,
        /// The least window needed.
        needed: Duration,
    },
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream { subject } => write!(f, "no stream stores subject {subject:?}"),
            Self::Unreachable(_) => f.write_str("the broker did not say which stream is meant"),
            Self::NoDedupWindow {
                stream,
                window,
                needed,
            } => write!(
                f,
                "stream {stream:?} drops duplicates for {window:?} only: its `duplicate_window` must be \
                 at least {needed:?}"
            ),
        }
    }
}

impl Error for OutboundError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(source) => Some(&**source),
            _ => None,
        }
    }
}

/// The reason why a node does not join a cluster, or an event cannot be published to the cluster.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterError {
    /// The name of the cluster or of the node is empty, or has other characters than letters, digits,
    /// `-` and `_`.
    InvalidName,
    /// The broker refused, or did not answer. The source says which.
    Unreachable(Source),
    /// The codec refused the event, with its error as the source.
    NotEncodable(Source),
    /// The event is larger than the broker accepts.
    TooLarge,
}

impl ClusterError {
    pub(crate) fn unreachable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unreachable(Box::new(error))
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidName => "names have letters, digits, `-` and `_`",
            Self::Unreachable(_) => "the broker refused or did not answer",
            Self::NotEncodable(_) => "the event cannot be encoded",
            Self::TooLarge => "the event is larger than the broker accepts",
        })
    }
}

impl Error for ClusterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(source) | Self::NotEncodable(source) => Some(&**source),
            Self::InvalidName | Self::TooLarge => None,
        }
    }
}

/// An undecodable event of the stream: from
/// [`Cluster::replay_since`](crate::Cluster::replay_since).
#[derive(Debug)]
pub struct ReplayError {
    pub(crate) seq: u64,
    pub(crate) source: Source,
}

impl ReplayError {
    /// Returns the event's number in the stream.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} cannot be decoded", self.seq)
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The reason why a [`SharedRegistry`](crate::SharedRegistry) does not open or change.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name of the broker's bucket is empty, or has other characters than letters, digits, `-` and
    /// `_`. (The names inside of the registry may be any strings.)
    InvalidName,
    /// There is no bucket with this name.
    NoBucket,
    /// The value cannot be encoded, with the reason as the source.
    NotEncodable(Source),
    /// The broker refused, or did not answer. The source says which.
    Unreachable(Source),
}

impl RegistryError {
    pub(crate) fn unreachable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unreachable(Box::new(error))
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidName => "names have letters, digits, `-` and `_`",
            Self::NoBucket => "there is no bucket with this name",
            Self::NotEncodable(_) => "the value cannot be encoded",
            Self::Unreachable(_) => "the broker refused or did not answer",
        })
    }
}

impl Error for RegistryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotEncodable(source) | Self::Unreachable(source) => Some(&**source),
            Self::InvalidName | Self::NoBucket => None,
        }
    }
}
