//! The headers of messages.

use async_nats::HeaderMap;
use async_nats::header::IntoHeaderName;
pub(crate) use async_nats::header::NATS_MESSAGE_ID as MESSAGE_ID;

/// The header with the name of the node a message comes from.
pub const ORIGIN: &str = "Genevent-Origin";

/// Returns the header's value, if there is one.
pub(crate) fn get(headers: Option<&HeaderMap>, name: impl IntoHeaderName) -> Option<&str> {
    Some(headers?.get(name)?.as_str())
}
