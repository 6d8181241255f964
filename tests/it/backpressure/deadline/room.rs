//! `notify` and `reserve` with a deadline wait for room alone.

use std::time::Duration;

use futures::FutureExt;
use genevent::error::{DeadlineError, ReserveDeadlineError};
use genevent::{EventManager, Overflow, Permit};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, named, not_stored, now};

#[track_caller]
fn not_reserved<E>(result: Result<Permit<E>, ReserveDeadlineError>) -> ReserveDeadlineError {
    let error = result.expect_err("too late");
    assert!(matches!(error, ReserveDeadlineError::NotReserved(_)));
    error
}

#[test]
fn room_at_once_needs_no_timer() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    assert_eq!(now(manager.notify(1).within(SECOND)).unwrap(), 1);
    let permit = now(manager.reserve().within(SECOND)).unwrap();
    assert_eq!(permit.notify(2), 1);
    assert_eq!(reader.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_notify_returns_its_event_unseen() {
    let manager = EventManager::new(1);
    let mut full = manager.subscribe_with(named("full"));
    manager.try_notify("stored").unwrap();
    let start = Instant::now();
    let late = not_stored(manager.notify("late").within(SECOND).await);
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(ids(late.waiting_for()), [full.id()]);
    assert!(
        late.to_string()
            .starts_with("not stored in time: no room at #1 \"full\" from ")
    );
    assert_eq!(late.into_event(), "late");
    drop(manager);
    assert_eq!((now(full.next()), now(full.next())), (Some("stored"), None));
}

#[tokio::test(start_paused = true)]
async fn a_late_reserve_holds_no_room() {
    let manager = EventManager::new(1);
    let mut full = manager.subscribe_with(named("full"));
    manager.try_notify(1).unwrap();
    let mut late = task::spawn(manager.reserve().within(SECOND));
    let mut patient = task::spawn(manager.notify(2));
    assert_pending!(late.poll());
    assert_pending!(patient.poll());
    advance(SECOND).await;
    assert!(late.is_woken() && !patient.is_woken());
    let error = not_reserved(assert_ready!(late.poll()));
    assert_eq!(ids(error.waiting_for()), [full.id()]);
    assert!(
        error
            .to_string()
            .starts_with("not reserved in time: no room at #1 \"full\" from ")
    );

    assert_eq!(now(full.next()), Some(1));
    assert!(patient.is_woken(), "its turn, with the late future alive");
    assert_eq!(assert_ready!(patient.poll()), Ok(1));
    assert_eq!(manager.stats().permits(), 0);
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn room_in_time_is_taken() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut notify = task::spawn(manager.notify(2).within(SECOND));
    let mut reserve = task::spawn(manager.reserve().within(SECOND));
    assert_pending!(notify.poll());
    assert_pending!(reserve.poll());
    advance(SECOND).await;
    assert_eq!(now(reader.next()), Some(1));
    assert_eq!(assert_ready!(notify.poll()).unwrap(), 1, "the last moment");
    assert_eq!(now(reader.next()), Some(2));
    assert_eq!(assert_ready!(reserve.poll()).unwrap().notify(3), 1);
}

#[tokio::test(start_paused = true)]
async fn permits_in_the_way_name_no_subscriber() {
    let manager = EventManager::<u8>::new(1);
    let _lossy = manager.subscribe_with(Overflow::DropOldest);
    let permit = now(manager.reserve()).unwrap();
    let mut in_front = manager.reserve();
    assert!((&mut in_front).now_or_never().is_none());
    let late = not_stored(manager.notify(1).within(SECOND).await);
    assert!(late.waiting_for().is_empty());
    let late = not_reserved(manager.reserve().within(SECOND).await);
    assert!(late.waiting_for().is_empty());
    assert_eq!(
        late.to_string(),
        "not reserved in time: other publishers are in front, or permits hold the room"
    );
    drop(permit);
    assert!(in_front.now_or_never().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_the_wait_at_once() {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut notify = task::spawn(manager.notify(2).within(SECOND));
    let mut reserve = task::spawn(manager.reserve().within(SECOND));
    assert_pending!(notify.poll());
    assert_pending!(reserve.poll());
    manager.close();
    let error = assert_ready!(notify.poll()).unwrap_err();
    assert!(matches!(error, DeadlineError::Closed(2)));
    let error = assert_ready!(reserve.poll()).unwrap_err();
    assert!(matches!(error, ReserveDeadlineError::Closed));
    assert_eq!(error.to_string(), "the event manager is closed");
    assert!(error.waiting_for().is_empty());
}

#[tokio::test(start_paused = true)]
async fn limits_of_publisher_and_subscriber_are_independent() {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe_with(Overflow::WaitAtMost(3 * SECOND));
    manager.try_notify(1).unwrap();
    let start = Instant::now();
    not_stored(manager.notify(2).within(SECOND).await);
    not_reserved(manager.reserve().within(SECOND).await);
    assert_eq!(manager.notify(3).within(9 * SECOND).await.unwrap(), 0);
    assert_eq!(start.elapsed(), 3 * SECOND, "the subscriber's time is over");
}

#[tokio::test(start_paused = true)]
async fn the_shortest_and_the_longest_limits() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let none = Duration::ZERO;
    assert_eq!(manager.notify(1).within(none).await.unwrap(), 1);
    not_stored(manager.notify(2).within(none).await);
    not_reserved(manager.reserve().within(none).await);
    let mut forever = task::spawn(manager.notify(3).within(Duration::MAX));
    assert_pending!(forever.poll());
    advance(1_000_000 * SECOND).await;
    assert_pending!(forever.poll());
    assert_eq!(now(reader.next()), Some(1));
    assert_eq!(assert_ready!(forever.poll()).unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_leaves_the_queue() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut notify = task::spawn(manager.notify(2).within(SECOND));
    let mut reserve = task::spawn(manager.reserve().within(SECOND));
    assert_pending!(notify.poll());
    assert_pending!(reserve.poll());
    drop((notify, reserve));
    assert_eq!(now(reader.next()), Some(1));
    assert_eq!(manager.try_notify(3), Ok(1));
    assert_eq!(now(reader.next()), Some(3));
}

#[test]
fn errors_become_boxed_errors_for_any_event() {
    struct Secret;

    fn publish(
        manager: &EventManager<Secret>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        now(manager.notify(Secret).within(SECOND))?;
        now(manager.reserve().within(SECOND))?.notify(Secret);
        Ok(())
    }

    let manager = EventManager::new(4);
    publish(&manager).unwrap();
    manager.close();
    let error = publish(&manager).unwrap_err();
    assert_eq!(error.to_string(), "the event manager is closed");
}
