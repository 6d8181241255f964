//! When events are cloned, and when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::{EventManager, test_util};
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::{now, read, waits};

#[test]
fn a_fully_read_event_is_dropped_at_once() {
    for events in [1, 2, 63, 64, 65, 1_000] {
        let manager = EventManager::new(events);
        let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
        let probes: Vec<_> = (0..events).map(Arc::new).collect();
        for probe in &probes {
            manager.try_notify(Arc::clone(probe)).unwrap();
        }
        let held = || probes.iter().map(|probe| Arc::strong_count(probe) - 1);

        while !waits(&mut one) {}
        assert_eq!(
            held().sum::<usize>(),
            events,
            "kept once, for the other one"
        );
        while !waits(&mut two) {}
        assert_eq!(held().sum::<usize>(), 0, "{events} events");
    }
}

#[test]
fn dropping_a_subscription_drops_its_unread_events() {
    let manager = EventManager::new(200);
    let mut reader = manager.subscribe();
    let mut leaver = manager.subscribe();
    let probe = Arc::new(());
    for _ in 0..200 {
        manager.try_notify(Arc::clone(&probe)).unwrap();
    }
    while !waits(&mut reader) {}
    read(&mut leaver);
    assert!(Arc::strong_count(&probe) > 1);
    drop(leaver);
    assert_eq!(Arc::strong_count(&probe), 1);
}

#[test]
fn an_unheard_event_is_dropped_at_once() {
    let manager = EventManager::new(8);
    let probe = Arc::new(());
    manager.try_notify(Arc::clone(&probe)).unwrap();
    assert_eq!(Arc::strong_count(&probe), 1);
    now(manager.notify(Arc::clone(&probe))).unwrap();
    now(manager.sync_notify(Arc::clone(&probe))).unwrap();
    assert_eq!(Arc::strong_count(&probe), 1);
}

#[test]
fn events_are_cloned_only_when_yielded() {
    struct Counted(Arc<AtomicUsize>);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }

    let clones = Arc::new(AtomicUsize::new(0));
    let manager = EventManager::new(200);
    let mut reader = manager.subscribe();
    let _never_reads = manager.subscribe();
    for _ in 0..200 {
        manager.try_notify(Counted(Arc::clone(&clones))).unwrap();
    }
    for n in 0..200 {
        assert_eq!(clones.load(Ordering::Relaxed), n);
        read(&mut reader);
    }
    test_util::assert_no_event!(reader).now();
    assert_eq!(clones.load(Ordering::Relaxed), 200);
}

#[test]
fn only_yielding_methods_require_clone() {
    struct Unique;

    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(Unique));
    assert_pending!(done.poll());
    reader.ack();
    assert_eq!((reader.len(), reader.missed()), (1, 0));
    assert_eq!(reader.end_reason(), None);
    assert!(manager.disconnect(reader.id()));
    assert_eq!(assert_ready_ok!(done.poll()).dropped(), 1);
    now(manager.stop()).unwrap();
    assert!(manager.try_notify(Unique).is_err());
}
