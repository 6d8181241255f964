//! Which events are replayed to which subscriber, and in which order.

use super::{SIZES, publish, replay, retaining};
use crate::drive::{now, read, read_all, waits};

#[test]
fn a_late_subscriber_sees_retained_events_first() {
    for retain in SIZES.into_iter().filter(|retain| *retain > 0) {
        for published in SIZES {
            for wanted in SIZES {
                let manager = retaining(retain);
                publish(&manager, 1..=published);
                let mut late = manager.subscribe_with(replay(wanted));
                let replayed = wanted.min(retain).min(published);
                assert_eq!(late.len(), replayed);
                drop(manager);
                let all = read_all(&mut late);
                assert!(all.into_iter().eq(published - replayed + 1..=published));
            }
        }
    }
}

#[test]
fn replayed_and_live_events_join_without_gaps() {
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
fn read_and_unread_events_are_both_replayed() {
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
        let seen = (0..late.len()).map(|_| read(&mut late).unwrap());
        assert!(seen.eq(n.saturating_sub(150) + 1..=n));
    }
    assert_eq!(slow.len(), 200);
}

#[test]
fn events_read_by_parked_subscribers_are_retained() {
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
fn unheard_events_are_retained_and_count_no_subscriber() {
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
fn without_retain_or_replay_nothing_is_replayed() {
    for (retain, wanted) in [(0, 0), (5, 0)] {
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
fn every_late_subscriber_has_its_own_replay() {
    let manager = retaining(3);
    publish(&manager, 1..=3);
    let mut readers = [1, 2, 3].map(|n| manager.subscribe_with(replay(n)));
    drop(manager);
    let seen = readers.each_mut().map(read_all);
    assert_eq!(seen, [vec![3], vec![2, 3], vec![1, 2, 3]]);
}
