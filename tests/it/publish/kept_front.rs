//! A publisher that was woken without a place, and is kept without being polled.

use std::time::Duration;

use genevent::filter::Filtered;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};
use tokio::time::timeout;
use tokio_test::{assert_pending, task};

/// A manager, a reader with a full window, and a subscriber of even events with a full queue.
fn full() -> (EventManager<usize>, Subscription<usize>, Filtered<usize>) {
    let window = || SubscribeOptions::new().window(1);
    let manager = EventManager::new(4);
    let reader = manager.subscribe_with(window());
    let even = manager.subscribe_filter_with(window(), |n: &usize| n % 2 == 0);
    manager.try_notify(0).unwrap();
    (manager, reader, even)
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_publisher_sleeps_behind_one_woken_for_a_filter() {
    let (manager, mut reader, _even) = full();
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    let behind = manager.notify(3);
    let read = async {
        tokio::task::yield_now().await;
        reader.next().await
    };
    let both = timeout(MINUTE, futures::future::join(behind, read)).await;
    assert_eq!(both, Ok((Ok(1), Some(0))));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_sleeps_behind_one_woken_for_its_timer() {
    let limit = Overflow::WaitAtMost(Duration::from_secs(1));
    let manager = EventManager::<usize>::new(1);
    let mut reader = manager.subscribe();
    let _stuck = manager.subscribe_with(limit);
    manager.try_notify(0).unwrap();
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    let behind = manager.notify(2);
    let read = async {
        tokio::task::yield_now().await;
        // From now on, only the stuck subscriber blocks, which has a limit.
        reader.next().await
    };
    let both = timeout(MINUTE, futures::future::join(behind, read)).await;
    assert_eq!(both, Ok((Ok(1), Some(0))));
}
