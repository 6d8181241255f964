//! `tokio::sync::broadcast`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::Stream;
use genevent::{EventManager, Overflow};
use tokio_test::task;

use crate::drive::{read, read_all, waits};

/// tokio returns an error with the value; in genevent, an unheard event is no failure.
#[test]
fn sending_without_receivers_is_reported() {
    let manager = EventManager::new(16);
    assert_eq!(manager.try_notify(1), Ok(0));
    let mut late = manager.subscribe();
    assert!(waits(&mut late), "and a late receiver does not get it");
}

#[test]
fn a_lagging_receiver_recovers_after_the_sender_left() {
    let manager = EventManager::new(2);
    let mut lagging = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    drop(manager);
    assert_eq!(lagging.size_hint(), (2, Some(2)));
    assert_eq!(read_all(&mut lagging), [4, 5]);
    assert_eq!(lagging.missed(), 3);
}

#[test]
fn values_without_remaining_readers_are_dropped() {
    let value = Arc::new(());
    let manager = EventManager::new(16);
    let (mut one, two) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(Arc::clone(&value)).unwrap();
    manager.try_notify(Arc::clone(&value)).unwrap();
    drop(read(&mut one));
    drop(two);
    assert!(Arc::strong_count(&value) > 1);
    drop(one);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
#[should_panic(expected = "room for at least one event")]
fn a_capacity_of_zero_panics() {
    drop(EventManager::<u8>::new(0));
}

/// tokio panics; in genevent, the bound is never reached.
#[test]
fn a_huge_capacity_costs_nothing() {
    let manager = EventManager::new(usize::MAX);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
}

#[derive(Debug)]
struct PanicsOnce(Arc<AtomicUsize>);

impl Clone for PanicsOnce {
    fn clone(&self) -> Self {
        assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 0, "a bad clone");
        Self(Arc::clone(&self.0))
    }
}

/// In tokio, the receiver loses the value; in genevent, the receiver still gets the value.
#[test]
fn a_panic_in_clone_loses_nothing() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(PanicsOnce(Arc::default())).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut reader))).is_err());
    assert!(read(&mut reader).is_some());
}

#[test]
fn a_waiting_receiver_may_change_tasks() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut first = task::spawn(());
    let mut second = task::spawn(());
    let mut poll = |cx: &mut Context<'_>| Pin::new(&mut reader).poll_next(cx);
    assert!(first.enter(|cx, _| poll(cx)).is_pending());
    assert!(second.enter(|cx, _| poll(cx)).is_pending());
    manager.try_notify(1).unwrap();
    assert!(second.is_woken());
    assert!(
        !first.is_woken(),
        "there as well: the last one to wait is woken"
    );
}

/// Sends when dropped, as the waker of a task that holds a sender may.
struct SendsWhenDropped(EventManager<u8>);

impl Wake for SendsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for SendsWhenDropped {
    fn drop(&mut self) {
        self.0.try_notify(9).unwrap();
    }
}

#[test]
fn a_waker_sending_when_dropped_does_not_deadlock() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let waker = Waker::from(Arc::new(SendsWhenDropped(manager.clone())));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut reader).poll_next(&mut cx).is_pending());
    drop(waker);
    // Replaces the sending waker, the last of its kind.
    assert!(waits(&mut reader));
    assert_eq!(read(&mut reader), Some(9));
}

#[test]
fn len_counts_remaining_values_after_a_lag() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe_with(Overflow::DropOldest);
    for (n, left) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        manager.try_notify(n).unwrap();
        assert_eq!(reader.len(), left);
    }
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(reader.len(), 2);
}

#[tokio::test]
async fn closed_resolves_when_the_channel_closes() {
    let manager = EventManager::<u8>::new(3);
    let other = manager.clone();
    let closed = tokio::spawn(async move { other.closed().await });
    tokio::task::yield_now().await;
    assert!(!closed.is_finished());
    manager.close();
    closed.await.unwrap();
}
