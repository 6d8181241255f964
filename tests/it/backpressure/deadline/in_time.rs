//! Publishers that finish before or at their deadline.

use std::time::Duration;

use genevent::EventManager;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, not_stored, now, unanswered};

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_at_the_deadline_is_in_time() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1).within(SECOND));
    assert_pending!(done.poll());
    advance(SECOND).await;
    assert!(done.is_woken());
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.acked(), 1);
}

#[tokio::test(start_paused = true)]
async fn room_at_the_deadline_stores_the_event() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut done = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(done.poll());
    advance(SECOND).await;
    assert_eq!(now(reader.next()), Some(1));
    let late = unanswered(assert_ready!(done.poll()));
    assert_eq!(ids(late.waiting_for()), [reader.id()]);
    assert_eq!(now(reader.next()), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_zero_deadline_suffices_without_waiting() {
    let manager = EventManager::new(1);
    assert!(
        manager
            .sync_notify(1)
            .within(Duration::ZERO)
            .await
            .unwrap()
            .is_unheard()
    );
    assert!(
        manager
            .ack_notify(1)
            .within(Duration::ZERO)
            .await
            .unwrap()
            .is_unheard()
    );
    manager.flush().within(Duration::ZERO).await.unwrap();

    let reader = manager.subscribe();
    let start = Instant::now();
    let late = manager.sync_notify(2).within(Duration::ZERO).await;
    assert_eq!(ids(unanswered(late).waiting_for()), [reader.id()]);
    let late = manager.sync_notify(3).within(Duration::ZERO).await;
    assert_eq!(not_stored(late).into_event(), 3);
    assert!(start.elapsed() <= Duration::from_millis(2));
    drop(reader);
    manager.stop().within(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unrepresentable_deadline_means_for_ever() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1).within(Duration::MAX));
    assert_pending!(done.poll());
    advance(1_000_000 * SECOND).await;
    assert_pending!(done.poll());
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    assert_ready!(done.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn time_runs_from_the_first_poll() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let mut late = task::spawn(manager.sync_notify(1).within(SECOND));
    let mut flush = task::spawn(manager.flush().within(SECOND));
    let mut stop = task::spawn(manager.stop().within(SECOND));
    let mut behind = task::spawn(manager.ack_notify(2).within(SECOND));
    advance(2 * SECOND).await;
    assert_eq!(reader.len(), 0);
    assert_pending!(late.poll());
    assert_eq!(reader.len(), 1);
    assert_pending!(flush.poll());
    assert_pending!(behind.poll());
    advance(SECOND / 2).await;
    assert!(!late.is_woken() && !flush.is_woken() && !behind.is_woken());
    advance(SECOND / 2).await;
    assert_eq!(
        ids(unanswered(assert_ready!(late.poll())).waiting_for()),
        [reader.id()]
    );
    assert_eq!(
        ids(assert_ready!(flush.poll()).unwrap_err().waiting_for()),
        [reader.id()]
    );
    assert_eq!(not_stored(assert_ready!(behind.poll())).into_event(), 2);
    assert!(!manager.is_closed(), "`stop` has not been polled");
    assert_pending!(stop.poll());
    advance(SECOND).await;
    assert_eq!(
        ids(assert_ready!(stop.poll()).unwrap_err().waiting_for()),
        [reader.id()]
    );
}

#[test]
fn without_waiting_no_runtime_is_needed() {
    let manager = EventManager::<u8>::new(1);
    assert!(
        now(manager.sync_notify(1).within(SECOND))
            .unwrap()
            .is_unheard()
    );
    now(manager.flush().within(SECOND)).unwrap();
    now(manager.stop().within(SECOND)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_within_equals_dropping_the_inner_future() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut stored = task::spawn(manager.sync_notify(1).within(SECOND));
    let mut waiting = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(stored.poll());
    assert_pending!(waiting.poll());
    drop((stored, waiting));
    assert_eq!(now(reader.next()), Some(1));
    assert_eq!(manager.try_notify(3), Ok(1));
    assert_eq!(now(reader.next()), Some(3));
}
