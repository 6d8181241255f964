//! Key functions and keys that panic or call back.

use std::cell::Cell;
#[cfg(feature = "rt")]
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "rt")]
use futures::{FutureExt, future::LocalBoxFuture};
use genevent::{EventManager, SubscribeOptions, Topics, WeakEventManager};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{digits, keys, publish};
use crate::drive::{now, read, read_all};

/// Returns whether the call panicked.
fn panics<R>(call: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

/// Topics whose key function panics for 13.
fn unlucky(manager: &EventManager<u32>) -> Topics<u32, u32> {
    manager.topics(|n| {
        assert_ne!(*n, 13, "a panic on purpose");
        n % 10
    })
}

#[test]
fn a_key_function_that_panics_stores_nothing() {
    let manager = EventManager::new(8);
    let (topics, other) = (unlucky(&manager), digits(&manager));
    let mut three = topics.subscribe(3);
    let (mut plain, also) = (manager.subscribe(), other.subscribe(3));
    assert!(panics(|| manager.try_notify(13)));
    assert!(panics(|| now(manager.notify(13))));
    assert!(panics(|| now(manager.sync_notify(13))));
    assert!(panics(|| now(manager.ack_notify(13))));
    assert_eq!((manager.stats().published(), also.len()), (0, 0));
    publish(&manager, [3, 23]);
    assert_eq!([read(&mut three), read(&mut three)], [Some(3), Some(23)]);
    assert_eq!([read(&mut plain), read(&mut plain)], [Some(3), Some(23)]);
}

#[test]
fn a_permit_whose_event_has_no_key_returns_its_room() {
    let manager = EventManager::new(1);
    let topics = unlucky(&manager);
    let mut three = topics.subscribe(3);
    let permit = now(manager.reserve()).unwrap();
    assert!(manager.try_notify(3).is_err());
    assert!(panics(|| permit.notify(13)));
    assert_eq!(manager.try_notify(3), Ok(1), "the room is free again");
    assert_eq!(read(&mut three), Some(3));
    manager.close();
    assert_eq!(read(&mut three), None, "no permit is out");
}

#[test]
fn a_publisher_polled_again_after_a_panic_delivers_once() {
    thread_local!(static IS_BAD: Cell<bool> = const { Cell::new(true) });
    let manager = EventManager::new(8);
    let first = manager.topics(|n: &u32| n % 10);
    let second = manager.topics(|n: &u32| {
        assert!(!IS_BAD.get(), "a panic on purpose");
        n % 10
    });
    let (one, also) = (first.subscribe(1), second.subscribe(1));
    let filtered = manager.subscribe_filter(|n| *n == 1);
    let mut sending = task::spawn(manager.notify(1));
    assert!(panics(|| sending.poll()));
    IS_BAD.set(false);
    assert_eq!(assert_ready_ok!(sending.poll()), 3);
    assert_eq!([one.len(), also.len(), filtered.len()], [1, 1, 1]);
}

#[test]
fn a_waiting_publisher_that_panics_passes_the_room_on() {
    let manager = EventManager::new(1);
    let mut plain = manager.subscribe();
    publish(&manager, [1]);
    let mut first = task::spawn(manager.notify(13));
    let mut second = task::spawn(manager.notify(4));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let topics = unlucky(&manager);
    let four = topics.subscribe(4);
    assert_eq!(read(&mut plain), Some(1));
    assert!(panics(|| first.poll()));
    drop(first);
    assert_eq!(assert_ready_ok!(second.poll()), 2);
    assert_eq!(four.len(), 1);
}

#[test]
fn an_event_that_is_not_stored_may_panic_in_its_drop() {
    #[derive(Clone)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a panic on purpose");
        }
    }
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Bomb| -> u32 { panic!("a panic on purpose") });
    let one = topics.subscribe(1);
    assert!(panics(|| manager.try_notify(Bomb).is_ok()));
    assert!(panics(|| now(manager.notify(Bomb)).is_ok()));
    let permit = now(manager.reserve()).unwrap();
    assert!(panics(|| permit.notify(Bomb)));
    drop(one);
}

/// An event whose clones are counted, and of which one panics.
struct Fragile {
    clones: Arc<AtomicU32>,
    /// The number of the clone that panics, from 1.
    bad: u32,
}

impl Fragile {
    fn new(bad: u32) -> Self {
        let clones = Arc::default();
        Self { clones, bad }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        let clone = self.clones.fetch_add(1, Ordering::Relaxed) + 1;
        assert_ne!(clone, self.bad, "a panic on purpose");
        let clones = Arc::clone(&self.clones);
        Self { clones, ..*self }
    }
}

const PANICKED: &str = "disconnected: its filter panicked";

#[test]
fn a_clone_that_panics_disconnects_its_subscriber() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Fragile| 1);
    let readers = [(); 3].map(|()| topics.subscribe_any([1, 2]));
    assert_eq!(manager.try_notify(Fragile::new(2)).ok(), Some(2));
    let lens = readers.each_ref().map(genevent::Filtered::len);
    assert_eq!(lens, [1, 0, 1]);
    let [_, mut second, _] = readers;
    assert!(read(&mut second).is_none());
    assert_eq!(second.end_reason().unwrap().to_string(), PANICKED);
}

#[test]
fn a_publishers_clone_that_panics_disconnects_the_subscribers_of_the_key() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Fragile| 1);
    let mut readers = [(); 2].map(|()| topics.subscribe(1));
    let mut others = [topics.subscribe_any([1, 2]), topics.subscribe(2)];
    // The first clone is for the subscriber of two keys.
    assert_eq!(manager.try_notify(Fragile::new(2)).ok(), Some(1));
    assert_eq!((manager.subscriber_count(), others[0].len()), (2, 1));
    for reader in &mut readers {
        assert!(read(reader).is_none());
        assert_eq!(reader.end_reason().unwrap().to_string(), PANICKED);
    }
    assert_eq!(manager.try_notify(Fragile::new(0)).ok(), Some(1));
    assert_eq!(others.each_mut().map(|other| other.len()), [2, 0]);
}

#[test]
fn a_clone_that_panics_in_a_poll_disconnects_the_reader() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Fragile| 1);
    let mut first = topics.subscribe(1);
    let mut second = topics.subscribe(1);
    let mut third = topics.subscribe(1).deliveries();
    // The publisher clones once; then each reader.
    let mut done = task::spawn(manager.sync_notify(Fragile::new(3)));
    assert_pending!(done.poll());
    assert_eq!(manager.try_notify(Fragile::new(0)).ok(), Some(3));
    assert!(read(&mut first).is_some());
    assert!(read(&mut second).is_some(), "the next event is readable");
    assert_eq!((second.seq(), second.len()), (2, 0));
    assert!(read(&mut second).is_none());
    assert_eq!(second.end_reason().unwrap().to_string(), PANICKED);
    assert!(read(&mut first).is_some());
    read(&mut third).unwrap().ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.acked(), 2);
    let unfinished = receipt.unfinished();
    assert_eq!((unfinished.len(), unfinished[0].id()), (1, second.id()));
    assert_eq!(unfinished[0].cause().to_string(), PANICKED);
    assert_eq!(manager.subscriber_count(), 2);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn an_event_is_not_received_while_it_is_cloned() {
    /// Asks during a clone which subscribers have not received the event.
    struct Asks;
    thread_local! {
        static ASKING: RefCell<Option<LocalBoxFuture<'static, usize>>> = const { RefCell::new(None) };
        static NAMED: Cell<Option<usize>> = const { Cell::new(None) };
    }
    impl Clone for Asks {
        fn clone(&self) -> Self {
            if let Some(asking) = ASKING.take() {
                NAMED.set(asking.now_or_never());
            }
            Self
        }
    }
    let millisecond = std::time::Duration::from_millis(1);
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Asks| 1);
    let mut one = topics.subscribe(1);
    let mut jobs = topics.subscribe(1).deliveries();
    for first_reads_job in [false, true] {
        let publishing = manager.ack_notify_owned(Asks).within(millisecond);
        let named = publishing.map(|late| late.unwrap_err().waiting_for().len());
        let mut asking = named.boxed_local();
        assert!((&mut asking).now_or_never().is_none());
        tokio::time::advance(2 * millisecond).await;
        ASKING.set(Some(asking));
        for reads_job in [first_reads_job, !first_reads_job] {
            if reads_job {
                read(&mut jobs).unwrap().ack();
            } else {
                assert!(read(&mut one).is_some());
            }
        }
        assert_eq!(NAMED.take(), Some(2), "neither had received the event");
    }
}

#[test]
fn a_delivery_whose_clone_panics_is_not_in_flight() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|_: &Fragile| 1);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = topics.subscribe_with(1, options).deliveries();
    assert_eq!(manager.try_notify(Fragile::new(2)).ok(), Some(1));
    assert_eq!(manager.try_notify(Fragile::new(0)).ok(), Some(1));
    let job = read(&mut jobs).unwrap();
    assert_eq!((job.seq(), jobs.unacked()), (2, 1));
    job.ack();
    assert!(read(&mut jobs).is_none());
    now(manager.flush()).unwrap();
}

/// What the next calls of a key's methods do.
#[derive(Clone, Copy, PartialEq)]
enum Do {
    Nothing,
    Panic(&'static str),
    CallBack,
}

thread_local! {
    static DO: Cell<Do> = const { Cell::new(Do::Nothing) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// A key whose methods misbehave.
struct Key(u32, WeakEventManager<u32>);

impl Key {
    fn misbehave(&self, method: &'static str) {
        match DO.get() {
            Do::Panic(of) if of == method => panic!("a panic on purpose"),
            Do::CallBack if DEPTH.get() == 0 => {
                DEPTH.set(1);
                if let Some(manager) = self.1.upgrade() {
                    _ = manager.try_notify(1_000);
                    let mut reader = manager.subscribe();
                    _ = manager.subscribers();
                    _ = manager.try_notify(1_000);
                    _ = read(&mut reader);
                    let mine = manager.topics(|n| n % 10);
                    drop(mine.subscribe(0));
                }
                DEPTH.set(0);
            }
            _ => {}
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.misbehave("eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.misbehave("hash");
        (self.0 % 2).hash(state);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.misbehave("drop");
    }
}

fn misbehaving(manager: &EventManager<u32>) -> (Topics<u32, Key>, impl Fn(u32) -> Key) {
    let weak = manager.downgrade();
    let key = move |n| Key(n, weak.clone());
    let key_of = {
        let key = key.clone();
        move |n: &u32| key(n % 10)
    };
    (manager.topics(key_of), key)
}

#[test]
fn keys_may_call_the_manager() {
    let manager = EventManager::new(10_000);
    let (topics, key) = misbehaving(&manager);
    DO.set(Do::CallBack);
    let mut readers: Vec<_> = (0..10).map(|n| topics.subscribe(key(n))).collect();
    readers.push(topics.subscribe_any([1, 2, 1].map(&key)));
    publish(&manager, 1..=30);
    let own = |n: &u32| *n < 1_000;
    for (n, reader) in (0..10).zip(&mut readers) {
        let lens = std::iter::from_fn(|| (!reader.is_empty()).then(|| read(reader).unwrap()));
        let wanted: Vec<_> = (1..=30).filter(|it| it % 10 == n).collect();
        assert_eq!(lens.filter(own).collect::<Vec<_>>(), wanted);
    }
    manager.disconnect(readers[3].id());
    readers.truncate(5);
    assert_eq!(keys(&topics), 4);
    manager.close();
    assert_eq!(keys(&topics), 0);
    drop(readers);
    DO.set(Do::Nothing);
}

#[test]
fn a_key_that_panics_harms_the_call_and_leaves_nothing_behind() {
    for method in ["hash", "eq", "drop"] {
        let manager = EventManager::new(1_000);
        let (topics, key) = misbehaving(&manager);
        let one = topics.subscribe(key(1));
        DO.set(Do::Panic(method));
        let panicked = panics(|| topics.subscribe_any([8, 6, 3, 1].map(&key)));
        let sent = panics(|| manager.try_notify(1));
        DO.set(Do::Nothing);
        assert_eq!(
            (panicked, sent),
            (method != "drop", method != "drop"),
            "{method}"
        );
        assert_eq!(
            (keys(&topics), manager.subscriber_count()),
            (1, 1),
            "{method}"
        );
        assert_eq!(one.len(), usize::from(method == "drop"));
        publish(&manager, [11]);
        DO.set(Do::Panic("drop"));
        drop(one);
        DO.set(Do::Nothing);
        assert_eq!(keys(&topics), 0);
        manager.close();
    }
}

#[test]
fn an_iterator_of_keys_that_panics_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let broken = (0..5).inspect(|n| assert_ne!(*n, 3, "a panic on purpose"));
    assert!(panics(|| topics.subscribe_any(broken)));
    assert_eq!((keys(&topics), manager.subscriber_count()), (0, 0));
}

/// Calls the manager when it is dropped.
struct CallsBack(WeakEventManager<u32>);

impl Drop for CallsBack {
    fn drop(&mut self) {
        if let Some(manager) = self.0.upgrade() {
            _ = manager.try_notify(7);
            drop(manager.subscribe());
        }
    }
}

#[test]
fn a_key_function_may_call_the_manager_when_it_is_dropped() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe();
    for ends_with in ["leaving", "disconnecting", "closing"] {
        let value = CallsBack(manager.downgrade());
        let topics = manager.topics(move |n: &u32| {
            _ = &value;
            n % 10
        });
        let last = topics.subscribe(1);
        drop(topics);
        match ends_with {
            "leaving" => drop(last),
            "disconnecting" => assert!(manager.disconnect(last.id())),
            _ => manager.close(),
        }
        let called = (ends_with != "closing").then_some(7);
        assert_eq!(read(&mut plain), called, "{ends_with}");
    }
}

#[test]
fn a_key_function_may_publish_subscribe_and_close() {
    let manager = EventManager::new(100);
    let weak = manager.downgrade();
    let topics = manager.topics(move |n: &u32| {
        let manager = weak.upgrade();
        match (*n, manager) {
            (1, Some(manager)) => _ = manager.try_notify(11),
            (2, Some(manager)) => drop(manager.subscribe()),
            (3, Some(manager)) => manager.close(),
            _ => {}
        }
        n % 10
    });
    let mut all = topics.subscribe_any(0..10);
    publish(&manager, [1, 2]);
    assert!(
        manager.try_notify(3).is_err(),
        "closed by its own key function"
    );
    assert_eq!(read_all(&mut all), [11, 1, 2]);
}
