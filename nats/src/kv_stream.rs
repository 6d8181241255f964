//! A key-value bucket of the broker: a stream with the last message of each key.
//!
//! The client's own calls for buckets need a newer server than 2.9, so the stream is made by hand.

use std::time::Duration;

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, Message, stream};
use bytes::Bytes;

const OPERATION: &str = "KV-Operation";
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// Returns the configuration of the stream behind bucket `name`.
pub(crate) fn config(name: &str, max_age: Duration) -> stream::Config {
    stream::Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_age,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        discard: stream::DiscardPolicy::New,
        ..Default::default()
    }
}

/// Returns whether a bucket can have this name: letters, digits, `-` and `_`.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(fits)
}

/// Sets the value of a key, and returns the number of the change.
pub(crate) async fn put(
    jetstream: &Context,
    bucket: &str,
    key: &str,
    value: Bytes,
) -> Result<u64, PublishError> {
    let message = PublishMessage::build().payload(value);
    send(jetstream, bucket, key, message).await
}

/// Sets the value of a key if its last change has the number `expected`, with 0 for none.
pub(crate) async fn put_if(
    jetstream: &Context,
    bucket: &str,
    key: &str,
    value: Bytes,
    expected: u64,
) -> Result<u64, PublishError> {
    let message = PublishMessage::build().payload(value);
    let message = message.header(EXPECTED, expected.to_string().as_str());
    send(jetstream, bucket, key, message).await
}

/// Removes a key.
pub(crate) async fn delete(
    jetstream: &Context,
    bucket: &str,
    key: &str,
) -> Result<u64, PublishError> {
    let message = PublishMessage::build().header(OPERATION, "DEL");
    send(jetstream, bucket, key, message).await
}

async fn send(
    jetstream: &Context,
    bucket: &str,
    key: &str,
    message: PublishMessage,
) -> Result<u64, PublishError> {
    let sent = jetstream.send_publish(format!("$KV.{bucket}.{key}"), message);
    Ok(sent.await?.await?.sequence)
}

/// A change of a bucket.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) key: &'a str,
    /// The new value; `None` if the key was removed.
    pub(crate) value: Option<&'a Bytes>,
}

impl<'a> Change<'a> {
    /// Reads a message of the stream.
    pub(crate) fn new(message: &'a Message) -> Option<Self> {
        let key = message.subject.strip_prefix("$KV.")?.split_once('.')?.1;
        let operation = crate::headers::get(message.headers.as_ref(), OPERATION);
        let value = operation.is_none().then_some(&message.payload);
        Some(Self { key, value })
    }
}
