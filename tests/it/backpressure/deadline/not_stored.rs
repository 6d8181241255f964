//! An event that is not stored before the deadline comes back in the error.

use futures::FutureExt;
use genevent::error::DeadlineError;
use genevent::{EventManager, Overflow};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, named, not_stored, now};

#[tokio::test(start_paused = true)]
async fn a_queued_event_comes_back_unseen() {
    let manager = EventManager::new(1);
    let mut full = manager.subscribe_with(named("full"));
    manager.try_notify("stored").unwrap();
    let mut free = manager.subscribe_with(named("free"));
    let start = Instant::now();

    for sync in [true, false] {
        let result = if sync {
            manager.sync_notify("late").within(SECOND).await
        } else {
            manager.ack_notify("late").within(SECOND).await
        };
        let error = result.unwrap_err();
        assert_eq!(ids(error.waiting_for()), [full.id()]);
        let not_stored = not_stored::<(), _>(Err(error));
        assert_eq!(
            ids(not_stored.waiting_for()),
            [full.id()],
            "who holds the room"
        );
        assert_eq!(not_stored.into_event(), "late");
    }
    assert_eq!(start.elapsed(), 2 * SECOND);
    drop(manager);
    assert_eq!(now(full.next()), Some("stored"));
    assert_eq!((now(full.next()), now(free.next())), (None, None));
}

#[tokio::test(start_paused = true)]
async fn the_queue_continues_behind_a_timed_out_publisher() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut late = task::spawn(manager.sync_notify(2).within(SECOND));
    let mut patient = task::spawn(manager.notify(3));
    assert_pending!(late.poll());
    assert_pending!(patient.poll());
    advance(SECOND).await;
    assert!(late.is_woken());
    let error = assert_ready!(late.poll()).unwrap_err();
    assert_eq!(now(reader.next()), Some(1));
    assert!(
        patient.is_woken(),
        "though the future that gave up is still there"
    );
    assert_eq!(assert_ready!(patient.poll()), Ok(1));
    assert_eq!(error.into_event(), Some(2));
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn a_queued_publisher_names_the_full_subscribers() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    let behind = manager.sync_notify(3).within(SECOND).await;
    assert_eq!(ids(not_stored(behind).waiting_for()), [reader.id()]);

    // There is a place, granted to the first and not taken: the next takes it over in time.
    assert_eq!(now(reader.next()), Some(1));
    let mut behind = task::spawn(manager.sync_notify(3).within(SECOND));
    assert_pending!(behind.poll());
    assert_pending!(behind.poll());
    assert_eq!(now(reader.next()), Some(3));
    reader.ack();
    assert!(assert_ready!(behind.poll()).unwrap().all_acked());
    assert_ready!(first.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_publisher_behind_permits_says_so() {
    // A publisher queued behind a publisher that waits for a permit: only the latter can be in
    // front without a blocking subscriber.
    let manager = EventManager::<u8>::new(1);
    let _lossy = manager.subscribe_with(Overflow::DropOldest);
    let permit = now(manager.reserve()).unwrap();
    let mut in_front = manager.reserve();
    assert!((&mut in_front).now_or_never().is_none());
    let late = not_stored(manager.sync_notify(3).within(SECOND).await);
    assert!(late.waiting_for().is_empty());
    assert!(late.to_string().ends_with("permits hold the room"));
    drop(permit);
}

#[tokio::test(start_paused = true)]
async fn all_blocking_subscribers_are_named_with_locations() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(named("one"));
    let line = line!() - 1;
    let limited = manager.subscribe_with(Overflow::WaitAtMost(5 * SECOND));
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    let late = not_stored(manager.sync_notify(2).within(SECOND).await);
    assert_eq!(ids(late.waiting_for()), [reader.id(), limited.id()]);
    let message = late.to_string();
    let expected = format!(
        "not stored in time: no room at #1 \"one\" from tests/it/backpressure/deadline/not_stored.rs:{line}:26: 1 of 1 \
         unread, 0 in flight, blocking publishers for 1.0s, #2 from tests/it/backpressure/deadline/not_stored.rs:{}:27: 1 of 1 \
         unread, 0 in flight, blocking publishers for 1.0s",
        line + 2
    );
    assert_eq!(message, expected);
    assert_eq!(DeadlineError::NotStored(late).to_string(), expected);
    drop(lossy);
}

#[tokio::test(start_paused = true)]
async fn a_closed_manager_returns_the_event_at_once() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut waiting = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(waiting.poll());
    manager.close();
    assert!(waiting.is_woken());
    for result in [
        assert_ready!(waiting.poll()),
        manager.ack_notify(2).within(SECOND).await,
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, DeadlineError::Closed(2)));
        assert_eq!(error.to_string(), "the event manager is closed");
        assert!(error.waiting_for().is_empty());
        assert_eq!(error.into_event(), Some(2));
    }
    drop(reader);
}
