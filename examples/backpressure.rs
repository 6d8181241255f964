//! A fast producer and a slow reader: the producer waits, no event is lost, and the number of
//! unread events never exceeds the capacity.

use std::time::Duration;

use genevent::EventManager;

const CAPACITY: usize = 4;
const EVENTS: u32 = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let manager = EventManager::new(CAPACITY);
    let mut reader = manager.subscribe();

    let slow = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(event) = reader.next().await {
            tokio::time::sleep(Duration::from_millis(5)).await; // the work
            read.push(event);
        }
        read
    });

    let mut max_unread = 0;
    for event in 1..=EVENTS {
        manager.notify(event).await.expect("the manager is open");
        let unread = manager.subscribers()[0].unread();
        max_unread = max_unread.max(unread);
        println!("stored {event:2}, unread {unread} of {CAPACITY}");
    }
    assert!(max_unread <= CAPACITY, "bounded");

    drop(manager);
    let read = slow.await.expect("the reader does not panic");
    assert!(read.into_iter().eq(1..=EVENTS), "lossless");
    println!("read all {EVENTS} in order, never more than {max_unread} unread");
}
