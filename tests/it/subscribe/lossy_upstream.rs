//! Stages behind a subscriber that misses events while an earlier event is in flight.

use futures::Stream;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};

use crate::drive::{read, waits};

/// A lossy subscription with the given window, and a stage behind it that sees its settled events.
fn lossy(window: usize) -> (EventManager<u64>, Subscription<u64>, Subscription<u64>) {
    let manager = EventManager::new(64);
    let options = SubscribeOptions::from(Overflow::DropOldest).window(window);
    let first = manager.subscribe_with(options);
    let stage = manager.subscribe_after(&first);
    (manager, first, stage)
}

fn publish(manager: &EventManager<u64>, events: impl IntoIterator<Item = u64>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

#[test]
fn later_losses_do_not_hide_settled_events() {
    for (in_flight, lost) in [(1, 1), (2, 1), (3, 1), (3, 2), (5, 2), (6, 6), (4, 9)] {
        let (manager, mut first, mut stage) = lossy(10);
        publish(&manager, 1..=in_flight);
        for n in 1..=in_flight {
            assert_eq!(read(&mut first), Some(n));
        }
        let newest = in_flight + lost + 10;
        publish(&manager, in_flight + 1..=newest);
        assert_eq!(first.missed(), lost);
        for n in 1..in_flight {
            assert_eq!(
                read(&mut stage),
                Some(n),
                "{in_flight} in hand, {lost} lost"
            );
        }
        assert!(waits(&mut stage), "{in_flight} is in hand, {lost} are lost");
        first.ack();
        for n in in_flight..=in_flight + lost {
            assert_eq!(read(&mut stage), Some(n));
        }
        assert!(waits(&mut stage));
        drop(first);
        drop(manager);
        assert_eq!(stage.size_hint(), (10, Some(10)));
    }
}
