//! Subscribers that join, leave or are disconnected, and managers that end.

use futures::FutureExt;
use genevent::{EventManager, SubscribeOptions};

use super::{SIZES, alive, assert_flush_frees, publish};
use crate::drive::{now, read, waits};

#[test]
fn a_late_subscriber_keeps_nothing_of_a_former() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let former = manager.subscribe();
        let events = publish(&manager, size);
        // Has read everything, without ever being polled.
        let late = manager.subscribe();
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none());
        drop(former);
        assert_eq!(alive(&events), 0);
        now(flush).unwrap();
        drop(late);
    }
}

#[test]
fn a_flush_frees_the_events_before_a_late_subscriber() {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let former = manager.subscribe();
        let events = publish(&manager, size);
        // Has read everything, without ever being polled.
        let late = manager.subscribe();
        drop(former);
        assert!(alive(&events) <= 255, "at most a segment");
        assert_flush_frees(&manager, &events);
        drop(late);
    }
}

#[test]
fn a_disconnected_stream_keeps_no_read_event() {
    for polled in [false, true] {
        let manager = EventManager::new(1_024);
        let mut reader = manager.subscribe();
        let events = publish(&manager, 100);
        (0..100).for_each(|_| drop(read(&mut reader)));
        if polled {
            assert!(waits(&mut reader));
        } else {
            reader.ack();
        }
        assert!(manager.disconnect(reader.id()));
        assert_flush_frees(&manager, &events);
        assert!(read(&mut reader).is_none());
    }
}

#[test]
fn a_disconnected_stream_keeps_only_its_backlog() {
    let manager = EventManager::new(1_024);
    let mut reader = manager.subscribe();
    let read_before = publish(&manager, 70);
    (0..70).for_each(|_| drop(read(&mut reader)));
    let backlog = publish(&manager, 300);
    assert!(manager.disconnect(reader.id()));
    assert!(
        manager.flush().now_or_never().is_none(),
        "event 70 is in flight"
    );
    reader.ack();
    assert_flush_frees(&manager, &read_before);
    assert_eq!(alive(&backlog), 300);
    for left in (0..300).rev() {
        drop(read(&mut reader).unwrap());
        let kept = alive(&backlog);
        assert!((left..=left + 255).contains(&kept), "{kept} of {left}");
    }
    assert_eq!(alive(&backlog), 0, "without another poll");
    assert!(read(&mut reader).is_none());
}

#[test]
fn a_disconnected_stream_of_deliveries_keeps_no_event() {
    let manager = EventManager::new(1_024);
    let mut jobs = manager.subscribe().deliveries();
    let mut events = publish(&manager, 10);
    let out: Vec<_> = (0..10).map(|_| read(&mut jobs).unwrap()).collect();
    events.extend(publish(&manager, 10));
    assert!(manager.disconnect(jobs.id()));
    let free: Vec<_> = (0..10).map(|_| read(&mut jobs).unwrap()).collect();
    let mut flush = manager.flush();
    assert!((&mut flush).now_or_never().is_none());
    out.into_iter().chain(free).for_each(|job| drop(job.ack()));
    assert_eq!(alive(&events), 0);
    now(flush).unwrap();
    assert!(read(&mut jobs).is_none());
}

#[test]
fn a_dropped_stream_leaves_nothing_to_a_waiting_flush() {
    for reads in [0, 1, 50, 100] {
        let manager = EventManager::new(1_024);
        let mut leaver = manager.subscribe();
        let mut stays = manager.subscribe();
        let events = publish(&manager, 100);
        (0..100).for_each(|_| drop(read(&mut stays)));
        stays.ack();
        (0..reads).for_each(|_| drop(read(&mut leaver)));
        let mut flush = manager.flush();
        assert!((&mut flush).now_or_never().is_none());
        drop(leaver);
        assert_eq!(alive(&events), 0);
        now(flush).unwrap();
    }
}

#[test]
fn deliveries_outlive_their_stream_and_keep_nothing() {
    let manager = EventManager::new(1_024);
    let mut jobs = manager.subscribe().deliveries();
    let events = publish(&manager, 100);
    let out: Vec<_> = (0..70).map(|_| read(&mut jobs).unwrap()).collect();
    drop(jobs);
    assert_eq!(alive(&events), 70);
    let mut flush = manager.flush();
    assert!((&mut flush).now_or_never().is_none());
    for job in out {
        drop(job.ack());
    }
    assert_eq!(alive(&events), 0);
    now(flush).unwrap();
}

#[test]
fn a_cancelled_flush_is_made_up_by_the_next() {
    let manager = EventManager::new(1_024);
    let mut reader = manager.subscribe();
    let events = publish(&manager, 100);
    assert!(manager.flush().now_or_never().is_none());
    (0..100).for_each(|_| drop(read(&mut reader)));
    reader.ack();
    assert_flush_frees(&manager, &events);
}

#[test]
fn stop_leaves_no_event_in_memory() {
    let manager = EventManager::builder().capacity(1_024).retain(8).build();
    let mut reader = manager.subscribe();
    let mut late = manager.subscribe_with(SubscribeOptions::new().replay(8));
    let events = publish(&manager, 100);
    let mut stop = manager.stop();
    assert!((&mut stop).now_or_never().is_none());
    for reader in [&mut reader, &mut late] {
        (0..100).for_each(|_| drop(read(reader)));
        reader.ack();
    }
    assert_eq!(alive(&events), 0);
    now(stop).unwrap();
    assert!(read(&mut reader).is_none() && read(&mut late).is_none());
}
