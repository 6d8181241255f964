//! The promises of this crate, with a real nats-server.

#[path = "../support/server.rs"]
mod server;

mod inbound;
mod setup;
