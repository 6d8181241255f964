//! Memory after settling events that were unread, awaited or in flight.

use std::collections::VecDeque;

use futures::FutureExt;
use genevent::{EventManager, Overflow, SubscribeOptions, Unfinished};

use super::{CROWD, FEW_TABLES, leaves, leaves_little, measure};
use crate::drive::{now, read, waits};

/// Room for all events, and windows as large.
fn manager() -> EventManager<usize> {
    EventManager::new(2 * CROWD)
}

/// Neither reader ever waits, so the manager never finds all readers parked.
#[test]
fn read_awaited_events_free_their_memory() {
    let manager = manager();
    let mut reader = manager.subscribe();
    // Read events are freed a segment at a time, with the counts of their acknowledgements.
    leaves(FEW_TABLES + 256 * 128, || {
        let mut waiting = VecDeque::new();
        for n in 0..=CROWD {
            let mut done = manager.sync_notify(n);
            assert!((&mut done).now_or_never().is_none());
            waiting.push_back(done);
        }
        (0..CROWD).for_each(|n| assert_eq!(read(&mut reader), Some(n)));
        assert_eq!(reader.len(), 1);
    });
}

#[test]
fn a_read_backlog_frees_its_memory() {
    let mut managers = vec![manager()];
    managers.push(
        EventManager::builder()
            .capacity(2 * CROWD)
            .retain(4)
            .build(),
    );
    for manager in managers {
        let mut slow = manager.subscribe();
        // This reader reads each event separately, so each sealed segment has a single event.
        let mut quick = manager.subscribe();
        assert!(waits(&mut quick));
        leaves_little(|| {
            for n in 0..=CROWD {
                manager.try_notify(n).unwrap();
                assert_eq!(read(&mut quick), Some(n));
            }
            (0..CROWD).for_each(|n| assert_eq!(read(&mut slow), Some(n)));
            assert_eq!(slow.len(), 1);
        });
    }
}

#[test]
fn a_read_filtered_backlog_frees_its_memory() {
    let manager = manager();
    let mut reader = manager.subscribe_filter_map(|n| Some([*n; 4]));
    leaves_little(|| {
        (0..=CROWD).for_each(|n| assert!(manager.try_notify(n).is_ok()));
        (0..CROWD).for_each(|n| assert_eq!(read(&mut reader), Some([n; 4])));
        assert_eq!(reader.len(), 1);
    });
}

#[test]
fn settled_deliveries_free_their_memory() {
    let manager = manager();
    let mut jobs = manager
        .subscribe_with(SubscribeOptions::new().max_unacked(2 * CROWD))
        .deliveries();
    let last = leaves_little(|| {
        (0..=CROWD).for_each(|n| assert!(manager.try_notify(n).is_ok()));
        let mut out: Vec<_> = (0..=CROWD).map(|_| read(&mut jobs).unwrap()).collect();
        let last = out.pop();
        drop(out);
        last
    });
    assert_eq!(jobs.unacked(), 1);
    drop(last);
}

#[test]
fn overwritten_events_free_their_memory() {
    let manager = EventManager::new(4);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    leaves_little(|| {
        for n in 0..CROWD {
            now(manager.notify(n)).unwrap();
        }
        assert_eq!(lossy.missed(), CROWD as u64 - 4);
    });
}

/// How a subscriber with unread events ends.
type End<S> = fn(&EventManager<usize>, S);

/// Asserts that an unread event of a subscriber takes no memory besides the entry on the event's
/// receipt: in a vector, behind a reference count.
#[track_caller]
fn ends_without_a_list<S>(come: fn(&EventManager<usize>) -> S, end: End<S>) {
    let manager = manager();
    let reader = come(&manager);
    let mut awaited: Vec<_> = (0..CROWD).map(|n| manager.sync_notify(n)).collect();
    for event in &mut awaited {
        assert!(event.now_or_never().is_none());
    }
    let info = measure(|| end(&manager, reader));
    let list = size_of::<[usize; 2]>() + size_of::<Vec<Unfinished>>();
    let receipts = CROWD * (list + size_of::<Unfinished>());
    let most = u64::try_from(FEW_TABLES).unwrap() + receipts as u64;
    assert!(info.bytes_max <= most, "{} of {most} bytes", info.bytes_max);
    for event in awaited {
        let receipt = now(event).unwrap();
        assert_eq!((receipt.acked(), receipt.dropped()), (0, 1));
    }
}

#[test]
fn dropping_a_slow_reader_allocates_no_list() {
    ends_without_a_list(EventManager::subscribe, |_, reader| drop(reader));
    ends_without_a_list(EventManager::subscribe, |manager, reader| {
        assert!(manager.disconnect(reader.id()));
    });
    let deliveries = |manager: &EventManager<usize>| manager.subscribe().deliveries();
    ends_without_a_list(deliveries, |_, jobs| drop(jobs));
    let lossy = |manager: &EventManager<usize>| manager.subscribe_with(Overflow::DropOldest);
    ends_without_a_list(lossy, |_, reader| drop(reader));
}

#[test]
fn dropping_a_slow_filter_allocates_no_list() {
    let filtered = |manager: &EventManager<usize>| manager.subscribe_filter_map(|n| Some(*n));
    ends_without_a_list(filtered, |_, reader| drop(reader));
    ends_without_a_list(filtered, |manager, reader| {
        assert!(manager.disconnect(reader.id()));
    });
}

#[test]
fn many_readers_do_not_enlarge_an_unread_event() {
    for readers in [1, 2, 3, 4, 16] {
        let manager = manager();
        let slow = manager.subscribe();
        let mut quick: Vec<_> = (0..readers).map(|_| manager.subscribe()).collect();
        let info = measure(|| {
            for n in 0..CROWD {
                manager.try_notify(n).unwrap();
                // Each reader is an event behind its predecessor.
                for reader in quick.iter_mut().take(n + 1) {
                    assert!(read(reader).is_some());
                }
            }
        });
        assert_eq!(slow.len(), CROWD);
        let each = usize::try_from(info.bytes_current).unwrap() / CROWD;
        assert!(each < 30, "{each} bytes beside {readers}");
    }
}

#[test]
fn a_long_segment_is_moved_only_once() {
    let manager = EventManager::new(1_024);
    let slow = manager.subscribe();
    // Each reader holds the segment of its last event.
    let mut crowd: Vec<_> = (0..128).map(|_| manager.subscribe()).collect();
    for n in 0..128 {
        manager.try_notify(n).unwrap();
        for reader in &mut crowd[n..] {
            assert_eq!(read(reader), Some(n));
        }
    }
    let mut quick = crowd.pop().unwrap();
    drop(crowd);
    for n in 128..256 {
        manager.try_notify(n).unwrap();
    }
    let info = measure(|| assert_eq!(read(&mut quick), Some(128)));
    assert!(info.bytes_total < 64 * 1_024, "{} bytes", info.bytes_total);
    assert_eq!(slow.len(), 256);
}
