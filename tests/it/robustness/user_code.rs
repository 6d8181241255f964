//! User code inside of the crate panics or calls the manager, at every place where the crate runs it:
//! an event's `Clone` and `Drop`, a waker's `wake`, `drop` and `clone`.
//!
//! A call from user code under a held lock would never return, so a test that ends proves the absence
//! of a lock.

mod clones;
mod deliveries;
mod drops;
mod failing_clones;
#[cfg(feature = "rt")]
mod kv;
#[cfg(feature = "rt")]
mod kv_drops;
mod payloads;
mod several_drops;
mod slow_clones;
mod waker_clones;
mod wakers;

use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use genevent::{Deliveries, Delivery, EventManager, Overflow, SubscribeOptions, Subscription};

type Hook = Arc<dyn Fn() + Send + Sync>;

/// An event with a hook in `Clone` and `Drop`. Its clones have no hook.
struct Odd {
    n: u32,
    on_clone: Option<Hook>,
    on_drop: Option<Hook>,
}

impl Odd {
    fn plain(n: u32) -> Self {
        Self {
            n,
            on_clone: None,
            on_drop: None,
        }
    }
}

impl Clone for Odd {
    fn clone(&self) -> Self {
        if let Some(hook) = &self.on_clone {
            hook();
        }
        Self::plain(self.n)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        if let Some(hook) = &self.on_drop {
            hook();
        }
    }
}

/// A waker with a hook in `wake` and in the last `drop`.
#[derive(Default)]
struct OddWaker {
    on_wake: Option<Hook>,
    on_drop: Option<Hook>,
}

impl Wake for OddWaker {
    fn wake(self: Arc<Self>) {
        if let Some(hook) = &self.on_wake {
            hook();
        }
    }
}

impl Drop for OddWaker {
    fn drop(&mut self) {
        if let Some(hook) = &self.on_drop {
            hook();
        }
    }
}

/// A panic not printed by the hook.
fn silent_panic() {
    resume_unwind(Box::new("foreign code panics"));
}

/// The action of the user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Panic,
    Publish,
    PollPublisher,
    PollFlush,
    Subscribe,
    PollSubscription,
    DropSubscription,
    Disconnect,
    Look,
    Close,
}

const ACTS: [Act; 10] = [
    Act::Panic,
    Act::Publish,
    Act::PollPublisher,
    Act::PollFlush,
    Act::Subscribe,
    Act::PollSubscription,
    Act::DropSubscription,
    Act::Disconnect,
    Act::Look,
    Act::Close,
];

const BY_HOOK: u32 = 1_000;

/// A manager with two witnesses, which must see every event, and another subscription, for the hooks.
/// `catch_up` reads all three to the end, and leaves no event in flight.
struct World {
    manager: EventManager<Odd>,
    witnesses: Mutex<Vec<(Subscription<Odd>, Vec<u32>)>>,
    other: Mutex<Option<Subscription<Odd>>>,
    /// The numbers of all stored events.
    stored: Mutex<Vec<u32>>,
    has_run: AtomicBool,
}

impl World {
    fn new() -> Arc<Self> {
        let manager = EventManager::new(8);
        let witnesses = (0..2).map(|_| (manager.subscribe(), Vec::new())).collect();
        let world = Self {
            other: Mutex::new(Some(manager.subscribe())),
            witnesses: Mutex::new(witnesses),
            stored: Mutex::default(),
            has_run: AtomicBool::new(false),
            manager,
        };
        world.catch_up();
        Arc::new(world)
    }

    /// Runs `act` at the first call only.
    fn hook(self: &Arc<Self>, act: Act) -> Hook {
        let world = Arc::downgrade(self);
        Arc::new(move || {
            let world = Weak::upgrade(&world).expect("the world outlives its foreign code");
            if !world.has_run.swap(true, Ordering::Relaxed) {
                world.act(act);
            }
        })
    }

    fn act(&self, act: Act) {
        let manager = &self.manager;
        match act {
            Act::Panic => silent_panic(),
            Act::Publish => self.publish(Odd::plain(BY_HOOK)),
            Act::PollPublisher => {
                let stored = manager.notify(Odd::plain(BY_HOOK)).now_or_never();
                self.note(BY_HOOK, matches!(stored, Some(Ok(_))));
            }
            Act::PollFlush => _ = manager.flush().now_or_never(),
            Act::Subscribe => drop(manager.subscribe()),
            Act::PollSubscription => {
                let mut other = self.other.lock().unwrap();
                let _ = other.as_mut().map(|other| other.next().now_or_never());
            }
            Act::DropSubscription => *self.other.lock().unwrap() = None,
            Act::Disconnect => {
                let other = self.other.lock().unwrap().as_ref().map(Subscription::id);
                let _ = other.map(|other| manager.disconnect(other));
            }
            Act::Look => {
                let _ = format!("{manager:?} {:?}", manager.subscribers());
            }
            Act::Close => manager.close(),
        }
    }

    fn publish(&self, event: Odd) {
        let n = event.n;
        let is_stored = self.manager.try_notify(event).is_ok();
        self.note(n, is_stored);
    }

    fn note(&self, n: u32, is_stored: bool) {
        self.stored.lock().unwrap().extend(is_stored.then_some(n));
    }

    /// All subscribers read the stored events and park.
    fn catch_up(&self) {
        for (witness, got) in &mut *self.witnesses.lock().unwrap() {
            while let Some(Some(event)) = witness.next().now_or_never() {
                got.push(event.n);
            }
        }
        if let Some(other) = &mut *self.other.lock().unwrap() {
            while let Some(Some(_)) = other.next().now_or_never() {}
        }
    }

    /// All subscribers leave.
    fn desert(&self) {
        self.witnesses.lock().unwrap().clear();
        *self.other.lock().unwrap() = None;
    }

    /// The witnesses have lost nothing, and the manager still works.
    fn check(&self) {
        assert!(
            self.has_run.load(Ordering::Relaxed),
            "the foreign code never ran"
        );
        self.catch_up();
        let mut stored = self.stored.lock().unwrap().clone();
        stored.sort_unstable();
        let witnesses = std::mem::take(&mut *self.witnesses.lock().unwrap());
        for (_, got) in &witnesses {
            assert_eq!(*got, witnesses[0].1, "they saw the same");
            let mut got = got.clone();
            got.sort_unstable();
            assert_eq!(got, stored, "and all of it");
        }
        drop(witnesses);
        *self.other.lock().unwrap() = None;

        if self.manager.is_closed() {
            assert!(now(self.manager.stop().map(Some)).is_some());
            return;
        }
        assert_eq!(self.manager.subscriber_count(), 0);
        let mut reader = self.manager.subscribe();
        let mut done = self.manager.sync_notify(Odd::plain(1));
        assert!((&mut done).now_or_never().is_none());
        assert_eq!(read(&mut reader), Some(1));
        reader.ack();
        assert!(now(done).is_ok_and(|receipt| receipt.all_acked()));
    }
}

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

fn read(reader: &mut Subscription<Odd>) -> Option<u32> {
    now(reader.next()).map(|event| event.n)
}

fn next(jobs: &mut Deliveries<Odd>) -> Delivery<Odd> {
    now(jobs.next()).expect("the stream has not ended")
}

fn narrow(overflow: Overflow) -> SubscribeOptions {
    SubscribeOptions::from(overflow).window(1)
}

/// Names the place of a failing test.
struct OnPanic(String);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("  in the story of {}", self.0);
        }
    }
}

/// Polls once and drops the waker, so the last clone is the manager's.
fn wait<F: Future + Unpin>(future: &mut F, waker: Waker) {
    let poll = Pin::new(future).poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    drop(waker);
}

/// Fills a subscriber with a small window, so the next publisher waits for the subscriber.
fn fill(world: &World) -> Subscription<Odd> {
    let full = world.manager.subscribe_with(narrow(Overflow::Wait));
    world.publish(Odd::plain(1));
    world.catch_up();
    full
}
