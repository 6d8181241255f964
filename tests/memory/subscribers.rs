//! Subscribers of every kind that have left.

use std::pin::Pin;

use futures::Stream;
use genevent::{EventManager, Overflow, SubscribeOptions};

use super::{CROWD, ORDERS, leaves_little};
use crate::drive::{now, read, waits};

type Reader = Pin<Box<dyn Stream<Item = ()>>>;

fn boxed<T: 'static>(stream: impl Stream<Item = T> + 'static) -> Reader {
    use futures::StreamExt;
    Box::pin(stream.map(drop))
}

/// A new subscriber of the manager's, of some kind.
type Come = fn(&EventManager<u64>) -> Reader;

const KINDS: [(&str, Come); 10] = [
    ("plain", |manager| boxed(manager.subscribe())),
    ("lossy", |manager| {
        boxed(manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(2)))
    }),
    ("disconnected when it is slow", |manager| {
        boxed(manager.subscribe_with(Overflow::Disconnect))
    }),
    ("deliveries", |manager| {
        boxed(manager.subscribe().deliveries())
    }),
    ("filtered", |manager| {
        boxed(manager.subscribe_filter(|n| *n > 0))
    }),
    ("filtered deliveries", |manager| {
        boxed(manager.subscribe_filter_map(|n| Some(n + 1)).deliveries())
    }),
    ("replaying", |manager| {
        boxed(manager.subscribe_with(SubscribeOptions::new().replay(2)))
    }),
    ("replaying a filter", |manager| {
        let replay = SubscribeOptions::new().replay_since(0);
        boxed(manager.subscribe_filter_with(replay, |n| *n > 0))
    }),
    ("named", |manager| {
        boxed(manager.subscribe_with(SubscribeOptions::new().name("somebody")))
    }),
    ("staged", |manager| {
        let first = manager.subscribe();
        let second = manager.subscribe_after(&first);
        boxed(futures::stream::select(first, second))
    }),
];

/// The actions of the subscribers before they leave.
#[derive(Clone, Copy, Debug)]
enum Did {
    Nothing,
    /// All subscribers wait for an event.
    Waited,
    /// All subscribers are full, and a publisher has looked at all of them.
    HeldAPublisher,
}

fn crowd_leaves(manager: &EventManager<u64>, come: Come, did: Did) {
    for order in ORDERS {
        let latest = leaves_little(|| {
            let mut crowd: Vec<_> = (0..CROWD).map(|_| come(manager)).collect();
            // This subscriber stays, and so do all tables whose size depends on the newest
            // subscriber.
            let latest = come(manager);
            match did {
                Did::Nothing => {}
                Did::Waited => assert!(crowd.iter_mut().all(waits)),
                Did::HeldAPublisher => {
                    while manager.try_notify(1).is_ok() {
                        // Lossy subscribers never block publishers.
                        if manager.stats().published() % 8 == 0 {
                            break;
                        }
                    }
                }
            }
            order.drain(&mut crowd, drop);
            drop(crowd);
            latest
        });
        drop(latest);
        now(manager.flush()).unwrap();
    }
}

fn every_kind_leaves(did: Did) {
    for (kind, come) in KINDS {
        println!("{kind}");
        let manager = EventManager::builder().capacity(4).retain(2).build();
        crowd_leaves(&manager, come, did);
        if !kind.starts_with("replaying") {
            let manager = EventManager::new(4);
            crowd_leaves(&manager, come, did);
        }
    }
}

#[test]
fn many_dropped_subscribers_free_their_memory() {
    every_kind_leaves(Did::Nothing);
}

#[test]
fn many_parked_subscribers_free_their_memory() {
    every_kind_leaves(Did::Waited);
}

#[test]
fn many_blocking_subscribers_free_their_memory() {
    every_kind_leaves(Did::HeldAPublisher);
}

#[test]
fn many_woken_subscribers_free_their_memory() {
    let manager = EventManager::new(4);
    let mut latest = leaves_little(|| {
        let mut crowd: Vec<_> = (0..CROWD).map(|_| manager.subscribe()).collect();
        let mut latest = manager.subscribe();
        assert!(crowd.iter_mut().all(waits) && waits(&mut latest));
        assert_eq!(manager.try_notify(1), Ok(CROWD + 1));
        drop(crowd);
        latest
    });
    assert_eq!(read(&mut latest), Some(1));
}

#[test]
fn many_disconnected_subscribers_free_their_memory() {
    let manager = EventManager::new(4);
    let latest = leaves_little(|| {
        let crowd: Vec<_> = (0..CROWD).map(|_| manager.subscribe()).collect();
        let latest = manager.subscribe();
        manager.try_notify(1).unwrap();
        for reader in &crowd {
            assert!(manager.disconnect(reader.id()));
        }
        drop(crowd);
        latest
    });
    drop(latest);
}

#[test]
fn many_subscribers_with_deliveries_free_their_memory() {
    let manager = EventManager::new(4);
    let latest = leaves_little(|| {
        let mut crowd: Vec<_> = (0..CROWD)
            .map(|_| manager.subscribe().deliveries())
            .collect();
        let latest = manager.subscribe();
        manager.try_notify(1).unwrap();
        let out: Vec<_> = crowd.iter_mut().map(|jobs| read(jobs).unwrap()).collect();
        drop(crowd);
        let mut flush = manager.flush();
        assert!(!manager.stats().leaving().is_empty());
        drop(latest);
        assert!(futures::FutureExt::now_or_never(&mut flush).is_none());
        drop(out);
        now(flush).unwrap();
        manager.subscribe()
    });
    assert!(manager.stats().leaving().is_empty());
    drop(latest);
}

/// The topics have a subscriber that stays, so that their tables do.
#[test]
fn keys_that_have_gone_free_their_memory() {
    let manager = EventManager::<u64>::new(4);
    let topics = manager.topics(|n| *n);
    let stays = topics.subscribe(0);
    for order in ORDERS {
        let latest = leaves_little(|| {
            let keys = 1..CROWD as u64;
            let mut crowd: Vec<_> = keys.map(|n| topics.subscribe_any([n, n + 1, n])).collect();
            crowd.extend((1..CROWD as u64).map(|n| topics.subscribe(n % 7)));
            let latest = topics.subscribe(0);
            assert!(crowd.iter_mut().all(waits));
            manager.try_notify(5).unwrap();
            order.drain(&mut crowd, drop);
            drop(crowd);
            latest
        });
        drop(latest);
    }
    assert!(format!("{topics:?}").contains("keys: 1"));
    drop(stays);
}

#[test]
fn a_million_keys_come_and_go_and_leave_nothing() {
    let manager = EventManager::<u64>::new(4);
    let topics = manager.topics(|n| *n);
    let mut here = std::collections::VecDeque::new();
    leaves_little(|| {
        for key in 0..1_000_000 {
            here.push_back(topics.subscribe(key));
            if here.len() > 3 {
                here.pop_front();
            }
            if key % 1_000 == 0 {
                assert_eq!(manager.try_notify(key), Ok(1));
            }
        }
    });
    assert_eq!(here.len(), 3);
}

#[test]
fn replacing_subscribers_allocates_no_tables() {
    let manager = EventManager::<u64>::new(4);
    let mut here: std::collections::VecDeque<_> = (0..1_000).map(|_| manager.subscribe()).collect();
    let mut turn_over = |times: usize| {
        let info = allocation_counter::measure(|| {
            for _ in 0..times {
                drop(here.pop_front());
                here.push_back(manager.subscribe());
            }
        });
        info.count_total
    };
    turn_over(10_000);
    // The memory that each subscriber shares with the manager, and the memory of its handle.
    let each = turn_over(10_000);
    assert_eq!(each, 10_000, "one allocation for each subscriber");
}
