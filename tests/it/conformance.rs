//! The promises of comparable systems, and the claims of the documents.

#[cfg(feature = "rt")]
mod genevent_parity;
mod messages;
mod peers;
mod public_api;
mod reactive_streams;
mod readme;
