//! The value of a delivery, cloned or not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt};
use genevent::{Delivery, EventManager, Overflow, Received, SubscribeOptions};

use super::{ACTS, Act, Odd, OnPanic, World, next, now, read, silent_panic};
use crate::receipts::UnfinishedIds;

/// An action on a delivery of event 1, with a value that is `odd` by then.
type Settle = (&'static str, bool, fn(Delivery<Odd>));

#[test]
fn a_panicking_drop_still_settles_its_delivery() {
    let ways: [Settle; 5] = [
        ("drop", false, drop),
        ("ack", true, |delivery| drop(delivery.ack())),
        ("ack of the parts, first", true, |delivery| {
            let (event, ack) = delivery.into_parts();
            ack.ack();
            drop(event);
        }),
        ("map that drops the value", true, |delivery| {
            delivery.map(drop).ack();
        }),
        ("map that panics", false, |delivery| {
            drop(delivery.map(|_| silent_panic()));
        }),
    ];
    for (way, acks, settle) in ways {
        for act in ACTS {
            let _said = OnPanic(format!("{way}, {act:?}"));
            let world = World::new();
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = world.manager.subscribe_with(options).deliveries();
            let mut done = world.manager.sync_notify(Odd::plain(1));
            assert!((&mut done).now_or_never().is_none());
            world.publish(Odd::plain(2));
            world.note(1, true);
            world.catch_up();
            let mut odd = Odd::plain(1);
            // A second panic during the unwinding of the first would abort the process.
            let harmless = way == "map that panics" && act == Act::Panic;
            odd.on_drop = Some(world.hook(if harmless { Act::Look } else { act }));
            let delivery = next(&mut jobs).map(|_| odd);
            world.has_run.store(false, Ordering::Relaxed);

            let settled = catch_unwind(AssertUnwindSafe(|| settle(delivery)));
            // The crate drops the rest of the delivery, without harm.
            let is_ours = way == "drop";
            assert_eq!(
                settled.is_err(),
                (act == Act::Panic && !is_ours) || way == "map that panics"
            );
            world.catch_up();
            let receipt = now(done).unwrap();
            let dropped = usize::from(!acks || (act == Act::Panic && way.starts_with("map")));
            assert_eq!(receipt.dropped(), dropped);
            assert_eq!(jobs.unacked(), 0);
            assert_eq!(next(&mut jobs).ack().n, 2, "there is room for the next");
            drop(jobs);
            world.check();
        }
    }
}

#[test]
fn repeated_clone_panics_lose_nothing() {
    let manager = EventManager::new(8);
    let (mut reader, mut other) = (manager.subscribe(), manager.subscribe());
    let tries = Arc::new(AtomicUsize::new(0));
    let mut odd = Odd::plain(2);
    let counter = Arc::clone(&tries);
    odd.on_clone = Some(Arc::new(move || {
        if counter.fetch_add(1, Ordering::Relaxed) < 10 {
            silent_panic();
        }
    }));
    assert!(manager.try_notify(Odd::plain(1)).is_ok());
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    assert!(manager.try_notify(Odd::plain(3)).is_ok());

    assert_eq!(read(&mut reader), Some(1));
    for _ in 0..10 {
        catch_unwind(AssertUnwindSafe(|| read(&mut reader))).unwrap_err();
        assert_eq!(reader.len(), 2);
    }
    for reader in [&mut reader, &mut other] {
        while read(reader) != Some(3) {}
    }
    assert!(now(awaited).is_ok_and(|receipt| receipt.acked() == 2));
}

#[test]
fn polling_acknowledges_even_if_the_next_clone_panics() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut first = manager.sync_notify(Odd::plain(1));
    assert!((&mut first).now_or_never().is_none());
    let mut odd = Odd::plain(2);
    odd.on_clone = Some(Arc::new(silent_panic));
    let mut second = manager.sync_notify(odd);
    assert!((&mut second).now_or_never().is_none());

    assert_eq!(read(&mut reader), Some(1));
    catch_unwind(AssertUnwindSafe(|| read(&mut reader))).unwrap_err();
    assert!(now(first).is_ok_and(|receipt| receipt.all_acked()));
    assert!(
        (&mut second).now_or_never().is_none(),
        "it was not received"
    );
    let id = reader.id();
    drop(reader);
    assert_eq!(now(second).unwrap().unfinished_ids(), [id]);
}

#[test]
fn a_clone_panic_of_a_task_harms_no_other() {
    let manager = EventManager::new(1);
    let (reader, mut other) = (manager.subscribe(), manager.subscribe());
    let id = reader.id();
    let world = Arc::new(AtomicBool::new(false));
    let mut odd = Odd::plain(1);
    let has_run = Arc::clone(&world);
    odd.on_clone = Some(Arc::new(move || {
        if !has_run.swap(true, Ordering::Relaxed) {
            silent_panic();
        }
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    let mut waiting = manager.notify(Odd::plain(2));
    assert!((&mut waiting).now_or_never().is_none());

    let mut task = Box::pin(reader.for_each(|_| async {}));
    catch_unwind(AssertUnwindSafe(|| task.as_mut().now_or_never())).unwrap_err();
    drop(task);
    assert_eq!(read(&mut other), Some(1));
    assert!(now(waiting).is_ok());
    assert_eq!(read(&mut other), Some(2));
    let receipt = now(awaited).unwrap();
    assert_eq!((receipt.acked(), receipt.unfinished_ids()), (1, vec![id]));
}

#[test]
fn an_event_disconnecting_its_reader_is_still_yielded() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let (inside, id) = (manager.clone(), reader.id());
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(move || {
        inside.disconnect(id);
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    assert_eq!(read(&mut reader), Some(1));
    assert!((&mut awaited).now_or_never().is_none(), "it is in hand");
    assert_eq!(read(&mut reader), None);
    assert!(now(awaited).unwrap().all_acked());
}

#[test]
fn an_event_is_not_overwritten_during_its_clone() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let inside = manager.downgrade();
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(move || {
        let manager = inside.upgrade().expect("the manager is open");
        assert!(manager.try_notify(Odd::plain(2)).is_ok());
        assert!(manager.try_notify(Odd::plain(3)).is_ok());
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    let is = |received, expected| matches!(received, Some(Received::Event(Odd { n, .. })) if n == expected);
    assert!(is(now(lossy.next()), 1));
    assert!((&mut awaited).now_or_never().is_none(), "it is in hand");
    assert!(matches!(now(lossy.next()), Some(Received::Missed(1))));
    assert!(is(now(lossy.next()), 3));
    assert!(now(awaited).unwrap().all_acked());
}
