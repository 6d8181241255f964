//! Event managers beyond one process, over NATS JetStream.
#![forbid(unsafe_code)]

mod backoff;
mod codec;
mod dead_letter;
mod error;
mod headers;
mod inbound;
mod outbound;
mod running;

pub use backoff::Backoff;
pub use codec::{Codec, Json, Raw};
pub use dead_letter::{Buried, DeadLetter, DeadReason};
pub use error::{InboundError, OutboundError};
pub use headers::ORIGIN;
pub use inbound::{Inbound, InboundCounts, MessageInfo, WhenUnheard};
pub use outbound::{ByEvent, Fixed, IntoSubject, Outbound, OutboundCounts};
pub use running::Running;
