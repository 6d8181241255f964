//! Methods of a delivery, its parts, and turning a subscription into deliveries.

use std::panic::catch_unwind;

use futures::Stream;
use futures::stream::FusedStream;
use genevent::test_util::assert_next;
use genevent::{EndReason, EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, now, out};
use crate::receipts::UnfinishedIds;

#[test]
fn map_keeps_acknowledgement_and_sequence_number() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify("four"));
    assert_pending!(done.poll());
    let job = next(&mut jobs).map(str::len).map(|len| len * 10);
    assert_eq!((*job, job.seq()), (40, 1));
    assert_pending!(done.poll());
    assert_eq!(job.ack(), 40);
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

#[test]
fn a_delivery_is_compared_with_an_event() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut even = manager.subscribe_filter(|n| n % 2 == 0).deliveries();
    manager.try_notify(4).unwrap();
    assert_eq!(next(&mut jobs), 4);
    assert_ne!(next(&mut even), 5);
    manager.try_notify(6).unwrap();
    assert_eq!(assert_next!(jobs, 6).now().ack(), 6);
}

#[test]
fn a_panic_in_map_discards_the_event() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify("order"));
    assert_pending!(done.poll());
    let job = next(&mut jobs);
    let mapped = catch_unwind(|| job.map(|_| -> u8 { panic!("the closure fails") }));
    assert!(mapped.is_err());
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.unfinished_ids(), [jobs.id()]);
    assert_eq!(jobs.unacked(), 0);
}

#[test]
fn the_parts_of_a_delivery_are_independent() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = ["a", "b"].map(|event| task::spawn(manager.sync_notify(event.to_owned())));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let [first, second] = [(); 2].map(|()| next(&mut jobs).into_parts());

    assert_eq!((first.1.seq(), second.1.seq()), (1, 2));
    drop(first.0);
    assert_pending!(done[0].poll(), "the event itself owes nothing");
    first.1.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    drop(second.1);
    assert_eq!(assert_ready!(done[1].poll()).unwrap().dropped(), 1);
    assert_eq!(second.0, "b");
}

#[test]
fn deliveries_finishes_the_received_event_keeps_unread() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut done = [1, 2].map(|event| task::spawn(manager.sync_notify(event)));
    let mut flushed = task::spawn(manager.flush());
    for done in &mut done {
        assert_pending!(done.poll());
    }
    assert_eq!(next(&mut reader), 1);
    assert_pending!(flushed.poll());

    let mut jobs = reader.deliveries();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_eq!((jobs.unacked(), jobs.len()), (0, 1));
    assert_pending!(done[1].poll());
    assert_pending!(flushed.poll());
    next(&mut jobs).ack();
    assert!(assert_ready!(done[1].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll()).unwrap();
}

#[test]
fn ack_notify_waits_only_for_receiving_a_delivery() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut received = task::spawn(manager.ack_notify("order"));
    assert_pending!(received.poll());
    let job = next(&mut jobs);
    assert!(received.is_woken());
    let receipt = assert_ready!(received.poll()).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
    drop(job);
    assert_eq!(receipt.acked(), 1);
}

#[test]
fn closed_deliveries_end_while_some_are_unacked() {
    let (manager, mut jobs, [one]) = out(SubscribeOptions::new());
    manager.try_notify(2).unwrap();
    manager.close();
    assert_eq!(jobs.size_hint(), (1, Some(1)));
    let two = next(&mut jobs);
    assert!(!jobs.is_terminated());
    assert!(now(jobs.next()).is_none());
    assert!(jobs.is_terminated());
    assert_eq!(jobs.end_reason(), Some(EndReason::Closed));
    assert_eq!(jobs.unacked(), 2);
    one.ack();
    two.ack();
    assert_eq!(jobs.unacked(), 0);
    assert!(now(manager.subscribe().deliveries().next()).is_none());
}
