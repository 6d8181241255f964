//! Event managers beyond one process, over NATS JetStream.
#![forbid(unsafe_code)]

mod backoff;
mod cluster;
mod codec;
mod dead_letter;
mod error;
mod headers;
mod inbound;
mod kv_stream;
mod outbound;
mod reader;
mod registry;
mod running;

pub use backoff::Backoff;
pub use cluster::{Cluster, ClusterOptions, ClusterReceipt, NodeOutcome, NodeReceipt};
pub use codec::{Codec, Json, Raw};
pub use dead_letter::{Buried, DeadLetter, DeadReason};
pub use error::{ClusterError, InboundError, OutboundError, RegistryError, ReplayError};
pub use headers::ORIGIN;
pub use inbound::{Inbound, InboundCounts, MessageInfo, WhenUnheard};
pub use outbound::{ByEvent, Fixed, IntoSubject, Outbound, OutboundCounts};
pub use registry::SharedRegistry;
pub use running::Running;
