//! A concurrent pipeline that stays exact: `sync_notify` waits until the work is really done,
//! because each event carries its acknowledgement. The naive version beside it answers early.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use genevent::EventManager;

const ORDERS: u32 = 8;

/// The work: it takes a while, and longer for some.
async fn work(order: u32, done: &AtomicU32) {
    tokio::time::sleep(Duration::from_millis(10 + u64::from(order % 3) * 10)).await;
    done.fetch_add(1, Ordering::Relaxed);
}

/// Publishes all orders, and counts the answers that came before the work was done.
async fn early_answers(manager: EventManager<u32>, done: Arc<AtomicU32>) -> u32 {
    let mut early = 0;
    for order in 1..=ORDERS {
        let receipt = manager.sync_notify(order).await.expect("it is open");
        assert!(receipt.all_acked());
        if done.load(Ordering::Relaxed) < order {
            early += 1;
        }
        // So that the reader comes back for more, which the naive version takes for an answer.
        tokio::task::yield_now().await;
    }
    early
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Naive: `buffer_unordered` comes back for the next event while it works on this one.
    let manager = EventManager::new(16);
    let done = Arc::new(AtomicU32::new(0));
    let pipeline = manager
        .subscribe()
        .map(|order| work(order, &done))
        .buffer_unordered(4)
        .count();
    let (worked, early) = tokio::join!(pipeline, early_answers(manager, Arc::clone(&done)));
    println!("plain events: {worked} orders, {early} answers before the work was done");
    assert!(early > 0);

    // Exact: the acknowledgement travels with the order, and is given after the work.
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
    let (worked, early) = tokio::join!(pipeline, early_answers(manager, Arc::clone(&done)));
    println!("deliveries:   {worked} orders, {early} answers before the work was done");
    assert_eq!(early, 0);
}
