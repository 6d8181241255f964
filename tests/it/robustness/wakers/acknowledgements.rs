//! The last acknowledgement wakes the publishers that wait for acknowledgements.

use std::task::Poll;

use futures::FutureExt;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};

use super::{Alarm, read};
use crate::receipts::UnfinishedIds;

#[test]
fn the_last_ack_wakes_sync_notify_once() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..5).map(|_| manager.subscribe()).collect();
    let alarm = Alarm::new();
    let mut done = manager.sync_notify("all");
    assert!(alarm.poll(&mut done).is_pending());
    for reader in &mut readers {
        read(reader);
    }
    assert_eq!(alarm.rings(), 0, "received by all, finished by none");

    readers[0].ack();
    assert!(readers[1].next().now_or_never().is_none());
    drop(readers.remove(2));
    assert!(manager.disconnect(readers[2].id()));
    readers[2].ack();
    assert_eq!(alarm.rings(), 0, "one still owes its answer");
    readers[3].ack();
    assert_eq!(alarm.rings(), 1);
    drop(readers);
    assert_eq!(alarm.rings(), 1);
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("the last answer is there");
    };
    assert_eq!((receipt.acked(), receipt.dropped()), (4, 1));
}

#[test]
fn the_last_receiver_wakes_ack_notify_once() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..3).map(|_| manager.subscribe()).collect();
    let alarm = Alarm::new();
    let mut received = manager.ack_notify("all");
    assert!(alarm.poll(&mut received).is_pending());
    read(&mut readers[0]);
    read(&mut readers[1]);
    assert_eq!(alarm.rings(), 0);
    read(&mut readers[2]);
    assert_eq!(alarm.rings(), 1);
    drop(readers);
    assert_eq!(alarm.rings(), 1);
    assert!(alarm.poll(&mut received).is_ready());
}

/// A queued publisher, a `sync_notify` and a `flush` that all wait for the same subscriber; then
/// the subscriber `goes`.
fn one_wakes_all_three(goes: impl FnOnce(&EventManager<u32>, Subscription<u32>)) {
    let manager = EventManager::new(1);
    let mut others = manager.subscribe();
    let holder = manager.subscribe();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    let mut synced = manager.sync_notify(1);
    assert!(alarms[0].poll(&mut synced).is_pending());
    let mut flushed = manager.flush();
    assert!(alarms[1].poll(&mut flushed).is_pending());
    let mut queued = manager.notify(2);
    assert!(alarms[2].poll(&mut queued).is_pending());

    assert_eq!(read(&mut others), 1);
    assert!(others.next().now_or_never().is_none());
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0; 3]);
    goes(&manager, holder);
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [1; 3]);
    let Poll::Ready(Ok(receipt)) = alarms[0].poll(&mut synced) else {
        panic!("nobody is left to be waited for");
    };
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    assert!(alarms[1].poll(&mut flushed).is_ready());
    assert_eq!(alarms[2].poll(&mut queued), Poll::Ready(Ok(1)));
}

#[test]
fn a_leaving_subscriber_wakes_all_its_waiters() {
    one_wakes_all_three(|_, holder| drop(holder));
}

#[test]
fn a_disconnected_subscriber_wakes_all_its_waiters() {
    one_wakes_all_three(|manager, holder| {
        assert!(manager.disconnect(holder.id()));
        std::mem::forget(holder);
    });
}

#[test]
fn a_panicking_reader_wakes_all_its_waiters() {
    one_wakes_all_three(|_, holder| {
        let task = std::panic::AssertUnwindSafe(move || {
            let _reader = holder;
            std::panic::resume_unwind(Box::new("the task dies"));
        });
        std::panic::catch_unwind(task).unwrap_err();
    });
}

#[test]
fn overwriting_an_event_wakes_its_waiters() {
    let manager = EventManager::new(1);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let alarm = Alarm::new();
    let mut done = manager.sync_notify(1);
    assert!(alarm.poll(&mut done).is_pending());
    let mut flushed = manager.flush();
    assert!(alarm.poll(&mut flushed).is_pending());
    manager.try_notify(2).unwrap();
    assert_eq!(alarm.rings(), 2, "both: it is settled");
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("the event is gone");
    };
    assert_eq!(receipt.unfinished_ids(), [lossy.id()]);
    assert!(alarm.poll(&mut flushed).is_ready());
}

#[test]
fn disconnecting_at_overflow_wakes_the_waiters() {
    let manager = EventManager::new(1);
    let strict = manager.subscribe_with(Overflow::Disconnect);
    let alarm = Alarm::new();
    let mut done = manager.sync_notify(1);
    assert!(alarm.poll(&mut done).is_pending());
    assert_eq!(manager.try_notify(2), Ok(0), "it no longer counts");
    assert_eq!(alarm.rings(), 1);
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("it was disconnected");
    };
    assert_eq!(receipt.unfinished_ids(), [strict.id()]);
}

#[test]
fn closing_wakes_each_ready_waiter_once() {
    let manager = EventManager::new(1);
    let holder = manager.subscribe();
    let mut idle = manager.subscribe_with(SubscribeOptions::new().name("idle"));
    let alarms: [_; 7] = std::array::from_fn(|_| Alarm::new());
    let [synced, flushed, first, second, parked, closed, audience] = &alarms;
    let mut sync = manager.sync_notify(1);
    assert!(synced.poll(&mut sync).is_pending());
    let mut flush = manager.flush();
    assert!(flushed.poll(&mut flush).is_pending());
    let (mut one, mut two) = (manager.notify(2), manager.ack_notify(3));
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    read(&mut idle);
    assert!(parked.poll_next(&mut idle).is_pending());
    let mut end = manager.closed();
    assert!(closed.poll(&mut end).is_pending());
    let mut three = manager.wait_for_subscribers(3);
    assert!(audience.poll(&mut three).is_pending());

    manager.close();
    manager.close();
    let rings = alarms.each_ref().map(|alarm| alarm.rings());
    assert_eq!(rings, [0, 0, 1, 1, 1, 1, 1], "answers are still owed");
    drop(holder);
    let rings = alarms.each_ref().map(|alarm| alarm.rings());
    assert_eq!(rings, [1; 7]);
}

#[test]
fn only_the_last_needed_subscriber_wakes_the_waiter() {
    let manager = EventManager::<()>::default();
    let (two, four) = (Alarm::new(), Alarm::new());
    let mut for_two = manager.wait_for_subscribers(2);
    let mut for_four = manager.wait_for_subscribers(4);
    assert!(two.poll(&mut for_two).is_pending());
    assert!(four.poll(&mut for_four).is_pending());
    let mut here = Vec::new();
    for rings in [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1)] {
        here.push(manager.subscribe());
        assert_eq!((two.rings(), four.rings()), rings);
    }
    assert_eq!(two.poll(&mut for_two), Poll::Ready(5));

    // Woken, but late: some subscribers have left again, so the future continues to wait.
    here.truncate(3);
    assert!(four.poll(&mut for_four).is_pending());
    here.push(manager.subscribe());
    assert_eq!(four.rings(), 2);
    assert_eq!(four.poll(&mut for_four), Poll::Ready(4));
}
