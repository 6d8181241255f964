//! Which subscribers block publishers, and since when, while other subscribers come and go.

use std::time::Duration;

use crate::drive::read;
use futures::FutureExt;
use genevent::{EventManager, Overflow, SubscribeOptions, SubscriberInfo};
use tokio_test::{assert_pending, assert_ready, task};

fn window(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().window(events)
}

/// Whether each subscriber blocks a waiting publisher.
fn are_blocking<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Vec<bool> {
    let holding = |info: &SubscriberInfo| info.blocking_for().is_some();
    manager.subscribers().iter().map(holding).collect()
}

#[test]
fn only_full_subscribers_with_unread_events_are_blocking() {
    let manager = EventManager::new(2);
    let (mut quick, mut slow) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    let permit = manager.reserve().now_or_never().unwrap().unwrap();
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    // The only room of this window is reserved already.
    let _late = manager.subscribe_with(window(1));
    assert_pending!(waits.poll());
    assert_eq!(are_blocking(&manager), [true, true, false]);

    assert_eq!(read(&mut quick), Some(1));
    assert_pending!(waits.poll());
    assert_eq!(are_blocking(&manager), [false, true, false]);
    assert_eq!(read(&mut slow), Some(1));
    assert_pending!(waits.poll());
    assert_eq!(are_blocking(&manager), [false, false, false]);

    drop(permit);
    assert!(waits.is_woken());
    assert_ready!(waits.poll()).unwrap();
}

#[test]
fn blocking_subscriber_reads_on_after_many_have_left() {
    for left in 0..40 {
        let manager = EventManager::new(2);
        let mut slow = manager.subscribe_with(window(1));
        manager.try_notify(1).unwrap();
        manager.try_notify(2).unwrap_err();
        (0..left).for_each(|_| drop(manager.subscribe()));
        assert_eq!(read(&mut slow), Some(1));
        manager.try_notify(2).unwrap();
    }
}

#[test]
fn each_front_waits_for_the_filters_blocking_it() {
    let manager = EventManager::new(2);
    let _slow = manager.subscribe();
    let _odd = manager.subscribe_filter_with(window(1), |n| n % 2 == 1);
    let _even = manager.subscribe_filter_with(window(1), |n| n % 2 == 0);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();

    let mut third = task::spawn(manager.notify(3));
    assert_pending!(third.poll());
    assert_eq!(are_blocking(&manager), [true, true, false]);
    drop(third);
    let mut fourth = task::spawn(manager.notify(4));
    assert_pending!(fourth.poll());
    assert_eq!(are_blocking(&manager), [true, false, true]);
}

#[test]
fn a_reader_of_a_closed_manager_blocks_nobody() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    (1..=2).for_each(|n| assert_eq!(manager.try_notify(n), Ok(1)));
    let mut publishers: Vec<_> = (3..=5).map(|n| task::spawn(manager.notify(n))).collect();
    for publisher in &mut publishers {
        assert_pending!(publisher.poll());
    }
    manager.close();
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(are_blocking(&manager), [false]);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_filter_blocks_from_its_own_front_on() {
    let second = Duration::from_secs(1);
    let patient = || window(1).overflow(Overflow::WaitAtMost(second));
    let manager = EventManager::new(2);
    let _slow = manager.subscribe_with(Overflow::WaitAtMost(second));
    let _odd = manager.subscribe_filter_with(patient(), |n| n % 2 == 1);
    let _even = manager.subscribe_filter_with(patient(), |n| n % 2 == 0);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();

    let mut third = task::spawn(manager.notify(3));
    assert_pending!(third.poll());
    drop(third);
    let heard_by = manager.notify(4).await.unwrap();
    assert_eq!(heard_by, 0, "those in its way have had their time");
    assert_eq!(manager.subscriber_count(), 1);
}

#[test]
fn a_subscriber_blocks_an_awake_publisher_as_soon_as_it_is_full() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    for n in 0..8 {
        manager.try_notify(n).unwrap();
    }
    // A place is granted to this publisher, which is never polled again.
    let mut kept = task::spawn(manager.notify(8));
    assert_pending!(kept.poll());
    for n in 0..8 {
        assert_eq!(read(&mut reader), Some(n));
    }
    assert!(kept.is_woken());
    // That place leaves no room in this window.
    let _filter = manager.subscribe_filter_with(window(1), |n| {
        assert!(*n < 100, "event {n}");
        *n == 9
    });
    let mut yields = task::spawn(manager.notify(9));
    assert_pending!(yields.poll());
    assert!(yields.is_woken());
    for n in 10..15 {
        manager.try_notify(n).unwrap();
    }
    // The filter panics and leaves. The others have had their turn, so this publisher yields.
    let mut turn = task::spawn(manager.notify(100));
    assert_pending!(turn.poll());
    assert_eq!((are_blocking(&manager), reader.len()), (vec![false], 5));

    manager.try_notify(15).unwrap();
    assert_eq!(are_blocking(&manager), [true], "two places are granted");
    assert!(manager.try_notify(16).is_err());
    for publisher in [&mut kept, &mut turn] {
        assert_ready!(publisher.poll()).unwrap();
    }
    assert_pending!(yields.poll());
    assert_eq!(read(&mut reader), Some(10));
    assert_ready!(yields.poll()).unwrap();
    assert_eq!(reader.len(), 8);
}
