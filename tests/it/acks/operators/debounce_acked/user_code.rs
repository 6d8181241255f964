//! Keys and clones that panic under `debounce_acked`, and keys that call the manager.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::atomic::AtomicU32;

use futures::{FutureExt, Stream, StreamExt};
use genevent::{Delivery, EventManager, EventStreamExt};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::super::{
    Fragile, assert_acked, assert_dropped, assert_open, deliveries, panics, sync_notify_all,
};
use super::DURATION;

#[tokio::test(start_paused = true)]
async fn a_panicking_key_drops_its_own_delivery() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, |n| {
        assert_ne!(*n, 2, "no key");
    }));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert!(panics(|| quiet.poll_next()).contains("no key"));
    assert_open(&mut one);
    assert_dropped(&mut two);
    assert_pending!(quiet.poll_next());
    assert_acked(&mut one);
    advance(DURATION).await;
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 3);
    assert_acked(&mut three);
}

/// A key whose `Hash`, `Eq` and `Drop` panic while the fuse is lit.
#[derive(Clone)]
struct Angry {
    key: u32,
    fuse: Rc<Cell<&'static str>>,
}

impl Angry {
    fn burn(&self, what: &'static str) {
        if self.fuse.get() == what {
            self.fuse.set("");
            panic!("{what}");
        }
    }
}

impl Hash for Angry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.burn("hash");
        self.key.hash(state);
    }
}

impl PartialEq for Angry {
    fn eq(&self, other: &Self) -> bool {
        self.burn("eq");
        self.key == other.key
    }
}

impl Eq for Angry {}

impl Drop for Angry {
    fn drop(&mut self) {
        self.burn("drop");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_panic_harm_one_delivery_at_most() {
    for (what, at) in ["hash", "eq", "drop"]
        .into_iter()
        .flat_map(|what| [(what, 1), (what, 2), (what, 3)])
    {
        let manager = EventManager::new(8);
        let fuse = Rc::new(Cell::new(""));
        let lit = Rc::clone(&fuse);
        let key = move |n: &u32| Angry {
            key: n / 10,
            fuse: Rc::clone(&lit),
        };
        let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, key));
        let [mut one, mut two] = sync_notify_all(&manager, [11, 21]);
        assert_pending!(quiet.poll_next());
        let [mut three] = sync_notify_all(&manager, [12]);
        if at == 1 {
            fuse.set(what);
        }
        let mut caught = 0;
        let mut poll = |quiet: &mut task::Spawn<_>| loop {
            let polled = std::panic::AssertUnwindSafe(|| poll_one(quiet));
            match std::panic::catch_unwind(polled) {
                Ok(polled) => return polled,
                Err(_) => caught += 1,
            }
        };
        assert!(poll(&mut quiet).is_none());
        if at == 2 {
            fuse.set(what);
        }
        advance(DURATION).await;
        let mut yielded = Vec::new();
        if let Some(n) = poll(&mut quiet) {
            yielded.push(n);
        }
        if at == 3 {
            fuse.set(what);
        }
        while let Some(n) = poll(&mut quiet) {
            yielded.push(n);
        }
        assert!(caught <= 1, "{what}: {caught}");
        assert!(yielded.len() + caught >= 2, "{what} at {at}: {yielded:?}");
        // Each event is settled, whatever has panicked.
        drop(quiet);
        for waiting in [&mut one, &mut two, &mut three] {
            assert!(waiting.poll().is_ready(), "{what} at {at}");
        }
    }
}

fn poll_one<S: Stream<Item = Delivery<u32>>>(quiet: &mut task::Spawn<S>) -> Option<u32>
where
    task::Spawn<S>: Stream<Item = Delivery<u32>> + Unpin,
{
    let next = quiet.next().now_or_never();
    next.flatten().map(Delivery::ack)
}

/// Two panics at once would abort the process.
#[tokio::test(start_paused = true)]
async fn dropping_many_keys_that_panic_is_survived() {
    struct Loud(u32);
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("drop of {}", self.0);
        }
    }
    impl Hash for Loud {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl PartialEq for Loud {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Loud {}

    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, |n| Loud(*n)));
    let [mut one, mut two, mut again] = sync_notify_all(&manager, [1, 2, 1]);
    assert_pending!(quiet.poll_next());
    assert_acked(&mut one);
    drop(quiet);
    assert_dropped(&mut two);
    assert_dropped(&mut again);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_clone_loses_no_delivery() {
    static FUSE: AtomicU32 = AtomicU32::new(2);
    let manager = EventManager::new(8);
    let quiet = manager
        .subscribe()
        .deliveries()
        .debounce_acked(DURATION, |event: &Fragile| event.id);
    let mut quiet = task::spawn(quiet);
    for id in 1..=3 {
        manager
            .try_notify(Fragile { id, fuse: &FUSE })
            .ok()
            .unwrap();
    }
    assert!(panics(|| quiet.poll_next()).contains("clone"));
    assert_pending!(quiet.poll_next());
    assert_eq!(quiet.waiting(), 3);
}

/// The key may use the manager.
#[tokio::test(start_paused = true)]
async fn a_key_may_call_the_manager() {
    let manager = EventManager::new(8);
    let inside = manager.clone();
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, move |n| {
        if *n < 3 {
            inside.try_notify(n + 1).unwrap();
        }
    }));
    manager.try_notify(1).unwrap();
    assert_pending!(quiet.poll_next());
    advance(DURATION).await;
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 3);
}
