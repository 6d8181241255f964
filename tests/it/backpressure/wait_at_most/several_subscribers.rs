//! Several subscribers that block publishers at the same time.

use genevent::error::TryNotifyError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, secs, stuck};

#[tokio::test(start_paused = true)]
async fn a_patient_subscriber_keeps_overdue_subscribers_attached() {
    let (manager, reader) = stuck();
    let mut patient = manager.subscribe_with(SubscribeOptions::new().overflow(Overflow::Wait));
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    drop(reader);

    let mut limited = manager.subscribe_with(at_most(5));
    manager.try_notify(2).unwrap();
    let mut publisher = task::spawn(manager.notify(3));
    assert_pending!(publisher.poll());
    advance(secs(60)).await;
    assert_pending!(publisher.poll());
    tokio::task::yield_now().await;
    assert!(!publisher.is_woken(), "it sleeps until somebody reads");
    assert_eq!(manager.subscriber_count(), 2, "nothing was stored");

    assert_next!(patient, 2).now();
    assert!(publisher.is_woken());
    assert_eq!(
        assert_ready!(publisher.poll()),
        Ok(1),
        "now the limit is long past"
    );
    assert_next!(limited, 2).now();
    assert_ended!(limited).now();
}

#[tokio::test(start_paused = true)]
async fn a_patient_subscriber_does_not_stop_other_clocks() {
    let manager = EventManager::new(1);
    let mut patient = manager.subscribe();
    let limited = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(2)).await;
    assert_next!(patient, 1).now();
    assert_pending!(publisher.poll(), "there is one more");
    advance(secs(2)).await;
    assert!(!publisher.is_woken());
    advance(secs(1)).await;
    assert!(publisher.is_woken());
    assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn with_several_limits_the_longest_decides() {
    let manager = EventManager::new(1);
    let mut readers = [3, 9, 6].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(7)).await;
    assert_pending!(publisher.poll());
    assert_eq!(
        manager.subscriber_count(),
        3,
        "disconnecting two would help nobody"
    );
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(9));
    for reader in &mut readers {
        assert_next!(reader, 1).now();
        assert_ended!(reader).now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_reader_stays_and_overdue_subscribers_leave() {
    let manager = EventManager::new(1);
    let [short, mut long] = [3, 9].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(7)).await;
    assert_next!(long, 1).now();
    assert!(publisher.is_woken());
    assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    assert_eq!(manager.subscribers()[0].id(), long.id());
    drop(short);
}

#[tokio::test(start_paused = true)]
async fn a_leaving_subscriber_unblocks_publishers() {
    let manager = EventManager::new(1);
    let [short, long] = [3, 9].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    drop(long);
    assert!(publisher.is_woken(), "to look at the clock earlier");
    let start = Instant::now();
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(3));
    drop(short);
}
