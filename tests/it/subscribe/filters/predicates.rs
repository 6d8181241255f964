//! The predicate is user code: it may panic and may call the manager, and is evaluated once for
//! each event.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use futures::FutureExt;
use genevent::error::TryNotifyError;
use genevent::{DisconnectCause, EventManager};

use super::{cause, even};
use crate::drive::{now, read, read_all};

#[test]
fn a_panicking_filter_ends_only_its_own_subscription() {
    let manager = EventManager::new(4);
    let mut plain = manager.subscribe();
    let mut broken = manager.subscribe_filter_map(|n: &u32| Some(100 / (n - 2)));
    let mut even = manager.subscribe_filter(even);
    assert_eq!(manager.try_notify(4), Ok(3));
    let mut unread = manager.sync_notify(2);
    assert!((&mut unread).now_or_never().is_none());
    assert_eq!(manager.subscriber_count(), 2);
    assert_eq!(read_all(&mut broken), [50], "what it had not read");
    assert_eq!(cause(&broken), Some(DisconnectCause::Panicked));
    assert_eq!((read(&mut plain), read(&mut even)), (Some(4), Some(4)));
    assert_eq!((read(&mut plain), read(&mut even)), (Some(2), Some(2)));
    plain.ack();
    even.ack();
    assert_eq!(now(unread).unwrap().acked(), 2);
}

#[test]
fn a_panicking_filter_leaves_its_kind_evaluated() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..5)
        .map(|index| {
            manager.subscribe_filter_map(move |n: &u32| {
                assert_ne!((*n, index % 3), (1, 1), "the second and the last break");
                Some(n + index)
            })
        })
        .collect();
    assert_eq!(manager.try_notify(1), Ok(3));
    assert_eq!(manager.try_notify(2), Ok(3));
    for (index, reader) in (0..).zip(&mut readers) {
        if index % 3 == 1 {
            assert_eq!(read(reader), None);
            assert_eq!(cause(reader), Some(DisconnectCause::Panicked));
        } else {
            assert_eq!(
                [read(reader), read(reader)],
                [Some(1 + index), Some(2 + index)]
            );
        }
    }
}

#[test]
fn a_filter_may_call_the_manager() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe();
    let victim = Arc::new(Mutex::new(Some(manager.subscribe_filter(even))));
    let joined = Arc::new(OnceLock::new());
    let weak = manager.downgrade();
    let mut busy = manager.subscribe_filter({
        let (victim, joined) = (Arc::clone(&victim), Arc::clone(&joined));
        move |n: &u32| {
            if *n == 10 {
                let manager = weak.upgrade().unwrap();
                manager.try_notify(11).unwrap();
                drop(victim.lock().unwrap().take());
                joined.get_or_init(|| Mutex::new(manager.subscribe_filter(even)));
            }
            even(n)
        }
    });
    assert_eq!(
        manager.try_notify(10),
        Ok(3),
        "all but the one that was dropped"
    );
    assert_eq!((read(&mut plain), read(&mut plain)), (Some(11), Some(10)));
    assert_eq!(read(&mut busy), Some(10));
    let joined = joined.get().unwrap();
    assert_eq!(
        joined.lock().unwrap().len(),
        1,
        "it was there before the event was stored"
    );
}

#[test]
fn a_filter_may_close_the_manager() {
    let manager = EventManager::new(8);
    let weak = manager.downgrade();
    let mut reader = manager.subscribe_filter(move |_: &u32| {
        weak.upgrade().unwrap().close();
        true
    });
    assert_eq!(manager.try_notify(1), Err(TryNotifyError::Closed(1)));
    assert_eq!(read(&mut reader), None);
}

#[test]
fn dropping_the_subscription_drops_its_closure() {
    let manager = EventManager::<u32>::new(4);
    let held = Arc::new(());
    let others: Vec<_> = (0..3).map(|_| manager.subscribe_filter(even)).collect();
    let reader = manager.subscribe_filter({
        let held = Arc::clone(&held);
        move |_| Arc::strong_count(&held) > 0
    });
    drop(reader);
    assert_eq!(Arc::strong_count(&held), 1);
    drop(others);
    let reader = manager.subscribe_filter({
        let held = Arc::clone(&held);
        move |_| Arc::strong_count(&held) > 0
    });
    manager.close();
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "nothing will be judged any more"
    );
    drop(reader);
}

/// Panics when dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bomb was dropped");
    }
}

#[test]
fn a_mapped_value_may_panic_when_dropped() {
    let manager = EventManager::new(1);
    let lossy = genevent::Overflow::DropOldest;
    let reader = manager.subscribe_filter_map_with(lossy, |_: &u32| Some(Bomb));
    let mut plain = manager.subscribe_with(lossy);
    assert_eq!(manager.try_notify(1), Ok(2));
    assert_eq!(manager.try_notify(2), Ok(2), "which overwrites the first");
    assert_eq!(reader.missed(), 1);
    drop(reader);
    assert_eq!(manager.try_notify(3), Ok(1));
    assert_eq!(read(&mut plain), Some(3));
}

#[test]
fn waiting_publishers_evaluate_only_newer_filters() {
    let manager = EventManager::new(1);
    let asked = Arc::new(AtomicUsize::new(0));
    let mut reader = manager.subscribe_filter({
        let asked = Arc::clone(&asked);
        move |n: &u32| {
            asked.fetch_add(1, Ordering::Relaxed);
            even(n)
        }
    });
    manager.try_notify(2).unwrap();
    let mut waiting = manager.notify(4);
    assert!((&mut waiting).now_or_never().is_none());
    let mut later = manager.subscribe_filter(even);
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(now(waiting), Ok(2));
    assert_eq!(read(&mut later), Some(4));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
