//! The promises of this crate, with a real nats-server.

#[path = "../support/server.rs"]
mod server;

#[path = "../support/proxy.rs"]
mod proxy;

mod cluster;
mod inbound;
mod outbound;
mod outsider;
mod registry;
mod setup;
mod values;
