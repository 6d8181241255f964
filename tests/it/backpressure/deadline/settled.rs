//! `Unanswered::settled` goes on waiting after the time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use futures::executor::block_on;
use genevent::error::Unanswered;
use genevent::future::Settled;
use genevent::{EventManager, Subscription};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, named, now, unanswered};
use crate::receipts::UnfinishedIds;

async fn late_event(manager: &EventManager<u32>) -> Unanswered {
    unanswered(manager.sync_notify(1).within(SECOND).await)
}

fn finish(reader: &mut Subscription<u32>) {
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_completes_the_receipt() {
    let manager = EventManager::new(4);
    let mut first = manager.subscribe();
    let mut second = manager.subscribe();
    let leaver = manager.subscribe();
    let cut = manager.subscribe();
    let mut late = task::spawn(manager.sync_notify(1).within(SECOND));
    assert_pending!(late.poll());
    finish(&mut first);
    advance(SECOND).await;
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!((late.receipt().acked(), late.receipt().dropped()), (1, 0));

    let mut settled = task::spawn(late.settled());
    assert_pending!(settled.poll());
    let dropped = [leaver.id(), cut.id()];
    drop(leaver);
    assert!(manager.disconnect(cut.id()));
    assert_eq!(now(second.next()), Some(1));
    assert!(!settled.is_woken(), "received, not finished");
    second.ack();
    assert!(settled.is_woken());
    let receipt = assert_ready!(settled.poll());
    assert_eq!((receipt.seq(), receipt.acked()), (1, 2));
    assert_eq!(receipt.unfinished_ids(), dropped);
    assert_eq!(late.receipt().acked(), 1, "as of when the time was up");
}

#[tokio::test(start_paused = true)]
async fn ack_notify_waits_on_for_receiving_alone() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let late = unanswered(manager.ack_notify(1).within(SECOND).await);
    let mut settled = task::spawn(late.settled());
    assert_pending!(settled.poll());
    assert_eq!(now(reader.next()), Some(1));
    assert!(settled.is_woken());
    assert_eq!(assert_ready!(settled.poll()).acked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_first_poll_counts() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let late = late_event(&manager).await;
    let settled = late.settled();
    finish(&mut reader);
    assert!(now(settled).all_acked());
    assert!(now(late.settled()).all_acked(), "also when asked again");
}

#[tokio::test(start_paused = true)]
async fn every_future_of_an_error_is_woken() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let leaver = manager.subscribe();
    let left = leaver.id();
    let late = late_event(&manager).await;
    let copy = late.clone();
    let mut futures: Vec<_> = [&late, &late, &copy]
        .map(|late| task::spawn(late.settled()))
        .into();
    for settled in &mut futures {
        assert_pending!(settled.poll());
    }
    drop(futures.remove(1));
    drop(leaver);
    finish(&mut reader);
    for settled in &mut futures {
        assert!(settled.is_woken());
        assert_eq!(assert_ready!(settled.poll()).unfinished_ids(), [left]);
    }
}

/// The hazard: the late future drops the waker of the future that goes on waiting.
#[tokio::test(start_paused = true)]
async fn the_late_future_may_be_dropped_at_any_time() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut publish = task::spawn(manager.sync_notify(1).within(SECOND));
    assert_pending!(publish.poll());
    advance(SECOND).await;
    let late = unanswered(assert_ready!(publish.poll()));
    let mut settled = task::spawn(late.settled());
    assert_pending!(settled.poll());
    drop(publish);
    drop(late);
    finish(&mut reader);
    assert!(settled.is_woken());
    assert!(assert_ready!(settled.poll()).all_acked());
}

/// Counts its wake-ups.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    fn poll(self: &Arc<Self>, settled: &mut Settled) -> bool {
        let waker = Waker::from(Arc::clone(self));
        settled
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_ready()
    }

    fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_last_polling_task_is_woken() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let late = late_event(&manager).await;
    let (first, last) = (Arc::new(Alarm::default()), Arc::new(Alarm::default()));
    let mut settled = late.settled();
    assert!(!first.poll(&mut settled) && !last.poll(&mut settled));
    assert!(!last.poll(&mut settled));
    assert_eq!(Arc::strong_count(&first), 1, "its waker is dropped");
    finish(&mut reader);
    assert_eq!((first.rings(), last.rings()), (0, 1));
    assert!(last.poll(&mut settled));
    assert_eq!(Arc::strong_count(&last), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_leaves_no_waker() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let late = late_event(&manager).await;
    let alarm = Arc::new(Alarm::default());
    let mut settled = late.settled();
    assert!(!alarm.poll(&mut settled));
    drop(settled);
    assert_eq!(Arc::strong_count(&alarm), 1);
    finish(&mut reader);
    assert_eq!(alarm.rings(), 0);
    assert!(now(late.settled()).all_acked());
}

/// Panics when it is woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("the waker of a test");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_waker_harms_no_other_future() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let late = late_event(&manager).await;
    let mut harmful = late.settled();
    let waker = Waker::from(Arc::new(Panicking));
    assert!(
        harmful
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let mut settled = task::spawn(late.settled());
    assert_pending!(settled.poll());
    finish(&mut reader);
    assert!(settled.is_woken());
    assert!(now(harmful).all_acked());
}

#[tokio::test(start_paused = true)]
async fn neither_manager_nor_event_is_kept() {
    let event = Arc::new(());
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_with(named("reader"));
    let late = manager.sync_notify(Arc::clone(&event)).within(SECOND);
    let late = unanswered(late.await);
    let mut settled = task::spawn(late.settled());
    assert_pending!(settled.poll());
    drop(manager);
    assert!(now(reader.next()).is_some());
    assert!(now(reader.next()).is_none(), "the manager is closed");
    assert!(settled.is_woken());
    drop(reader);
    assert_eq!(Arc::strong_count(&event), 1);
    assert!(assert_ready!(settled.poll()).all_acked());
}

#[test]
fn another_thread_may_wait_for_the_rest() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    for _ in 0..200 {
        let late = block_on(manager.sync_notify(1).within(std::time::Duration::ZERO));
        let late = unanswered(late);
        let waiting = late.settled();
        let waiting = std::thread::spawn(move || block_on(waiting));
        finish(&mut reader);
        assert!(waiting.join().unwrap().all_acked());
    }
}
