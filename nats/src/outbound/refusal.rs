//! Why an event is not confirmed.

use std::error::Error;
use std::fmt;

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};

/// Returns whether the broker tells this message id from other ids. The broker trims ids, and takes an empty
/// id for none; a line break would end the header.
pub(super) fn is_message_id(id: &str) -> bool {
    !id.is_empty() && id.trim() == id && !id.contains(['\r', '\n'])
}

/// The reason why an event is not confirmed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client did not send the event.
    NotSent(PublishError),
    /// No answer came in time.
    NoAnswer,
    /// No stream stores the subject now.
    NoStream,
    /// The answer is none of JetStream.
    NoJetStream,
    /// The broker refused the event.
    Refused(jetstream::Error),
}

impl Failure {
    /// Returns whether sending the same event again would fail the same way.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::NotSent(error) => error.kind() == PublishErrorKind::MaxPayloadExceeded,
            Self::Refused(error) => {
                let code = error.error_code();
                code == ErrorCode::STREAM_NOT_MATCH
                    || code == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM
            }
            Self::NoAnswer | Self::NoStream | Self::NoJetStream => false,
        }
    }

    /// Returns whether the stream's last message is not the event's predecessor.
    pub(super) fn breaks_chain(&self) -> bool {
        matches!(self, Self::Refused(error)
            if error.error_code() == ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID)
    }
}

/// Writes the failure with its source, for receipts and logs.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => match error.source() {
                Some(source) => write!(f, "{}: {source}", error.kind()),
                None => write!(f, "{}", error.kind()),
            },
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::NoStream => f.write_str("no stream stores the subject now"),
            Self::NoJetStream => f.write_str("the answer is none of JetStream"),
            Self::Refused(error) => write!(f, "publish failed: {error}"),
        }
    }
}
