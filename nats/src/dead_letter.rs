//! Messages given up.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;

/// The reason why a message is given up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DeadReason {
    /// The codec could not decode the payload, with its error.
    Undecodable(Arc<dyn Error + Send + Sync>),
    /// The message was delivered as often as allowed, and not every subscriber finished it. The
    /// text lists the causes of the last attempt, and is empty if an earlier process got the last
    /// attempt and died.
    Exhausted(String),
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(error) => write!(f, "not decodable: {error}"),
            Self::Exhausted(causes) if causes.is_empty() => f.write_str("delivered too often"),
            Self::Exhausted(causes) => write!(f, "delivered too often: {causes}"),
        }
    }
}

/// A message given up, for the dead-letter hook.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The subject of the message.
    pub subject: String,
    /// The payload.
    pub payload: Bytes,
    /// The headers, among them the message id, if there is one.
    pub headers: HeaderMap,
    /// The number of the message in its stream, which still has the message.
    pub stream_sequence: u64,
    /// How often the message was delivered, this time included.
    pub delivered: u64,
    /// The reason.
    pub reason: DeadReason,
}

/// The result of a dead-letter hook: an error keeps the message, which is then delivered again.
pub type Buried = Result<(), Box<dyn Error + Send + Sync>>;

/// The dead-letter hook as [`Inbound`](crate::Inbound) stores it.
#[derive(Clone)]
pub(crate) struct Hook(Arc<dyn Fn(DeadLetter) -> BoxedBuried + Send + Sync>);

type BoxedBuried = Pin<Box<dyn Future<Output = Buried> + Send>>;

impl Hook {
    pub(crate) fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Buried> + Send + 'static,
    {
        Self(Arc::new(move |letter| Box::pin(hook(letter))))
    }

    /// Hands `letter` to the hook.
    pub(crate) async fn bury(&self, letter: DeadLetter) -> Buried {
        (self.0)(letter).await
    }
}

impl Default for Hook {
    /// Returns the default hook, which logs.
    fn default() -> Self {
        Self::new(|letter| {
            tracing::error!(
                subject = letter.subject,
                stream_sequence = letter.stream_sequence,
                delivered = letter.delivered,
                reason = %letter.reason,
                "message given up, without a dead-letter hook",
            );
            std::future::ready(Ok(()))
        })
    }
}
