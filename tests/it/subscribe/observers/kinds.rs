//! Observers of each kind: filtered, replaying, with missed events, staged; and refused stages.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use genevent::{EventManager, Overflow, Received, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::observer;
use crate::drive::{now, read, read_all, waits};

#[test]
fn filtered_observers_owe_nothing() {
    let manager = EventManager::new(8);
    let lossy = observer().overflow(Overflow::DropOldest).window(1);
    let mut even = manager.subscribe_filter_with(lossy, |n| n % 2 == 0);
    assert!(now(manager.sync_notify(2)).unwrap().is_unheard());
    assert!(
        now(manager.ack_notify(4)).unwrap().is_unheard(),
        "overwrites 2"
    );
    assert_eq!(manager.try_notify(6), Ok(1));
    assert_eq!((read(&mut even), even.missed()), (Some(6), 2));
    assert_eq!(now(manager.flush()), Ok(()), "6 is in flight");

    // Beside a filtered subscriber that owes acknowledgements, and plain subscribers.
    let mut awaited = manager.subscribe_filter(|n| n % 2 == 0);
    let mut plain = manager.subscribe();
    let screen = manager.subscribe_with(observer());
    let mut done = task::spawn(manager.sync_notify(8));
    assert_pending!(done.poll());
    drop((even, screen));
    read(&mut awaited);
    awaited.ack();
    assert_pending!(done.poll());
    drop(plain.deliveries());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));

    // Beside plain observers alone.
    plain = manager.subscribe_with(observer());
    let mut done = task::spawn(manager.sync_notify(10));
    assert_pending!(done.poll());
    read(&mut awaited);
    awaited.ack();
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 1);
    drop(plain);
}

#[test]
fn filtered_observers_cut_off_by_the_event_do_not_count() {
    let manager = EventManager::new(8);
    let strict = || observer().overflow(Overflow::Disconnect).window(1);
    let mut cut = manager.subscribe_filter_with(strict(), |_| true);
    let _other = manager.subscribe_filter_with(observer(), |_| true);
    let strict = SubscribeOptions::from(Overflow::Disconnect).window(1);
    let mut awaited = manager.subscribe_filter_with(strict, |_| true);
    manager.try_notify(1).unwrap();
    // The event disconnects the observer and the subscriber that owes acknowledgements.
    assert!(now(manager.sync_notify(2)).unwrap().is_unheard());
    assert_eq!(
        (read_all(&mut cut), read_all(&mut awaited)),
        (vec![1], vec![1])
    );
    assert_eq!(manager.subscriber_count(), 1);
}

#[test]
fn replaying_observers_begin_with_retained_events() {
    let manager = EventManager::builder().capacity(8).retain(20).build();
    for n in 1..=30 {
        now(manager.sync_notify(n)).unwrap();
    }
    let mut late = manager.subscribe_with(observer().replay(20));
    assert!(now(manager.sync_notify(31)).unwrap().is_unheard());
    manager.close();
    assert_eq!(read_all(&mut late), (11..=31).collect::<Vec<_>>());
}

#[test]
fn observers_see_their_missed_events() {
    let manager = EventManager::new(2);
    let lossy = observer().overflow(Overflow::DropOldest);
    let mut plain = manager.subscribe_with(lossy.clone()).with_missed();
    let mut filtered = manager.subscribe_filter_with(lossy, |_| true).with_missed();
    for n in 1..=5 {
        now(manager.sync_notify(n)).unwrap();
    }
    manager.close();
    let expected = [Received::Missed(3), Received::Event(4), Received::Event(5)];
    assert_eq!(read_all(&mut plain), expected);
    assert_eq!(read_all(&mut filtered), expected);
}

#[test]
fn an_observer_may_be_a_stage() {
    let manager = EventManager::new(8);
    let mut journal = manager.subscribe();
    let mut screen = manager.subscribe_with(observer().after(journal.id()));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    assert!(waits(&mut screen), "the journal has not finished");
    read(&mut journal);
    journal.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
    assert_eq!(now(manager.flush()), Ok(()));
    assert_eq!(read(&mut screen), Some(1));
}

/// A stage behind an ordinary subscription is waited for, beside an observer as well.
#[test]
fn a_stage_is_waited_for_beside_an_observer() {
    let manager = EventManager::new(8);
    let mut journal = manager.subscribe();
    let _screen = manager.subscribe_with(observer().after(journal.id()));
    let mut business = manager.subscribe_after(&journal);
    let mut done = task::spawn(manager.sync_notify(1));
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(done.poll());
    assert_pending!(flushed.poll());
    read(&mut journal);
    journal.ack();
    assert_pending!(done.poll());
    assert_pending!(flushed.poll());
    read(&mut business);
    business.ack();
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 2);
    assert!(flushed.is_woken() && flushed.poll().is_ready());
}

#[test]
#[should_panic(expected = "cannot come after an observer")]
fn a_stage_after_an_observer_is_refused() {
    let manager = EventManager::<u32>::new(8);
    let screen = manager.subscribe_with(observer());
    let _stage = manager.subscribe_after(&screen);
}

#[test]
fn a_refused_stage_leaves_the_manager_working() {
    let manager = EventManager::<u32>::new(8);
    let mut journal = manager.subscribe();
    let screen = manager.subscribe_with(observer());
    let both = observer().after(journal.id()).after(screen.id());
    let refused = catch_unwind(AssertUnwindSafe(|| manager.subscribe_with(both.clone())));
    assert!(refused.is_err());
    assert_eq!(manager.try_notify(1), Ok(2));
    drop(screen);
    let mut stage = manager.subscribe_with(both);
    manager.try_notify(2).unwrap();
    assert!(waits(&mut stage), "nothing waits for one that has left");
    for n in [1, 2] {
        assert_eq!(read(&mut journal), Some(n));
    }
    journal.ack();
    assert_eq!(read(&mut stage), Some(2));
}

/// An event with a panicking `Clone`, on demand.
struct Fragile(Arc<AtomicBool>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.0.load(Ordering::Relaxed), "told to");
        Self(Arc::clone(&self.0))
    }
}

#[test]
fn an_observer_with_a_failed_clone_settles_nothing() {
    let fails = Arc::new(AtomicBool::new(true));
    let manager = EventManager::new(8);
    let screens = [(); 2].map(|()| manager.subscribe_with(observer()));
    let journal = manager.subscribe_filter_map(|_: &Fragile| Some(()));
    let mut done = task::spawn(manager.sync_notify(Fragile(Arc::clone(&fails))));
    assert_pending!(done.poll());
    let [mut first, mut second] = screens;
    for screen in [&mut first, &mut second] {
        let failed = catch_unwind(AssertUnwindSafe(|| read(screen).is_some()));
        assert!(failed.is_err());
    }
    drop(first);
    let mut second = second.deliveries();
    fails.store(false, Ordering::Relaxed);
    assert!(read(&mut second).is_some());
    assert!(!done.is_woken());
    drop(journal);
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.acked() + receipt.dropped(), 1);
}
