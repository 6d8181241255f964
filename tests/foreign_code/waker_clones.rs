//! The clone of a waker, at the first poll of whatever waits.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::{FutureExt, SinkExt, StreamExt};
use genevent::{EventManager, SubscribeOptions};

use super::{ACTS, Act, Hook, Odd, OnPanic, World, fill, next, now, read};

/// `Wake` cannot say what `clone` does, so this is a waker by hand.
mod cloned {
    use std::cell::RefCell;
    use std::task::{RawWaker, RawWakerVTable, Waker};

    use super::Hook;

    thread_local! {
        static ON_CLONE: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let hook = ON_CLONE.take();
            if let Some(hook) = hook {
                hook();
            }
            raw()
        },
        |_| {},
        |_| {},
        |_| {},
    );

    const fn raw() -> RawWaker {
        RawWaker::new(std::ptr::null(), &VTABLE)
    }

    /// A waker whose next clone runs `hook`, once.
    pub(crate) fn waker(hook: Hook) -> Waker {
        ON_CLONE.set(Some(hook));
        // SAFETY: the functions of the table look at no data, and any thread may call them.
        unsafe { Waker::from_raw(raw()) }
    }
}

/// Polls for the first time, with a waker whose clone does `act`; the panic is the task's own.
fn first_poll<F: Future + Unpin>(mut future: F, waker: &Waker, act: Act) {
    let poll = catch_unwind(AssertUnwindSafe(|| {
        Pin::new(&mut future)
            .poll(&mut Context::from_waker(waker))
            .is_ready()
    }));
    if act == Act::Panic {
        poll.unwrap_err();
        assert!(
            (&mut future).now_or_never().is_none(),
            "it waits as if nothing had been"
        );
    }
}

#[test]
fn a_waker_whose_clone_panics_or_calls_back_harms_its_own_task_at_most() {
    type First = (&'static str, fn(&World, &Waker, Act));
    let places: [First; 13] = [
        ("next, at the limit of deliveries", |world, waker, act| {
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = world.manager.subscribe_with(options).deliveries();
            world.publish(Odd::plain(1));
            world.publish(Odd::plain(2));
            world.catch_up();
            let _out = next(&mut jobs);
            first_poll(jobs.next(), waker, act);
        }),
        ("reserve", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.reserve(), waker, act);
        }),
        ("a sink in line", |world, waker, act| {
            let _full = fill(world);
            let mut sink = world.manager.sink();
            first_poll(poll_fn(|cx| sink.poll_ready_unpin(cx)), waker, act);
        }),
        ("a sync sink's flush", |world, waker, act| {
            let _reader = world.manager.subscribe();
            let mut sink = world.manager.sync_sink();
            assert!(now(sink.feed(Odd::plain(1))).is_ok());
            world.note(1, true);
            first_poll(sink.flush(), waker, act);
        }),
        ("next", |world, waker, act| {
            let mut reader = world.manager.subscribe();
            first_poll(reader.next(), waker, act);
        }),
        ("notify", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.notify(Odd::plain(2)), waker, act);
        }),
        ("ack_notify in line", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.ack_notify(Odd::plain(2)), waker, act);
        }),
        ("sync_notify in line", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.sync_notify(Odd::plain(2)), waker, act);
        }),
        ("sync_notify", |world, waker, act| {
            let _reader = world.manager.subscribe();
            first_poll(world.manager.sync_notify(Odd::plain(1)), waker, act);
            // The waker is cloned before the event is stored.
            world.note(1, act != Act::Close);
        }),
        ("flush", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.flush(), waker, act);
        }),
        ("stop", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.stop(), waker, act);
        }),
        ("closed", |world, waker, act| {
            first_poll(world.manager.closed(), waker, act);
        }),
        ("wait_for_subscribers", |world, waker, act| {
            first_poll(world.manager.wait_for_subscribers(9), waker, act);
        }),
    ];
    for (place, run) in places {
        for act in ACTS {
            let _said = OnPanic(format!("{place}, {act:?}"));
            let world = World::new();
            let waker = cloned::waker(world.hook(act));
            run(&world, &waker, act);
            world.check();
        }
    }
}

/// What the clone does is seen by the poll that made it: no wake-up is lost to it.
#[test]
fn what_a_wakers_clone_changes_is_seen_by_the_poll_that_made_it() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let inside = manager.clone();
    let waker = cloned::waker(Arc::new(move || {
        assert!(inside.try_notify(Odd::plain(1)).is_ok());
    }));
    let next = reader.next().poll_unpin(&mut Context::from_waker(&waker));
    assert!(matches!(next, Poll::Ready(Some(Odd { n: 1, .. }))));

    assert!(manager.try_notify(Odd::plain(2)).is_ok());
    let reader = Arc::new(Mutex::new(reader));
    let inside = Arc::clone(&reader);
    let waker = cloned::waker(Arc::new(move || {
        assert_eq!(read(&mut inside.lock().unwrap()), Some(2));
    }));
    let stored = manager
        .notify(Odd::plain(3))
        .poll_unpin(&mut Context::from_waker(&waker));
    assert!(stored.is_ready(), "the clone made room");

    let inside = Arc::clone(&reader);
    let waker = cloned::waker(Arc::new(move || {
        let mut reader = inside.lock().unwrap();
        assert_eq!(read(&mut reader), Some(3));
        reader.ack();
    }));
    let settled = manager.flush().poll_unpin(&mut Context::from_waker(&waker));
    assert!(settled.is_ready(), "the clone finished with it");
}
