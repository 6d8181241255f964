//! `disconnect`: the channel ends one subscription.

use genevent::test_util::{assert_ended, assert_next};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

use crate::drive::{read, read_all};
use crate::receipts::UnfinishedIds;

fn on_request(end: Option<EndReason>) -> bool {
    matches!(
        end,
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Requested,
            ..
        })
    )
}

// GenEvent cases 127, 133
#[test]
fn a_disconnected_subscription_yields_its_backlog_and_ends() {
    for read_before in [0, 1, 2, 63, 64, 65, 199, 200] {
        let manager = EventManager::new(200);
        let mut reader = manager.subscribe();
        for n in 0..200 {
            manager.try_notify(n).unwrap();
        }
        for n in 0..read_before {
            assert_next!(reader, n).now();
        }
        assert!(manager.disconnect(reader.id()));
        assert_eq!(manager.subscriber_count(), 0);
        assert_eq!(manager.try_notify(200), Ok(0), "it does not count any more");

        assert_eq!(reader.end_reason(), None);
        assert!(read_all(&mut reader).into_iter().eq(read_before..200));
        assert!(on_request(reader.end_reason()));
        assert_ended!(reader).now();
    }
}

#[test]
fn a_subscriber_can_be_disconnected_once() {
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    let id = reader.id();
    manager.try_notify(1).unwrap();
    assert!(manager.disconnect(id));
    assert!(!manager.disconnect(id));
    drop(reader);
    assert!(!manager.disconnect(id));

    let next = manager.subscribe();
    assert_ne!(next.id(), id);
    assert!(
        !manager.disconnect(id),
        "nor does the next one answer to its id"
    );
    assert_eq!(manager.subscriber_count(), 1);
}

#[test]
fn a_disconnected_subscription_owes_only_events_in_flight() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut waiters: Vec<_> = (1..=3)
        .map(|n| task::spawn(manager.sync_notify(n)))
        .collect();
    for waiter in &mut waiters {
        assert_pending!(waiter.poll());
    }
    // In the middle of a batch: event 2 is in flight, event 3 has been prefetched.
    assert_next!(reader, 1).now();
    assert_next!(reader, 2).now();
    assert!(assert_ready_ok!(waiters[0].poll()).all_acked());

    manager.disconnect(reader.id());
    assert!(waiters[2].is_woken());
    assert_eq!(
        assert_ready_ok!(waiters[2].poll()).unfinished_ids(),
        [reader.id()]
    );
    assert_pending!(waiters[1].poll());

    assert_next!(reader, 3).now();
    assert!(waiters[1].is_woken());
    assert!(assert_ready_ok!(waiters[1].poll()).all_acked());
    assert_ended!(reader).now();
}

#[test]
fn events_in_flight_can_be_acked_after_disconnecting() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut in_flight = task::spawn(manager.sync_notify(2));
    assert_pending!(in_flight.poll());
    let mut ahead = task::spawn(manager.sync_notify(3));
    assert_pending!(ahead.poll());
    read(&mut reader);
    read(&mut reader);

    manager.disconnect(reader.id());
    assert_pending!(in_flight.poll());
    reader.ack();
    assert!(assert_ready_ok!(in_flight.poll()).all_acked());
    assert_eq!(assert_ready_ok!(ahead.poll()).dropped(), 1);
    assert_eq!(read_all(&mut reader), [3]);
}

#[test]
fn disconnecting_wakes_a_parked_reader() {
    let manager = EventManager::<u8>::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    manager.disconnect(reader.id());
    assert!(reader.is_woken());
    assert_ready_eq!(reader.poll_next(), None);
    assert!(on_request(reader.end_reason()));
}

#[test]
fn disconnecting_the_blocking_subscriber_unblocks_publishers() {
    let manager = EventManager::new(1);
    let stuck = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(2));
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    manager.disconnect(stuck.id());
    assert!(first.is_woken());
    assert_ready_eq!(first.poll(), Ok(0));
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(0));
}

// GenEvent case 124
#[test]
fn end_reason_names_the_disconnect() {
    let manager = EventManager::new(1);
    let small = Overflow::Disconnect;
    let mut ends = [
        (
            manager.subscribe_with(small),
            "disconnected: its window was full",
        ),
        (manager.subscribe(), "disconnected on request"),
        (manager.subscribe(), "the event manager is closed"),
    ];
    manager.try_notify(1).unwrap();
    read(&mut ends[1].0);
    read(&mut ends[2].0);
    manager.try_notify(2).unwrap();
    manager.disconnect(ends[1].0.id());
    manager.close();
    for (mut reader, end) in ends {
        read_all(&mut reader);
        assert_eq!(reader.end_reason().unwrap().to_string(), end);
    }
}

#[test]
fn a_subscriber_can_be_disconnected_after_close() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    assert!(
        manager.disconnect(reader.id()),
        "the way out of a stuck one"
    );
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
    assert_eq!(read_all(&mut reader), [1]);
    assert!(on_request(reader.end_reason()));
}
