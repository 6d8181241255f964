//! Granted places not taken: without these the subscriber would have room, so an overdue subscriber
//! is not disconnected.

use futures::{FutureExt, Stream, StreamExt};
use genevent::EventManager;
use genevent::error::TryNotifyError;
use tokio::time::advance;
use tokio_test::{assert_pending, task};

use super::{at_most, now, secs};

/// Two places: the first is granted to a kept publisher, the second has an event that the reader has
/// not read, and the reader is overdue.
async fn publish_beside_a_kept_future<S: Stream<Item = u32> + Unpin>(
    subscribe: impl Fn(&EventManager<u32>) -> S,
    publish: impl AsyncFn(&EventManager<u32>),
) {
    let manager = EventManager::new(2);
    let mut reader = subscribe(&manager);
    manager.try_notify(0).unwrap();
    manager.try_notify(1).unwrap();
    let mut kept = task::spawn(manager.notify(9));
    assert_pending!(kept.poll());
    assert_eq!(reader.next().await, Some(0));
    publish(&manager).await;
    assert_eq!(manager.subscriber_count(), 1, "there is room for both");
    assert_eq!(now(reader.next()), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_kept_future_gets_no_reader_disconnected() {
    let notify = async |manager: &EventManager<u32>| {
        assert_eq!(manager.notify(2).await, Ok(1));
    };
    publish_beside_a_kept_future(|manager| manager.subscribe_with(at_most(1)), notify).await;
    let filtered =
        |manager: &EventManager<u32>| manager.subscribe_filter_with(at_most(1), |_| true);
    publish_beside_a_kept_future(filtered, notify).await;
}

#[tokio::test(start_paused = true)]
async fn a_reservation_beside_a_kept_future_disconnects_nobody() {
    let reserve = async |manager: &EventManager<u32>| {
        assert_eq!(manager.reserve().await.unwrap().notify(2), 1);
    };
    publish_beside_a_kept_future(|manager| manager.subscribe_with(at_most(1)), reserve).await;
}

#[tokio::test(start_paused = true)]
async fn try_notify_leaves_the_granted_place() {
    let try_notify = async |manager: &EventManager<u32>| {
        let mut waits = manager.notify(2);
        assert!((&mut waits).now_or_never().is_none());
        advance(secs(2)).await;
        drop(waits);
        assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    };
    publish_beside_a_kept_future(|manager| manager.subscribe_with(at_most(1)), try_notify).await;
}
