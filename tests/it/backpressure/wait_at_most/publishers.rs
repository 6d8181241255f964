//! Every kind of publisher, at the front of the wait queue and behind the front.

use futures::FutureExt;
use genevent::error::NotifyError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, secs, stuck};

#[tokio::test(start_paused = true)]
async fn time_runs_from_the_first_waiting_publisher() {
    let (manager, reader) = stuck();
    let mut first = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(second.poll());
    advance(secs(2)).await;
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(assert_ready!(first.poll()), Ok(0));
    assert!(second.is_woken(), "its turn");
    assert_eq!(assert_ready!(second.poll()), Ok(0));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_front_passes_its_timer_on() {
    let (manager, reader) = stuck();
    let start = Instant::now();
    let mut front = task::spawn(manager.notify(2));
    assert_pending!(front.poll());
    let next = tokio::spawn({
        let manager = manager.clone();
        async move { manager.notify(3).await }
    });
    advance(secs(3)).await;
    assert_pending!(front.poll());
    drop(front);
    assert_eq!(next.await.unwrap(), Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_moved_front_still_wakes_in_time() {
    let (manager, reader) = stuck();
    let start = Instant::now();
    let mut publisher = Box::pin(async move { (manager.notify(2).await, manager) });
    assert!((&mut publisher).now_or_never().is_none());
    let (stored, _manager) = tokio::spawn(publisher).await.unwrap();
    assert_eq!(stored, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_publisher_watches_the_clock() {
    use futures::SinkExt;

    for kind in 0..5 {
        let (manager, reader) = stuck();
        let start = Instant::now();
        match kind {
            0 => drop(manager.notify(2).await.unwrap()),
            1 => drop(manager.ack_notify(2).await.unwrap()),
            2 => drop(manager.sync_notify(2).await.unwrap()),
            3 => drop(manager.reserve().await.unwrap()),
            _ => manager.sync_sink().send(2).await.unwrap(),
        }
        assert_eq!(start.elapsed(), secs(5), "{kind}");
        drop(reader);
    }
}

#[tokio::test(start_paused = true)]
async fn only_waiting_for_room_is_limited() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_with(at_most(5));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    assert_next!(reader, 1).now();
    advance(secs(3600)).await;
    assert_pending!(done.poll());
    assert_eq!(manager.subscriber_count(), 1);
    reader.ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

#[tokio::test(start_paused = true)]
async fn closing_meanwhile_disconnects_no_subscriber() {
    let (manager, mut reader) = stuck();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(6)).await;
    manager.close();
    assert_eq!(assert_ready!(publisher.poll()), Err(NotifyError::Closed(2)));
    assert_next!(reader, 1).now();
    assert_ended!(reader).now();
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_kept_front_without_a_timer_delays_nobody() {
    let manager = EventManager::new(1);
    let (stuck, mut slow) = (manager.subscribe_with(at_most(5)), manager.subscribe());
    assert_eq!(manager.try_notify(1), Ok(2));
    let mut front = task::spawn(manager.notify(2));
    assert_pending!(front.poll());
    let other = tokio::spawn({
        let manager = manager.clone();
        async move { manager.notify(3).await }
    });
    tokio::task::yield_now().await;
    // From now on the time of the other subscriber matters, and the front is to set its timer.
    assert_next!(slow, 1).now();
    assert!(front.is_woken());
    let stored = tokio::time::timeout(secs(6), other).await;
    assert_eq!(stored.unwrap().unwrap(), Ok(1));
    drop(stuck);
}
