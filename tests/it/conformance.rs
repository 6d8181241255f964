//! What other systems promise, and what the documents say.

#[cfg(feature = "rt")]
mod genevent_parity;
mod layers;
mod messages;
mod peers;
mod public_api;
mod reactive_streams;
mod readme;
