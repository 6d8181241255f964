//! `sync_notify` waits until every subscriber has finished the event, and `flush` until all events
//! are settled.

mod duration;
mod earlier_events;
mod finishing;
mod flush;
mod subscribers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use genevent::EventManager;
use tokio_test::{assert_pending, assert_ready, task};

#[test]
fn polling_a_finished_publisher_panics_without_harm() {
    // The hazard: the finished publisher joined the wait queue, and the publisher behind it was
    // never notified.
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut over = task::spawn(manager.notify(1));
    assert_ready!(over.poll()).unwrap();
    let mut waiting = task::spawn(manager.notify(2));
    assert_pending!(waiting.poll());
    let again = catch_unwind(AssertUnwindSafe(|| over.poll().is_ready()));
    assert!(again.is_err());
    assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    assert!(waiting.is_woken());
    assert_eq!(assert_ready!(waiting.poll()), Ok(1));
}

#[test]
fn a_receipt_is_returned_once() {
    // The hazard: the second receipt named no discarding subscriber.
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    drop(reader);
    assert_eq!(assert_ready!(done.poll()).unwrap().dropped(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| done.poll().is_ready())).is_err());
}
