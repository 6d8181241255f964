//! `Overflow::Disconnect`: a subscriber whose window overflows is disconnected.

use genevent::test_util::{assert_ended, assert_next};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{SIZES, fill};
use crate::drive::{now, read, read_all};
use crate::receipts::UnfinishedIds;

pub(crate) fn overflown(end: Option<EndReason>) -> bool {
    matches!(
        end,
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Overflow,
            ..
        })
    )
}

#[test]
fn a_full_strict_subscriber_is_disconnected() {
    for window in SIZES {
        let manager = EventManager::new(window);
        let mut strict = manager.subscribe_with(Overflow::Disconnect);
        fill(&manager, window);
        assert_eq!(manager.subscriber_count(), 1, "full is not yet too much");

        assert_eq!(
            manager.try_notify(0),
            Ok(0),
            "it does not count for this one"
        );
        assert_eq!(manager.subscriber_count(), 0);
        assert_eq!(strict.end_reason(), None);
        assert!(read_all(&mut strict).into_iter().eq(1..=window));
        assert!(overflown(strict.end_reason()));
        assert_ended!(strict).now();
        assert_eq!(strict.missed(), 0);
    }
}

#[test]
fn a_fast_strict_subscriber_stays_attached() {
    let manager = EventManager::new(2);
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    for n in 1..=200 {
        manager.try_notify(n).unwrap();
        manager.try_notify(n).unwrap();
        assert_eq!((read(&mut strict), read(&mut strict)), (Some(n), Some(n)));
    }
    assert_eq!(manager.subscriber_count(), 1);
}

#[test]
fn disconnecting_drops_unread_events_but_not_in_flight() {
    let manager = EventManager::new(2);
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    let mut in_flight = task::spawn(manager.sync_notify(1));
    assert_pending!(in_flight.poll());
    assert_next!(strict, 1).now();
    let mut unread = task::spawn(manager.sync_notify(2));
    assert_pending!(unread.poll());
    let mut not_received = task::spawn(manager.ack_notify(3));
    assert_pending!(not_received.poll());

    let too_much = now(manager.sync_notify(4)).unwrap();
    assert!(too_much.is_unheard(), "it does not count for this one");
    assert_eq!(
        assert_ready_ok!(unread.poll()).unfinished_ids(),
        [strict.id()]
    );
    assert_eq!(assert_ready_ok!(not_received.poll()).dropped(), 1);
    assert_pending!(in_flight.poll());
    assert_next!(strict, 2).now();
    assert!(assert_ready_ok!(in_flight.poll()).all_acked());
    assert_eq!(read_all(&mut strict), [3]);
}

#[test]
fn a_strict_subscriber_is_disconnected_despite_waiting_publishers() {
    let manager = EventManager::new(8);
    let small = SubscribeOptions::from(Overflow::Disconnect).window(1);
    let strict = manager.subscribe_with(small);
    let mut reader = manager.subscribe();
    assert_eq!(manager.try_notify(1), Ok(2));
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.subscribers()[0].id(), reader.id());
    assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), Some(2)));
    drop(strict);
    assert_eq!(manager.try_notify(3), Ok(1));
}
