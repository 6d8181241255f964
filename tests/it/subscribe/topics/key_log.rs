//! Subscribers of a single key, which share its events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use futures::FutureExt;
use genevent::{EventManager, Filtered, Overflow, SubscribeOptions, Topics, WeakEventManager};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{digits, publish};
use crate::drive::{now, read, read_all};

/// Topics with a single key.
fn topics<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Topics<E, ()> {
    manager.topics(|_| ())
}

/// Publishes an event, and returns a reference that does not keep it alive.
fn publish_shared(manager: &EventManager<Arc<u32>>) -> Weak<u32> {
    let event = Arc::new(7);
    let there = Arc::downgrade(&event);
    assert!(manager.try_notify(event).is_ok());
    there
}

#[test]
fn an_event_is_kept_once_for_all_readers_of_its_key() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let mut readers = [(); 3].map(|()| topics.subscribe(()));
    let event = publish_shared(&manager);
    assert_eq!(event.strong_count(), 1);
    for reader in &mut readers {
        assert_eq!(event.strong_count(), 1);
        assert!(read(reader).is_some());
    }
    for reader in &mut readers {
        assert!(reader.next().now_or_never().is_none());
    }
    assert_eq!(event.strong_count(), 0, "all readers are parked");
}

#[test]
fn a_flush_frees_what_the_readers_have_finished() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let mut readers = [topics.subscribe(()), topics.subscribe(())];
    let events = [(); 3].map(|()| publish_shared(&manager));
    for reader in &mut readers {
        for _ in 0..3 {
            assert!(read(reader).is_some());
        }
        reader.ack();
    }
    let late = topics.subscribe(());
    now(manager.flush()).unwrap();
    assert!(events.iter().all(|event| event.strong_count() == 0));
    assert!(late.is_empty());
}

#[test]
fn a_reader_that_leaves_frees_what_only_it_has_kept() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let (leaver, mut reader) = (topics.subscribe(()), topics.subscribe(()));
    let event = publish_shared(&manager);
    assert!(read(&mut reader).is_some());
    assert!(reader.next().now_or_never().is_none());
    assert_eq!(event.strong_count(), 1, "unread by one");
    drop(leaver);
    assert_eq!(event.strong_count(), 0);
}

#[test]
fn a_parked_reader_keeps_no_event_it_has_read() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let (mut parked, mut busy) = (topics.subscribe(()), topics.subscribe(()));
    let first = publish_shared(&manager);
    assert!(read(&mut parked).is_some());
    assert!(parked.next().now_or_never().is_none());
    assert!(read(&mut busy).is_some());
    let second = publish_shared(&manager);
    assert!(read(&mut busy).is_some());
    assert_eq!([&first, &second].map(Weak::strong_count), [0, 1]);
}

#[test]
fn a_reader_keeps_no_event_from_before_it_joined() {
    for parks_first in [true, false] {
        let manager = EventManager::new(8);
        let topics = topics(&manager);
        let early = topics.subscribe(());
        let event = publish_shared(&manager);
        let mut late = topics.subscribe(());
        if parks_first {
            assert!(late.next().now_or_never().is_none());
            assert_eq!(event.strong_count(), 1, "unread by one");
        }
        drop(early);
        assert!(late.next().now_or_never().is_none());
        assert_eq!(event.strong_count(), 0, "parks first: {parks_first}");
    }
}

#[test]
fn a_disconnected_reader_reads_on_after_the_event_it_has_read() {
    let manager = EventManager::new(600);
    let topics = topics(&manager);
    for has_read in [0, 1, 2, 299, 300] {
        let (mut cut, mut other) = (topics.subscribe(()), topics.subscribe(()));
        publish(&manager, 0..300);
        for n in 0..has_read {
            assert_eq!(read(&mut cut), Some(n));
        }
        assert!(manager.disconnect(cut.id()));
        publish(&manager, 300..310);
        assert_eq!(cut.len(), 300 - has_read as usize);
        assert_eq!(read_all(&mut cut), (has_read..300).collect::<Vec<_>>());
        assert_eq!((cut.next().now_or_never(), cut.len()), (Some(None), 0));
        assert_eq!(other.len(), 310);
        assert_eq!(read(&mut other), Some(0));
    }
}

#[test]
fn a_disconnected_reader_keeps_no_event_it_has_read() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let (mut stream, mut deliveries) = (topics.subscribe(()), topics.subscribe(()).deliveries());
    let event = publish_shared(&manager);
    assert!(manager.disconnect(stream.id()) && manager.disconnect(deliveries.id()));
    assert_eq!(event.strong_count(), 1);
    assert!(read(&mut stream).is_some());
    drop(read(&mut deliveries).expect("an event"));
    assert_eq!(event.strong_count(), 0, "there is no next poll");
}

#[test]
fn a_stream_that_is_dropped_after_a_disconnect_keeps_no_unread_event() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let mut jobs = topics.subscribe(()).deliveries();
    publish_shared(&manager);
    let job = read(&mut jobs).expect("an event");
    let unread = publish_shared(&manager);
    assert!(manager.disconnect(jobs.id()));
    assert_eq!(unread.strong_count(), 1);
    drop(jobs);
    assert_eq!(unread.strong_count(), 0, "a delivery is still in flight");
    job.ack();
}

/// Asks the manager for the number of events when it is dropped.
struct Asking {
    manager: WeakEventManager<Arc<Asking>>,
    published: Arc<AtomicU64>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let manager = self.manager.upgrade().expect("the test has the manager");
        (self.published).store(manager.stats().published(), Ordering::Relaxed);
    }
}

#[test]
fn an_event_may_call_the_manager_when_its_key_log_frees_it() {
    for leaves in [false, true] {
        let manager = EventManager::new(8);
        let mut reader = topics(&manager).subscribe(());
        let published = Arc::new(AtomicU64::new(0));
        let asking = Asking {
            manager: manager.downgrade(),
            published: Arc::clone(&published),
        };
        assert!(manager.try_notify(Arc::new(asking)).is_ok());
        if leaves {
            drop(reader);
        } else {
            drop(read(&mut reader));
            reader.ack();
            assert_eq!(published.load(Ordering::Relaxed), 0, "not freed yet");
            now(manager.flush()).unwrap();
        }
        assert_eq!(published.load(Ordering::Relaxed), 1, "leaves: {leaves}");
    }
}

#[test]
fn a_reader_sees_no_event_from_before_it_joined() {
    let manager = EventManager::new(1_000);
    let topics = topics(&manager);
    let mut readers = Vec::new();
    for n in 0..700 {
        if n % 50 == 0 {
            readers.push((n, topics.subscribe(())));
        }
        publish(&manager, [n]);
        if n % 90 == 89 {
            let (_, oldest) = &mut readers[0];
            assert_eq!(read(oldest), Some(n / 90));
        }
    }
    drop(readers.remove(3));
    drop(manager);
    for (first, mut reader) in readers {
        let first = if first == 0 { 7 } else { first };
        assert_eq!(reader.len(), 700 - first as usize);
        assert_eq!(read_all(&mut reader), (first..700).collect::<Vec<_>>());
    }
}

#[test]
fn the_smallest_window_of_a_key_holds_up_its_publishers() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let mut narrow = topics.subscribe_with(1, SubscribeOptions::new().window(2));
    let mut wide = topics.subscribe(1);
    let cut = topics.subscribe_with(1, SubscribeOptions::from(Overflow::Disconnect).window(3));
    publish(&manager, [1, 11]);
    assert!(manager.try_notify(21).is_err());
    publish(&manager, [2]);
    let mut waiting = task::spawn(manager.notify(21));
    assert_pending!(waiting.poll());
    assert_eq!(read(&mut wide), Some(1));
    assert!(!waiting.is_woken());
    assert_eq!(read(&mut narrow), Some(1));
    assert!(waiting.is_woken());
    assert_eq!(assert_ready_ok!(waiting.poll()), 3);
    assert_eq!(read(&mut narrow), Some(11));
    assert_eq!(manager.try_notify(31), Ok(2), "one is disconnected");
    assert_eq!((narrow.len(), wide.len(), cut.len()), (2, 3, 3));
    assert_eq!(manager.subscriber_count(), 2);
}

#[test]
fn permits_take_room_from_readers_of_a_key() {
    let manager = EventManager::new(4);
    let topics = digits(&manager);
    let mut reader = topics.subscribe(1);
    publish(&manager, [1]);
    let permits = [(); 3].map(|()| now(manager.reserve()).unwrap());
    assert!(manager.try_notify(11).is_err(), "all room is reserved");
    assert_eq!(manager.try_notify(2), Ok(0));
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(manager.try_notify(11), Ok(1));
    for (permit, n) in permits.into_iter().zip([21, 31, 41]) {
        assert_eq!(permit.notify(n), 1);
    }
    assert_eq!(reader.len(), 4);
    drop(manager);
    assert_eq!(read_all(&mut reader), [11, 21, 31, 41]);
}

#[test]
fn a_receipt_waits_until_each_reader_has_read_up_to_its_event() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let mut readers = [topics.subscribe(()), topics.subscribe(())];
    let observer = topics.subscribe_with((), SubscribeOptions::new().observer());
    publish(&manager, [1, 2]);
    let mut done = task::spawn(manager.sync_notify(3));
    assert_pending!(done.poll());
    publish(&manager, [4]);
    for reader in &mut readers {
        for n in 1..=3 {
            assert_pending!(done.poll());
            assert_eq!(read(reader), Some(n));
        }
        assert_pending!(done.poll());
        assert_eq!(read(reader), Some(4));
    }
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), observer.len()), (2, 4));
}

#[test]
fn a_receipt_waits_for_the_readers_that_are_no_observers_after_an_observer_has_left() {
    let manager = EventManager::new(8);
    let topics = topics(&manager);
    let observe = || topics.subscribe_with((), SubscribeOptions::new().observer());
    let (mut reader, leaver, observer) = (topics.subscribe(()), observe(), observe());
    drop(leaver);
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some(1));
    reader.ack();
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 1);
    assert_eq!(observer.len(), 1);
}

#[test]
fn subscribers_of_all_kinds_see_the_same_order() {
    let manager = EventManager::new(64);
    let topics = digits(&manager);
    let mut one: [Filtered<u32>; 4] = [
        topics.subscribe(1),
        topics.subscribe_any([1, 3]),
        topics.subscribe_with(1, Overflow::DropOldest),
        manager.subscribe_filter(|n| n % 10 == 1),
    ];
    publish(&manager, 0..100);
    drop(manager);
    for reader in &mut one {
        let read = read_all(reader);
        let ones: Vec<_> = read.into_iter().filter(|n| n % 10 == 1).collect();
        assert_eq!(ones, (0..10).map(|n| 10 * n + 1).collect::<Vec<_>>());
    }
}
