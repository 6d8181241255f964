//! `seq` is the number of the last event that the stream has yielded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use genevent::{EventManager, Overflow, Received, SubscribeOptions};

use super::Fragile;

#[test]
fn seq_is_the_number_of_the_last_event() {
    let manager = EventManager::new(8);
    manager.try_notify(0).unwrap();
    let (mut plain, mut even) = (
        manager.subscribe(),
        manager.subscribe_filter(|n| n % 2 == 0),
    );
    let mut jobs = manager.subscribe().deliveries();
    let mut even_jobs = manager.subscribe_filter(|n| n % 2 == 0).deliveries();
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(
        [plain.seq(), even.seq(), jobs.seq(), even_jobs.seq()],
        [0; 4]
    );
    for n in 1..=4 {
        assert_eq!((plain.try_next(), plain.seq()), (Ok(n), n + 1));
    }
    assert_eq!((even.try_next(), even.seq()), (Ok(2), 3));
    assert_eq!(jobs.try_next().unwrap().seq(), jobs.seq());
    assert_eq!(even_jobs.try_next().unwrap().seq(), even_jobs.seq());
    assert_eq!((jobs.seq(), even_jobs.seq()), (2, 3));

    // Neither a poll without an event, nor an acknowledgement, nor the end changes it.
    plain.ack();
    assert!(plain.try_next().is_err());
    manager.close();
    assert!(plain.try_next().is_err());
    assert_eq!(plain.seq(), 5);
}

#[test]
fn missed_events_are_not_yielded() {
    let manager = EventManager::new(2);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    let mut told = manager.subscribe_with(Overflow::DropOldest).with_missed();
    manager.try_notify(1).unwrap();
    assert_eq!(
        (lossy.try_next(), told.try_next()),
        (Ok(1), Ok(Received::Event(1)))
    );
    for n in 2..=6 {
        manager.try_notify(n).unwrap();
    }
    lossy.ack();
    assert_eq!((lossy.seq(), told.get_ref().seq()), (1, 1));
    assert_eq!(
        (told.try_next(), told.get_ref().seq()),
        (Ok(Received::Missed(3)), 1)
    );
    assert_eq!(
        (told.try_next(), told.get_ref().seq()),
        (Ok(Received::Event(5)), 5)
    );
    for n in 7..=9 {
        manager.try_notify(n).unwrap();
    }
    lossy.ack();
    assert_eq!(lossy.seq(), 1, "missed twice");
    assert_eq!((lossy.try_next(), lossy.seq()), (Ok(8), 8));
    // Disconnected with events unread.
    manager.try_notify(10).unwrap();
    manager.disconnect(lossy.id());
    assert_eq!(lossy.seq(), 8);
    assert_eq!((lossy.try_next(), lossy.seq()), (Ok(9), 9));
    assert_eq!((lossy.try_next(), lossy.seq()), (Ok(10), 10));
    assert_eq!((lossy.try_next().ok(), lossy.seq()), (None, 10));
}

#[test]
fn a_lossy_stream_that_has_yielded_nothing_is_at_zero() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    lossy.ack();
    assert_eq!(lossy.seq(), 0);
    manager.disconnect(lossy.id());
    lossy.ack();
    assert_eq!(lossy.seq(), 0);
    assert_eq!((lossy.try_next(), lossy.seq()), (Ok(3), 3));
}

#[test]
fn replayed_events_count() {
    let manager = EventManager::builder().capacity(4).retain(4).build();
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    let mut late = manager.subscribe_with(SubscribeOptions::new().replay(2));
    manager.try_notify(4).unwrap();
    assert_eq!(late.seq(), 0);
    for n in 2..=4 {
        assert_eq!((late.try_next(), late.seq()), (Ok(n), n));
    }
    let mut left = manager.subscribe_with(SubscribeOptions::new().replay(2));
    manager.disconnect(left.id());
    assert_eq!((left.try_next(), left.seq()), (Ok(3), 3));
    assert_eq!((left.try_next(), left.seq()), (Ok(4), 4));
    assert_eq!((left.try_next().ok(), left.seq()), (None, 4));
}

#[test]
fn an_event_whose_clone_panics_is_not_yielded() {
    let manager = EventManager::builder().capacity(4).retain(4).build();
    let mut reader = manager.subscribe();
    manager
        .try_notify(Fragile::new(1, false))
        .unwrap_or_default();
    manager
        .try_notify(Fragile::new(2, true))
        .unwrap_or_default();
    let mut replaying = manager.subscribe_with(SubscribeOptions::new().replay(2));
    for reader in [&mut reader, &mut replaying] {
        assert!(reader.try_next().is_ok());
        let panic = catch_unwind(AssertUnwindSafe(|| reader.try_next().map(drop)));
        if panic.is_err() {
            assert_eq!(reader.seq(), 1);
            assert!(reader.try_next().is_ok());
        }
        assert_eq!(reader.seq(), 2);
    }
}
