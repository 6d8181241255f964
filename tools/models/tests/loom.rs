//! Small kernels of the engine under every interleaving, and with every value the memory
//! orderings allow a load to return. Run by `.ci/models`.
#![cfg(genevent_loom)]

use futures::{FutureExt, StreamExt};
use genevent::error::NotifyError;
use genevent::{EventManager, Overflow, Subscription};
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

// ---- Granted places -----------------------------------------------------------------------------

/// A manager whose single place is taken.
fn full() -> (EventManager<u64>, Subscription<u64>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    (manager, reader)
}

/// Reads so many events in a thread, and returns the subscription with the events.
fn read(
    mut reader: Subscription<u64>,
    events: usize,
) -> thread::JoinHandle<(Subscription<u64>, Vec<u64>)> {
    thread::spawn(move || {
        let read = (0..events)
            .map(|_| block_on(reader.next()).unwrap())
            .collect();
        (reader, read)
    })
}

#[test]
fn a_place_goes_to_one_publisher_after_the_other() {
    model(|| {
        let (manager, reader) = full();
        let reading = read(reader, 3);
        let other = manager.clone();
        let publishing = thread::spawn(move || assert_eq!(block_on(other.notify(1)), Ok(1)));
        assert_eq!(block_on(manager.notify(2)), Ok(1));
        publishing.join().unwrap();
        let (_reader, read) = reading.join().unwrap();
        assert!(read == [0, 1, 2] || read == [0, 2, 1]);
    });
}

#[test]
fn a_dropped_grant_is_passed_on() {
    model(|| {
        let (manager, reader) = full();
        let mut dropped = Box::pin(manager.notify(1));
        assert!(dropped.as_mut().now_or_never().is_none());
        // The place is granted before, during or after the drop.
        let reading = read(reader, 2);
        drop(dropped);
        assert_eq!(block_on(manager.notify(2)), Ok(1));
        let (_reader, read) = reading.join().unwrap();
        assert_eq!(read, [0, 2]);
    });
}

#[test]
fn a_grant_is_used_or_taken_over() {
    model(|| {
        let (manager, mut reader) = full();
        let mut granted = Box::pin(manager.clone().notify_owned(1));
        assert!(granted.as_mut().now_or_never().is_none());
        assert_eq!(reader.try_next(), Ok(0));
        let granted = thread::spawn(move || assert_eq!(block_on(granted), Ok(1)));
        let reading = read(reader, 2);
        // Stored in the granted place, or in the next.
        assert_eq!(block_on(manager.notify(2)), Ok(1));
        granted.join().unwrap();
        let (_reader, read) = reading.join().unwrap();
        assert!(read == [1, 2] || read == [2, 1]);
    });
}

#[test]
fn close_voids_a_grant_or_comes_after_its_event() {
    model(|| {
        let (manager, reader) = full();
        let reading = thread::spawn(move || block_on(reader.collect::<Vec<_>>()));
        let other = manager.clone();
        let publishing = thread::spawn(move || block_on(other.notify(1)));
        manager.close();
        let published = publishing.join().unwrap();
        let read = reading.join().unwrap();
        match published {
            Ok(_) => assert_eq!(read, [0, 1]),
            Err(error) => {
                assert_eq!(error, NotifyError::Closed(1));
                assert_eq!(read, [0]);
            }
        }
    });
}
