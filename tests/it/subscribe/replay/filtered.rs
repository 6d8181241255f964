//! Filtered subscriptions replay the retained events that they want.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{SIZES, publish, replay, retaining, since};
use crate::drive::{now, read, read_all, waits};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a filter is given a reference"
)]
fn third(n: &usize) -> bool {
    n % 3 == 0
}

#[test]
fn the_newest_wanted_events_are_replayed() {
    for published in SIZES {
        let manager = retaining(500);
        publish(&manager, 1..=published);
        for most in [1, 2, 20, usize::MAX] {
            let late = manager.subscribe_filter_with(replay(most), third);
            let retained = (published + 1).saturating_sub(500).max(1)..=published;
            let mut wanted: Vec<_> = retained.filter(third).rev().take(most).collect();
            wanted.reverse();
            assert_eq!(late.len(), wanted.len(), "{published} {most}");
            assert_eq!(late.size_hint(), (wanted.len(), None));
            let count = late.len();
            let all = read_all(&mut late.take(count));
            assert_eq!(all, wanted);
        }
    }
}

#[test]
fn no_more_events_are_evaluated_than_needed() {
    let manager = retaining(500);
    publish(&manager, 1..=400);
    let evaluated = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&evaluated);
    let late = manager.subscribe_filter_map_with(replay(2), move |n| {
        counter.fetch_add(1, Ordering::Relaxed);
        third(n).then_some(n + 1)
    });
    assert_eq!(evaluated.load(Ordering::Relaxed), 5, "400 down to 396");
    manager.close();
    assert_eq!(read_all(&mut { late }), [397, 400]);
}

#[test]
fn replayed_events_owe_nothing_and_take_no_room() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let mut late = manager.subscribe_filter_with(replay(10).window(1), third);
    assert_eq!(manager.subscribers()[0].unread(), 0);
    assert_eq!(manager.try_notify(12), Ok(1), "the window is empty");
    assert!(manager.try_notify(15).is_err());
    assert_eq!(late.len(), 4);
    assert_eq!([read(&mut late), read(&mut late)], [Some(3), Some(6)]);
    let mut flush = task::spawn(manager.flush());
    assert_pending!(flush.poll());
    assert_eq!([read(&mut late), read(&mut late)], [Some(9), Some(12)]);
    assert_pending!(flush.poll());
    late.ack();
    assert_ready_ok!(flush.poll());
}

#[test]
fn deliveries_of_replayed_events_owe_nothing_and_count_towards_their_limit() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let late = manager.subscribe_filter_with(replay(10).max_unacked(2), third);
    let mut late = late.deliveries();
    let (three, six) = (read(&mut late).unwrap(), read(&mut late).unwrap());
    assert_eq!((three.seq(), six.seq()), (3, 6));
    assert!(waits(&mut late), "two deliveries are out");
    assert!(now(manager.flush()).is_ok());
    drop(three);
    let nine = read(&mut late).unwrap();
    assert_eq!(nine.seq(), 9);
    nine.ack();
    six.ack();
    let mut sent = task::spawn(manager.sync_notify(12));
    assert_pending!(sent.poll());
    read(&mut late).unwrap().ack();
    assert_eq!(assert_ready_ok!(sent.poll()).acked(), 1);
}

#[test]
fn a_follow_up_may_follow_from_a_replayed_event() {
    let manager = retaining(100);
    publish(&manager, [3]);
    let mut late = manager.subscribe_filter_with(replay(1), third);
    assert!(late.follow_up(6).is_err(), "nothing is in flight");
    assert_eq!(read(&mut late), Some(3));
    assert_eq!(late.follow_up(6), Ok(1));
    late.ack();
    assert!(late.follow_up(9).is_err());
    assert_eq!(read(&mut late), Some(6));
}

#[test]
fn policies_do_not_affect_replayed_events() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let options = |overflow| replay(10).overflow(overflow).window(1);
    let lossy = manager.subscribe_filter_with(options(Overflow::DropOldest), third);
    let strict = manager.subscribe_filter_with(options(Overflow::Disconnect), third);
    let observer = manager.subscribe_filter_with(since(4).observer(), third);
    publish(&manager, [12, 15]);
    assert_eq!((lossy.missed(), manager.subscriber_count()), (1, 2));
    drop(manager);
    assert_eq!(read_all(&mut { lossy }), [3, 6, 9, 15]);
    let mut strict = strict;
    assert_eq!(read_all(&mut strict), [3, 6, 9, 12]);
    let cause = DisconnectCause::Overflow;
    assert!(
        matches!(strict.end_reason(), Some(EndReason::Disconnected { cause: c, .. }) if c == cause)
    );
    assert_eq!(read_all(&mut { observer }), [6, 9, 12, 15]);
}

#[test]
fn a_stage_comes_after_a_replaying_filter() {
    let manager = retaining(100);
    publish(&manager, [3]);
    let mut first = manager.subscribe_filter_with(replay(1), third);
    let mut stage = manager.subscribe_with(SubscribeOptions::new().after(first.id()));
    publish(&manager, [6]);
    assert_eq!(read(&mut first), Some(3));
    assert!(waits(&mut stage));
    assert_eq!(read(&mut first), Some(6));
    assert!(waits(&mut stage));
    first.ack();
    assert_eq!(read(&mut stage), Some(6));
}

#[test]
fn a_predicate_that_panics_in_a_replay_disconnects_its_subscription() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let mut other = manager.subscribe_filter_with(replay(1), third);
    let mut late = manager.subscribe_filter_with(replay(10), |n| {
        assert_ne!(*n, 5, "a panic on purpose");
        third(n)
    });
    assert_eq!(manager.try_notify(12), Ok(1), "it is disconnected");
    assert_eq!(read_all(&mut late), [6, 9], "found before the panic");
    assert_eq!(
        late.end_reason().unwrap().to_string(),
        "disconnected: its filter panicked"
    );
    assert_eq!([read(&mut other), read(&mut other)], [Some(9), Some(12)]);
}

#[test]
fn a_predicate_may_call_the_manager_during_a_replay() {
    let manager = retaining(100);
    publish(&manager, 1..=4);
    let weak = manager.downgrade();
    let late = manager.subscribe_filter_with(replay(10), move |n| {
        if *n == 2 {
            let manager = weak.upgrade().unwrap();
            manager.clear_retained();
            manager.try_notify(100).unwrap();
        }
        true
    });
    drop(manager);
    assert_eq!(read_all(&mut { late }), [1, 2, 3, 4, 100]);
}

/// A value whose `Drop` panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic on purpose");
    }
}

#[test]
fn unread_replayed_values_are_dropped_separately() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let late = manager.subscribe_filter_map_with(replay(10), |_| Some(Bomb));
    assert_eq!(late.len(), 9);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(late)));
    assert!(dropped.is_ok());
}

#[test]
fn an_event_that_is_not_clone_is_replayed_by_its_values() {
    struct Line(&'static str);
    let manager = EventManager::builder().retain(10).build();
    for line in ["tea", "coffee"] {
        assert!(manager.try_notify(Line(line)).is_ok());
    }
    let lengths = manager.subscribe_filter_map_with(replay(10), |line: &Line| Some(line.0.len()));
    drop(manager);
    assert_eq!(read_all(&mut { lengths }), [3, 6]);
}
