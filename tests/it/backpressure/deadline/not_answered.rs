//! A stored event stays stored after the deadline, and the error names the late subscribers.

use genevent::{EventManager, Overflow, SubscriberInfo};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, named, now, unanswered};
use crate::receipts::UnfinishedIds;

#[tokio::test(start_paused = true)]
async fn missing_subscribers_are_named_in_every_state() {
    let manager = EventManager::new(4);
    let unread = manager.subscribe_with(named("unread"));
    let mut in_flight = manager.subscribe_with(named("in hand"));
    let mut out = manager.subscribe_with(named("out")).deliveries();
    let mut gone = manager.subscribe_with(named("gone")).deliveries();
    let mut disconnected = manager.subscribe_with(named("disconnected"));
    let lossy = manager.subscribe_with(named("lossy").overflow(Overflow::DropOldest));
    // These subscribers have acknowledged.
    let mut acked = manager.subscribe_with(named("acked"));
    let mut settled = manager.subscribe_with(named("settled")).deliveries();
    let left = manager.subscribe_with(named("left"));
    let overwritten = named("overwritten").overflow(Overflow::DropOldest);
    let overwritten = manager.subscribe_with(overwritten.window(1));
    let cut = manager.subscribe_with(named("cut"));

    let mut late = task::spawn(manager.sync_notify("event").within(SECOND));
    assert_pending!(late.poll());
    // No part of the error depends on the event.
    let after = manager.subscribe_with(named("after"));
    manager.try_notify("another").unwrap();

    assert_eq!(now(in_flight.next()), Some("event"));
    let _out = [now(out.next()), now(out.next())];
    let _gone = now(gone.next());
    let pending = [
        unread.id(),
        in_flight.id(),
        out.id(),
        gone.id(),
        disconnected.id(),
        lossy.id(),
    ];
    drop(gone);
    assert_eq!(now(disconnected.next()), Some("event"));
    assert!(manager.disconnect(disconnected.id()));
    assert_eq!(now(acked.next()), Some("event"));
    acked.ack();
    now(settled.next()).unwrap().ack();
    let dropped = [left.id(), cut.id()];
    drop(left);
    assert!(manager.disconnect(cut.id()));

    advance(SECOND).await;
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.waiting_for()), pending);
    let receipt = late.receipt();
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.dropped()),
        (1, 2, 3)
    );
    let [first, others @ ..] = &receipt.unfinished_ids()[..] else {
        panic!("three dropped it");
    };
    assert_eq!((*first, others), (overwritten.id(), dropped.as_slice()));
    let unacked = late.waiting_for().iter().map(SubscriberInfo::unacked);
    assert!(unacked.eq([0, 1, 2, 1, 1, 0]));
    drop(after);
}

#[tokio::test(start_paused = true)]
async fn the_event_stays_published() {
    let manager = EventManager::new(4);
    let mut slow = manager.subscribe();
    let late = manager.sync_notify("event").within(SECOND).await;
    assert!(unanswered::<_, &str>(late).receipt().all_acked());
    assert_eq!(slow.len(), 1);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert_eq!(now(slow.next()), Some("event"));
    slow.ack();
    assert_ready!(settled.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn ack_notify_waits_only_for_missing_receivers() {
    let manager = EventManager::new(4);
    let unread = manager.subscribe();
    let mut in_flight = manager.subscribe();
    let mut out = manager.subscribe().deliveries();
    let mut late = task::spawn(manager.ack_notify("event").within(SECOND));
    assert_pending!(late.poll());
    assert_eq!(now(in_flight.next()), Some("event"));
    let _out = now(out.next());
    advance(SECOND).await;
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.waiting_for()), [unread.id()]);
    assert_eq!(late.receipt().acked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_message_shows_eight_and_counts_the_rest() {
    let manager = EventManager::new(4);
    let readers: Vec<_> = (0..20)
        .map(|n| manager.subscribe_with(named(&format!("reader {n}"))))
        .collect();
    let error = manager.sync_notify("event").within(SECOND).await;
    let error = error.unwrap_err();
    assert_eq!(error.waiting_for().len(), 20, "all of them");
    let message = error.to_string();
    assert!(message.starts_with(
        "not answered in time by #1 \"reader 0\" from tests/it/backpressure/deadline/not_answered.rs:"
    ));
    assert!(message.contains("\"reader 7\"") && !message.contains("\"reader 8\""));
    assert!(message.ends_with(" and 12 more"));
    drop(readers);
}

#[tokio::test(start_paused = true)]
async fn errors_can_be_shown_for_any_event() {
    struct Secret;

    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let late = manager.sync_notify(Secret).within(SECOND).await;
    let late: Box<dyn std::error::Error> = late.unwrap_err().into();
    assert!(format!("{late:?}").contains("Unanswered"));
    assert!(late.source().is_none());
    let late = manager.sync_notify(Secret).within(SECOND).await;
    let late: Box<dyn std::error::Error> = late.unwrap_err().into();
    assert!(format!("{late:?}").contains("NotStored"));
    drop(reader);
}
