//! The clone of an event, at every place where the clone runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use genevent::{EventManager, Overflow, Received, SubscribeOptions, Subscription};

use super::{ACTS, Act, Odd, OnPanic, World, next, now, read, silent_panic};

/// A reader before event 1, which is `odd`.
type Before = (&'static str, fn(&World, Odd) -> Subscription<Odd>);

const BEFORE_CLONES: &[Before] = &[
    ("a subscription", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        reader
    }),
    ("a subscription amid others", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(Odd::plain(2));
        world.publish(Odd::plain(3));
        world.publish(odd);
        world.publish(Odd::plain(4));
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(2), Some(3)));
        reader
    }),
    ("a lossy subscription", |world, odd| {
        let reader = world.manager.subscribe_with(Overflow::DropOldest);
        world.publish(odd);
        reader
    }),
    ("a disconnected subscription", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.manager.disconnect(reader.id());
        reader
    }),
    ("a closed manager", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.manager.close();
        reader
    }),
];

#[test]
fn a_panicking_or_reentrant_clone_loses_nothing() {
    for (before, run) in BEFORE_CLONES {
        for (act, with_missed) in ACTS.into_iter().flat_map(|act| [(act, false), (act, true)]) {
            let _said = OnPanic(format!("{before}, {act:?}, with_missed: {with_missed}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_clone = Some(world.hook(act));
            let mut reader = run(&world, odd).with_missed();
            let mut poll = || {
                catch_unwind(AssertUnwindSafe(|| {
                    if !with_missed {
                        return read(reader.get_mut());
                    }
                    now(reader.next()).map(|received| match received {
                        Received::Event(event) => event.n,
                        other => panic!("nothing was missed: {other:?}"),
                    })
                }))
            };
            let mut first = poll();
            if act == Act::Panic {
                first.unwrap_err();
                first = poll();
            }
            assert_eq!(first.ok(), Some(Some(1)), "the event is still there");
            drop(reader);
            world.check();
        }
    }
}

#[test]
fn a_panicking_clone_into_a_delivery_loses_nothing() {
    for (before, run) in BEFORE_CLONES {
        for act in ACTS {
            let _said = OnPanic(format!("{before}, {act:?}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_clone = Some(world.hook(act));
            let mut jobs = run(&world, odd).deliveries();
            let mut poll = || catch_unwind(AssertUnwindSafe(|| next(&mut jobs)));
            let mut first = poll();
            if act == Act::Panic {
                assert!(first.is_err());
                first = poll();
            }
            let delivery = first.expect("the event is still there");
            assert_eq!(delivery.n, 1);
            assert!(jobs.unacked() <= 1, "only what is out");
            delivery.ack();
            assert_eq!(jobs.unacked(), 0);
            drop(jobs);
            world.check();
        }
    }
}

#[test]
fn repeated_clone_panics_leave_no_delivery_unacked() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let mut odd = Odd::plain(1);
    let tries = AtomicUsize::new(0);
    odd.on_clone = Some(Arc::new(move || {
        if tries.fetch_add(1, Ordering::Relaxed) < 10 {
            silent_panic();
        }
    }));
    let mut done = manager.sync_notify(odd);
    assert!((&mut done).now_or_never().is_none());
    for _ in 0..10 {
        assert!(catch_unwind(AssertUnwindSafe(|| next(&mut jobs))).is_err());
        assert_eq!((jobs.unacked(), jobs.len()), (0, 1));
    }
    next(&mut jobs).ack();
    assert!(now(done).is_ok_and(|receipt| receipt.all_acked()));
}

/// A reader of event 1, with a `Clone` that always panics. Event 2 is an ordinary event.
fn before_poison() -> (EventManager<Odd>, Subscription<Odd>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(silent_panic));
    assert!(manager.try_notify(odd).is_ok());
    (manager, reader)
}

fn panics<T>(poll: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(poll)).is_err()
}

#[test]
fn only_dropping_the_stream_passes_an_unclonable_event() {
    let (manager, mut reader) = before_poison();
    assert!(panics(|| read(&mut reader)));
    // The claimed event has left room for another event; the reader yields neither.
    assert_eq!(manager.try_notify(Odd::plain(2)).ok(), Some(1));
    let mut next = manager.notify(Odd::plain(3));
    for _ in 0..3 {
        assert!(panics(|| read(&mut reader)));
        assert!((&mut next).now_or_never().is_none(), "there is no room");
    }
    drop(reader);
    assert_eq!(now(next).ok(), Some(0));

    // A disconnected stream blocks no publisher, and stops at the same event.
    let (manager, mut reader) = before_poison();
    let mut next = manager.notify(Odd::plain(2));
    assert!((&mut next).now_or_never().is_none());
    assert!(manager.disconnect(reader.id()));
    assert_eq!(now(next).ok(), Some(0));
    for _ in 0..3 {
        assert!(panics(|| read(&mut reader)));
    }
    assert_eq!(reader.end_reason(), None);
}

#[test]
fn an_unclonable_event_stops_deliveries_too() {
    let (manager, reader) = before_poison();
    let mut jobs = reader.deliveries();
    for _ in 0..3 {
        assert!(panics(|| next(&mut jobs)));
    }
    assert_eq!(manager.try_notify(Odd::plain(2)).ok(), Some(1));
    assert!(manager.try_notify(Odd::plain(3)).is_err());
    drop(jobs);
    assert_eq!(manager.try_notify(Odd::plain(3)).ok(), Some(0));
}

#[test]
fn borrowing_reads_an_unclonable_event() {
    let manager = EventManager::new(1);
    let mut numbers = manager.subscribe_filter_map(|odd: &Odd| Some(odd.n));
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(silent_panic));
    assert!(manager.try_notify(odd).is_ok());
    assert_eq!(now(numbers.next()), Some(1));
}
