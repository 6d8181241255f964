//! `Overflow::DropOldest`: losses are counted and reported, and no publisher waits.

use genevent::test_util::{self, assert_next};
use genevent::{EndReason, EventManager, Overflow, Received, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_ok, task};

use super::{SIZES, fill};
use crate::drive::{read, read_all};
use crate::receipts::UnfinishedIds;

#[test]
fn a_lossy_subscriber_drops_its_oldest_unread_events() {
    for window in SIZES {
        let manager = EventManager::new(window);
        let mut lossy = manager.subscribe_with(Overflow::DropOldest);
        for n in 1..=3 * window + 1 {
            assert_eq!(manager.try_notify(n), Ok(1));
        }
        assert_eq!(lossy.missed(), 2 * window as u64 + 1);
        assert_eq!(lossy.len(), window);
        manager.close();
        assert!(
            read_all(&mut lossy)
                .into_iter()
                .eq(2 * window + 2..=3 * window + 1)
        );
        assert_eq!(lossy.end_reason(), Some(EndReason::Closed));
    }
}

#[test]
fn losses_do_not_affect_other_subscribers() {
    let manager = EventManager::new(8);
    let small = SubscribeOptions::from(Overflow::DropOldest).window(1);
    let mut lossy = manager.subscribe_with(small);
    let mut lossless = manager.subscribe();
    fill(&manager, 8);
    assert_next!(lossy, 8).now();
    for n in 1..=8 {
        assert_next!(lossless, n).now();
    }
    assert_eq!((lossy.missed(), lossless.missed()), (7, 0));
}

#[test]
fn the_event_in_flight_is_not_overwritten() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut lossy);
    for n in 2..=100 {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(done.poll());
    assert_next!(lossy, 100).now();
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

#[test]
fn overwritten_events_count_as_dropped_in_receipts() {
    let manager = EventManager::new(2);
    let mut lossless = manager.subscribe();
    let lossy = manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(1));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    manager.try_notify(2).unwrap();
    assert_pending!(done.poll());
    read(&mut lossless);
    lossless.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(
        (receipt.acked(), receipt.unfinished_ids()),
        (1, vec![lossy.id()])
    );
}

#[test]
fn prefetched_events_can_be_overwritten() {
    let manager = EventManager::new(100);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    fill(&manager, 50);
    let mut received = task::spawn(manager.ack_notify(51));
    assert_pending!(received.poll());
    let mut done = task::spawn(manager.sync_notify(52));
    assert_pending!(done.poll());
    for n in 53..=100 {
        manager.try_notify(n).unwrap();
    }
    // In the middle of the events that the reader fetched under a single lock.
    for n in 1..=50 {
        assert_next!(lossy, n).now();
    }
    for n in 101..=160 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((lossy.len(), lossy.missed()), (100, 10));
    assert_eq!(
        assert_ready_ok!(received.poll()).unfinished_ids(),
        [lossy.id()]
    );
    assert_eq!(assert_ready_ok!(done.poll()).unfinished_ids(), [lossy.id()]);
    assert_next!(lossy, 61, "nor is it yielded").now();
}

#[test]
fn with_missed_yields_losses_in_order() {
    let manager = EventManager::new(2);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    fill(&manager, 5);
    assert_next!(screen, Received::Missed(3)).now();
    assert_next!(screen, Received::Event(4)).now();
    assert_next!(screen, Received::Event(5)).now();
    test_util::assert_no_event!(screen).now();
    fill(&manager, 2);
    assert_next!(screen, Received::Event(1)).now();
    assert_eq!(screen.get_ref().missed(), 3);
}

#[test]
fn a_loss_during_an_event_is_yielded() {
    for acks in [false, true] {
        let manager = EventManager::new(2);
        let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
        fill(&manager, 1);
        assert_next!(screen, Received::Event(1)).now();
        fill(&manager, 5);
        if acks {
            screen.get_mut().ack();
        }
        assert_next!(screen, Received::Missed(3), "acks: {acks}").now();
        assert_next!(screen, Received::Event(4)).now();
        assert_next!(screen, Received::Event(5)).now();
        test_util::assert_no_event!(screen).now();
    }
}

#[test]
fn an_older_loss_is_not_yielded_late() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_with(Overflow::DropOldest);
    fill(&manager, 4);
    assert_next!(reader, 3, "1 and 2 are behind it").now();
    let mut screen = reader.with_missed();
    assert_next!(screen, Received::Event(4)).now();
    test_util::assert_no_event!(screen).now();
}

#[test]
fn yielding_a_loss_finishes_the_received_event() {
    let manager = EventManager::new(1);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    assert_next!(screen, Received::Event(1)).now();
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    fill(&manager, 2);
    assert_next!(screen, Received::Missed(1)).now();
    assert_ready_ok!(done.poll());
    assert_ready_eq!(settled.poll(), Ok(()));
}

#[test]
fn events_and_losses_add_up() {
    for window in [1, 3, 64, 65] {
        let manager = EventManager::new(window);
        let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
        let mut seen = 0;
        let mut look = |item: Received<usize>| match item {
            Received::Event(event) => {
                assert_eq!(event, seen + 1, "with a window of {window}");
                seen = event;
            }
            Received::Missed(missed) => {
                assert!(missed > 0);
                seen += usize::try_from(missed).unwrap();
            }
            _ => unreachable!("an event, or a loss"),
        };
        let mut published = 0;
        for step in 0..2_000_usize {
            // A walk without a rhythm: sometimes far ahead, sometimes close behind.
            for _ in 0..(step * step / 7) % 5 {
                published += 1;
                manager.try_notify(published).unwrap();
            }
            for _ in 0..(step / 50 * step) % 4 {
                if !screen.get_ref().is_empty() {
                    look(read(&mut screen).unwrap());
                }
            }
            if step % 11 == 0 {
                screen.get_mut().ack();
            }
        }
        manager.close();
        read_all(&mut screen).into_iter().for_each(&mut look);
        assert_eq!(seen, published);
    }
}
