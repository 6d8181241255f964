//! [`genevent`] beyond one process, over NATS JetStream: event managers fed from a stream of a broker,
//! publishing to a stream, or spread over processes.
//!
//! | type | purpose |
//! |---|---|
//! | [`Inbound`] | feeds a manager from a durable consumer; a message is acknowledged once every subscriber has finished its event |
//! | [`Outbound`] | publishes a subscription's deliveries, in order; a delivery is acknowledged once the broker has the event |
//! | [`Cluster`] | a manager across processes: one order for all subscribers of all nodes, receipts per node |
//! | [`SharedRegistry`] | a [registry](genevent::kv) across processes |
//!
//! Everything is *at least once*, in the order of a stream. Page [`across_machines`] has
//! the promises, their limits, and the consequences of each failure.
//!
//! ```no_run
//! use async_nats::jetstream::consumer::PullConsumer;
//! use genevent::{EventManager, EventStreamExt};
//! use genevent_nats::{Inbound, Outbound};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let client = async_nats::connect("localhost").await?;
//! let jetstream = async_nats::jetstream::new(client);
//!
//! // In one process: a receipt says that the stream has the order.
//! let shop = EventManager::<String>::new(64);
//! let outbound = Outbound::new(jetstream.clone(), "orders.new");
//! let outbound = outbound.run(shop.subscribe().deliveries()).await?;
//! assert!(shop.sync_notify("tea".to_owned()).await?.all_acked());
//! outbound.shutdown().await?;
//!
//! // In another: the stream keeps the order until the kitchen is done.
//! let consumer: PullConsumer = jetstream.get_consumer_from_stream("kitchen", "ORDERS").await?;
//! let kitchen = EventManager::<String>::new(64);
//! let inbound = Inbound::new(consumer).run(&kitchen).await?;
//! kitchen.subscribe().deliveries().for_each_acked(1, async |order| println!("{order}")).await;
//! inbound.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Two programs are in `examples`: `kitchen` and `shop`. The tests run against a real nats-server.
//! Everything runs on tokio. Rust 1.89 or later, as async-nats. No `unsafe`.
#![forbid(unsafe_code)]

#[doc = include_str!("../docs/across-machines.md")]
pub mod across_machines {}
mod backoff;
mod cluster;
mod codec;
mod connection;
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
