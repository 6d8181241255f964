//! Many publishers.

use genevent::{EventManager, Receipt};

use super::{MANY, is_pending, now, read};
use crate::receipts::UnfinishedIds;

/// Ten thousand publishers queued behind a full subscriber, cancelled in the order given by
/// `places`; the wait queue must be empty then.
fn all_are_cancelled(places: impl IntoIterator<Item = usize>) {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(MANY).unwrap();
    let mut queue: Vec<_> = (0..MANY).map(|n| Some(manager.notify(n))).collect();
    assert!(queue.iter_mut().flatten().all(is_pending));
    for place in places {
        queue[place] = None;
    }
    assert!(queue.iter().all(Option::is_none));
    assert_eq!(read(&mut reader), Some(MANY));
    assert_eq!(manager.try_notify(0), Ok(1), "nobody is in line");
    assert_eq!(read(&mut reader), Some(0));
}

#[test]
fn ten_thousand_publishers_are_cancelled_in_order() {
    all_are_cancelled(0..MANY);
}

#[test]
fn ten_thousand_publishers_are_cancelled_in_reverse() {
    all_are_cancelled((0..MANY).rev());
}

#[test]
fn ten_thousand_publishers_are_cancelled_from_the_middle() {
    let half = MANY / 2;
    all_are_cancelled((0..half).flat_map(|n| [half + n, half - 1 - n]));
}

#[test]
fn ten_thousand_queued_publishers_all_store() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut queue: Vec<_> = (1..=MANY).map(|n| manager.notify(n)).collect();
    assert!(queue.iter_mut().all(is_pending));
    for (publisher, n) in queue.into_iter().zip(0..) {
        assert_eq!(read(&mut reader), Some(n));
        assert_eq!(now(publisher), Ok(1));
    }
    assert_eq!(read(&mut reader), Some(MANY));
}

#[test]
fn ten_thousand_sync_notifies_wait_at_once() {
    let manager = EventManager::new(MANY);
    let mut reader = manager.subscribe();
    let leaver = manager.subscribe();
    let mut outstanding: Vec<_> = (0..MANY).map(|n| manager.sync_notify(n)).collect();
    assert!(outstanding.iter_mut().all(is_pending));
    assert!((0..MANY).all(|n| read(&mut reader) == Some(n)));
    reader.ack();
    assert!(outstanding.iter_mut().all(is_pending));
    let left = leaver.id();
    drop(leaver);
    let receipts: Vec<Receipt> = outstanding
        .into_iter()
        .map(|done| now(done).unwrap())
        .collect();
    for (receipt, seq) in receipts.iter().zip(1..) {
        assert_eq!((receipt.seq(), receipt.acked()), (seq, 1));
        assert_eq!(receipt.unfinished_ids(), [left]);
    }
}

#[test]
fn ten_thousand_sync_notifies_can_be_dropped() {
    let manager = EventManager::new(MANY);
    let mut reader = manager.subscribe();
    let mut outstanding: Vec<_> = (0..MANY).map(|n| manager.sync_notify(n)).collect();
    assert!(outstanding.iter_mut().all(is_pending));
    drop(outstanding);
    assert!((0..MANY).all(|n| read(&mut reader) == Some(n)));
}
