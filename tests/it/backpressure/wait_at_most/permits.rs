//! Room reserved by permits is charged to no subscriber.

use genevent::EventManager;
use genevent::error::TryNotifyError;
use genevent::test_util::assert_next;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, reserve, secs};

#[tokio::test(start_paused = true)]
async fn room_held_by_permits_is_not_charged() {
    let manager = EventManager::new(4);
    let mut limited = task::spawn(manager.subscribe_with(at_most(5).window(1)));
    let permit = reserve(&manager);
    assert_pending!(limited.poll_next(), "it has read everything");
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(60)).await;
    assert_pending!(publisher.poll());
    assert_eq!(manager.subscriber_count(), 1);

    // From here on the subscriber is slow, not the permit.
    permit.notify(1);
    assert!(publisher.is_woken(), "to set its alarm");
    assert_pending!(publisher.poll());
    let start = Instant::now();
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(assert_ready!(limited.poll_next()), Some(1));
    assert_eq!(assert_ready!(limited.poll_next()), None);
}

#[tokio::test(start_paused = true)]
async fn an_overdue_permit_wakes_only_the_disconnected_stream() {
    // The hazard: a subscriber disconnected while parked stayed parked. The manager then counted the
    // subscriber as caught up, and the unread events of other subscribers were lost.
    let manager = EventManager::new(8);
    let mut limited = task::spawn(manager.subscribe_with(at_most(5).window(1)));
    let mut behind = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(assert_ready!(limited.poll_next()), Some(1));
    assert_pending!(limited.poll_next());
    let first = reserve(&manager);
    let mut reserving = task::spawn(manager.reserve());
    assert_pending!(reserving.poll());
    advance(secs(60)).await;
    let second = reserving.poll();
    drop(manager.subscribe());
    assert_next!(behind, 1).now();
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn a_returned_permit_ends_the_wait() {
    let manager = EventManager::new(2);
    let limited = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    let permit = reserve(&manager);
    let mut second = task::spawn(manager.notify(2));
    assert_pending!(second.poll());
    advance(secs(1)).await;
    drop(permit);
    assert_eq!(
        assert_ready!(second.poll()),
        Ok(1),
        "nobody waits for it any more"
    );

    advance(secs(60)).await;
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    let start = Instant::now();
    assert_eq!(manager.notify(3).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn a_returned_permit_is_not_a_taken_event() {
    // The subscriber had no room before and has none after, so its time continues.
    let manager = EventManager::new(8);
    let permits = [(); 2].map(|()| reserve(&manager));
    let limited = manager.subscribe_with(at_most(5).window(1));
    manager.try_notify(1).unwrap_err();
    let [first, second] = permits;
    first.notify(1);
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(3)).await;
    drop(second);
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(limited);
}
