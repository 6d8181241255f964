//! `ack_notify` resolves when every subscriber has received the event: `poll_next` has returned the
//! event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::drive::{now, read};
use crate::receipts::UnfinishedIds;
use futures::join;
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_pending, assert_ready_ok, task};

#[test]
fn ack_notify_resolves_when_every_subscriber_has_received() {
    let manager = EventManager::new(8);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());

    assert_next!(one, 'a').now();
    assert!(!received.is_woken());
    assert_pending!(received.poll());
    assert_next!(two, 'a').now();
    assert!(received.is_woken());

    let receipt = assert_ready_ok!(received.poll());
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.dropped()),
        (1, 2, 0)
    );
    assert!(receipt.all_acked() && !receipt.is_unheard());
}

#[test]
fn a_prefetched_event_is_not_received_yet() {
    for ahead in [2, 64, 65, 200] {
        let manager = EventManager::new(ahead);
        let mut reader = manager.subscribe();
        for n in 1..ahead {
            manager.try_notify(n).unwrap();
        }
        let mut received = task::spawn(manager.ack_notify(ahead));
        for n in 1..ahead {
            assert_pending!(received.poll(), "{n} of {ahead}");
            assert_next!(reader, n).now();
        }
        assert_pending!(received.poll());
        assert_next!(reader, ahead).now();
        assert_ready_ok!(received.poll());
    }
}

#[test]
fn ack_notify_does_not_wait_for_the_work() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());
    read(&mut reader);
    assert_ready_ok!(received.poll());
    assert_eq!(manager.subscribers()[0].unacked(), 1, "still in hand");
}

// GenEvent case 39
#[tokio::test(start_paused = true)]
async fn ack_notify_waits_for_work_on_earlier_events() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let begin = Instant::now();
    let publish = async {
        manager.ack_notify(2).await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_millis(200));
        manager.close();
    };
    let work = async {
        while reader.next().await.is_some() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    join!(publish, work);
}

#[test]
fn ack_notify_waits_for_room_first() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    let mut received = task::spawn(manager.ack_notify('b'));
    assert_pending!(received.poll());
    read(&mut reader);
    assert!(received.is_woken());
    assert_pending!(received.poll());
    assert_next!(reader, 'b').now();
    assert_eq!(assert_ready_ok!(received.poll()).seq(), 2);
}

#[test]
fn later_subscribers_never_count() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());
    let _late = manager.subscribe();
    read(&mut reader);
    assert_eq!(assert_ready_ok!(received.poll()).acked(), 1);
}

#[test]
fn receipt_names_subscribers_that_left_without_receiving() {
    let manager = EventManager::new(8);
    let (mut reader, leaver) = (manager.subscribe(), manager.subscribe());
    let left = leaver.id();
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());
    read(&mut reader);
    drop(leaver);
    assert!(received.is_woken());

    let receipt = assert_ready_ok!(received.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    assert_eq!(receipt.unfinished_ids(), [left]);
    assert!(!receipt.all_acked() && !receipt.is_unheard());
}

#[test]
fn received_events_count_however_their_reader_ends() {
    let manager = EventManager::new(8);
    let (mut leaver, mut stuck) = (manager.subscribe(), manager.subscribe());
    let mut panicking = manager.subscribe();
    let mut last = manager.subscribe();
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());

    read(&mut leaver);
    drop(leaver);
    read(&mut stuck);
    manager.disconnect(stuck.id());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        read(&mut panicking);
        panic!("over the event in hand");
    }));
    panicked.unwrap_err();
    assert_pending!(received.poll());
    read(&mut last);

    let receipt = assert_ready_ok!(received.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (4, 0));
}

#[test]
fn an_overwritten_event_was_not_received() {
    let manager = EventManager::new(2);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let mut received = task::spawn(manager.ack_notify(1));
    assert_pending!(received.poll());
    manager.try_notify(2).unwrap();
    assert_pending!(received.poll());
    manager.try_notify(3).unwrap();
    assert!(received.is_woken());
    assert_eq!(
        assert_ready_ok!(received.poll()).unfinished_ids(),
        [lossy.id()]
    );
}

#[test]
fn disconnected_subscriber_does_not_receive_unread_events() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let mut received = task::spawn(manager.ack_notify(1));
    assert_pending!(received.poll());
    manager.disconnect(reader.id());
    assert_next!(reader, 1).now();
    let receipt = assert_ready_ok!(received.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 1));
}

// GenEvent case 114
#[test]
fn publishers_wait_behind_a_stuck_reader() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe();
    let mut senders: Vec<_> = (1..=6)
        .map(|n| task::spawn(manager.ack_notify(n)))
        .collect();
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_next!(stuck, 1, "and gets stuck on it").now();

    let mut ready = 0;
    for sender in &mut senders {
        ready += usize::from(sender.poll().is_ready());
    }
    assert_eq!(ready, 1, "the first was received");
    assert_eq!(stuck.len(), 1, "the second is stored, four wait in line");
}

// GenEvent case 121
#[test]
fn a_leaving_reader_releases_waiting_publishers() {
    let manager = EventManager::new(8);
    let mut ends = manager.subscribe_with(SubscribeOptions::new().name("ends"));
    let mut goes_on = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(ends, 1).now();
    let mut received = task::spawn(manager.ack_notify(2));
    assert_pending!(received.poll());
    assert_next!(goes_on, 1).now();
    assert_next!(goes_on, 2).now();
    assert_pending!(received.poll());
    drop(ends);
    assert!(received.is_woken());
    assert_ready_ok!(received.poll());
}

// GenEvent case 48: see also `an_unheard_event_is_published_at_once`
#[test]
fn a_panicking_reader_does_not_affect_other_readers() {
    let manager = EventManager::new(8);
    let (bad, mut good) = (manager.subscribe(), manager.subscribe());
    let failed = bad.id();
    let mut received = task::spawn(manager.ack_notify(1));
    assert_pending!(received.poll());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _bad = bad;
        panic!("before the event was received");
    }));
    panicked.unwrap_err();

    assert_next!(good, 1).now();
    assert_eq!(assert_ready_ok!(received.poll()).unfinished_ids(), [failed]);
    assert_eq!(now(manager.notify(2)), Ok(1));
    assert_next!(good, 2).now();
}

#[test]
fn dropping_a_stored_ack_notify_keeps_the_event() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut received = task::spawn(manager.ack_notify('a'));
    assert_pending!(received.poll());
    drop(received);
    assert_next!(reader, 'a').now();
    assert_eq!(now(manager.notify('b')), Ok(1));
}
