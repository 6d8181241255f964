//! Publishers beside a full filtered subscriber, which a publisher checks for in its own poll.

use genevent::{EventManager, Filtered, SubscribeOptions, Subscription};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::read;

/// A manager of three events, with a subscriber of all events and a subscriber of even events, each
/// with a window of one, which 2 fills.
fn full() -> (EventManager<u32>, Subscription<u32>, Filtered<u32>) {
    let manager = EventManager::new(3);
    let options = || SubscribeOptions::new().window(1);
    let all = manager.subscribe_with(options());
    let even = |n: &u32| (n % 2 == 0).then_some(*n);
    let evens = manager.subscribe_filter_map_with(options(), even);
    assert_eq!(manager.try_notify(2), Ok(2));
    (manager, all, evens)
}

#[test]
fn each_read_of_a_filter_grants_a_place() {
    let manager = EventManager::new(4);
    let mut all = manager.subscribe_filter(|_| true);
    (0..4).for_each(|n| assert_eq!(manager.try_notify(n), Ok(1)));
    let mut queue: Vec<_> = (4..8).map(|n| task::spawn(manager.notify(n))).collect();
    for publish in &mut queue {
        assert_pending!(publish.poll());
    }
    for publish in &queue {
        read(&mut all).unwrap();
        assert!(publish.is_woken());
    }
    for publish in &mut queue {
        assert_ready_eq!(publish.poll(), Ok(1));
    }
    assert_eq!(all.len(), 4);
}

#[test]
fn try_notify_does_not_disturb_a_publisher_waiting_for_a_filter() {
    let (manager, mut all, mut evens) = full();
    read(&mut all);
    let mut first = task::spawn(manager.notify(4));
    assert_pending!(first.poll());
    manager.try_notify(6).unwrap_err();
    assert_eq!(read(&mut evens), Some(2));
    assert!(first.is_woken(), "its reader has made room");
    assert_ready_eq!(first.poll(), Ok(2));
}

#[test]
fn a_cancelled_publisher_leaves_no_filter_in_the_way() {
    let (manager, mut all, _evens) = full();
    read(&mut all);
    let mut first = task::spawn(manager.notify(4));
    assert_pending!(first.poll());
    let mut other = task::spawn(manager.notify(1));
    assert_pending!(other.poll(), "in order");
    drop(first);
    assert!(other.is_woken());
    assert_ready_eq!(other.poll(), Ok(1));
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_task_wakes_the_next_publisher_if_the_first_is_kept() {
    let (manager, mut all, _evens) = full();
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    let other = tokio::spawn({
        let manager = manager.clone();
        async move { manager.notify(3).await }
    });
    tokio::task::yield_now().await;
    read(&mut all);
    let stored = tokio::time::timeout(std::time::Duration::from_secs(1), other).await;
    assert_eq!(stored.unwrap().unwrap(), Ok(1));
}
