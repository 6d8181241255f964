//! A concurrent pipeline with exact acknowledgement: `sync_notify` waits until the work is done,
//! because each event carries its acknowledgement. The plain pipeline acknowledges early.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use genevent::EventManager;

const ORDERS: u32 = 8;

/// Works on an order, longer for some orders.
async fn work(order: u32, done: &AtomicU32) {
    tokio::time::sleep(Duration::from_millis(10 + u64::from(order % 3) * 10)).await;
    done.fetch_add(1, Ordering::Relaxed);
}

/// Publishes all orders, and counts the receipts before the work was done.
async fn early_receipts(manager: EventManager<u32>, done: Arc<AtomicU32>) -> u32 {
    let mut early = 0;
    for order in 1..=ORDERS {
        let receipt = manager
            .sync_notify(order)
            .await
            .expect("the manager is open");
        assert!(receipt.all_acked());
        if done.load(Ordering::Relaxed) < order {
            early += 1;
        }
        // Let the reader poll for the next event, which acknowledges this event implicitly.
        tokio::task::yield_now().await;
    }
    early
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Plain events: `buffer_unordered` polls for the next event while the work on this event runs.
    let manager = EventManager::new(16);
    let done = Arc::new(AtomicU32::new(0));
    let pipeline = manager
        .subscribe()
        .map(|order| work(order, &done))
        .buffer_unordered(4)
        .count();
    let (worked, early) = tokio::join!(pipeline, early_receipts(manager, Arc::clone(&done)));
    println!("plain events: {worked} orders, {early} receipts before the work was done");
    assert!(early > 0);

    // Deliveries: the acknowledgement travels with the order, and is given after the work.
    let manager = EventManager::new(16);
    let done = Arc::new(AtomicU32::new(0));
    let pipeline = manager
        .subscribe()
        .deliveries()
        .map(async |order| {
            work(*order, &done).await;
            order.ack()
        })
        .buffer_unordered(4)
        .count();
    let (worked, early) = tokio::join!(pipeline, early_receipts(manager, Arc::clone(&done)));
    println!("deliveries:   {worked} orders, {early} receipts before the work was done");
    assert_eq!(early, 0);
}
