//! `max_unacked` limits the number of deliveries in flight.

use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, out, waits};

#[test]
fn at_most_max_unacked_deliveries_are_in_flight() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let mut jobs = task::spawn(manager.subscribe_with(options).deliveries());
    for event in 1..=4 {
        manager.try_notify(event).unwrap();
    }
    let one = assert_ready!(jobs.poll_next()).unwrap();
    let two = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    manager.try_notify(5).unwrap();
    assert!(!jobs.is_woken(), "an event more changes nothing");

    two.ack();
    assert!(jobs.is_woken(), "an acknowledgement does");
    let three = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    drop(three);
    assert!(jobs.is_woken(), "and so does giving one up");
    let four = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    drop(four.map(|n| n + 1).into_parts().1);
    assert!(jobs.is_woken(), "in whatever shape");
    assert_eq!(assert_ready!(jobs.poll_next()).unwrap().ack(), 5);
    one.ack();
}

#[test]
fn max_unacked_defaults_to_capacity_or_1024() {
    for (capacity, max) in [(1, 1024), (1024, 1024), (1025, 1025)] {
        let manager = EventManager::new(capacity);
        let mut jobs = manager.subscribe().deliveries();
        let mut out = Vec::new();
        for event in 0..max {
            manager.try_notify(event).unwrap();
            out.push(next(&mut jobs));
        }
        manager.try_notify(max).unwrap();
        assert!(waits(&mut jobs));
        out.pop();
        assert_eq!(next(&mut jobs).ack(), max);
    }
}

#[test]
fn publishers_wait_while_max_unacked_is_reached() {
    let manager = EventManager::new(1);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    manager.try_notify(1).unwrap();
    let one = next(&mut jobs);
    manager.try_notify(2).unwrap();
    let mut third = task::spawn(manager.notify(3));
    assert_pending!(third.poll());
    assert!(waits(&mut jobs));
    one.ack();
    assert!(!third.is_woken(), "an acknowledgement is not yet room");
    let _two = next(&mut jobs);
    assert!(third.is_woken(), "reading is");
    assert_eq!(assert_ready!(third.poll()), Ok(1));
}

#[test]
#[should_panic(expected = "at least one delivery")]
fn a_zero_max_unacked_panics() {
    let _options = SubscribeOptions::new().max_unacked(0);
}

#[test]
fn a_yielded_delivery_frees_window_room() {
    let manager = EventManager::new(1);
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let mut second = task::spawn(manager.notify(2));
    assert_pending!(second.poll());
    let one = next(&mut jobs);
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()), Ok(1));
    one.ack();
}

#[test]
fn subscriber_info_counts_unacked_deliveries() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new().name("jobs"));
    manager.try_notify(3).unwrap();
    let info = manager.subscribers().remove(0);
    assert_eq!((info.unread(), info.unacked()), (1, 2));
    assert_eq!(jobs.unacked(), 2);
    assert!(info.to_string().ends_with("1 of 8 unread, 2 in flight"));

    two.ack();
    assert_eq!(info.unacked(), 2, "as it was seen then");
    assert_eq!(manager.subscribers()[0].unacked(), 1);
    drop(one);
    assert_eq!(manager.subscribers()[0].unacked(), 0);
}
