//! Subscribers are woken only when there is an event, or the end, to read.

use std::task::Poll;

use futures::FutureExt;
use genevent::EventManager;

use super::{Alarm, read};

#[test]
fn an_unparked_subscriber_is_not_woken() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(1)));
    assert_eq!(alarm.held(), 0, "a poll that is ready keeps no waker");

    manager.try_notify(3).unwrap();
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(2)));
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(3)));
    manager.try_notify(4).unwrap();
    manager.close();
    assert_eq!(alarm.rings(), 0);
}

#[test]
fn a_burst_wakes_a_parked_subscriber_once() {
    let manager = EventManager::new(64);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    for round in 1..=3 {
        assert!(alarm.poll_next(&mut reader).is_pending());
        for n in 0..64 {
            manager.try_notify(n).unwrap();
            assert_eq!(alarm.rings(), round);
        }
        for n in 0..64 {
            assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(n)));
        }
    }
}

#[test]
fn only_events_and_the_end_wake_parked_subscribers() {
    let manager = EventManager::new(1);
    let mut parked = manager.subscribe();
    let mut full = manager.subscribe();
    manager.try_notify('a').unwrap();
    read(&mut parked);
    let alarm = Alarm::new();
    assert!(alarm.poll_next(&mut parked).is_pending());

    assert!(manager.try_notify('b').is_err());
    let mut cancelled = manager.notify('c');
    assert!((&mut cancelled).now_or_never().is_none());
    drop(cancelled);
    read(&mut full);
    full.ack();
    manager.disconnect(full.id());
    drop(full);
    let late = manager.subscribe();
    assert!(manager.flush().now_or_never().is_some());
    assert_eq!(alarm.rings(), 0);

    drop(late);
    manager.close();
    manager.close();
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn disconnecting_wakes_only_the_parked_subscriber() {
    let manager = EventManager::<()>::new(4);
    let (mut one, mut other) = (manager.subscribe(), manager.subscribe());
    let (its, not_its) = (Alarm::new(), Alarm::new());
    assert!(its.poll_next(&mut one).is_pending());
    assert!(not_its.poll_next(&mut other).is_pending());
    assert!(manager.disconnect(one.id()));
    assert!(!manager.disconnect(one.id()));
    assert_eq!((its.rings(), not_its.rings()), (1, 0));
    assert_eq!(its.poll_next(&mut one), Poll::Ready(None));
}

#[test]
fn dropping_the_last_manager_wakes_parked_subscribers() {
    let manager = EventManager::<()>::new(4);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    assert!(alarm.poll_next(&mut reader).is_pending());
    drop(manager.clone());
    let weak = manager.downgrade();
    assert_eq!(alarm.rings(), 0);
    drop(manager);
    assert_eq!(alarm.rings(), 1);
    drop(weak);
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(None));
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn a_dropped_parked_subscriber_is_not_woken() {
    let manager = EventManager::new(4);
    let (mut leaver, mut stayer) = (manager.subscribe(), manager.subscribe());
    let (gone, here) = (Alarm::new(), Alarm::new());
    assert!(gone.poll_next(&mut leaver).is_pending());
    assert!(here.poll_next(&mut stayer).is_pending());
    drop(leaver);
    assert_eq!(gone.held(), 0);
    manager.try_notify(1).unwrap();
    assert_eq!((gone.rings(), here.rings()), (0, 1));
}

#[test]
fn a_reader_that_yields_to_publishers_is_woken_once() {
    let manager = EventManager::new(1);
    let (mut parked, mut slow) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    let mut publishers: Vec<_> = (2..=4).map(|n| manager.notify(n)).collect();
    for publisher in &mut publishers {
        assert!(publisher.now_or_never().is_none());
    }
    assert_eq!(read(&mut parked), 1);
    let alarm = Alarm::new();
    assert!(alarm.poll_next(&mut parked).is_pending());
    assert_eq!(alarm.rings(), 0);
    // The first publisher is granted a place, beside which the others sleep.
    assert_eq!(read(&mut slow), 1);
    assert!(alarm.poll_next(&mut parked).is_pending());
    assert_eq!(alarm.rings(), 1, "it yields");
    assert!((&mut publishers[0]).now_or_never().is_some());
    assert_eq!(alarm.rings(), 1, "it is awake");
    assert_eq!(alarm.poll_next(&mut parked), Poll::Ready(Some(2)));
}
