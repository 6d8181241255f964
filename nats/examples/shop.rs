//! The publishing side of two programs; `--example kitchen` is the other.
//!
//! Takes orders, and waits for each receipt: the broker has the order.

use async_nats::jetstream::{self, stream};
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use genevent_nats::Outbound;

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
    jetstream.get_or_create_stream(orders).await?;

    let manager = EventManager::<String>::new(64);
    let till = manager.subscribe_with(SubscribeOptions::new().name("till"));
    tokio::spawn(till.deliveries().for_each_acked(1, async |dish: String| {
        println!("ringing up {dish}");
    }));
    let outbound = Outbound::new(jetstream, |dish: &String| format!("orders.{dish}"));
    let outbound = outbound.run(manager.subscribe().deliveries()).await?;

    for dish in ["soup", "bread", "tea"] {
        let receipt = manager.sync_notify(dish.to_owned()).await?;
        println!("{dish}: {receipt}");
    }
    let counts = outbound.shutdown().await?;
    println!("the broker has {} orders", counts.confirmed);
    Ok(())
}
