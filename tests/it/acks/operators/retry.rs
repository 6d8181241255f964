//! `retry` tries failed work again, after each pause of a backoff.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::iter;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::FusedFuture;
use genevent::{EventManager, EventStreamExt};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::now;

use super::{
    Fragile, Jobs, assert_acked, assert_dropped, assert_open, deliveries, finish, on_demand,
    panics, receipt, sync_notify_all,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn failed_work_is_tried_again_after_each_pause() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let work = deliveries(&manager).try_for_each_acked(1, on_demand(&jobs));
    let mut work = task::spawn(work.retry([SECOND, 2 * SECOND]));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    for pause in [SECOND, 2 * SECOND] {
        finish(&jobs, 0, Err("busy"));
        assert_pending!(work.poll());
        advance(pause.saturating_sub(SECOND / 1_000)).await;
        assert_pending!(work.poll());
        assert_eq!(jobs.borrow().len(), 0, "not yet");
        advance(SECOND / 1_000).await;
        assert!(work.is_woken());
        assert_pending!(work.poll());
        assert_eq!(
            jobs.borrow().len(),
            1,
            "tried again, in the slot of the event"
        );
        assert_open(&mut one);
    }
    finish(&jobs, 0, Ok(()));
    assert_pending!(work.poll());
    assert_acked(&mut one);
    finish(&jobs, 0, Ok(()));
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_nacks_the_event() {
    let manager = EventManager::new(8);
    let tries = Cell::new(0);
    let work = deliveries(&manager).try_for_each_acked(1, |_| {
        tries.set(tries.get() + 1);
        ready(Err(format!("error {}", tries.get())))
    });
    let mut work = task::spawn(work.retry([SECOND; 2]));
    let [mut one, mut unread] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert!(!work.is_terminated());
    advance(SECOND).await;
    assert_pending!(work.poll());
    advance(SECOND).await;
    assert_eq!(assert_ready!(work.poll()), Err("error 3".to_owned()));
    assert!(work.is_terminated());
    let receipt = receipt(&mut one);
    assert_eq!(
        receipt.unfinished()[0].cause().to_string(),
        "failed: error 3"
    );
    assert_dropped(&mut unread);
}

/// Without a pause, `retry` changes nothing.
#[test]
fn an_empty_backoff_never_tries_again() {
    let manager = EventManager::new(8);
    let mut tries = 0;
    let work = deliveries(&manager).try_for_each_acked(1, |_| {
        tries += 1;
        ready(Err("no"))
    });
    let mut work = task::spawn(work.retry([]));
    let [mut one] = sync_notify_all(&manager, [1]);
    assert_eq!(assert_ready!(work.poll()), Err("no"));
    assert_dropped(&mut one);
    drop(work);
    assert_eq!(tries, 1);
}

#[tokio::test(start_paused = true)]
async fn each_event_begins_the_backoff_anew() {
    let manager = EventManager::new(8);
    let (tries, failed) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let work = deliveries(&manager).try_for_each_acked(2, |n| {
        tries.borrow_mut().push(n);
        ready(Err(n))
    });
    let doubling = iter::successors(Some(SECOND), |pause| Some(2 * *pause)).take(2);
    let work = work
        .retry(doubling)
        .continue_on_error(|n| failed.borrow_mut().push(n));
    let mut work = task::spawn(work);
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    while work.poll().is_pending() {
        advance(SECOND).await;
    }
    assert_eq!(*tries.borrow(), [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
    assert_eq!(*failed.borrow(), [1, 2, 3, 4]);
}

/// An error of one event lets the tries of the others go on.
#[tokio::test(start_paused = true)]
async fn other_tries_go_on_after_an_error() {
    let manager = EventManager::new(8);
    let tries = Cell::new(0);
    let work = deliveries(&manager).try_for_each_acked(2, |n| {
        tries.set(tries.get() + 1);
        let fails = n == 2 || tries.get() < 4;
        ready(if fails { Err(n) } else { Ok(()) })
    });
    let mut work = task::spawn(work.retry(Pauses(Rc::default())));
    let [mut one, mut two, mut unread] = sync_notify_all(&manager, [1, 2, 3]);
    assert_pending!(work.poll());
    assert_dropped(&mut two);
    assert_dropped(&mut unread);
    for _ in 0..2 {
        assert_open(&mut one);
        assert_pending!(work.poll());
        advance(SECOND).await;
        assert!(work.is_woken());
        if tries.get() == 2 {
            assert_pending!(work.poll());
        }
    }
    assert_eq!(assert_ready!(work.poll()), Err(2));
    assert_acked(&mut one);
}

/// Countless pauses for the first event, and none for later events.
#[derive(Clone)]
struct Pauses(Rc<Cell<usize>>);

impl IntoIterator for Pauses {
    type Item = Duration;
    type IntoIter = iter::RepeatN<Duration>;

    fn into_iter(self) -> Self::IntoIter {
        let begun = self.0.replace(self.0.get() + 1);
        iter::repeat_n(SECOND, if begun == 0 { usize::MAX } else { 0 })
    }
}

#[test]
fn zero_pauses_yield_to_other_work() {
    let manager = EventManager::new(8);
    let order = RefCell::new(Vec::new());
    let work = deliveries(&manager).try_for_each_acked(2, |n| {
        order.borrow_mut().push(n);
        ready(if order.borrow().len() < 6 {
            Err("busy")
        } else {
            Ok(())
        })
    });
    let mut work = task::spawn(work.retry(iter::repeat(Duration::ZERO)));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    for _ in 0..9 {
        if !work.poll().is_pending() {
            break;
        }
    }
    assert_acked(&mut one);
    assert_acked(&mut two);
    let order = order.borrow();
    assert!(order.starts_with(&[1, 2, 1, 2]), "{order:?}");
}

/// Work that fails at once, for ever, without a pause: the task still yields.
#[tokio::test]
async fn endless_tries_without_a_pause_yield_to_neighbours() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).try_for_each_acked(None, |_| ready(Err("never")));
    let mut work = Box::pin(work.retry(iter::repeat(Duration::ZERO)));
    for n in 0..4 {
        manager.try_notify(n).unwrap();
    }
    for _ in 0..100 {
        assert!(futures::poll!(&mut work).is_pending());
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_ends_all_tries() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).try_for_each_acked(3, |n| {
        if n == 1 {
            ready(Err("busy")).left_future()
        } else {
            pending().right_future()
        }
    });
    let mut work = task::spawn(work.retry([SECOND; 9]));
    let [mut paused, mut trying] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert_eq!(
        format!("{:?}", *work),
        "TryForEachAcked { in_flight: 2, failed: false, .. }"
    );
    drop(work);
    assert_dropped(&mut paused);
    assert_dropped(&mut trying);
    now(manager.flush()).unwrap();
}

#[test]
fn panicking_work_drops_its_own_event() {
    let manager = EventManager::new(8);
    let tries = Cell::new(0);
    let work = deliveries(&manager).try_for_each_acked(1, |n| {
        tries.set(tries.get() + 1);
        assert_ne!((n, tries.get()), (1, 2), "work");
        ready(if n == 1 { Err("busy") } else { Ok(()) })
    });
    let mut work = task::spawn(work.retry([Duration::ZERO; 4]));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert!(panics(|| work.poll()).contains("work"));
    assert_dropped(&mut one);
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

#[test]
fn a_panicking_backoff_drops_its_own_event() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).try_for_each_acked(1, |_| ready(Ok::<_, u8>(())));
    let panicked = Cell::new(false);
    let backoff = iter::repeat_with(|| {
        assert!(panicked.replace(true), "iterator");
        SECOND
    });
    let mut work = task::spawn(work.retry(backoff));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert!(panics(|| work.poll()).contains("iterator"));
    assert_dropped(&mut one);
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

/// The clone for the next try, not the reader's own.
#[test]
fn a_panicking_clone_drops_its_own_event() {
    static FUSE: AtomicU32 = AtomicU32::new(0);
    let manager = EventManager::<Fragile>::new(8);
    let jobs = manager.subscribe().deliveries();
    let jobs = futures::StreamExt::map(jobs, |job| {
        FUSE.store(u32::from(job.id == 1), Ordering::Relaxed);
        job
    });
    let work = jobs.try_for_each_acked(1, |_: Fragile| ready(Ok::<_, u8>(())));
    let mut work = task::spawn(work.retry([SECOND]));
    let events = [1, 2].map(|id| Fragile { id, fuse: &FUSE });
    let [mut one, mut two] = sync_notify_all(&manager, events);
    assert!(panics(|| work.poll()).contains("clone"));
    assert_dropped(&mut one);
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

/// Two panics at once would abort the process.
#[test]
fn an_event_may_panic_in_its_drop_after_a_panic_between_tries() {
    struct Bomb(u32);
    impl Clone for Bomb {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 2, "clone");
            Self(self.0)
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_eq!(self.0, 3, "drop");
        }
    }
    let manager = EventManager::new(8);
    let jobs = futures::StreamExt::map(deliveries(&manager), |job| job.map(Bomb));
    let work = jobs.try_for_each_acked(1, |_: Bomb| ready(Ok::<_, u8>(())));
    let panicked = Cell::new(false);
    let backoff = iter::repeat_with(|| {
        assert!(panicked.replace(true), "iterator");
        SECOND
    });
    let mut work = task::spawn(work.retry(backoff));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert!(panics(|| work.poll()).contains("iterator"));
    assert_dropped(&mut one);
    assert!(panics(|| work.poll()).contains("clone"));
    assert_dropped(&mut two);
    assert_pending!(work.poll());
    assert_acked(&mut three);
}

/// The value is cloned only if another try can follow, and each try gets a value.
#[test]
fn the_last_try_gets_the_event_itself() {
    struct Counted(Rc<Cell<u32>>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(Rc::clone(&self.0))
        }
    }
    let manager = EventManager::new(8);
    let clones = Rc::new(Cell::new(0));
    let counts = Rc::clone(&clones);
    let jobs = deliveries(&manager);
    let jobs = futures::StreamExt::map(jobs, move |job| job.map(|_| Counted(Rc::clone(&counts))));
    let work = jobs.try_for_each_acked(1, |_: Counted| ready(Err("no")));
    let mut work = task::spawn(work.retry([Duration::ZERO; 2]));
    let [mut one] = sync_notify_all(&manager, [1]);
    for _ in 0..2 {
        assert_pending!(work.poll());
    }
    assert_eq!(assert_ready!(work.poll()), Err("no"));
    assert_dropped(&mut one);
    assert_eq!(clones.get(), 2, "three tries");
}

#[test]
fn retry_after_the_first_poll_panics() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).try_for_each_acked(1, |_| pending::<Result<(), u8>>());
    let mut work = Box::new(work);
    let [mut one] = sync_notify_all(&manager, [1]);
    assert!((&mut work).now_or_never().is_none());
    let message = panics(|| work.retry([SECOND]));
    assert_eq!(message, "`retry` comes before the first poll");
    assert_dropped(&mut one);

    // A poll that has begun nothing is harmless.
    let mut idle = deliveries(&manager).try_for_each_acked(1, |_| ready(Ok::<_, u8>(())));
    assert!((&mut idle).now_or_never().is_none());
    let mut work = task::spawn(idle.retry([SECOND]));
    let [mut two] = sync_notify_all(&manager, [2]);
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

#[test]
fn retries_work_without_a_runtime() {
    let manager = EventManager::new(8);
    let tries = Cell::new(0);
    let work = deliveries(&manager).try_for_each_acked(1, |_| {
        tries.set(tries.get() + 1);
        ready(if tries.get() < 3 { Err("busy") } else { Ok(()) })
    });
    manager.try_notify(1).unwrap();
    manager.close();
    assert_eq!(block_on(work.retry([Duration::from_millis(1); 2])), Ok(()));
    assert_eq!(tries.get(), 3);
}
