//! Small kernels of the engine under every interleaving, and with every value the memory
//! orderings allow a load to return. Run by `.ci/run`.
#![cfg(genevent_loom)]

use futures::StreamExt;
use genevent::{EventManager, Overflow};
use loom::future::block_on;
use loom::thread;

fn model(story: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(story);
}

#[test]
fn a_publish_wakes_a_parked_reader() {
    model(|| {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        let publisher = thread::spawn(move || {
            manager.try_notify(1).unwrap();
            manager
        });
        assert_eq!(block_on(reader.next()), Some(1));
        drop(publisher.join().unwrap());
    });
}

#[test]
fn a_claim_wakes_a_waiting_publisher() {
    model(|| {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        manager.try_notify(1).unwrap();
        let reading = thread::spawn(move || {
            assert_eq!(block_on(reader.next()), Some(1));
            reader
        });
        assert_eq!(block_on(manager.notify(2)), Ok(1));
        drop(reading.join().unwrap());
    });
}

#[test]
fn the_last_acknowledgement_completes_the_receipt() {
    model(|| {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        let leaver = manager.subscribe();
        let reading = thread::spawn(move || {
            let read = block_on(reader.next());
            assert_eq!(read, Some(1));
            reader.ack();
        });
        let leaving = thread::spawn(move || drop(leaver));
        let receipt = block_on(manager.sync_notify(1)).unwrap();
        assert_eq!(receipt.acked(), 1);
        reading.join().unwrap();
        leaving.join().unwrap();
    });
}

#[test]
fn an_event_is_either_overwritten_or_claimed() {
    model(|| {
        let manager = EventManager::new(1);
        let mut lossy = manager.subscribe_with(Overflow::DropOldest);
        manager.try_notify(1).unwrap();
        let reading = thread::spawn(move || {
            let read = block_on(lossy.next()).unwrap();
            (read, lossy)
        });
        manager.try_notify(2).unwrap();
        let (read, lossy) = reading.join().unwrap();
        assert_eq!(lossy.missed(), read - 1);
        assert_eq!(lossy.len() as u64, 2 - read);
    });
}

#[test]
fn a_disconnect_and_a_claim_agree() {
    model(|| {
        let manager = EventManager::new(2);
        let mut reader = manager.subscribe();
        manager.try_notify(1).unwrap();
        let id = reader.id();
        let reading = thread::spawn(move || {
            assert_eq!(block_on(reader.next()), Some(1));
            assert_eq!(block_on(reader.next()), None);
        });
        assert!(manager.disconnect(id));
        block_on(manager.flush()).unwrap();
        reading.join().unwrap();
    });
}
