//! Which events reach which subscriber, and how keys come and go.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::{EndReason, EventManager};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{digits, keys, publish};
use crate::drive::{now, read, read_all, waits};

#[test]
fn subscribers_get_the_events_with_their_key_in_sequence() {
    let manager = EventManager::new(1_000);
    let topics = digits(&manager);
    let readers: Vec<_> = (0..10).map(|digit| topics.subscribe(digit)).collect();
    let again = topics.subscribe(7);
    let plain = manager.subscribe();
    for n in 0..100 {
        let heard = 2 + usize::from(n % 10 == 7);
        assert_eq!(manager.try_notify(n), Ok(heard));
    }
    drop(manager);
    for (digit, mut reader) in (0..10).zip(readers) {
        let wanted: Vec<_> = (0..100).filter(|n| n % 10 == digit).collect();
        assert_eq!(read_all(&mut reader), wanted);
    }
    assert_eq!(read_all(&mut { again }).len(), 10);
    assert_eq!(read_all(&mut { plain }).len(), 100);
}

#[test]
fn a_subscriber_of_several_keys_gets_each_event_once() {
    let manager = EventManager::new(100);
    let topics = digits(&manager);
    let some = topics.subscribe_any([3, 1, 3, 1, 3]);
    let none = topics.subscribe_any([]);
    assert_eq!((keys(&topics), manager.subscriber_count()), (2, 2));
    publish(&manager, 0..30);
    assert_eq!((some.len(), none.len()), (6, 0));
    drop(manager);
    assert_eq!(read_all(&mut { some }), [1, 3, 11, 13, 21, 23]);
    assert!(read_all(&mut { none }).is_empty());
}

#[test]
fn keys_come_and_go_with_their_subscribers() {
    let manager = EventManager::new(100);
    let topics = digits(&manager);
    let other = topics.clone();
    assert_eq!(keys(&topics), 0);
    let one = topics.subscribe_any([1, 2]);
    let two = other.subscribe(2);
    assert_eq!((keys(&topics), keys(&other)), (2, 2));
    drop(one);
    assert_eq!(keys(&topics), 1);
    assert_eq!(
        (manager.try_notify(1), manager.try_notify(2)),
        (Ok(0), Ok(1))
    );
    drop(two);
    assert_eq!(keys(&topics), 0);
    assert_eq!(manager.try_notify(2), Ok(0));
    let mut later = topics.subscribe(2);
    assert!(waits(&mut later), "events before are not for it");
    assert_eq!(manager.try_notify(12), Ok(1));
    assert_eq!(read(&mut later), Some(12));
    assert!(manager.disconnect(later.id()));
    assert_eq!(keys(&topics), 0);
}

#[test]
fn subscriptions_outlive_their_topics_and_topics_keep_no_manager_open() {
    let manager = EventManager::new(100);
    let topics = digits(&manager);
    let mut one = topics.subscribe(1);
    let kept = topics.clone();
    drop(topics);
    publish(&manager, [1]);
    let dropped = digits(&manager).subscribe(1);
    publish(&manager, [11]);
    assert_eq!((one.len(), dropped.len()), (2, 1));
    drop(manager);
    assert_eq!(read_all(&mut one), [1, 11]);
    assert_eq!(keys(&kept), 0, "a closed manager needs no keys");
    let mut late = kept.subscribe(1);
    assert_eq!(read(&mut late), None);
    assert_eq!(late.end_reason(), Some(EndReason::Closed));
    assert_eq!(keys(&kept), 0);
}

#[test]
fn a_manager_has_several_topics_beside_filters() {
    let manager = EventManager::new(100);
    let (digits, halves) = (digits(&manager), manager.topics(|n| *n < 50));
    let texts = manager.topics(ToString::to_string);
    let one = digits.subscribe(1);
    let (small, large) = (halves.subscribe(true), halves.subscribe(false));
    let text = texts.subscribe("71".to_owned());
    let filtered = manager.subscribe_filter(|n| n % 7 == 0);
    publish(&manager, 0..100);
    assert_eq!([one.len(), small.len(), large.len()], [10, 50, 50]);
    assert_eq!((text.len(), filtered.len()), (1, 15));
}

#[test]
fn a_key_is_computed_once_for_each_event_and_only_for_subscribers() {
    let manager = EventManager::new(2);
    let computed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&computed);
    let topics = manager.topics(move |n: &u32| {
        counter.fetch_add(1, Ordering::Relaxed);
        n % 10
    });
    publish(&manager, [1, 2, 3]);
    assert_eq!(computed.load(Ordering::Relaxed), 0);
    let mut one = topics.subscribe(1);
    let others: Vec<_> = (0..100).map(|_| topics.subscribe(2)).collect();
    publish(&manager, [1, 11]);
    assert_eq!(computed.load(Ordering::Relaxed), 2);
    // A publisher that waits keeps its key, also when subscribers join meanwhile.
    let mut waiting = task::spawn(manager.notify(21));
    assert_pending!(waiting.poll());
    let later = [topics.subscribe(1), topics.subscribe(1)];
    assert_pending!(waiting.poll());
    assert_eq!(read(&mut one), Some(1));
    assert_eq!(assert_ready_ok!(waiting.poll()), 3);
    assert_eq!(computed.load(Ordering::Relaxed), 3);
    assert_eq!(later.map(|reader| reader.len()), [1, 1]);
    drop(others);
}

#[test]
fn a_key_that_appears_while_a_publisher_waits_gets_the_event() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let (mut plain, seven) = (manager.subscribe(), topics.subscribe(7));
    publish(&manager, [1]);
    let mut waiting = task::spawn(manager.notify(5));
    assert_pending!(waiting.poll());
    let mut five = topics.subscribe(5);
    drop(topics.subscribe(5));
    drop(seven);
    read(&mut plain);
    assert_eq!(assert_ready_ok!(waiting.poll()), 2);
    assert_eq!(read(&mut five), Some(5));
}

#[test]
fn topics_that_were_empty_count_their_later_subscribers_for_a_waiting_publisher() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let mut plain = manager.subscribe();
    publish(&manager, [1]);
    let first = topics.subscribe(5);
    let mut waiting = task::spawn(manager.notify(5));
    assert_pending!(waiting.poll());
    drop(first); // The topics leave the manager.
    assert_pending!(waiting.poll());
    let again = topics.subscribe(5); // They come back.
    read(&mut plain);
    assert_eq!(assert_ready_ok!(waiting.poll()), 2);
    assert_eq!(again.len(), 1);
}

/// A key whose hash is always the same.
#[derive(PartialEq, Eq)]
struct Colliding(u32);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn keys_with_the_same_hash_are_different_keys() {
    let manager = EventManager::new(100);
    let topics = manager.topics(|n: &u32| Colliding(n % 10));
    let readers: Vec<_> = (0..10).map(|n| topics.subscribe(Colliding(n))).collect();
    assert_eq!(keys(&topics), 10);
    publish(&manager, 0..30);
    assert!(readers.iter().all(|reader| reader.len() == 3));
    drop(readers);
    assert_eq!(keys(&topics), 0);
}

#[test]
fn a_permit_is_for_any_key() {
    let manager = EventManager::new(1);
    let topics = digits(&manager);
    let (mut one, two) = (topics.subscribe(1), topics.subscribe(2));
    publish(&manager, [1]);
    let mut permit = task::spawn(manager.reserve());
    assert_pending!(permit.poll());
    read(&mut one);
    assert_eq!(assert_ready_ok!(permit.poll()).notify(2), 1);
    assert_eq!(two.len(), 1);
    assert!(now(manager.sync_notify(3)).unwrap().is_unheard());
}
