//! Retained and replayed events.

use genevent::{EventManager, SubscribeOptions};

use super::{Event, alive, assert_flush_frees, publish};
use crate::drive::{now, read};

fn retaining(events: usize) -> EventManager<Event> {
    EventManager::builder()
        .capacity(1_024)
        .retain(events)
        .build()
}

#[test]
fn a_flush_keeps_the_retained_events_and_their_segment() {
    for retain in [1, 4, 64, 100] {
        let manager = retaining(retain);
        let mut reader = manager.subscribe();
        let mut events = Vec::new();
        for size in [1, 10, 63, 64, 65, 700] {
            events.extend(publish(&manager, size));
            (0..size).for_each(|_| drop(read(&mut reader)));
            reader.ack();
            now(manager.flush()).unwrap();
            let retained = retain.min(events.len());
            assert_eq!(alive(&events[events.len() - retained..]), retained);
            let kept = alive(&events);
            assert!(kept < retained + 64, "{kept} of {retained}");
        }
        manager.close();
        assert_flush_frees(&manager, &events);
    }
}

#[test]
fn a_flush_without_subscribers_keeps_the_retained_events() {
    let manager = retaining(100);
    let events = publish(&manager, 1_000);
    now(manager.flush()).unwrap();
    assert_eq!(alive(&events[900..]), 100);
    assert!(alive(&events) < 100 + 64);
    manager.close();
    assert_eq!(alive(&events), 0);
}

#[test]
fn a_replay_that_was_read_keeps_no_event() {
    for acked in [false, true] {
        let manager = retaining(300);
        let events = publish(&manager, 300);
        let mut late = manager.subscribe_with(SubscribeOptions::new().replay(300));
        let mut jobs = manager
            .subscribe_with(SubscribeOptions::new().replay(300))
            .deliveries();
        manager.close();
        for left in (0..300).rev() {
            drop(read(&mut late).unwrap());
            drop(read(&mut jobs).unwrap().ack());
            let kept = alive(&events);
            assert!((left..left + 256).contains(&kept), "{kept} of {left}");
        }
        if acked {
            late.ack();
        }
        assert_flush_frees(&manager, &events);
        assert!(read(&mut late).is_none() && read(&mut jobs).is_none());
    }
}

#[test]
fn newer_events_push_replayed_events_out() {
    let manager = retaining(4);
    let mut late = manager.subscribe();
    let replayed = publish(&manager, 4);
    let mut replay = manager.subscribe_with(SubscribeOptions::new().replay(4));
    let newer = publish(&manager, 200);
    for reader in [&mut late, &mut replay] {
        (0..204).for_each(|_| drop(read(reader).unwrap()));
        reader.ack();
    }
    assert_flush_frees(&manager, &replayed);
    assert!((4..4 + 64).contains(&alive(&newer)));
}
