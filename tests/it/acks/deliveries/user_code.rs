//! Clones and wakers of users that panic during a delivery.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, StreamExt};
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, out};

#[test]
fn a_panicking_clone_loses_no_delivery() {
    struct Fragile(Arc<AtomicBool>);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.0.swap(false, Ordering::Relaxed), "the clone fails");
            Self(Arc::clone(&self.0))
        }
    }

    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify(Fragile(Arc::new(AtomicBool::new(true)))));
    assert_pending!(done.poll());
    let failed = catch_unwind(AssertUnwindSafe(|| next(&mut jobs)));
    assert!(failed.is_err());
    assert_eq!((jobs.unacked(), jobs.len()), (0, 1));
    next(&mut jobs).ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

/// A waker that calls back, and then panics.
struct Caller(EventManager<usize>, AtomicUsize);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.0.subscriber_count(), 1);
        self.0.try_notify(9).unwrap();
        panic!("the waker fails");
    }
}

#[test]
fn a_panicking_waker_during_ack_harms_no_delivery() {
    let (manager, mut jobs, [one, two]) = out(SubscribeOptions::new().max_unacked(2));
    let caller = Arc::new(Caller(manager.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&caller));
    let mut cx = Context::from_waker(&waker);
    assert!(jobs.poll_next_unpin(&mut cx).is_pending());
    let mut flushed = manager.flush();
    assert!(flushed.poll_unpin(&mut cx).is_pending());
    one.ack();
    assert_eq!(caller.1.load(Ordering::Relaxed), 1, "the stream");
    two.ack();
    assert_eq!(caller.1.load(Ordering::Relaxed), 2, "the flush");
    assert!(flushed.now_or_never().is_some());
    assert_eq!(jobs.len(), 2);
}
