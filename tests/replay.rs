//! What is retained, and how a late subscriber comes to see it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::drive::{now, read, read_all, waits};
use futures::executor::block_on;
use futures::{Stream, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, Received, SubscribeOptions, Subscription,
};
use tokio_test::{assert_pending, assert_ready_ok, task};

/// Around the sizes of the manager's own storage units.
const SIZES: [usize; 8] = [0, 1, 2, 63, 64, 65, 129, 1_000];

fn retaining<E: Send + Sync + 'static>(events: usize) -> EventManager<E> {
    EventManager::builder().retain(events).build()
}

fn replay(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().replay(events)
}

fn publish(manager: &EventManager<usize>, events: impl IntoIterator<Item = usize>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

// ---- What is replayed ---------------------------------------------------------------------------

#[test]
fn a_late_subscriber_first_sees_the_newest_retained_events_in_order() {
    for retain in SIZES {
        for published in SIZES {
            for wanted in SIZES {
                let manager = retaining(retain);
                publish(&manager, 1..=published);
                let mut late = manager.subscribe_with(replay(wanted));
                let replayed = wanted.min(retain).min(published);
                assert_eq!(late.pending(), replayed);
                drop(manager);
                let all = read_all(&mut late);
                assert!(all.into_iter().eq(published - replayed + 1..=published));
            }
        }
    }
}

#[test]
fn replayed_and_live_events_join_without_a_gap_or_a_double() {
    for (before, during, after) in [(1, 1, 1), (64, 1, 63), (100, 200, 300), (1, 0, 0)] {
        let manager = retaining(10);
        publish(&manager, 1..=before);
        let mut late = manager.subscribe_with(replay(usize::MAX));
        let first = before.saturating_sub(10) + 1;
        publish(&manager, before + 1..=before + during);
        assert_eq!(read(&mut late), Some(first));
        publish(&manager, before + during + 1..=before + during + after);
        drop(manager);
        let rest = read_all(&mut late);
        assert!(rest.into_iter().eq(first + 1..=before + during + after));
    }
}

#[test]
fn what_others_have_read_is_retained_and_what_they_have_not_is_replayed_too() {
    let manager = retaining(200);
    let mut quick = manager.subscribe();
    let mut slow = manager.subscribe();
    for n in 1..=300 {
        publish(&manager, [n]);
        assert_eq!(read(&mut quick), Some(n));
        assert!(waits(&mut quick));
        if n % 3 == 0 {
            assert_eq!(read(&mut slow), Some(n / 3));
        }
        let mut late = manager.subscribe_with(replay(150));
        let seen = (0..late.pending()).map(|_| read(&mut late).unwrap());
        assert!(seen.eq(n.saturating_sub(150) + 1..=n));
    }
    assert_eq!(slow.pending(), 200);
}

#[test]
fn what_was_read_by_all_while_they_sleep_is_retained() {
    let manager = retaining(3);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    for n in 1..=10 {
        publish(&manager, [n]);
        for reader in &mut readers {
            assert_eq!(read(reader), Some(n));
            assert!(waits(reader));
        }
    }
    let mut late = manager.subscribe_with(replay(3));
    drop(manager);
    assert_eq!(read_all(&mut late), [8, 9, 10]);
}

#[test]
fn events_that_nobody_heard_are_retained_and_nobody_is_counted_for_them() {
    let manager = retaining(4);
    assert_eq!(manager.try_notify(1), Ok(0));
    assert_eq!(now(manager.notify(2)), Ok(0));
    assert!(now(manager.sync_notify(3)).unwrap().is_unheard());
    assert_eq!(now(manager.reserve()).unwrap().notify(4), 0);
    now(manager.flush()).unwrap();
    let mut late = manager.subscribe_with(replay(4));
    manager.close();
    assert_eq!(read_all(&mut late), [1, 2, 3, 4]);
}

#[test]
fn without_retain_or_without_replay_a_subscription_begins_at_the_call() {
    for (retain, wanted) in [(0, 5), (5, 0)] {
        let manager = retaining(retain);
        publish(&manager, 1..=5);
        let mut late = manager.subscribe_with(replay(wanted));
        assert!(waits(&mut late));
        publish(&manager, [6]);
        drop(manager);
        assert_eq!(read_all(&mut late), [6]);
    }
}

#[test]
fn every_late_subscriber_has_a_replay_of_its_own() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut readers = [1, 2, 3].map(|n| manager.subscribe_with(replay(n)));
    drop(manager);
    let seen = readers.each_mut().map(read_all);
    assert_eq!(seen, [vec![3], vec![2, 3], vec![1, 2, 3]]);
}

// ---- They owe nothing ---------------------------------------------------------------------------

#[test]
fn replayed_events_take_no_room() {
    let manager = EventManager::builder().capacity(2).retain(1_000).build();
    publish(&manager, 1..=1_000);
    let mut late = manager.subscribe_with(replay(1_000).window(1));
    assert_eq!(manager.subscribers()[0].pending(), 0);
    assert_eq!(manager.try_notify(1_001), Ok(1));
    assert_eq!(manager.subscribers()[0].pending(), 1);
    assert_eq!(manager.try_notify(0), Err(TryNotifyError::Full(0)));
    assert_eq!(late.pending(), 1_001);
    assert_eq!(read(&mut late), Some(1));
    assert!(
        manager.try_notify(0).is_err(),
        "what is replayed makes no room either"
    );
    manager.close();
    assert!(read_all(&mut late).into_iter().eq(2..=1_001));
}

#[test]
fn replayed_events_are_in_no_receipt_also_if_they_are_not_settled_yet() {
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
fn a_flush_asks_for_nothing_that_is_replayed_and_for_all_that_is_live() {
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
fn deliveries_of_replayed_events_have_their_numbers_and_no_duty() {
    let manager = retaining(3);
    publish(&manager, 1..=5);
    let late = manager.subscribe_with(replay(3).max_unacked(1));
    let mut late = late.deliveries();
    let mut live = task::spawn(manager.sync_notify(6));
    assert_pending!(live.poll());
    let held: Vec<_> = (0..3).map(|_| read(&mut late).unwrap()).collect();
    let seen: Vec<_> = held.iter().map(|d| (d.seq(), **d)).collect();
    assert_eq!(seen, [(3, 3), (4, 4), (5, 5)]);
    assert_eq!(late.unacked(), 0);

    let delivery = read(&mut late).unwrap();
    assert_eq!((delivery.seq(), late.unacked()), (6, 1));
    drop(held);
    assert_pending!(live.poll());
    delivery.ack();
    assert!(assert_ready_ok!(live.poll()).all_acked());
}

#[test]
fn a_replay_that_is_dropped_half_way_drops_only_what_is_live() {
    let manager = retaining(4);
    publish(&manager, 1..=4);
    let mut late = manager.subscribe_with(replay(4));
    let mut live = task::spawn(manager.sync_notify(5));
    assert_pending!(live.poll());
    assert_eq!(read(&mut late), Some(1));
    let id = late.id();
    drop(late);
    let receipt = assert_ready_ok!(live.poll());
    assert_eq!((receipt.seq(), receipt.dropped_by()), (5, &[id][..]));
}

// ---- Policies and ends --------------------------------------------------------------------------

#[test]
fn pending_and_size_hint_count_what_is_replayed() {
    let manager = retaining(2);
    publish(&manager, 1..=2);
    let mut late = manager.subscribe_with(replay(2));
    publish(&manager, [3]);
    assert_eq!((late.pending(), late.size_hint()), (3, (3, None)));
    read(&mut late);
    assert_eq!((late.pending(), late.size_hint()), (2, (2, None)));
    manager.close();
    assert_eq!(late.size_hint(), (2, Some(2)));
    read(&mut late);
    assert_eq!(late.size_hint(), (1, Some(1)));
}

#[test]
fn losses_amid_a_replay_are_told_between_what_is_replayed_and_what_is_live() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let lossy = replay(3).overflow(Overflow::DropOldest).window(2);
    let mut late = manager.subscribe_with(lossy).with_missed();
    assert_eq!(read(&mut late), Some(Received::Event(1)));
    publish(&manager, 4..=8);
    let mut flush = task::spawn(manager.flush());
    assert_pending!(flush.poll());
    late.get_mut().ack();
    assert_eq!(late.get_ref().missed(), 3);
    assert_eq!(late.get_ref().pending(), 4);
    manager.close();
    let rest = read_all(&mut late);
    let live = [Received::Missed(3), Received::Event(7), Received::Event(8)];
    assert_eq!(rest[..2], [Received::Event(2), Received::Event(3)]);
    assert_eq!(rest[2..], live);
    assert_ready_ok!(flush.poll());
}

#[test]
fn losses_of_a_stage_amid_its_replay_are_told_there_too() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut first = manager.subscribe_with(Overflow::DropOldest);
    let lossy = replay(3).overflow(Overflow::DropOldest).window(1);
    let mut late = manager
        .subscribe_with(lossy.after(first.id()))
        .with_missed();
    assert_eq!(read(&mut late), Some(Received::Event(1)));
    publish(&manager, 4..=6);
    late.get_mut().ack();
    assert_eq!(read(&mut late), Some(Received::Event(2)));
    assert_eq!(read(&mut late), Some(Received::Event(3)));
    manager.close();
    read_all(&mut first);
    let live = [Received::Missed(2), Received::Event(6)];
    assert_eq!(read_all(&mut late), live);
}

#[test]
fn one_disconnected_amid_its_replay_reads_that_then_what_it_had_not_read_and_ends() {
    for expected in [DisconnectCause::Requested, DisconnectCause::Overflow] {
        let overflow = match expected {
            DisconnectCause::Overflow => Overflow::Disconnect,
            _ => Overflow::Wait,
        };
        let manager = retaining(3);
        publish(&manager, 1..=3);
        let mut late = manager.subscribe_with(replay(3).overflow(overflow).window(2));
        assert_eq!(read(&mut late), Some(1));
        publish(&manager, 4..=5);
        match expected {
            DisconnectCause::Overflow => publish(&manager, [6]),
            _ => assert!(manager.disconnect(late.id())),
        }
        assert_eq!(manager.subscriber_count(), 0);
        assert_eq!((late.pending(), late.end_reason()), (4, None));
        assert_eq!(read_all(&mut late), [2, 3, 4, 5]);
        let Some(EndReason::Disconnected { cause, .. }) = late.end_reason() else {
            panic!("it was disconnected");
        };
        assert_eq!(cause, expected);
    }
}

#[test]
fn a_close_amid_a_replay_takes_nothing_away_and_after_it_nothing_is_replayed() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut late = manager.subscribe_with(replay(3));
    publish(&manager, [4]);
    assert_eq!(read(&mut late), Some(1));
    manager.close();
    let mut later = manager.subscribe_with(replay(3));
    assert_eq!(later.pending(), 0);
    assert_eq!(read(&mut later), None);
    assert_eq!(read_all(&mut late), [2, 3, 4]);
    assert_eq!(late.end_reason(), Some(EndReason::Closed));
}

#[test]
fn a_clone_that_panics_amid_a_replay_loses_nothing() {
    struct Brittle(usize, Arc<AtomicBool>);

    impl Clone for Brittle {
        fn clone(&self) -> Self {
            if self.1.swap(false, Ordering::Relaxed) {
                resume_unwind(Box::new("a clone panics"));
            }
            Self(self.0, Arc::clone(&self.1))
        }
    }

    let manager = retaining(2);
    let panics = Arc::new(AtomicBool::new(true));
    for n in 1..=2 {
        let event = Brittle(n, Arc::clone(&panics));
        assert!(manager.try_notify(event).is_ok());
    }
    let mut late = manager.subscribe_with(replay(2));
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut late))).is_err());
    assert_eq!(read(&mut late).unwrap().0, 1);
    assert_eq!(read(&mut late).unwrap().0, 2);
}

// ---- Memory -------------------------------------------------------------------------------------

/// Counts those that are there.
#[derive(Clone)]
struct Counted(#[expect(dead_code, reason = "it is counted")] Arc<()>);

#[test]
fn what_stays_in_memory_is_what_is_retained_and_at_most_two_segments_more() {
    for retain in [0, 1, 64, 100, 1_000] {
        for readers in 0..=2 {
            let there = Arc::new(());
            let manager = retaining(retain);
            let mut readers: Vec<_> = (0..readers).map(|_| manager.subscribe()).collect();
            for n in 1..=3_000 {
                let event = Counted(Arc::clone(&there));
                manager.try_notify(event).ok().unwrap();
                // The first one reads everything at once, the second in spurts.
                for (index, reader) in readers.iter_mut().enumerate() {
                    if index == 0 || n % 500 == 0 {
                        while !waits(reader) {}
                    }
                }
                let unread = readers.iter().map(Subscription::pending).max();
                let kept = Arc::strong_count(&there) - 1;
                let wanted = retain.max(unread.unwrap_or(0));
                assert!(kept >= retain.min(n), "{kept} of {retain} after {n}");
                assert!(kept <= wanted + 128, "{kept} for {wanted} after {n}");
            }
            manager.close();
            drop(readers);
            assert_eq!(Arc::strong_count(&there), 1, "closing lets go of it");
        }
    }
}

#[test]
fn what_a_replay_has_yet_to_yield_goes_with_it() {
    let there = Arc::new(());
    let manager = retaining(100);
    let late = || {
        let mut late = manager.subscribe_with(replay(100));
        assert!(read(&mut late).is_some());
        late
    };
    for _ in 0..100 {
        let event = Counted(Arc::clone(&there));
        manager.try_notify(event).ok().unwrap();
    }
    let replays = [late(), late()];
    manager.close();
    assert_eq!(Arc::strong_count(&there) - 1, 100);
    drop(replays);
    assert_eq!(Arc::strong_count(&there) - 1, 0);
}

#[test]
fn events_that_are_not_retained_any_more_may_call_back_when_they_are_dropped() {
    struct CallsBack(Option<EventManager<CallsBack>>, Arc<AtomicUsize>);

    impl Drop for CallsBack {
        fn drop(&mut self) {
            if let Some(manager) = self.0.take() {
                assert_eq!(manager.subscriber_count(), 0);
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    let manager = retaining(10);
    let dropped = Arc::new(AtomicUsize::new(0));
    for _ in 0..1_000 {
        let event = CallsBack(Some(manager.clone()), Arc::clone(&dropped));
        assert!(manager.try_notify(event).is_ok());
    }
    assert!(dropped.load(Ordering::Relaxed) >= 1_000 - 10 - 128);
    manager.close();
    assert_eq!(dropped.load(Ordering::Relaxed), 1_000);
}

// ---- Others -------------------------------------------------------------------------------------

#[cfg(feature = "rt")] // Turns are tokio's.
#[test]
fn a_long_replay_leaves_its_neighbours_their_turns() {
    let manager = retaining(10_000);
    publish(&manager, 1..=10_000);
    let mut late = manager.subscribe_with(replay(10_000));
    drop(manager);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let (mut yielded, mut pending) = (0, 0);
    let reading = std::future::poll_fn(|cx| {
        loop {
            match late.poll_next_unpin(cx) {
                std::task::Poll::Ready(Some(_)) => yielded += 1,
                std::task::Poll::Ready(None) => return std::task::Poll::Ready(()),
                std::task::Poll::Pending => {
                    pending += 1;
                    return std::task::Poll::Pending;
                }
            }
        }
    });
    runtime.block_on(reading);
    assert_eq!(yielded, 10_000);
    assert!((3..=10).contains(&pending), "{pending}");
}

#[test]
fn subscribers_that_come_while_publishers_run_see_each_event_from_their_first_one_on() {
    const EVENTS: usize = 3_000;
    let manager: EventManager<usize> = EventManager::builder().capacity(8).retain(100).build();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EVENTS {
                    if block_on(manager.notify(0)).is_err() {
                        return; // The other one was quicker.
                    }
                }
                manager.close();
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !manager.is_closed() {
                    let late = manager.subscribe_with(replay(80)).deliveries();
                    let seen = block_on(late.take(200).map(|d| d.seq()).collect::<Vec<_>>());
                    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1));
                }
            });
        }
    });
}
