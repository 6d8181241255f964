//! The consumer `database`: stores the orders, and publishes stored orders to the feed.

use std::iter::zip;
use std::sync::Arc;

use futures_util::StreamExt;
use genevent::{EventStreamExt, Subscription};

use crate::database::Database;
use crate::feed::Feed;
use crate::order::Placed;
use crate::output::warn;

/// The number of orders in a transaction. Many requests at once share the wait for the disk.
const BATCH: usize = 64;

/// Stores orders until the manager is closed.
pub(crate) async fn write(orders: Subscription<Arc<Placed>>, database: Database, feed: Feed) {
    // Deliveries, because a batch is read before its first order is stored: a plain subscription would
    // acknowledge too early.
    let mut batches = orders.deliveries().ready_batches(BATCH);
    while let Some(batch) = batches.next().await {
        let rows = batch.iter().map(|placed| placed.order.clone()).collect();
        match database.insert(rows).await {
            Ok(rows) => {
                for (placed, stored) in zip(batch.iter(), rows) {
                    // An order is stored once, so the id is unset.
                    let _ = placed.id.set(stored.id);
                    feed.publish(stored).await;
                }
                // After the feed: a confirmed order is on its way to every browser.
                batch.ack();
            }
            Err(error) => {
                warn(format_args!("the database failed: {error}"));
                batch.nack(error.to_string());
            }
        }
    }
}
