//! Room: how much there is, and what each policy does when a subscriber has none left.

use crate::drive::{now, read, read_all};
use genevent::error::TryNotifyError;
use genevent::test_util::{self, assert_ended, assert_next};
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, Received, SubscribeOptions, Subscription,
};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_ok, task};

/// Around the sizes of the manager's own storage units.
const SIZES: [usize; 6] = [1, 2, 63, 64, 65, 1_000];

fn fill(manager: &EventManager<usize>, events: usize) {
    for n in 1..=events {
        manager.try_notify(n).expect("there is room");
    }
}

// ---- Capacity and window ------------------------------------------------------------------------

#[test]
fn capacity_counts_an_event_until_it_is_yielded() {
    for capacity in SIZES {
        let manager = EventManager::new(capacity);
        let mut reader = manager.subscribe();
        fill(&manager, capacity);
        for n in capacity + 1..=3 * capacity {
            assert_eq!(manager.try_notify(n), Err(TryNotifyError::Full(n)));
            assert_eq!(reader.pending(), capacity);
            assert_next!(reader, n - capacity).now();
            assert_eq!(manager.try_notify(n), Ok(1), "one yielded, one more fits");
        }
        manager.close();
        assert!(
            read_all(&mut reader)
                .into_iter()
                .eq(2 * capacity + 1..=3 * capacity)
        );
    }
}

#[test]
fn an_event_in_hand_takes_no_room() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    fill(&manager, 1);
    read(&mut reader);
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.subscribers()[0].unacked(), 1);
    assert!(manager.try_notify(3).is_err());
    reader.ack();
    assert!(
        manager.try_notify(3).is_err(),
        "finishing it makes no room either"
    );
}

#[test]
fn the_capacity_is_that_of_each_subscriber_not_of_all_together() {
    let manager = EventManager::new(2);
    let mut slow = manager.subscribe();
    fill(&manager, 1);
    let mut late = manager.subscribe();
    assert_eq!(manager.try_notify(2), Ok(2));
    assert!(manager.try_notify(3).is_err());
    read(&mut slow);
    assert_eq!(manager.try_notify(3), Ok(2));
    assert_eq!((read(&mut slow), read(&mut late)), (Some(2), Some(2)));
}

#[test]
fn a_window_counts_as_the_capacity_does() {
    for window in SIZES {
        let manager = EventManager::new(5_000);
        let options = SubscribeOptions::new().window(window);
        let mut narrow = manager.subscribe_with(options);
        let _wide = manager.subscribe();
        fill(&manager, window);
        for n in window + 1..=2 * window {
            assert!(manager.try_notify(n).is_err());
            assert_next!(narrow, n - window).now();
            assert_eq!(manager.try_notify(n), Ok(2));
        }
    }
}

#[test]
fn a_window_above_the_capacity_means_the_capacity() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    assert_eq!(manager.subscribers()[0].window(), 2);
    fill(&manager, 2);
    assert!(manager.try_notify(3).is_err());
    assert_eq!(reader.pending(), 2);
}

#[test]
#[should_panic(expected = "a window holds at least one event")]
fn a_window_of_none_is_a_mistake() {
    let _ = SubscribeOptions::new().window(0);
}

#[test]
#[should_panic(expected = "an event manager has room for at least one event")]
fn a_capacity_of_none_is_a_mistake() {
    let _ = EventManager::<()>::new(0);
}

#[test]
#[should_panic(expected = "an event manager has room for at least one event")]
fn a_capacity_of_none_is_a_mistake_also_when_built() {
    let _ = EventManager::<()>::builder().capacity(0);
}

#[test]
fn the_default_capacity_is_1024() {
    for manager in [EventManager::default(), EventManager::builder().build()] {
        assert_eq!(manager.capacity(), 1_024);
        let _reader = manager.subscribe();
        fill(&manager, 1_024);
        assert!(manager.try_notify(0).is_err());
    }
}

#[test]
fn an_enormous_capacity_costs_nothing() {
    let manager = EventManager::new(usize::MAX);
    for policy in [Overflow::Wait, Overflow::DropOldest, Overflow::Disconnect] {
        let mut reader = manager.subscribe_with(policy);
        fill(&manager, 100);
        assert_next!(reader, 1).now();
        assert_eq!(reader.pending(), 99);
    }
}

// ---- Wait ---------------------------------------------------------------------------------------

#[test]
fn to_wait_is_the_default_and_loses_nothing() {
    assert_eq!(Overflow::default(), Overflow::Wait);
    let manager = EventManager::new(4);
    let mut readers = [
        manager.subscribe(),
        manager.subscribe_with(SubscribeOptions::new()),
        manager.subscribe_with(Overflow::Wait),
    ];
    let mut seen = vec![Vec::new(); 3];
    for n in 1..=100_usize {
        let mut publish = task::spawn(manager.notify(n));
        while publish.poll().is_pending() {
            // Each time another one is in the way.
            let slowest = (0..3).max_by_key(|&i| readers[i].pending()).unwrap();
            seen[slowest].extend(read(&mut readers[slowest]));
        }
    }
    manager.close();
    for (reader, mut seen) in readers.iter_mut().zip(seen) {
        seen.extend(read_all(reader));
        assert!(seen.into_iter().eq(1..=100));
        assert_eq!(reader.missed(), 0);
    }
}

// ---- DropOldest ---------------------------------------------------------------------------------

#[test]
fn a_lossy_subscriber_loses_its_oldest_unread_events_and_makes_nobody_wait() {
    for window in SIZES {
        let manager = EventManager::new(window);
        let mut lossy = manager.subscribe_with(Overflow::DropOldest);
        for n in 1..=3 * window + 1 {
            assert_eq!(manager.try_notify(n), Ok(1));
        }
        assert_eq!(lossy.missed(), 2 * window as u64 + 1);
        assert_eq!(lossy.pending(), window);
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
fn what_a_lossy_subscriber_loses_the_others_still_see() {
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
fn the_event_in_hand_is_not_lost() {
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
fn what_is_overwritten_counts_as_dropped_in_the_receipt() {
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
        (receipt.acked(), receipt.dropped_by()),
        (1, &[lossy.id()][..])
    );
}

#[test]
fn what_a_lossy_subscriber_has_fetched_ahead_can_still_be_lost() {
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
    // In the middle of what one lock has given it.
    for n in 1..=50 {
        assert_next!(lossy, n).now();
    }
    for n in 101..=160 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((lossy.pending(), lossy.missed()), (100, 10));
    assert_eq!(assert_ready_ok!(received.poll()).dropped_by(), [lossy.id()]);
    assert_eq!(assert_ready_ok!(done.poll()).dropped_by(), [lossy.id()]);
    assert_next!(lossy, 61, "nor is it yielded").now();
}

#[test]
fn losses_are_values_in_their_place() {
    let manager = EventManager::new(2);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    fill(&manager, 5);
    assert_next!(screen, Received::Missed(3)).now();
    assert_next!(screen, Received::Event(4)).now();
    assert_next!(screen, Received::Event(5)).now();
    test_util::assert_pending!(screen).now();
    fill(&manager, 2);
    assert_next!(screen, Received::Event(1)).now();
    assert_eq!(screen.get_ref().missed(), 3);
}

#[test]
fn a_loss_while_an_event_is_in_hand_is_told_too() {
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
        test_util::assert_pending!(screen).now();
    }
}

#[test]
fn a_loss_from_before_the_last_event_that_was_read_is_not_told_late() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_with(Overflow::DropOldest);
    fill(&manager, 4);
    assert_next!(reader, 3, "1 and 2 are behind it").now();
    let mut screen = reader.with_missed();
    assert_next!(screen, Received::Event(4)).now();
    test_util::assert_pending!(screen).now();
}

#[test]
fn being_told_of_a_loss_finishes_the_event_in_hand() {
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
fn events_and_losses_add_up_to_what_was_published() {
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
        };
        let mut published = 0;
        for step in 0..2_000_usize {
            // A walk without a rhythm: sometimes far ahead, sometimes close behind.
            for _ in 0..(step * step / 7) % 5 {
                published += 1;
                manager.try_notify(published).unwrap();
            }
            for _ in 0..(step / 50 * step) % 4 {
                if screen.get_ref().pending() > 0 {
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

// ---- Disconnect ---------------------------------------------------------------------------------

fn overflown(end: Option<EndReason>) -> bool {
    matches!(
        end,
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Overflow,
            ..
        })
    )
}

#[test]
fn a_strict_subscriber_is_disconnected_reads_what_it_had_and_ends() {
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
fn a_strict_subscriber_that_keeps_up_stays() {
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
fn what_a_strict_subscriber_had_not_read_is_dropped_at_once_and_the_event_in_hand_still_owed() {
    let manager = EventManager::new(2);
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    let mut in_hand = task::spawn(manager.sync_notify(1));
    assert_pending!(in_hand.poll());
    assert_next!(strict, 1).now();
    let mut unread = task::spawn(manager.sync_notify(2));
    assert_pending!(unread.poll());
    let mut not_received = task::spawn(manager.ack_notify(3));
    assert_pending!(not_received.poll());

    let too_much = now(manager.sync_notify(4)).unwrap();
    assert!(too_much.is_unheard(), "it does not count for this one");
    assert_eq!(assert_ready_ok!(unread.poll()).dropped_by(), [strict.id()]);
    assert_eq!(assert_ready_ok!(not_received.poll()).dropped(), 1);
    assert_pending!(in_hand.poll());
    assert_next!(strict, 2).now();
    assert!(assert_ready_ok!(in_hand.poll()).all_acked());
    assert_eq!(read_all(&mut strict), [3]);
}

#[test]
fn a_strict_subscriber_is_disconnected_without_regard_to_the_others() {
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

// ---- Policies act only when an event is really stored ---------------------------------------------

/// A lossless, a lossy and a strict subscriber, all of them full.
fn all_full() -> (EventManager<usize>, [Subscription<usize>; 3]) {
    let manager = EventManager::new(2);
    let subscribers = [Overflow::Wait, Overflow::DropOldest, Overflow::Disconnect]
        .map(|policy| manager.subscribe_with(policy));
    fill(&manager, 2);
    (manager, subscribers)
}

#[track_caller]
fn assert_unharmed(manager: &EventManager<usize>, subscribers: &mut [Subscription<usize>; 3]) {
    assert_eq!(manager.subscriber_count(), 3);
    for subscriber in subscribers {
        assert_eq!((subscriber.pending(), subscriber.missed()), (2, 0));
        assert_eq!(read(subscriber), Some(1));
        assert_eq!(read(subscriber), Some(2));
    }
}

#[test]
fn a_full_try_notify_harms_nobody() {
    let (manager, mut subscribers) = all_full();
    for _ in 0..3 {
        assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    }
    assert_unharmed(&manager, &mut subscribers);
}

#[test]
fn a_publisher_that_waits_or_is_cancelled_harms_nobody() {
    let (manager, mut subscribers) = all_full();
    let mut publish = task::spawn(manager.notify(3));
    let mut received = task::spawn(manager.ack_notify(4));
    let mut done = task::spawn(manager.sync_notify(5));
    assert_pending!(publish.poll());
    assert_pending!(received.poll());
    assert_pending!(done.poll());
    assert_eq!(manager.subscriber_count(), 3);
    drop((publish, received, done));
    assert_unharmed(&manager, &mut subscribers);
    assert_eq!(manager.try_notify(6), Ok(3));
}

#[test]
fn a_publisher_that_finds_the_manager_closed_harms_nobody() {
    let (manager, mut subscribers) = all_full();
    manager.close();
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Closed(3)));
    now(manager.sync_notify(3)).unwrap_err();
    assert_unharmed(&manager, &mut subscribers);
}

#[test]
fn every_policy_acts_once_the_event_is_stored() {
    let (manager, [mut lossless, mut lossy, mut strict]) = all_full();
    let mut publish = task::spawn(manager.notify(3));
    assert_pending!(publish.poll());
    read(&mut lossless);
    assert_eq!((lossy.missed(), manager.subscriber_count()), (0, 3));
    assert_ready_eq!(publish.poll(), Ok(2));
    assert_eq!((lossy.missed(), lossy.pending()), (1, 2));
    assert_next!(lossy, 2).now();
    assert_eq!(read_all(&mut strict), [1, 2]);
    assert!(overflown(strict.end_reason()));
    assert_next!(lossless, 2).now();
    assert_next!(lossless, 3).now();
}
