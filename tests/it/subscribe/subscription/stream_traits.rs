//! Size hints, termination, and adapters of a subscription.

use futures::Stream;
use futures::stream::FusedStream;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EventManager, Overflow};
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::{read, read_all};

#[test]
fn size_hint_is_exact_after_the_end() {
    let manager = EventManager::new(100);
    let mut reader = manager.subscribe();
    let mut cut_off = manager.subscribe();
    assert_eq!(reader.size_hint(), (0, None));
    for n in 1..=70 {
        manager.try_notify(n).unwrap();
        assert_eq!(reader.size_hint(), (n, None));
    }
    for n in (60..70).rev() {
        read(&mut reader);
        assert_eq!(reader.size_hint(), (n, None));
        assert_eq!(reader.len(), n);
    }

    read(&mut cut_off);
    manager.disconnect(cut_off.id());
    for n in (0..70).rev() {
        assert_eq!(cut_off.size_hint(), (n, Some(n)));
        assert_eq!(cut_off.len(), n);
        read(&mut cut_off);
    }
    assert_ended!(cut_off).now();
    assert_eq!(cut_off.size_hint(), (0, Some(0)));

    manager.close();
    for n in (0..=60).rev() {
        assert_eq!(reader.size_hint(), (n, Some(n)));
        read(&mut reader);
    }
    assert_eq!(reader.size_hint(), (0, Some(0)));
}

#[test]
fn with_missed_promises_no_upper_bound() {
    let manager = EventManager::new(4);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    let (least, most) = screen.size_hint();
    let items = read_all(&mut screen).len();
    assert_eq!((least, items), (4, 5));
    assert!(most.is_none_or(|most| most >= items));
}

#[test]
fn a_subscription_is_a_fused_stream() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut screen = manager.subscribe().with_missed();
    manager.try_notify(1).unwrap();
    manager.close();
    assert!(!reader.is_terminated() && !screen.is_terminated());
    read(&mut reader);
    read(&mut screen);
    assert!(!reader.is_terminated(), "its `None` is still to come");
    assert!(!screen.is_terminated());
    for _ in 0..3 {
        assert_ended!(reader).now();
        assert_ended!(screen).now();
        assert!(reader.is_terminated() && screen.is_terminated());
    }
}

#[test]
fn with_missed_can_be_unwrapped() {
    let manager = EventManager::new(2);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let id = screen.get_ref().id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut screen);
    assert_pending!(done.poll());
    screen.get_mut().ack();
    assert_ready_ok!(done.poll());
    for n in 2..=5 {
        manager.try_notify(n).unwrap();
    }
    let mut plain = screen.into_inner();
    assert_eq!((plain.id(), plain.missed()), (id, 2));
    assert_next!(plain, 4).now();
}
