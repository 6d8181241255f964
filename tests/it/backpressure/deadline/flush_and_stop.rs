//! `flush` and `stop` with a deadline name the subscribers that they waited for.

use genevent::EventManager;
use genevent::error::WaitError;
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, named, now};

#[tokio::test(start_paused = true)]
async fn flush_names_the_subscribers_waited_for() {
    let manager = EventManager::new(4);
    let mut in_flight = manager.subscribe_with(named("in hand"));
    let mut out = manager.subscribe_with(named("out")).deliveries();
    let mut done = manager.subscribe_with(named("done"));
    manager.try_notify(1).unwrap();
    assert_eq!(now(in_flight.next()), Some(1));
    let delivery = now(out.next()).unwrap();
    assert_eq!(now(done.next()), Some(1));
    done.ack();
    let (first, second) = (in_flight.id(), out.id());
    drop(out);

    let late = manager.flush().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.waiting_for()), [first, second]);
    assert!(matches!(&late, WaitError::Unsettled(late) if late.waiting_for().len() == 2));
    assert!(
        late.to_string()
            .starts_with("not answered in time by #1 \"in hand\" from ")
    );
    in_flight.ack();
    let late = manager.flush().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.waiting_for()), [second]);
    delivery.ack();
    manager.flush().within(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn flush_does_not_name_owners_of_newer_events() {
    let manager = EventManager::new(4);
    let mut quick = manager.subscribe();
    let slow = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(now(quick.next()), Some(1));
    quick.ack();
    let mut late = task::spawn(manager.flush().within(SECOND));
    assert_pending!(late.poll());
    manager.try_notify(2).unwrap();
    assert_eq!(now(quick.next()), Some(2));
    advance(SECOND).await;
    let late = assert_ready!(late.poll()).unwrap_err();
    assert_eq!(ids(late.waiting_for()), [slow.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_late_stop_names_subscribers_and_closes() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_with(named("reader"));
    manager.try_notify(1).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.waiting_for()), [reader.id()]);
    assert!(manager.is_closed());
    assert_eq!(now(reader.next()), Some(1));
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(late.waiting_for()[0].unacked(), 1);
    assert_eq!(now(reader.next()), None);
    manager.stop().within(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_stop_mentions_reserved_permits() {
    let manager = EventManager::new(4);
    let permit = now(manager.reserve()).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert!(late.waiting_for().is_empty());
    assert_eq!(
        late.to_string(),
        "not over in time: permits are out, or publishers are queued"
    );

    // The error also names subscribers.
    let mut reader = manager.subscribe();
    assert_eq!(now(reader.next()), None, "too late to be one");
    permit.notify(1);
    manager.stop().within(SECOND).await.unwrap();

    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    manager.try_notify(1).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.waiting_for()), [reader.id()]);
    drop(permit);
}
