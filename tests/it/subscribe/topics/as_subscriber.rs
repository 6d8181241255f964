//! A keyed subscription is a subscriber like others: room, policies, receipts, deliveries, stages.

use genevent::error::TryNotifyError;
use genevent::{
    Cause, DisconnectCause, EndReason, EventManager, Overflow, Received, SubscribeOptions,
};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{digits, publish, window};
use crate::drive::{now, read, read_all, waits};

#[test]
fn publishers_wait_for_the_subscribers_of_their_key_only() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let (mut one, two) = (topics.subscribe(1), topics.subscribe(2));
    assert_eq!(manager.try_notify(1), Ok(1));
    assert_eq!(manager.try_notify(11), Err(TryNotifyError::Full(11)));
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.try_notify(3), Ok(0));
    let mut waiting = task::spawn(manager.notify(21));
    assert_pending!(waiting.poll());
    let blocking: Vec<_> = manager
        .subscribers()
        .into_iter()
        .filter(|it| it.blocking_for().is_some())
        .collect();
    assert_eq!(blocking.len(), 1);
    assert_eq!(blocking[0].id(), one.id());
    assert_eq!(read(&mut one), Some(1));
    assert!(waiting.is_woken());
    assert_eq!(assert_ready_ok!(waiting.poll()), 1);
    assert_eq!((one.len(), two.len()), (1, 1));
}

#[test]
fn a_cancelled_publisher_leaves_the_key_to_others() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let mut one = topics.subscribe(1);
    let mut two = topics.subscribe(2);
    publish(&manager, [1, 2]);
    let mut first = task::spawn(manager.notify(11));
    let mut second = task::spawn(manager.notify(12));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(first);
    assert_eq!(read(&mut two), Some(2));
    assert!(second.is_woken());
    assert_eq!(assert_ready_ok!(second.poll()), 1);
    assert_eq!((read(&mut one), read(&mut two)), (Some(1), Some(12)));
}

#[test]
fn lossy_policies_act_on_events_of_the_key() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let lossy = topics.subscribe_with(1, window(2).overflow(Overflow::DropOldest));
    let mut strict = topics.subscribe_any_with([1, 2], window(2).overflow(Overflow::Disconnect));
    publish(&manager, [3, 4, 5, 6, 7]);
    assert_eq!(manager.subscriber_count(), 2);
    publish(&manager, [1, 11, 21, 31]);
    assert_eq!((manager.subscriber_count(), lossy.missed()), (1, 2));
    drop(manager);
    let read: Vec<_> = read_all(&mut lossy.with_missed());
    assert_eq!(
        read,
        [
            Received::Missed(2),
            Received::Event(21),
            Received::Event(31)
        ]
    );
    assert_eq!(read_all(&mut strict), [1, 11]);
    let cause = DisconnectCause::Overflow;
    assert!(
        matches!(strict.end_reason(), Some(EndReason::Disconnected { cause: c, .. }) if c == cause)
    );
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_subscriber_of_a_key_is_disconnected_when_its_time_is_up() {
    use std::time::Duration;

    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let at_most = Overflow::WaitAtMost(Duration::from_secs(5));
    let (slow, other) = (
        topics.subscribe_with(1, at_most),
        topics.subscribe_with(2, at_most),
    );
    publish(&manager, [1, 2]);
    let start = tokio::time::Instant::now();
    assert_eq!(manager.notify(11).await, Ok(0));
    assert_eq!(start.elapsed().as_secs(), 5);
    let names: Vec<_> = manager
        .subscribers()
        .iter()
        .map(genevent::SubscriberInfo::id)
        .collect();
    assert_eq!(names, [other.id()]);
    drop(slow);
}

#[test]
fn receipts_and_flushes_include_the_subscribers_of_the_key() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let mut one = topics.subscribe_with(1, SubscribeOptions::new().name("one"));
    let two = topics.subscribe(2);
    let watching = topics.subscribe_with(1, SubscribeOptions::new().observer());
    let mut sent = task::spawn(manager.sync_notify(1));
    let mut received = task::spawn(manager.ack_notify(11));
    assert_pending!(sent.poll());
    assert_pending!(received.poll());
    let mut flush = task::spawn(manager.flush());
    assert_pending!(flush.poll());
    assert_eq!(read(&mut one), Some(1));
    assert_eq!(read(&mut one), Some(11));
    let (sent, received) = (
        assert_ready_ok!(sent.poll()),
        assert_ready_ok!(received.poll()),
    );
    assert_eq!((sent.acked(), received.acked()), (1, 1));
    assert_pending!(flush.poll());
    one.ack();
    assert_ready_ok!(flush.poll());

    let mut failed = task::spawn(manager.sync_notify(21));
    assert_pending!(failed.poll());
    drop(one);
    let receipt = assert_ready_ok!(failed.poll());
    let unfinished = &receipt.unfinished()[0];
    assert_eq!(
        (unfinished.name(), unfinished.cause()),
        (Some("one"), &Cause::Left)
    );
    assert_eq!((two.len(), watching.len()), (0, 3));
    assert!(
        now(manager.sync_notify(31)).unwrap().is_unheard(),
        "an observer is not waited for"
    );
}

#[test]
fn deliveries_are_acknowledged_in_any_order() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let mut one = topics.subscribe(1).deliveries();
    let mut first = task::spawn(manager.sync_notify(1));
    let mut second = task::spawn(manager.sync_notify(11));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let (a, b) = (read(&mut one).unwrap(), read(&mut one).unwrap());
    assert_eq!(b.ack(), 11);
    assert_eq!(assert_ready_ok!(second.poll()).acked(), 1);
    assert_eq!(a.nack("no"), 1);
    let receipt = assert_ready_ok!(first.poll());
    assert_eq!(receipt.unfinished()[0].cause().to_string(), "failed: no");
}

#[test]
fn a_stage_comes_after_a_subscriber_of_a_key() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let mut one = topics.subscribe(1);
    let mut stage = manager.subscribe_with(SubscribeOptions::new().after(one.id()));
    publish(&manager, [2, 1, 3]);
    assert_eq!(read(&mut stage), Some(2), "the subscriber does not want 2");
    assert!(waits(&mut stage));
    assert_eq!(read(&mut one), Some(1));
    assert!(waits(&mut stage));
    one.ack();
    assert_eq!((read(&mut stage), read(&mut stage)), (Some(1), Some(3)));
}

#[test]
#[should_panic(expected = "a filtered subscription cannot be a stage")]
fn a_subscriber_of_a_key_is_no_stage() {
    let manager = EventManager::new(8);
    let plain = manager.subscribe();
    let after = SubscribeOptions::new().after(plain.id());
    drop(digits(&manager).subscribe_with(1, after));
}

#[test]
fn follow_ups_and_disconnects_work() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let mut one = topics.subscribe(1);
    let mut gone = task::spawn(one.disconnected());
    publish(&manager, [1]);
    read(&mut one);
    assert_eq!((one.follow_up(11), one.follow_up(21)), (Ok(1), Ok(1)));
    assert_pending!(gone.poll());
    assert!(manager.disconnect(one.id()));
    assert!(gone.poll().is_ready());
    assert_eq!(read_all(&mut one), [11, 21]);
}

#[test]
fn a_subscriber_shows_where_it_was_made() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let made = (topics.subscribe(1), line!());
    let any = (topics.subscribe_any([1]), line!());
    let infos = manager.subscribers();
    for (info, line) in infos.iter().zip([made.1, any.1]) {
        assert_eq!(
            (info.created_at().file(), info.created_at().line()),
            (file!(), line)
        );
    }
}
