//! Every kind of stream releases its acknowledged events, without another poll.

use std::sync::Arc;
use std::thread;

use futures::FutureExt;
use genevent::{EventManager, Overflow, Received, SubscribeOptions, Subscription};

use super::{Event, SIZES, alive, assert_flush_frees, publish};
use crate::drive::{now, read, waits};

/// Reads all `events`, and acknowledges the last.
fn finish(reader: &mut Subscription<Event>, events: usize) {
    (0..events).for_each(|_| drop(read(reader).expect("there is an event")));
    reader.ack();
}

#[test]
fn a_plain_stream_keeps_no_acknowledged_event() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let mut reader = manager.subscribe();
        for _ in 0..3 {
            let events = publish(&manager, size);
            finish(&mut reader, events.len());
            assert_flush_frees(&manager, &events);
        }
        let awaited = Arc::new(0);
        let there = [Arc::downgrade(&awaited)];
        let mut done = manager.sync_notify(awaited);
        assert!((&mut done).now_or_never().is_none());
        finish(&mut reader, 1);
        assert!(now(done).unwrap().all_acked());
        assert_flush_frees(&manager, &there);
    }
}

#[test]
fn the_last_acknowledgement_frees_before_a_flush_completes() {
    let manager = EventManager::new(1_024);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    let events = publish(&manager, 300);
    let mut flush = manager.flush();
    assert!((&mut flush).now_or_never().is_none());
    for reader in &mut readers {
        assert_eq!(alive(&events), 300);
        finish(reader, 300);
    }
    assert_eq!(alive(&events), 0);
    now(flush).unwrap();
}

#[test]
fn polling_for_the_next_event_frees_as_well() {
    let manager = EventManager::new(1_024);
    let mut readers = [
        manager.subscribe(),
        manager.subscribe(),
        manager.subscribe(),
    ];
    let events = publish(&manager, 300);
    let [first, second, third] = &mut readers;
    while !waits(first) {}
    finish(second, 300);
    while !waits(third) {}
    assert_flush_frees(&manager, &events);
}

#[test]
fn a_flush_keeps_only_the_segment_of_the_slowest_reader() {
    let manager = EventManager::new(1_024);
    let mut fast = manager.subscribe();
    let mut slow = manager.subscribe();
    let events = publish(&manager, 1_000);
    finish(&mut fast, 1_000);
    for read_by_slow in 1..1_000 {
        assert_eq!(read(&mut slow).as_deref(), Some(&read_by_slow));
        slow.ack();
        assert!(manager.flush().now_or_never().is_none());
        let unread = 1_000 - read_by_slow as usize;
        let kept = alive(&events);
        assert!((unread..unread + 256).contains(&kept), "{kept} of {unread}");
    }
    finish(&mut slow, 1);
    assert_flush_frees(&manager, &events);
}

#[test]
fn deliveries_keep_no_acknowledged_event() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let mut jobs = manager.subscribe().deliveries();
        let mut events = publish(&manager, size);
        let awaited = Arc::new(0);
        events.push(Arc::downgrade(&awaited));
        let mut done = manager.sync_notify(awaited);
        assert!((&mut done).now_or_never().is_none());
        let mut out: Vec<_> = (0..=size).map(|_| read(&mut jobs).unwrap()).collect();
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none());
        out.reverse();
        thread::spawn(move || out.into_iter().for_each(|job| drop(job.ack())))
            .join()
            .unwrap();
        assert_eq!(alive(&events), 0, "the stream is not polled");
        now(flush).unwrap();
        assert!(now(done).unwrap().all_acked());
        assert!(waits(&mut jobs));
    }
}

#[test]
fn filtered_streams_keep_no_acknowledged_event() {
    let manager = EventManager::new(1_024);
    let mut reader = manager.subscribe();
    let mut even = manager.subscribe_filter(|n: &Event| **n % 2 == 0);
    let mut same = manager.subscribe_filter_map(|n: &Event| Some(Arc::clone(n)));
    let mut jobs = manager
        .subscribe_filter_map(|n: &Event| Some(Arc::clone(n)))
        .deliveries();
    let mut lossy = manager.subscribe_filter_with(Overflow::DropOldest, |_| true);
    let events = publish(&manager, 100);
    finish(&mut reader, 100);
    (0..50).for_each(|_| drop(read(&mut even)));
    even.ack();
    (0..100).for_each(|_| drop(read(&mut same)));
    same.ack();
    let out: Vec<_> = (0..100).map(|_| read(&mut jobs).unwrap()).collect();
    for job in out {
        drop(job.ack());
    }
    (0..100).for_each(|_| drop(read(&mut lossy)));
    lossy.ack();
    assert_flush_frees(&manager, &events);
}

#[test]
fn a_lossy_stream_keeps_no_overwritten_event() {
    let manager = EventManager::new(256);
    let mut lossy = manager
        .subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(2))
        .with_missed();
    for received in [0, 1, 2] {
        let mut events = publish(&manager, 2);
        (0..received).for_each(|_| drop(read(&mut lossy)));
        events.extend(publish(&manager, 500));
        // The position was moved far past the segment being read.
        lossy.get_mut().ack();
        let kept = alive(&events);
        assert!(kept <= 2 + 256, "{kept} after {received}");
        let mut missed = 0;
        while let Some(Some(next)) = lossy.next().now_or_never() {
            match next {
                Received::Missed(n) => missed += n,
                Received::Event(event) => drop(event),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(missed, 500 - received);
        assert_flush_frees(&manager, &events);
    }
}

#[test]
fn an_overwritten_segment_is_dropped_by_ack() {
    let manager = EventManager::new(2);
    for received in [false, true] {
        let mut lossy = manager.subscribe_with(Overflow::DropOldest);
        let before = publish(&manager, 2);
        assert!(read(&mut lossy).is_some());
        if !received {
            lossy.ack();
        }
        // 70 events: more than a segment has room for.
        let after = publish(&manager, 70);
        lossy.ack();
        assert_eq!(alive(&before), 0);
        finish(&mut lossy, 2);
        assert_flush_frees(&manager, &after);
    }
}

#[test]
fn a_stage_keeps_no_acknowledged_event() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let mut first = manager.subscribe();
        let mut second = manager.subscribe_after(&first);
        let events = publish(&manager, size);
        for _ in 0..size {
            finish(&mut first, 1);
            finish(&mut second, 1);
        }
        assert_flush_frees(&manager, &events);
        let events = publish(&manager, size);
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none());
        finish(&mut first, events.len());
        assert_eq!(alive(&events), events.len(), "the stage has read none");
        finish(&mut second, events.len());
        assert_eq!(alive(&events), 0);
        now(flush).unwrap();
    }
}

#[test]
fn streams_may_move_between_threads() {
    let manager = EventManager::new(1_024);
    let mut reader = manager.subscribe();
    for _ in 0..10 {
        let events = publish(&manager, 100);
        reader = thread::spawn(move || {
            finish(&mut reader, 40);
            reader
        })
        .join()
        .unwrap();
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none());
        reader = thread::spawn(move || {
            finish(&mut reader, 60);
            reader
        })
        .join()
        .unwrap();
        assert_eq!(alive(&events), 0);
        now(flush).unwrap();
    }
}

/// A flush waits for no observer, and frees the events that observers have finished before.
#[test]
fn observers_keep_no_event_that_they_have_finished() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let mut screen = manager.subscribe_with(SubscribeOptions::new().observer());
        let options = SubscribeOptions::new().observer();
        let mut deliveries = manager.subscribe_with(options).deliveries();
        for _ in 0..3 {
            let events = publish(&manager, size);
            finish(&mut screen, events.len());
            let held: Vec<_> = events.iter().map(|_| read(&mut deliveries)).collect();
            drop(held);
            assert_flush_frees(&manager, &events);
        }
        let awaited = Arc::new(0);
        let there = [Arc::downgrade(&awaited)];
        assert!(now(manager.sync_notify(awaited)).unwrap().is_unheard());
        finish(&mut screen, 1);
        drop(read(&mut deliveries));
        assert_flush_frees(&manager, &there);
    }
}
