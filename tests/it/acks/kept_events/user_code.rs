//! An event's `Drop` and `Clone` that panic or call the manager, where an acknowledgement or a
//! flush frees events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use genevent::EventManager;

use super::{alive, assert_flush_frees};
use crate::drive::{now, read, waits};

type Hook = Arc<dyn Fn(u32) + Send + Sync>;

/// Calls its hook when the last clone is dropped.
struct Hooked(u32, Hook);

impl Drop for Hooked {
    fn drop(&mut self) {
        (self.1)(self.0);
    }
}

#[test]
fn a_panicking_drop_harms_neither_ack_nor_flush() {
    let dropped = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&dropped);
    let hook: Hook = Arc::new(move |_| {
        counts.fetch_add(1, Ordering::Relaxed);
        std::panic::resume_unwind(Box::new("an event's drop"));
    });
    let manager = EventManager::new(8);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    let mut publish = || {
        for n in 0..4 {
            let event = Arc::new(Hooked(n, Arc::clone(&hook)));
            assert!(manager.try_notify(event).is_ok());
        }
        for reader in &mut readers {
            (0..4).for_each(|_| drop(read(reader)));
        }
        readers[0].ack();
        readers[1].ack();
    };
    publish();
    now(manager.flush()).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 4, "freed by the flush");
    let mut flush = manager.flush();
    publish();
    assert!((&mut flush).now_or_never().is_some());
    assert_eq!(dropped.load(Ordering::Relaxed), 8);
    for n in 0..4 {
        let event = Arc::new(Hooked(n, Arc::clone(&hook)));
        assert!(manager.try_notify(event).is_ok());
    }
    let mut flush = manager.flush();
    assert!((&mut flush).now_or_never().is_none());
    for reader in &mut readers {
        (0..4).for_each(|_| drop(read(reader)));
        reader.ack();
    }
    assert_eq!(dropped.load(Ordering::Relaxed), 12, "freed by the ack");
    now(flush).unwrap();
    assert!(readers.iter_mut().all(waits));
}

#[test]
fn a_drop_may_call_the_manager_that_frees_it() {
    let manager = EventManager::<Option<Arc<Hooked>>>::new(64);
    let dropped = Arc::new(AtomicU32::new(0));
    let hook: Hook = {
        let (manager, counts) = (manager.downgrade(), Arc::clone(&dropped));
        Arc::new(move |_| {
            counts.fetch_add(1, Ordering::Relaxed);
            let manager = manager.upgrade().unwrap();
            let mut late = manager.subscribe();
            let _: Option<Result<_, _>> = manager.flush().now_or_never();
            manager.try_notify(None).unwrap();
            assert!(read(&mut late).is_some());
            late.ack();
            drop(late);
        })
    };
    let mut reader = manager.subscribe();
    let publish = || {
        for n in 0..4 {
            let event = Some(Arc::new(Hooked(n, Arc::clone(&hook))));
            assert!(manager.try_notify(event).is_ok());
        }
    };
    publish();
    (0..4).for_each(|_| drop(read(&mut reader)));
    reader.ack();
    // The events that the drops publish are unread, and others are freed meanwhile.
    assert!(manager.flush().now_or_never().is_some());
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
    assert_eq!(reader.len(), 4);
    (0..4).for_each(|_| assert!(read(&mut reader).unwrap().is_none()));
    publish();
    let mut flush = manager.flush();
    assert!((&mut flush).now_or_never().is_none());
    (0..4).for_each(|_| drop(read(&mut reader)));
    reader.ack();
    assert_eq!(dropped.load(Ordering::Relaxed), 8);
    now(flush).unwrap();
}

/// Its clone panics while `fuse` is above zero.
struct Fused {
    number: Arc<u32>,
    fuse: Arc<AtomicU32>,
}

impl Clone for Fused {
    fn clone(&self) -> Self {
        let left = self.fuse.load(Ordering::Relaxed);
        if left > 0 {
            self.fuse.store(left - 1, Ordering::Relaxed);
            std::panic::resume_unwind(Box::new("an event's clone"));
        }
        Self {
            number: Arc::clone(&self.number),
            fuse: Arc::clone(&self.fuse),
        }
    }
}

#[test]
fn an_event_to_clone_again_survives_acks_and_flushes() {
    for deliveries in [false, true] {
        let manager = EventManager::new(8);
        let mut reader = manager.subscribe();
        let fuse = Arc::new(AtomicU32::new(2));
        let number = Arc::new(7);
        let events = [Arc::downgrade(&number)];
        let event = Fused {
            number,
            fuse: Arc::clone(&fuse),
        };
        assert!(manager.try_notify(event).is_ok());
        let failed = catch_unwind(AssertUnwindSafe(|| read(&mut reader).is_some()));
        assert!(failed.is_err());
        reader.ack();
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none(), "it was not yielded");
        assert_eq!(alive(&events), 1);
        if deliveries {
            let mut jobs = reader.deliveries();
            assert!(catch_unwind(AssertUnwindSafe(|| read(&mut jobs).is_some())).is_err());
            assert_eq!(alive(&events), 1);
            let job = read(&mut jobs).unwrap();
            assert_eq!(*job.ack().number, 7);
            assert_eq!(alive(&events), 0);
            assert!(waits(&mut jobs));
        } else {
            assert!(catch_unwind(AssertUnwindSafe(|| read(&mut reader).is_some())).is_err());
            assert_eq!(alive(&events), 1);
            assert_eq!(*read(&mut reader).unwrap().number, 7);
            reader.ack();
            assert_eq!(alive(&events), 0);
            assert!(waits(&mut reader));
        }
        now(flush).unwrap();
    }
}

#[test]
fn an_event_to_clone_again_survives_a_disconnect() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let fuse = Arc::new(AtomicU32::new(1));
    let numbers: Vec<_> = (0..2).map(Arc::new).collect();
    let events: Vec<_> = numbers.iter().map(Arc::downgrade).collect();
    for number in numbers {
        let fuse = Arc::clone(&fuse);
        assert!(manager.try_notify(Fused { number, fuse }).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut reader).is_some())).is_err());
    assert!(manager.disconnect(reader.id()));
    reader.ack();
    for n in 0..2 {
        assert_eq!(*read(&mut reader).unwrap().number, n);
    }
    reader.ack();
    now(manager.flush()).unwrap();
    assert_eq!(alive(&events), 0);
    assert!(read(&mut reader).is_none());
}

#[test]
fn a_reader_that_panics_keeps_no_event() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let events = super::publish(&manager, 3);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        drop(read(&mut reader));
        std::panic::resume_unwind(Box::new("a reader"));
    }));
    assert!(panicked.is_err());
    assert_flush_frees(&manager, &events);
}
