//! The clone of a waker, at the first poll of every future and stream.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::{FutureExt, SinkExt};
use genevent::{EventManager, SubscribeOptions};

use super::{ACTS, Act, Hook, Odd, OnPanic, World, fill, next, now, read};

/// `Wake` cannot customize `clone`, so this waker has a vtable of its own.
mod cloned {
    use std::cell::{Cell, RefCell};
    use std::task::{RawWaker, RawWakerVTable, Waker};

    use super::Hook;

    thread_local! {
        /// The number of clones until the hook runs, this clone included.
        static ON_CLONE: RefCell<Option<(usize, Hook)>> = const { RefCell::new(None) };
        static ALIVE: Cell<usize> = const { Cell::new(0) };
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            match ON_CLONE.take() {
                Some((1, hook)) => hook(),
                waits => ON_CLONE.set(waits.map(|(clones, hook)| (clones - 1, hook))),
            }
            raw()
        },
        |_| gone(),
        |_| {},
        |_| gone(),
    );

    fn raw() -> RawWaker {
        ALIVE.set(ALIVE.get() + 1);
        RawWaker::new(std::ptr::null(), &VTABLE)
    }

    fn gone() {
        ALIVE.set(ALIVE.get() - 1);
    }

    /// A waker that runs `hook` once, in clone number `at`.
    pub(crate) fn waker(at: usize, hook: Hook) -> Waker {
        ON_CLONE.set(Some((at, hook)));
        // SAFETY: the functions of the table look at no data, and any thread may call them.
        unsafe { Waker::from_raw(raw()) }
    }

    /// Whether there were so many clones.
    pub(crate) fn has_run() -> bool {
        ON_CLONE.with_borrow(Option::is_none)
    }

    /// The number of wakers alive.
    pub(crate) fn alive() -> usize {
        ALIVE.get()
    }
}

/// Polls for the first time, with a waker that does `act` in its clone; a panic reaches only the
/// polling task.
fn first_poll<F: Future + Unpin>(mut future: F, waker: &Waker, act: Act) {
    let poll = catch_unwind(AssertUnwindSafe(|| {
        Pin::new(&mut future)
            .poll(&mut Context::from_waker(waker))
            .is_ready()
    }));
    if act == Act::Panic && cloned::has_run() {
        poll.unwrap_err();
        assert!(
            (&mut future).now_or_never().is_none(),
            "it waits as if nothing had been"
        );
    }
}

#[test]
fn a_panicking_waker_clone_harms_only_its_task() {
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
            // The waker is cloned before the event is stored, and no more than once.
            world.note(1, act != Act::Close || !cloned::has_run());
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
        for (at, act) in (1..=3).flat_map(|at| ACTS.map(|act| (at, act))) {
            let _said = OnPanic(format!("{place}, {act:?} at clone {at}"));
            let world = World::new();
            let waker = cloned::waker(at, world.hook(act));
            run(&world, &waker, act);
            if cloned::has_run() {
                world.check();
            } else {
                assert!(at > 1, "it waits with a waker");
            }
            drop(waker);
            assert_eq!(cloned::alive(), 0, "who has gone leaves no waker");
        }
    }
}

/// The waker of a first poll, which the clone of another waker ended.
#[test]
fn a_retained_event_keeps_no_publishers_waker() {
    let manager = EventManager::builder().capacity(1).retain(1).build();
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut publisher = manager.sync_notify(2);
    // The first clone is for the acknowledgements, the second clone for the wait queue.
    let waker = cloned::waker(2, Arc::new(|| panic!("a clone's own")));
    let mut first = || publisher.poll_unpin(&mut Context::from_waker(&waker));
    assert!(catch_unwind(AssertUnwindSafe(|| first().is_ready())).is_err());
    drop((waker, reader));
    let receipt = publisher.now_or_never().unwrap().unwrap();
    assert!(receipt.is_unheard());
    assert_eq!(cloned::alive(), 0);
}

/// The poll that clones a waker sees the changes made by the clone: no wakeup is lost.
#[test]
fn a_poll_sees_changes_made_by_waker_clones() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let inside = manager.clone();
    let waker = cloned::waker(
        1,
        Arc::new(move || {
            assert!(inside.try_notify(Odd::plain(1)).is_ok());
        }),
    );
    let next = reader.next().poll_unpin(&mut Context::from_waker(&waker));
    assert!(matches!(next, Poll::Ready(Some(Odd { n: 1, .. }))));

    assert!(manager.try_notify(Odd::plain(2)).is_ok());
    let reader = Arc::new(Mutex::new(reader));
    let inside = Arc::clone(&reader);
    let waker = cloned::waker(
        1,
        Arc::new(move || {
            assert_eq!(read(&mut inside.lock().unwrap()), Some(2));
        }),
    );
    let stored = manager
        .notify(Odd::plain(3))
        .poll_unpin(&mut Context::from_waker(&waker));
    assert!(stored.is_ready(), "the clone made room");

    let inside = Arc::clone(&reader);
    let waker = cloned::waker(
        1,
        Arc::new(move || {
            let mut reader = inside.lock().unwrap();
            assert_eq!(read(&mut reader), Some(3));
            reader.ack();
        }),
    );
    let settled = manager.flush().poll_unpin(&mut Context::from_waker(&waker));
    assert!(settled.is_ready(), "the clone finished with it");
}

/// Whether its waker is cloned before the lock is taken, or because the lock has shown that the reader waits.
#[test]
fn a_reader_of_a_key_sees_the_event_that_a_waker_clone_publishes() {
    let manager = EventManager::new(1);
    let mut reader = manager.topics(|_| ()).subscribe(());
    for n in 1..=3 {
        let inside = manager.clone();
        let waker = cloned::waker(
            1,
            Arc::new(move || {
                assert!(inside.try_notify(Odd::plain(n)).is_ok());
            }),
        );
        let next = reader.next().poll_unpin(&mut Context::from_waker(&waker));
        assert!(matches!(next, Poll::Ready(Some(odd)) if odd.n == n));
    }
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn a_refused_wait_keeps_no_waker() {
    use genevent::error::NotifyError;
    use tokio::sync::oneshot;

    // The future is queued outside of the handler first, where its poll panics at each clone of its
    // waker.
    let manager: &EventManager<u32> = Box::leak(Box::new(EventManager::new(1)));
    for at in 1..3 {
        let unread = manager.subscribe();
        manager.try_notify(1).unwrap();
        let mut waits = Box::pin(manager.sync_notify(2));
        let waker = cloned::waker(at, Arc::new(|| panic!("cloned")));
        let poll = || drop(waits.poll_unpin(&mut Context::from_waker(&waker)));
        catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
        drop((waker, unread));

        let (tx, alive) = oneshot::channel();
        let mut work = Some((waits, tx));
        let handler = manager.add_handler("inside", move |_: &u32| {
            let (mut waits, tx) = work.take().expect("the hook runs once");
            async move {
                let reported = waits.poll_unpin(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(
                    reported,
                    Poll::Ready(Err(NotifyError::WouldDeadlock(2)))
                ));
                tx.send(cloned::alive()).unwrap();
                drop(waits);
            }
        });
        manager.notify(3).await.unwrap();
        assert_eq!(alive.await.unwrap(), 0, "clone {at}");
        drop(handler.unwrap().remove().await);
    }
}
