//! Deliveries of observers: their acknowledgements do nothing, and their number is bounded.

use futures::StreamExt;
use genevent::error::FollowUpError;
use genevent::{Delivery, EventManager};
use tokio_test::{assert_pending, task};

use super::observer;
use crate::drive::{now, read, waits};

#[test]
fn acks_and_drops_of_observers_do_nothing() {
    let manager = EventManager::new(8);
    let mut observed = manager.subscribe_with(observer()).deliveries();
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    manager.try_notify(2).unwrap();
    let (first, second) = (read(&mut observed).unwrap(), read(&mut observed).unwrap());
    assert_eq!(observed.unacked(), 2);
    drop(first);
    assert_eq!(second.ack(), 2);
    assert_eq!(observed.unacked(), 0);
    assert!(!done.is_woken());
    read(&mut reader);
    reader.ack();
    assert_eq!(now(done.into_inner()).unwrap().acked(), 1);
}

#[test]
fn flush_and_stop_ignore_deliveries_of_observers() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe_with(observer()).deliveries();
    let mut filtered = (manager.subscribe_filter_with(observer(), |_| true)).deliveries();
    manager.try_notify(1).unwrap();
    let (first, second) = (read(&mut plain).unwrap(), read(&mut filtered).unwrap());
    assert_eq!(now(manager.flush()), Ok(()));
    drop((plain, filtered));
    assert!(manager.stats().leaving().is_empty());
    assert_eq!(now(manager.stop()), Ok(()));
    assert_eq!((first.ack(), second.ack()), (1, 1));
}

#[test]
fn max_unacked_bounds_deliveries_of_observers() {
    let manager = EventManager::new(8);
    let options = observer().max_unacked(1);
    let filtered = manager.subscribe_filter_with(options.clone(), |_| true);
    let mut filtered = filtered.deliveries();
    let mut plain = manager.subscribe_with(options).deliveries();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let held = (read(&mut plain).unwrap(), read(&mut filtered).unwrap());
    assert!(waits(&mut plain) && waits(&mut filtered));
    drop(held);
    assert_eq!(read(&mut plain).unwrap().ack(), 2);
    assert_eq!(read(&mut filtered).unwrap().ack(), 2);
}

#[test]
fn observers_switch_to_deliveries_with_an_event_in_flight() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe_with(observer());
    let mut done = task::spawn(manager.sync_notify(1));
    assert!(done.poll().is_ready());
    read(&mut plain);
    let mut deliveries = plain.deliveries();
    assert_eq!(deliveries.unacked(), 0);
    now(manager.sync_notify(2)).unwrap();
    assert_eq!(read(&mut deliveries).unwrap().ack(), 2);
}

#[test]
fn observers_may_publish_follow_ups() {
    let manager = EventManager::new(1);
    let mut plain = manager.subscribe_with(observer());
    manager.try_notify(1).unwrap();
    assert_eq!(plain.follow_up(2), Err(FollowUpError::NothingInFlight(2)));
    read(&mut plain);
    assert_eq!(plain.follow_up(2), Ok(1));
    assert_eq!(plain.follow_up(3), Ok(1), "past the full window");
    let mut deliveries = plain.deliveries();
    let second = read(&mut deliveries).unwrap();
    assert_eq!(second.follow_up(4), Ok(1));
    drop(second);
    manager.close();
    let rest = now(deliveries.map(Delivery::ack).collect::<Vec<_>>());
    assert_eq!(rest, [3, 4]);
}
