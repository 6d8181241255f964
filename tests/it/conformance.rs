//! The promises of comparable systems, and the claims of the documents.

#[cfg(feature = "rt")]
mod compile_errors;
#[cfg(feature = "rt")]
mod genevent_parity;
mod layers;
mod messages;
mod names;
mod peers;
#[cfg(feature = "rt")]
mod programs;
mod public_api;
mod reactive_streams;
mod readme;
