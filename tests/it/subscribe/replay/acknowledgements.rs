//! Replayed events owe no acknowledgement.

use genevent::EventManager;
use genevent::error::TryNotifyError;
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{publish, replay, retaining};
use crate::drive::{now, read, read_all};
use crate::receipts::UnfinishedIds;

#[test]
fn replayed_events_take_no_room() {
    let manager = EventManager::builder().capacity(2).retain(1_000).build();
    publish(&manager, 1..=1_000);
    let mut late = manager.subscribe_with(replay(1_000).window(1));
    assert_eq!(manager.subscribers()[0].unread(), 0);
    assert_eq!(manager.try_notify(1_001), Ok(1));
    assert_eq!(manager.subscribers()[0].unread(), 1);
    assert_eq!(manager.try_notify(0), Err(TryNotifyError::Full(0)));
    assert_eq!(late.len(), 1_001);
    assert_eq!(read(&mut late), Some(1));
    assert!(
        manager.try_notify(0).is_err(),
        "what is replayed makes no room either"
    );
    manager.close();
    assert!(read_all(&mut late).into_iter().eq(2..=1_001));
}

#[test]
fn receipts_never_count_replayed_events() {
    let manager = retaining(8);
    let mut first = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify("event"));
    assert_pending!(done.poll());
    let mut late = manager.subscribe_with(replay(8));
    assert_eq!(read(&mut late), Some("event"));
    assert_eq!(manager.subscribers()[1].unacked(), 0);
    late.ack();
    assert_pending!(done.poll());
    assert_eq!(read(&mut first), Some("event"));
    first.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
}

#[test]
fn flush_waits_for_live_but_not_replayed_events() {
    let manager = retaining(8);
    publish(&manager, 1..=8);
    let mut late = manager.subscribe_with(replay(8));
    assert_eq!(read(&mut late), Some(1));
    now(manager.flush()).unwrap();
    publish(&manager, [9]);
    let mut flush = task::spawn(manager.flush());
    assert_pending!(flush.poll());
    for n in 2..=9 {
        late.ack();
        assert_pending!(flush.poll());
        assert_eq!(read(&mut late), Some(n));
    }
    assert_pending!(flush.poll());
    late.ack();
    assert_ready_ok!(flush.poll());
}

#[test]
fn deliveries_of_replayed_events_are_numbered_but_unowed() {
    let manager = retaining(3);
    publish(&manager, 1..=5);
    let late = manager.subscribe_with(replay(3).max_unacked(4));
    let mut late = late.deliveries();
    let mut live = task::spawn(manager.sync_notify(6));
    assert_pending!(live.poll());
    let held: Vec<_> = (0..3).map(|_| read(&mut late).unwrap()).collect();
    let seen: Vec<_> = held.iter().map(|d| (d.seq(), **d)).collect();
    assert_eq!(seen, [(3, 3), (4, 4), (5, 5)]);
    assert_eq!(late.unacked(), 3);

    let delivery = read(&mut late).unwrap();
    assert_eq!((delivery.seq(), late.unacked()), (6, 4));
    drop(held);
    assert_eq!(late.unacked(), 1);
    assert_pending!(live.poll());
    delivery.ack();
    assert!(assert_ready_ok!(live.poll()).all_acked());
}

#[test]
fn dropping_a_replay_discards_only_live_events() {
    let manager = retaining(4);
    publish(&manager, 1..=4);
    let mut late = manager.subscribe_with(replay(4));
    let mut live = task::spawn(manager.sync_notify(5));
    assert_pending!(live.poll());
    assert_eq!(read(&mut late), Some(1));
    let id = late.id();
    drop(late);
    let receipt = assert_ready_ok!(live.poll());
    assert_eq!((receipt.seq(), receipt.unfinished_ids()), (5, vec![id]));
}
