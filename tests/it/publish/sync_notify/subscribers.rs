//! Which subscribers `sync_notify` waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

use crate::drive::{now, read, waits};
use crate::receipts::UnfinishedIds;

#[test]
fn sync_notify_waits_for_every_subscriber() {
    let manager = EventManager::new(8);
    let mut readers: Vec<_> = (0..70).map(|_| manager.subscribe()).collect();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    for reader in &mut readers {
        assert!(!done.is_woken());
        assert_pending!(done.poll());
        read(reader);
        reader.ack();
    }
    assert!(done.is_woken());
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 70);
}

#[test]
fn later_subscribers_never_count() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    let mut late = manager.subscribe();
    assert!(waits(&mut late), "nor do they see it");
    read(&mut reader);
    reader.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.acked() + receipt.dropped(), 1);
}

#[test]
fn storing_the_event_fixes_the_audience() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let leaves = manager.subscribe();
    manager.try_notify('a').unwrap();
    let mut done = task::spawn(manager.sync_notify('b'));
    assert_pending!(done.poll());

    let mut comes = manager.subscribe();
    drop(leaves);
    read(&mut reader);
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some('b'));
    reader.ack();
    assert_pending!(done.poll());
    assert_eq!(read(&mut comes), Some('b'));
    comes.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (2, 0));
}

#[test]
fn without_subscribers_the_receipt_is_unheard() {
    let manager = EventManager::new(8);
    drop(manager.subscribe());
    let receipt = now(manager.sync_notify('a')).unwrap();
    assert!(receipt.is_unheard() && receipt.all_acked());
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 0));
    assert_eq!(receipt.unfinished_ids(), []);
}

#[test]
fn receipt_names_discarding_subscribers_in_order() {
    let manager = EventManager::new(8);
    let (first, second) = (manager.subscribe(), manager.subscribe());
    let small = SubscribeOptions::new().window(2);
    let strict = manager.subscribe_with(small.clone().overflow(Overflow::Disconnect));
    let lossy = manager.subscribe_with(small.window(3).overflow(Overflow::DropOldest));
    let mut reader = manager.subscribe();
    let order = [second.id(), first.id(), strict.id(), lossy.id()];
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());

    read(&mut reader);
    reader.ack();
    drop(second);
    manager.disconnect(first.id());
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap(); // overflows the strict subscriber
    assert_pending!(done.poll());
    manager.try_notify(4).unwrap(); // overflows the lossy subscriber
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.unfinished_ids(), order);
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 4));
    assert!(!receipt.all_acked() && !receipt.is_unheard());
}

/// Ends a subscription that owes acknowledgements for its second and third event; returns the
/// subscription if its stream continues.
type End = fn(&EventManager<u8>, Subscription<u8>) -> Option<Subscription<u8>>;

fn after(events: usize, mut reader: Subscription<u8>) -> Subscription<u8> {
    for _ in 0..events {
        read(&mut reader).unwrap();
    }
    reader
}

#[test]
fn a_leaving_subscriber_releases_the_publisher() {
    let ends: [(&str, End); 10] = [
        ("dropped unread", |_, s| {
            drop(s);
            None
        }),
        ("dropped with both fetched ahead", |_, s| {
            drop(after(1, s));
            None
        }),
        ("dropped with the second in hand", |_, s| {
            drop(after(2, s));
            None
        }),
        ("dropped with the third in hand", |_, s| {
            drop(after(3, s));
            None
        }),
        ("dropped while it waits", |_, s| {
            let mut s = after(3, s);
            assert!(waits(&mut s));
            None
        }),
        ("disconnected unread", |m, s| {
            assert!(m.disconnect(s.id()));
            Some(s)
        }),
        ("disconnected with the second in hand, dropped", |m, s| {
            let s = after(2, s);
            assert!(m.disconnect(s.id()));
            drop(s);
            None
        }),
        ("disconnected with the second in hand, read on", |m, s| {
            let s = after(2, s);
            assert!(m.disconnect(s.id()));
            Some(after(1, s))
        }),
        ("dropped by a panic", |_, s| {
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                let _in_hand = after(2, s);
                panic!("over the event in hand");
            }));
            panicked.unwrap_err();
            None
        }),
        ("drained after close", |m, s| {
            m.close();
            let mut s = after(3, s);
            assert_eq!(read(&mut s), None);
            Some(s)
        }),
    ];
    for (name, end) in ends {
        let manager = EventManager::new(8);
        let subscription = manager.subscribe();
        manager.try_notify(0).unwrap();
        let mut done = task::spawn(manager.sync_notify(1));
        let mut received = task::spawn(manager.ack_notify(2));
        let mut flushed = task::spawn(manager.flush());
        assert_pending!(done.poll(), "{name}");
        assert_pending!(received.poll(), "{name}");
        assert_pending!(flushed.poll(), "{name}");

        let _goes_on = end(&manager, subscription);
        assert!(done.is_woken(), "sync_notify: {name}");
        assert_ready_ok!(done.poll(), "sync_notify: {name}");
        assert!(received.is_woken(), "ack_notify: {name}");
        assert_ready_ok!(received.poll(), "ack_notify: {name}");
        assert!(flushed.is_woken(), "flush: {name}");
        assert_ready!(flushed.poll(), "flush: {name}").unwrap();
    }
}

// GenEvent case 129
#[test]
fn disconnecting_a_stuck_subscriber_releases_the_publisher() {
    let manager = EventManager::new(8);
    let stuck = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    assert!(manager.disconnect(stuck.id()));
    assert!(done.is_woken());
    assert_eq!(assert_ready_ok!(done.poll()).unfinished_ids(), [stuck.id()]);
}
