//! Panics at a bad moment: between two polls of a publisher, and while a flush begins.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use genevent::EventManager;
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::publish;
use crate::drive::read;

#[test]
fn a_reader_that_joins_before_a_panic_gets_the_waiting_event() {
    thread_local!(static IS_BAD: Cell<bool> = const { Cell::new(true) });
    let manager = EventManager::new(1);
    let first = manager.topics(|n: &u32| n % 10);
    let second = manager.topics(|n: &u32| {
        assert!(!IS_BAD.get(), "a panic on purpose");
        n % 10
    });
    let (mut plain, _other) = (manager.subscribe(), first.subscribe(2));
    publish(&manager, [5]);
    let mut sending = task::spawn(manager.notify(1));
    assert_pending!(sending.poll());
    let (one, also) = (first.subscribe(1), second.subscribe(1));
    assert_eq!(read(&mut plain), Some(5));
    let polled = catch_unwind(AssertUnwindSafe(|| sending.poll().is_ready()));
    assert!(polled.is_err(), "the second key function panics");
    IS_BAD.set(false);
    assert_eq!(assert_ready_ok!(sending.poll()), 3);
    assert_eq!([one.len(), also.len(), plain.len()], [1, 1, 1]);
}

thread_local! {
    static MANAGER: RefCell<Option<EventManager<Flushes>>> = const { RefCell::new(None) };
    static FLUSH: RefCell<Option<LocalBoxFuture<'static, bool>>> = const { RefCell::new(None) };
}

/// Begins a flush when it is cloned in the poll of a reader, and panics.
struct Flushes;

impl Clone for Flushes {
    fn clone(&self) -> Self {
        if let Some(manager) = MANAGER.take() {
            let flush = async move { manager.flush().await.is_ok() };
            let mut flush = flush.boxed_local();
            assert_eq!(flush.as_mut().now_or_never(), None);
            FLUSH.set(Some(flush));
            panic!("a panic on purpose");
        }
        Self
    }
}

#[test]
fn a_flush_does_not_wait_for_a_clone_that_has_panicked() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|_| ());
    let mut reader = topics.subscribe(());
    for _ in 0..2 {
        assert!(manager.try_notify(Flushes).is_ok());
    }
    MANAGER.set(Some(manager.clone()));
    assert!(read(&mut reader).is_some(), "the second event");
    let flush = FLUSH.take().expect("the first event was cloned");
    assert_eq!(flush.now_or_never(), Some(true));
}
