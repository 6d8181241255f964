//! `flush`, `stop`, disconnecting and overwriting while deliveries are in flight.

use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, now, out, waits};
use crate::receipts::UnfinishedIds;

#[test]
fn flush_waits_for_every_unacked_delivery() {
    let (manager, mut jobs, [one, two]) = out(SubscribeOptions::new());
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    manager.try_notify(3).unwrap();
    let three = next(&mut jobs);
    two.ack();
    assert_pending!(flushed.poll());
    drop(one);
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll(), "and for none that came later").unwrap();
    drop(three);
}

#[test]
fn flush_and_stop_wait_after_the_stream_ended() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop(jobs);
    let mut flushed = task::spawn(manager.flush());
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    one.ack();
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    two.ack();
    assert_ready!(flushed.poll()).unwrap();
    assert_ready!(stopped.poll()).unwrap();
}

#[test]
fn dropping_the_stream_during_flush_keeps_deliveries_owed() {
    let (manager, jobs, [one]) = out(SubscribeOptions::new());
    manager.try_notify(2).unwrap();
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    drop(jobs);
    assert_pending!(flushed.poll());
    one.ack();
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll()).unwrap();
}

#[test]
fn old_deliveries_never_settle_a_new_subscriber() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop(jobs);
    let mut later = manager.subscribe().deliveries();
    manager.try_notify(3).unwrap();
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    one.ack();
    two.ack();
    assert_pending!(flushed.poll());
    let mut last = manager.subscribe();
    assert!(waits(&mut last));
    next(&mut later).ack();
    assert_ready!(flushed.poll()).unwrap();
    assert_eq!(manager.subscriber_count(), 2);
}

#[test]
fn a_disconnected_subscription_owes_only_unacked_deliveries() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let id = jobs.id();
    let mut done = [1, 2, 3].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let one = next(&mut jobs);
    assert!(manager.disconnect(id));
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    assert_pending!(done[0].poll());
    for done in &mut done[1..] {
        assert_eq!(assert_ready!(done.poll()).unwrap().unfinished_ids(), [id]);
    }

    // The stream still yields its backlog, and the deliveries of the backlog owe nothing.
    let two = next(&mut jobs);
    assert_eq!((*two, two.seq(), jobs.unacked()), (2, 2, 2));
    one.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll(), "the second delivery is not waited for").unwrap();
    drop(two);
    let three = next(&mut jobs);
    assert_eq!((three.seq(), three.ack()), (3, 3));
    assert!(now(jobs.next()).is_none());
    let reason = jobs.end_reason().unwrap();
    assert!(matches!(
        reason,
        EndReason::Disconnected {
            cause: DisconnectCause::Requested,
            ..
        }
    ));
}

#[test]
fn max_unacked_still_applies_after_a_disconnect() {
    let options = SubscribeOptions::new().max_unacked(1);
    let (manager, mut jobs, [one]) = out(options);
    for event in 2..=4 {
        manager.try_notify(event).unwrap();
    }
    assert!(manager.disconnect(jobs.id()));
    assert!(waits(&mut jobs), "one is out, and it may have one");
    one.ack();
    for event in 2..=4 {
        let delivery = next(&mut jobs);
        assert_eq!(*delivery, event);
        assert!(waits(&mut jobs));
        delivery.ack();
    }
    assert!(now(jobs.next()).is_none());
}

#[test]
fn overflow_never_overwrites_a_delivery() {
    let manager = EventManager::new(2);
    let mut jobs = manager.subscribe_with(Overflow::DropOldest).deliveries();
    let mut done = [1, 2].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let one = next(&mut jobs);
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    for event in 3..=5 {
        manager.try_notify(event).unwrap();
    }
    assert_eq!((jobs.missed(), jobs.len(), jobs.unacked()), (2, 2, 1));
    let receipt = assert_ready!(done[1].poll()).unwrap();
    assert_eq!(receipt.unfinished_ids(), [jobs.id()]);
    assert_pending!(done[0].poll());
    assert_pending!(flushed.poll());
    one.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll()).unwrap();
    let four = next(&mut jobs);
    assert_eq!((four.seq(), four.ack()), (4, 4));
}

#[test]
fn disconnecting_by_policy_keeps_deliveries() {
    let manager = EventManager::new(1);
    let mut jobs = manager.subscribe_with(Overflow::Disconnect).deliveries();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let one = next(&mut jobs);
    manager.try_notify(2).unwrap();
    assert_eq!(manager.try_notify(3), Ok(0), "too much for it");
    assert_pending!(done.poll());
    one.ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
    assert_eq!(next(&mut jobs).ack(), 2);
    assert!(now(jobs.next()).is_none());
}
