//! The consuming side of two programs: `nats-server -js`, then
//! `cargo run -p genevent-nats --example kitchen`, and `--example shop` in another terminal.
//!
//! Cooks orders in turn, and acknowledges an order to the broker only when all of the kitchen is done.
//! Ctrl-c finishes the order under way. Start a second kitchen, or kill a kitchen in the middle of an order:
//! no order is lost, and they stay in order.

use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use genevent_nats::{Inbound, MessageInfo};

#[derive(Clone)]
struct Order {
    dish: String,
    number: u64,
    delivered: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "localhost".to_owned());
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let orders = stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Default::default()
    };
    let orders = jetstream.get_or_create_stream(orders).await?;
    let kitchen = pull::Config {
        durable_name: Some("kitchen".to_owned()),
        max_ack_pending: 1, // a single order at a time, however many kitchens there are
        ack_wait: Duration::from_secs(5),
        ..Default::default()
    };
    let consumer: PullConsumer = orders.get_or_create_consumer("kitchen", kitchen).await?;

    let manager = EventManager::<Order>::new(64);
    let stove = manager.subscribe_with(SubscribeOptions::new().name("stove"));
    tokio::spawn(stove.deliveries().for_each_acked(1, async |order: Order| {
        let again = if order.delivered > 1 {
            ", once more"
        } else {
            ""
        };
        println!("cooking {} (order {}{again})", order.dish, order.number);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }));
    let bill = manager.subscribe_with(SubscribeOptions::new().name("bill"));
    tokio::spawn(bill.deliveries().for_each_acked(1, async |order: Order| {
        println!("writing the bill for {}", order.dish);
    }));

    let inbound = Inbound::new(consumer).map(|dish: String, info: &MessageInfo<'_>| Order {
        dish,
        number: info.stream_sequence(),
        delivered: info.delivered(),
    });
    let mut inbound = inbound.run(&manager).await?;
    println!("the kitchen is open");
    tokio::select! {
        ended = inbound.ended() => {
            ended?;
        }
        _ = tokio::signal::ctrl_c() => {
            let counts = inbound.shutdown().await?;
            println!("the kitchen is closed: {} orders done", counts.acked);
        }
    }
    Ok(())
}
