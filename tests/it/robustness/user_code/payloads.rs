//! The payload of a caught panic is dropped, even if the payload's own `Drop` panics.

#[cfg(feature = "rt")]
mod tasks;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, StreamExt};
use genevent::{EventManager, Overflow};

use super::{narrow, now};

/// Makes payloads, and counts the payloads alive.
#[derive(Clone)]
struct Payloads {
    alive: Arc<()>,
    /// The `Drop` of a payload panics with another payload, so many times.
    again: u32,
}

impl Payloads {
    fn new(again: u32) -> Self {
        Self {
            alive: Arc::default(),
            again,
        }
    }

    fn panic(&self) -> ! {
        resume_unwind(Box::new(Payload(self.clone())))
    }

    /// Panics when dropped.
    fn bomb(&self) -> Bomb {
        Bomb(Arc::new(self.clone()))
    }
}

struct Payload(Payloads);

impl Drop for Payload {
    fn drop(&mut self) {
        if let Some(again) = self.0.again.checked_sub(1) {
            let alive = Arc::clone(&self.0.alive);
            Payloads { alive, again }.panic();
        }
    }
}

/// Panics when its last clone is dropped.
#[derive(Clone)]
struct Bomb(Arc<Payloads>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(payloads) = Arc::get_mut(&mut self.0) {
            payloads.panic();
        }
    }
}

/// Panics when woken.
struct BadWaker(Payloads);

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        self.0.panic();
    }
}

/// A waker that is another reference to the bomb.
struct Bombed(#[expect(dead_code, reason = "it is dropped")] Bomb);

impl Wake for Bombed {
    fn wake(self: Arc<Self>) {}
}

/// A call in which the crate catches panics of user code.
type Story = (&'static str, fn(&Payloads));

const STORIES: &[Story] = &[
    ("an event that nobody hears", |payloads| {
        let manager = EventManager::new(2);
        manager.try_notify(payloads.bomb()).unwrap();
    }),
    ("an event that is overwritten", |payloads| {
        let manager = EventManager::new(2);
        let reader = manager.subscribe_with(narrow(Overflow::DropOldest));
        for _ in 0..100 {
            manager.try_notify(payloads.bomb()).unwrap();
        }
        drop(reader);
    }),
    ("events that were not read", |payloads| {
        let manager = EventManager::new(4);
        let reader = manager.subscribe();
        for _ in 0..4 {
            manager.try_notify(payloads.bomb()).unwrap();
        }
        manager.disconnect(reader.id());
        drop((manager, reader));
    }),
    ("events that are retained", |payloads| {
        let manager = EventManager::builder().capacity(4).retain(2).build();
        for _ in 0..4 {
            manager.try_notify(payloads.bomb()).unwrap();
        }
    }),
    ("a waker that is called", |payloads| {
        let manager = EventManager::new(2);
        let mut reader = manager.subscribe();
        let mut filtered = manager.subscribe_filter(|_: &u8| true);
        let waker = Waker::from(Arc::new(BadWaker(payloads.clone())));
        let mut context = Context::from_waker(&waker);
        assert!(reader.poll_next_unpin(&mut context).is_pending());
        assert!(filtered.poll_next_unpin(&mut context).is_pending());
        assert!(manager.closed().poll_unpin(&mut context).is_pending());
        manager.try_notify(1).unwrap();
    }),
    ("a waker that is dropped", |payloads| {
        let manager = EventManager::<u8>::new(2);
        let mut reader = manager.subscribe();
        let waker = Waker::from(Arc::new(Bombed(payloads.bomb())));
        let pending = reader.poll_next_unpin(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        drop(waker);
        assert!(reader.next().now_or_never().is_none());
    }),
    ("a filter", |payloads| {
        let manager = EventManager::new(2);
        let asked = payloads.clone();
        let _where = manager.subscribe_filter(move |_| asked.panic());
        let asked = payloads.clone();
        let _map = manager.subscribe_filter_map(move |_| -> Option<u8> { asked.panic() });
        manager.try_notify(1).unwrap();
    }),
    (
        "a filter that is dropped, and what is in its queue",
        |payloads| {
            let manager = EventManager::new(2);
            let (bomb, kept) = (payloads.bomb(), payloads.clone());
            let filtered = manager.subscribe_filter_map(move |_: &u8| {
                let _with_the_filter = &bomb;
                Some(kept.bomb())
            });
            manager.try_notify(1).unwrap();
            drop(filtered);
        },
    ),
    ("an event that was given back with a future", |payloads| {
        let manager = EventManager::new(1);
        let reader = manager.subscribe();
        manager.try_notify(payloads.bomb()).unwrap();
        let permit = manager.reserve().now_or_never();
        assert!(permit.is_none());
        drop(reader);
        let permit = now(manager.reserve()).unwrap();
        permit.notify(payloads.bomb());
    }),
];

fn leave_no_payload_behind(stories: &[Story]) {
    for (what, story) in stories {
        for again in 0..3 {
            let payloads = Payloads::new(again);
            story(&payloads);
            let left = Arc::strong_count(&payloads.alive) - 1;
            assert_eq!(left, 0, "{what}; payloads that panic {again} times");
        }
    }
}

#[test]
fn caught_panic_payloads_are_dropped() {
    leave_no_payload_behind(STORIES);
}

/// The crate stops dropping after a few payloads, and leaks the last.
#[test]
fn payloads_with_panicking_drops_block_no_call() {
    for (what, story) in STORIES {
        let payloads = Payloads::new(u32::MAX);
        story(&payloads);
        assert!(Arc::strong_count(&payloads.alive) > 1, "{what}");
    }
}
