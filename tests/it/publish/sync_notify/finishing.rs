//! Which actions finish an event.

use std::panic::{AssertUnwindSafe, catch_unwind};

use genevent::EventManager;
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::{read, waits};
use crate::receipts::UnfinishedIds;

// GenEvent case 37
#[test]
fn polling_again_finishes_the_received_event() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some('a'));
    assert!(!done.is_woken(), "received is not finished");
    assert_pending!(done.poll());

    assert!(waits(&mut reader), "nothing to read, but it came back");
    assert!(done.is_woken());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.dropped()),
        (1, 1, 0)
    );
    assert!(receipt.all_acked() && !receipt.is_unheard());
}

#[test]
fn polling_again_finishes_while_more_is_stored() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut done = task::spawn(manager.sync_notify(2));
    assert_pending!(done.poll());
    for n in 3..=8 {
        manager.try_notify(n).unwrap();
    }
    read(&mut reader);
    read(&mut reader);
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some(3));
    assert_ready_ok!(done.poll());
}

#[test]
fn ack_finishes_the_event_without_taking_another() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    manager.try_notify('b').unwrap();
    read(&mut reader);
    reader.ack();
    assert!(done.is_woken());
    assert!(assert_ready_ok!(done.poll()).all_acked());
    assert_eq!(reader.len(), 1);
    assert_eq!(read(&mut reader), Some('b'));
}

#[test]
fn ack_without_a_received_event_finishes_nothing() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    reader.ack();
    assert_pending!(done.poll());
    read(&mut reader);
    reader.ack();
    assert_ready_ok!(done.poll());

    let mut next = task::spawn(manager.sync_notify('b'));
    assert_pending!(next.poll());
    reader.ack();
    reader.ack();
    assert_pending!(next.poll());
}

// GenEvent case 122
#[test]
fn dropping_the_stream_finishes_nothing() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let id = reader.id();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    read(&mut reader);
    drop(reader);
    assert!(done.is_woken());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.unfinished_ids()), (0, vec![id]));
}

#[test]
fn an_ack_before_the_drop_counts() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    read(&mut reader);
    reader.ack();
    drop(reader);
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

// GenEvent case 120
#[test]
fn a_panic_leaves_the_received_event_unfinished() {
    let manager = EventManager::new(8);
    let (mut bad, mut good) = (manager.subscribe(), manager.subscribe());
    let failed = bad.id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut good);
    good.ack();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        read(&mut bad);
        panic!("over the event in hand");
    }));
    panicked.unwrap_err();
    assert!(done.is_woken());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(
        (receipt.acked(), receipt.unfinished_ids()),
        (1, vec![failed])
    );

    manager.try_notify(2).unwrap();
    assert_eq!(read(&mut good), Some(2), "the others go on");
}

#[test]
fn an_ack_before_a_panic_counts() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        read(&mut reader);
        reader.ack();
        panic!("over something else");
    }));
    panicked.unwrap_err();
    assert!(assert_ready_ok!(done.poll()).all_acked());
}
