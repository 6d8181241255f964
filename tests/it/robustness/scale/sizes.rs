//! Capacities, windows and events, small and large.

use std::sync::Arc;

use futures::FutureExt;
use genevent::error::TryNotifyError;
use genevent::{EventManager, Overflow, SubscribeOptions};

use super::{Counted, MANY, read};

#[test]
fn a_capacity_of_one_suffices() {
    let manager = EventManager::new(1);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    for n in 0..MANY {
        assert_eq!(manager.try_notify(n), Ok(2));
        assert_eq!(manager.try_notify(n), Err(TryNotifyError::Full(n)));
        for reader in &mut readers {
            assert_eq!(read(reader), Some(n));
        }
    }
}

#[test]
fn a_capacity_of_a_million_can_be_filled() {
    const CAPACITY: usize = 1 << 20;
    let manager = EventManager::new(CAPACITY);
    let mut reader = manager.subscribe();
    for n in 0..CAPACITY {
        assert_eq!(manager.try_notify(n), Ok(1));
    }
    assert!(manager.try_notify(CAPACITY).is_err());
    assert_eq!(reader.len(), CAPACITY);
    for n in 0..CAPACITY {
        assert_eq!(read(&mut reader), Some(n));
    }
    assert_eq!(manager.try_notify(CAPACITY), Ok(1));
}

#[test]
fn the_greatest_capacity_allocates_nothing_ahead() {
    let manager = EventManager::new(usize::MAX);
    let mut whole = manager.subscribe();
    let mut named = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    let mut lossy =
        manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(usize::MAX));
    let mut narrow = manager.subscribe_with(SubscribeOptions::new().window(1));
    assert_eq!(manager.capacity(), usize::MAX);
    for n in 0..100 {
        assert_eq!(manager.try_notify(n), Ok(4));
        assert!(manager.try_notify(n).is_err(), "the narrow one is full");
        assert_eq!(read(&mut narrow), Some(n));
    }
    for reader in [&mut whole, &mut named, &mut lossy] {
        assert_eq!(reader.len(), 100);
        assert!((0..100).all(|n| read(reader) == Some(n)));
    }
}

#[test]
fn the_capacity_caps_larger_windows() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    assert_eq!(manager.subscribers()[0].window(), 2);
    assert!(manager.try_notify(1).is_ok());
    assert!(manager.try_notify(2).is_ok());
    assert!(manager.try_notify(3).is_err());
    drop(reader);
}

#[test]
fn a_mebibyte_reaches_sixteen_subscribers() {
    const SIZE: usize = 1 << 20;
    let bytes: Vec<u8> = (0..=255).cycle().take(SIZE).collect();
    let manager = EventManager::new(2);
    let mut readers: Vec<_> = (0..16).map(|_| manager.subscribe()).collect();
    assert_eq!(manager.try_notify(bytes.clone()), Ok(16));
    for reader in &mut readers {
        assert!(read(reader).as_ref() == Some(&bytes));
    }
}

#[test]
fn an_event_may_be_large() {
    const SIZE: usize = 1 << 12;
    #[derive(Clone)]
    struct Page([u8; SIZE]);
    let manager = EventManager::new(100);
    let mut readers: Vec<_> = (0..4).map(|_| manager.subscribe()).collect();
    for n in 0..100 {
        assert!(matches!(manager.try_notify(Page([n; SIZE])), Ok(4)));
    }
    for reader in &mut readers {
        for n in 0..100 {
            let Some(Page(bytes)) = read(reader) else {
                panic!("a hundred are stored");
            };
            assert_eq!((bytes[0], bytes[SIZE - 1]), (n, n));
        }
    }
}

#[test]
fn fully_read_segments_are_freed() {
    let alive = Arc::new(());
    let manager = EventManager::new(MANY);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    for _ in 0..MANY {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
    }
    for reader in &mut readers {
        assert_eq!(Arc::strong_count(&alive), MANY + 1);
        let events = std::iter::from_fn(|| reader.next().now_or_never().flatten());
        assert_eq!(events.count(), MANY);
    }
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn few_read_events_linger_in_a_segment() {
    for (capacity, neighbours) in [(100, 64), (1_000, 250), (10_000, 256)] {
        let alive = Arc::new(());
        let manager = EventManager::new(capacity);
        let mut reader = manager.subscribe();
        for _ in 0..capacity {
            assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
        }
        for unread in (0..capacity).rev() {
            drop(read(&mut reader).unwrap());
            let kept = Arc::strong_count(&alive) - 1;
            assert!(kept <= unread + neighbours, "{kept} for {unread}");
        }
    }
}

/// The number of events: enough for many segments.
const BACKLOG: usize = 4_000;

/// The unread events of a slow reader, while `quick` other readers each have the newest event in
/// flight, cost no memory for each event: a whole segment is freed at once, of mostly 256 events.
fn a_backlog_is_joined(quick: usize) {
    let alive = Arc::new(());
    let manager = EventManager::new(BACKLOG);
    let mut slow = manager.subscribe();
    let mut quick: Vec<_> = (0..quick).map(|_| manager.subscribe()).collect();
    for _ in 0..BACKLOG {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
        assert!(quick.iter_mut().all(|reader| read(reader).is_some()));
    }
    drop(quick);
    let mut kept = Arc::strong_count(&alive);
    let mut releases = 0;
    for _ in 0..BACKLOG {
        drop(read(&mut slow).unwrap());
        let now = Arc::strong_count(&alive);
        releases += usize::from(now < kept);
        kept = now;
    }
    assert!(releases <= BACKLOG / 180, "{releases} segments");
}

#[test]
fn reading_ahead_keeps_backlog_segments_few() {
    [0, 1, 4].into_iter().for_each(a_backlog_is_joined);
}
