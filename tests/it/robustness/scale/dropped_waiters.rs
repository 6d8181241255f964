//! Futures dropped over and over leave nothing behind.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use genevent::EventManager;
use tokio_test::{assert_pending, task};

use super::{is_pending, now, read};

const OFTEN: usize = 100_000;

/// Memory is not visible from here. Visible are their wakers, which are gone, and the end of the
/// wait, which would resolve each dropped future and resolves the one that is left. The module of
/// the flush documents that dropped futures do not accumulate inside.
#[test]
fn repeatedly_dropped_flushes_are_forgotten() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut other = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut other), Some(1));
    let mut kept = manager.flush();
    assert!(is_pending(&mut kept));
    let task = Arc::new(Nothing);
    for _ in 0..OFTEN {
        let waker = Waker::from(Arc::clone(&task));
        let mut given_up = manager.flush();
        assert!(
            given_up
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(Arc::strong_count(&task), 1, "no waker stayed behind");
    other.ack();
    assert!(is_pending(&mut kept));
    assert_eq!(read(&mut reader), Some(1));
    reader.ack();
    now(kept).unwrap();
    now(manager.flush()).unwrap();
}

#[test]
fn repeatedly_dropped_waiters_are_forgotten() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut parked = manager.subscribe();
    manager.try_notify(0).unwrap();
    assert_eq!(read(&mut parked), Some(0));
    let task = Arc::new(Nothing);
    let waker = Waker::from(Arc::clone(&task));
    let mut cx = Context::from_waker(&waker);
    for n in 0..OFTEN / 4 {
        assert!(manager.notify(n).poll_unpin(&mut cx).is_pending());
        assert!(manager.closed().poll_unpin(&mut cx).is_pending());
        assert!(
            manager
                .wait_for_subscribers(3)
                .poll_unpin(&mut cx)
                .is_pending()
        );
        assert!(parked.next().poll_unpin(&mut cx).is_pending());
    }
    assert_eq!(
        Arc::strong_count(&task),
        3,
        "ours, and the parked subscriber's"
    );
    assert_eq!(read(&mut reader), Some(0));
    assert_eq!(manager.try_notify(1), Ok(2), "nobody is in line");
    assert_eq!(read(&mut parked), Some(1));
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn closed_waiters_cost_subscribers_and_publishers_nothing() {
    // The hazard: each of these steps looked at each of the waiters, under the lock.
    let manager = EventManager::<u8>::new(4);
    let mut ends: Vec<_> = (0..10_000).map(|_| task::spawn(manager.closed())).collect();
    for end in &mut ends {
        assert_pending!(end.poll());
    }
    for _ in 0..10_000 {
        let reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        permit.notify(1);
        drop(reader);
    }
    manager.close();
    assert!(
        ends.iter_mut()
            .all(|end| end.is_woken() && end.poll().is_ready())
    );
}
