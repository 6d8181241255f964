//! Subscribers of keys begin with retained events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use futures::StreamExt;
use futures::executor::block_on;
use genevent::{EventManager, Received, SubscribeOptions};

use super::{digits, keys, publish};
use crate::drive::{read, read_all};

fn replay(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().replay(events)
}

fn retaining(events: usize) -> EventManager<u32> {
    EventManager::builder().capacity(8).retain(events).build()
}

#[test]
fn the_newest_events_with_the_keys_are_replayed() {
    let manager = retaining(300);
    publish(&manager, 0..1_000);
    let topics = digits(&manager);
    let one = topics.subscribe_with(1, replay(3).window(1));
    let some = topics.subscribe_any_with([1, 2, 1], replay(3));
    let all = topics.subscribe_with(5, replay(usize::MAX));
    let none = topics.subscribe_any_with([], replay(usize::MAX));
    assert_eq!((all.len(), none.len()), (30, 0));
    publish(&manager, [1_001]);
    drop(manager);
    assert_eq!(read_all(&mut { one }), [971, 981, 991, 1_001]);
    assert_eq!(read_all(&mut { some }), [982, 991, 992, 1_001]);
}

#[test]
fn missed_events_of_all_keys_are_counted() {
    let manager = retaining(20);
    publish(&manager, 1..=50);
    let topics = digits(&manager);
    let mut one = topics
        .subscribe_with(1, SubscribeOptions::new().replay_since(7))
        .with_missed();
    assert_eq!(one.get_ref().missed(), 23);
    assert_eq!(read(&mut one), Some(Received::Missed(23)));
    assert_eq!(
        [read(&mut one), read(&mut one)],
        [31, 41].map(|n| Some(Received::Event(n)))
    );
}

#[test]
fn a_key_function_that_panics_in_a_replay_lets_the_call_panic() {
    let manager = retaining(20);
    publish(&manager, 1..=5);
    let topics = manager.topics(|n| {
        assert_ne!(*n, 3, "a panic on purpose");
        n % 10
    });
    let subscribe = || topics.subscribe_with(4, replay(9));
    assert!(catch_unwind(AssertUnwindSafe(subscribe)).is_err());
    assert_eq!((keys(&topics), manager.subscriber_count()), (0, 0));
    // The panic is not reached.
    assert_eq!(topics.subscribe_with(4, replay(1)).len(), 1);
}

#[test]
#[should_panic(expected = "a manager replays events only if it is built with `retain`")]
fn a_manager_that_retains_nothing_refuses() {
    let manager = EventManager::new(8);
    drop(digits(&manager).subscribe_with(1, replay(1)));
}

#[test]
fn replayed_and_live_events_join_without_gap_while_publishers_run() {
    const EVENTS: u32 = 3_000;
    let manager = retaining(100);
    let topics = digits(&manager);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..EVENTS {
                block_on(manager.notify(n)).unwrap();
            }
            manager.close();
        });
        for key in [3, 4] {
            let (manager, topics) = (&manager, topics.clone());
            scope.spawn(move || {
                while !manager.is_closed() {
                    let late = topics.subscribe_with(key, replay(5));
                    let seen = block_on(late.take(10).collect::<Vec<_>>());
                    assert!(
                        seen.windows(2).all(|pair| pair[1] == pair[0] + 10),
                        "{seen:?}"
                    );
                }
            });
        }
    });
}

/// User code that a replay calls ends the new subscription, which still yields all of its retained events.
#[test]
fn a_replay_is_complete_although_its_subscription_ends_meanwhile() {
    type End = fn(&EventManager<u32>);
    let ends: [End; 3] = [EventManager::close, EventManager::stop_now, |manager| {
        assert!(manager.disconnect(manager.subscribers()[0].id()));
    }];
    for end in ends {
        for by_key in [true, false] {
            let manager = retaining(8);
            publish(&manager, 1..=3);
            let weak = manager.downgrade();
            let user_code = move |n: &u32| {
                if let Some(manager) = weak.upgrade().filter(|_| *n == 2) {
                    end(&manager);
                }
                true
            };
            let mut reader = if by_key {
                let topics = manager.topics(user_code);
                topics.subscribe_with(true, replay(9))
            } else {
                manager.subscribe_filter_with(replay(9), user_code)
            };
            drop(manager);
            assert_eq!(read_all(&mut reader), [1, 2, 3], "by key: {by_key}");
        }
    }
}
