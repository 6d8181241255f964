//! How many events are kept in memory for late subscribers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::{EventManager, Subscription};

use super::{replay, retaining};
use crate::drive::{read, waits};

/// Counts its instances.
#[derive(Clone)]
struct Counted(#[expect(dead_code, reason = "it is counted")] Arc<()>);

#[test]
fn memory_holds_at_most_half_more_than_retained() {
    for retain in [0, 1, 64, 100, 400, 1_000] {
        for readers in 0..=2 {
            let there = Arc::new(());
            let manager = retaining(retain);
            let mut readers: Vec<_> = (0..readers).map(|_| manager.subscribe()).collect();
            for n in 1..=3_000 {
                let event = Counted(Arc::clone(&there));
                manager.try_notify(event).ok().unwrap();
                // The first reader reads everything at once, the second in bursts.
                for (index, reader) in readers.iter_mut().enumerate() {
                    if index == 0 || n % 500 == 0 {
                        while !waits(reader) {}
                    }
                }
                let unread = readers.iter().map(Subscription::len).max();
                let kept = Arc::strong_count(&there) - 1;
                let wanted = retain.max(unread.unwrap_or(0));
                assert!(kept >= retain.min(n), "{kept} of {retain} after {n}");
                let more = (retain / 2).clamp(128, 512);
                assert!(kept <= wanted + more, "{kept} for {wanted} after {n}");
            }
            manager.close();
            drop(readers);
            assert_eq!(Arc::strong_count(&there), 1, "closing lets go of it");
        }
    }
}

#[test]
fn close_drops_retained_events() {
    for (sleepers, late) in (0..=2).flat_map(|sleepers| (0..=2).map(move |late| (sleepers, late))) {
        let there = Arc::new(());
        let manager = retaining(4);
        let mut sleepers: Vec<_> = (0..sleepers).map(|_| manager.subscribe()).collect();
        for _ in 0..3 {
            manager.try_notify(Arc::clone(&there)).unwrap();
        }
        for sleeper in &mut sleepers {
            while !waits(sleeper) {}
        }
        // The late subscriptions have not been polled yet.
        let late: Vec<_> = (0..late).map(|_| manager.subscribe()).collect();
        manager.close();
        let (sleepers, late) = (sleepers.len(), late.len());
        let kept = Arc::strong_count(&there) - 1;
        assert_eq!(kept, 0, "{sleepers} sleep, {late} are late");
    }
}

#[test]
fn dropping_a_subscription_drops_its_replay() {
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
fn dropping_retained_events_may_call_the_manager() {
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
