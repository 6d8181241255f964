//! Filters, values and wakers of users that end their own subscription, or call the manager, during
//! a publish.

use std::panic::panic_any;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, StreamExt};
use genevent::{EventManager, Filtered};
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::now;
use crate::receipts::UnfinishedIds;

type Slot = Arc<Mutex<Option<Filtered<u32>>>>;

#[test]
fn a_filter_dropping_its_subscription_is_not_counted() {
    for panics in [false, true] {
        let manager = EventManager::<u32>::new(4);
        let other = manager.subscribe_filter(|_| true);
        let slot = Slot::default();
        let own = Arc::clone(&slot);
        let leaver = manager.subscribe_filter_map(move |n: &u32| {
            let itself = own.lock().unwrap().take();
            if panics {
                panic_any(itself);
            }
            drop(itself);
            Some(*n)
        });
        *slot.lock().unwrap() = Some(leaver);
        assert_eq!(manager.try_notify(1), Ok(1));
        assert_eq!(manager.subscriber_count(), 1);
        assert_eq!(other.len(), 1);
    }
}

type Deed = Box<dyn FnOnce() + Send>;

/// Runs its closure when woken, and panics.
struct Doing(Mutex<Option<Deed>>);

impl Wake for Doing {
    fn wake(self: Arc<Self>) {
        if let Some(deed) = self.0.lock().unwrap().take() {
            deed();
            panic!("woken");
        }
    }
}

#[test]
fn a_waker_ending_its_subscription_keeps_the_receipt() {
    for drops in [false, true] {
        let manager = EventManager::new(2);
        let mut reader = manager.subscribe_filter(|_| true);
        let (slot, id) = (Slot::default(), reader.id());
        let (own, there) = (Arc::clone(&slot), manager.clone());
        let deed: Deed = Box::new(move || {
            if drops {
                let itself = own.lock().unwrap().take();
                drop(itself);
            } else {
                assert!(there.disconnect(id));
            }
        });
        let waker = Waker::from(Arc::new(Doing(Mutex::new(Some(deed)))));
        let mut cx = Context::from_waker(&waker);
        assert!(reader.poll_next_unpin(&mut cx).is_pending());
        *slot.lock().unwrap() = Some(reader);
        let receipt = now(manager.sync_notify(2)).unwrap();
        assert_eq!(receipt.unfinished_ids(), [id]);
        assert!(manager.flush().now_or_never().is_some());
    }
}

/// A value captured by a filter.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

fn filter(bomb: Bomb) -> impl Fn(&u32) -> bool + Send + Sync + 'static {
    move |_| {
        let _ = &bomb;
        true
    }
}

#[test]
fn a_panicking_filter_drop_harms_no_call() {
    // Drops the filter: by dropping its subscription, by disconnecting, or by closing.
    type Ending = fn(&EventManager<u32>, Filtered<u32>) -> usize;
    let endings: [Ending; 3] = [
        |_, broken| {
            drop(broken);
            1
        },
        |manager, broken| {
            assert!(manager.disconnect(broken.id()));
            1
        },
        |manager, broken| {
            manager.close();
            drop(broken);
            0
        },
    ];
    for ending in endings {
        let manager = EventManager::new(4);
        let broken = manager.subscribe_filter(filter(Bomb));
        let mut other = manager.subscribe_filter(|_| true);
        let mut woken = task::spawn(manager.sync_notify(1));
        assert_pending!(woken.poll());
        assert_eq!(other.next().now_or_never(), Some(Some(1)));
        other.ack();
        let heard = ending(&manager, broken);
        assert!(woken.is_woken(), "nobody waits any more");
        let receipt = assert_ready!(woken.poll()).unwrap();
        assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
        if heard > 0 {
            assert_eq!(manager.try_notify(2), Ok(heard));
        } else {
            assert_eq!(other.next().now_or_never(), Some(None));
        }
    }
}
