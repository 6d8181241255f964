//! Publishers, flushes and other futures that have waited.

use futures::FutureExt;
use genevent::EventManager;

use super::{CROWD, ORDERS, leaves_little};
use crate::drive::{now, read};

/// Polls once; it must wait.
fn wait<F: Future + Unpin>(mut future: F) -> F {
    assert!((&mut future).now_or_never().is_none());
    future
}

#[test]
fn cancelled_publishers_free_their_memory() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    for order in ORDERS {
        let (first, last) = leaves_little(|| {
            let first = wait(manager.notify(1));
            let mut crowd: Vec<_> = (0..CROWD).map(|_| wait(manager.notify(2))).collect();
            let last = wait(manager.notify(3));
            order.drain(&mut crowd, drop);
            drop(crowd);
            (first, last)
        });
        assert_eq!(manager.stats().waiting_publishers(), 2);
        drop((first, last));
    }
    assert_eq!(read(&mut reader), Some(0));
}

#[test]
fn finished_publishers_free_their_memory() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let last = leaves_little(|| {
        let crowd: Vec<_> = (0..CROWD).map(|_| wait(manager.notify(1))).collect();
        let last = wait(manager.notify(2));
        for publisher in crowd {
            assert!(read(&mut reader).is_some());
            assert_eq!(now(publisher), Ok(1));
        }
        last
    });
    assert_eq!(manager.stats().waiting_publishers(), 1);
    drop(last);
}

#[test]
fn finished_flushes_free_their_memory() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let last = leaves_little(|| {
        let crowd: Vec<_> = (0..CROWD).map(|_| wait(manager.flush())).collect();
        assert_eq!(read(&mut reader), Some(1));
        manager.try_notify(2).unwrap();
        let last = wait(manager.flush());
        assert_eq!(read(&mut reader), Some(2));
        for flush in crowd {
            now(flush).unwrap();
        }
        last
    });
    drop((last, reader));
}

#[test]
fn dropped_waiters_free_their_memory() {
    let manager = EventManager::<u8>::new(1);
    for order in ORDERS {
        let last = leaves_little(|| {
            let mut ends: Vec<_> = (0..CROWD).map(|_| wait(manager.closed())).collect();
            let comers = |_| wait(manager.wait_for_subscribers(1));
            let mut comers: Vec<_> = (0..CROWD).map(comers).collect();
            let last = wait(manager.closed());
            order.drain(&mut ends, drop);
            order.drain(&mut comers, drop);
            drop((ends, comers));
            last
        });
        drop(last);
    }
}

#[test]
fn a_flushed_sink_keeps_no_memory() {
    use futures::SinkExt;
    let manager = EventManager::new(CROWD + 1);
    let mut sink = manager.sync_sink();
    leaves_little(|| {
        let mut reader = manager.subscribe();
        for n in 0..CROWD {
            now(sink.feed(n)).unwrap();
        }
        (0..CROWD).for_each(|n| assert_eq!(read(&mut reader), Some(n)));
        drop(reader);
        now(sink.flush()).unwrap();
    });
    drop(sink);
}
