//! Unpublishable events.

use std::error::Error;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};

/// Returns whether the broker tells this message id from other ids. The broker trims ids, and takes an empty
/// id for none; a line break would end the header.
pub(super) fn is_message_id(id: &str) -> bool {
    !id.is_empty() && id.trim() == id && !id.contains(['\r', '\n'])
}

/// Returns whether sending the same event again would fail the same way.
pub(super) fn is_permanent(error: &PublishError) -> bool {
    if error.kind() == PublishErrorKind::MaxPayloadExceeded {
        return true;
    }
    let answer = error
        .source()
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    answer.is_some_and(|answer| {
        let code = answer.error_code();
        code == ErrorCode::STREAM_NOT_MATCH || code == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM
    })
}

/// Describes an error with its source, for receipts and logs.
pub(super) fn describe(error: &PublishError) -> String {
    match error.source() {
        Some(source) => format!("{}: {source}", error.kind()),
        None => error.kind().to_string(),
    }
}
