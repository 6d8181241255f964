//! The drop of an event, at every place where the drop runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, SinkExt};
use genevent::{EventManager, Overflow};

use super::{ACTS, Odd, OnPanic, World, narrow, next, now, read, silent_panic};

/// A way for a stored event to meet its end, in a call of ours.
type End = (&'static str, fn(&World, Odd));

const ENDS: &[End] = &[
    ("nobody hears it: try_notify", |world, odd| {
        world.desert();
        assert!(matches!(world.manager.try_notify(odd), Ok(0)));
    }),
    ("nobody hears it: notify", |world, odd| {
        world.desert();
        assert!(matches!(now(world.manager.notify(odd)), Ok(0)));
    }),
    ("nobody hears it: ack_notify", |world, odd| {
        world.desert();
        assert!(now(world.manager.ack_notify(odd)).is_ok_and(|receipt| receipt.is_unheard()));
    }),
    ("nobody hears it: sync_notify", |world, odd| {
        world.desert();
        assert!(now(world.manager.sync_notify(odd)).is_ok_and(|receipt| receipt.is_unheard()));
    }),
    ("nobody hears it: a permit", |world, odd| {
        world.desert();
        let permit = now(world.manager.reserve()).unwrap();
        assert_eq!(permit.notify(odd), 0);
    }),
    ("nobody hears it: a sink", |world, odd| {
        world.desert();
        assert!(now(world.manager.sink().send(odd)).is_ok());
    }),
    ("nobody hears it: a sync sink", |world, odd| {
        world.desert();
        assert!(now(world.manager.sync_sink().send(odd)).is_ok());
    }),
    ("it is overwritten by a permit", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        let permit = now(world.manager.reserve()).unwrap();
        world.catch_up();
        world.note(2, true);
        permit.notify(Odd::plain(2));
    }),
    (
        "it is overwritten by the last permit after the close",
        |world, odd| {
            let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
            world.publish(odd);
            let permit = now(world.manager.reserve()).unwrap();
            world.catch_up();
            world.manager.close();
            world.note(2, true);
            permit.notify(Odd::plain(2));
        },
    ),
    ("the last reader of deliveries reads on", |world, odd| {
        let mut jobs = world.manager.subscribe().deliveries();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        let (one, two) = (next(&mut jobs), next(&mut jobs));
        two.ack();
        let _ = jobs.next().now_or_never();
        one.ack();
    }),
    (
        "the last reader of deliveries leaves with one out",
        |world, odd| {
            let mut jobs = world.manager.subscribe().deliveries();
            world.publish(odd);
            world.catch_up();
            let out = next(&mut jobs);
            drop(jobs);
            drop(out);
        },
    ),
    ("the last reader waits for more", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        assert!(read(&mut reader).is_some());
        let _ = reader.next().now_or_never();
    }),
    ("the last reader reads on", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        assert!(read(&mut reader).is_some());
        assert_eq!(read(&mut reader), Some(2));
    }),
    ("the last reader leaves", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        drop(reader);
    }),
    ("the last reader leaves with it in hand", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        assert!(read(&mut reader).is_some());
        drop(reader);
    }),
    ("it is overwritten", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        world.catch_up();
        world.publish(Odd::plain(2));
    }),
    ("it is overwritten by notify", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        world.catch_up();
        let stored = now(world.manager.notify(Odd::plain(2)));
        world.note(2, stored.is_ok());
    }),
    ("a disconnected reader leaves", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        world.manager.disconnect(reader.id());
        drop(reader);
    }),
    ("a disconnected reader leaves on its way", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        world.manager.disconnect(reader.id());
        assert!(read(&mut reader).is_some());
        drop(reader);
    }),
    ("a disconnected reader reads on", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        world.manager.disconnect(reader.id());
        assert!(read(&mut reader).is_some());
        assert_eq!(read(&mut reader), Some(2));
        assert_eq!(read(&mut reader), None);
    }),
    ("a reader disconnected by overflow leaves", |world, odd| {
        let reader = world.manager.subscribe_with(narrow(Overflow::Disconnect));
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        drop(reader);
    }),
    (
        "the last reader has read everything after the close",
        |world, odd| {
            let mut reader = world.manager.subscribe();
            world.publish(odd);
            world.catch_up();
            world.manager.close();
            assert!(read(&mut reader).is_some());
            assert_eq!(read(&mut reader), None);
        },
    ),
];

#[test]
fn a_panicking_or_reentrant_drop_harms_no_call() {
    for (end, run) in ENDS {
        for act in ACTS {
            let _said = OnPanic(format!("{end}, {act:?}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_drop = Some(world.hook(act));
            run(&world, odd);
            world.check();
        }
    }
}

#[test]
fn a_panicking_drop_spares_neighbouring_events() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let manager = EventManager::new(200);
    let reader = manager.subscribe();
    for n in 0..200 {
        let mut event = Odd::plain(n);
        let dropped = Arc::clone(&dropped);
        event.on_drop = Some(Arc::new(move || {
            dropped.fetch_add(1, Ordering::Relaxed);
            silent_panic();
        }));
        assert!(manager.try_notify(event).is_ok());
    }
    drop(reader);
    assert_eq!(dropped.load(Ordering::Relaxed), 200);
}

#[test]
fn a_panicking_drop_does_not_harm_the_end() {
    for manager_goes_first in [true, false] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let manager = EventManager::new(8);
        let mut reader = manager.subscribe();
        for n in 0..8 {
            let mut event = Odd::plain(n);
            let dropped = Arc::clone(&dropped);
            event.on_drop = Some(Arc::new(move || {
                dropped.fetch_add(1, Ordering::Relaxed);
                silent_panic();
            }));
            assert!(manager.try_notify(event).is_ok());
        }
        assert_eq!(read(&mut reader), Some(0));
        if manager_goes_first {
            drop(manager);
            drop(reader);
        } else {
            drop(reader);
            drop(manager);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 8);
    }
}

#[test]
fn a_panicking_drop_of_a_publisher_notifies_the_next() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    assert!(manager.try_notify(Odd::plain(0)).is_ok());
    let mut odd = Odd::plain(1);
    odd.on_drop = Some(Arc::new(silent_panic));
    let mut cancelled = manager.sync_notify(odd);
    assert!((&mut cancelled).now_or_never().is_none());
    let mut behind = manager.notify(Odd::plain(2));
    assert!((&mut behind).now_or_never().is_none());

    drop(cancelled);
    assert_eq!(read(&mut reader), Some(0));
    assert!(now(behind).is_ok());
    assert_eq!(read(&mut reader), Some(2));
}
