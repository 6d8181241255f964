//! The stream that stores the events.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::GetStreamByNameErrorKind;

use crate::error::OutboundError;

/// The stream that stores the events.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) stream: String,
    /// How long the stream looks for duplicates.
    pub(super) window: Duration,
}

impl Target {
    /// Looks up the stream of `subject`, which must drop duplicates within `needed`.
    pub(super) async fn find(
        jetstream: &Context,
        subject: &str,
        needed: Duration,
    ) -> Result<Self, OutboundError> {
        let found = jetstream.stream_by_subject(subject).await;
        let stream = found.map_err(|error| match error.kind() {
            GetStreamByNameErrorKind::NotFound | GetStreamByNameErrorKind::InvalidSubject => {
                OutboundError::NoStream {
                    subject: subject.to_owned(),
                }
            }
            _ => OutboundError::Unreachable(Box::new(error)),
        })?;
        let info = jetstream.get_stream(&stream).await;
        let info = info.map_err(|error| OutboundError::Unreachable(Box::new(error)))?;
        let window = info.cached_info().config.duplicate_window;
        if window < needed {
            return Err(OutboundError::NoDedupWindow {
                stream,
                window,
                needed,
            });
        }
        Ok(Self { stream, window })
    }
}
