//! Policies, losses and ends during a replay.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::Stream;
use genevent::error::TryNextError;
use genevent::{DisconnectCause, EndReason, Overflow, Received};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::{publish, replay, retaining};
use crate::drive::{read, read_all};

#[test]
fn len_and_size_hint_count_replayed_events() {
    let manager = retaining(2);
    publish(&manager, 1..=2);
    let mut late = manager.subscribe_with(replay(2));
    publish(&manager, [3]);
    assert_eq!((late.len(), late.size_hint()), (3, (3, None)));
    read(&mut late);
    assert_eq!((late.len(), late.size_hint()), (2, (2, None)));
    manager.close();
    assert_eq!(late.size_hint(), (2, Some(2)));
    read(&mut late);
    assert_eq!(late.size_hint(), (1, Some(1)));
}

#[test]
fn losses_appear_between_replayed_and_live_events() {
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
    assert_eq!(late.get_ref().len(), 4);
    manager.close();
    let rest = read_all(&mut late);
    let live = [Received::Missed(3), Received::Event(7), Received::Event(8)];
    assert_eq!(rest[..2], [Received::Event(2), Received::Event(3)]);
    assert_eq!(rest[2..], live);
    assert_ready_ok!(flush.poll());
}

#[test]
fn a_stage_sees_its_losses_after_the_replay() {
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
fn a_stage_whose_gate_is_closed_tells_its_losses_by_try_next() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut first = manager.subscribe();
    let lossy = replay(1).overflow(Overflow::DropOldest).window(1);
    let mut late = manager
        .subscribe_with(lossy.after(first.id()))
        .with_missed();
    assert_eq!(late.try_next(), Ok(Received::Event(3)));
    assert_eq!(late.try_next(), Err(TryNextError::Empty));
    publish(&manager, 4..=5);
    assert_eq!(late.try_next(), Ok(Received::Missed(1)));
    assert_eq!(
        late.try_next(),
        Err(TryNextError::Empty),
        "5 is not settled"
    );
    assert_eq!((read(&mut first), read(&mut first)), (Some(4), Some(5)));
    first.ack();
    assert_eq!(late.try_next(), Ok(Received::Event(5)));
}

#[test]
fn disconnecting_keeps_the_replay_and_unread_events() {
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
        assert_eq!((late.len(), late.end_reason()), (4, None));
        assert_eq!(read_all(&mut late), [2, 3, 4, 5]);
        let Some(EndReason::Disconnected { cause, .. }) = late.end_reason() else {
            panic!("it was disconnected");
        };
        assert_eq!(cause, expected);
    }
}

#[test]
fn closing_keeps_a_replay_but_starts_none() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut late = manager.subscribe_with(replay(3));
    publish(&manager, [4]);
    assert_eq!(read(&mut late), Some(1));
    manager.close();
    let mut later = manager.subscribe_with(replay(3));
    assert_eq!(later.len(), 0);
    assert_eq!(read(&mut later), None);
    assert_eq!(read_all(&mut late), [2, 3, 4]);
    assert_eq!(late.end_reason(), Some(EndReason::Closed));
}

#[test]
fn a_panicking_clone_during_replay_loses_nothing() {
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
