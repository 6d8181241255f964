//! Topics, and replays of filtered subscriptions, beside publishers and closing.

use std::collections::BTreeSet;

use futures::StreamExt;
use genevent::{EventManager, SubscribeOptions};
use genevent_models::{model, spawn};
use shuttle::future::block_on;
use shuttle::thread::yield_now;

#[test]
fn a_subscriber_of_a_key_gets_each_event_once() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = manager.topics(|n: &u64| n % 2);
            let publishing = [0, 10].map(|first| {
                let manager = manager.clone();
                spawn(async move {
                    let mut heard = 0;
                    for n in first..first + 2 {
                        heard += manager.notify(n).await.unwrap();
                    }
                    heard
                })
            });
            let joining = [0, 1].map(|key| {
                let topics = topics.clone();
                spawn(async move {
                    // Comes and goes; the key comes back.
                    drop(topics.subscribe(key));
                    topics.subscribe_any([key, 7])
                })
            });
            let mut readers = Vec::new();
            for joining in joining {
                readers.push(joining.await.unwrap());
            }
            let mut heard = 0;
            for publishing in publishing {
                heard += publishing.await.unwrap();
            }
            drop((manager, topics));
            let mut seen = 0;
            for (key, reader) in (0..).zip(readers) {
                let events = reader.collect::<Vec<_>>().await;
                assert!(events.iter().all(|n| n % 2 == key));
                let different: BTreeSet<_> = events.iter().collect();
                assert_eq!(different.len(), events.len(), "each once: {events:?}");
                seen += events.len();
            }
            // The subscribers that left may have been counted.
            assert!(seen <= heard && heard <= seen + 4);
        });
    });
}

#[test]
fn an_event_published_after_the_subscription_is_not_missed() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = manager.topics(|n: &u64| n % 2);
            let leaver = topics.subscribe(1);
            let leaving = spawn(async move { drop(leaver) });
            let staying = topics.clone();
            let publisher = manager.clone();
            let staying = spawn(async move {
                let reader = staying.subscribe(1);
                publisher.notify(3).await.unwrap();
                reader
            });
            let other = topics.clone();
            let other = spawn(async move { drop(other.subscribe(1)) });
            let reader = staying.await.unwrap();
            leaving.await.unwrap();
            other.await.unwrap();
            drop((manager, topics));
            assert_eq!(reader.collect::<Vec<_>>().await, [3]);
        });
    });
}

#[test]
fn waiting_publishers_of_a_key_are_woken() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let topics = manager.topics(|n: &u64| n % 2);
            let readers = [0, 1].map(|key| spawn(topics.subscribe(key).collect::<Vec<_>>()));
            let publishing = [0, 1].map(|key| {
                let manager = manager.clone();
                spawn(async move {
                    for n in [key, key + 2] {
                        assert_eq!(manager.notify(n).await, Ok(1));
                    }
                })
            });
            for publishing in publishing {
                publishing.await.unwrap();
            }
            drop(manager);
            let [even, odd] = readers;
            assert_eq!(
                (even.await.unwrap(), odd.await.unwrap()),
                (vec![0, 2], vec![1, 3])
            );
        });
    });
}

#[test]
fn closing_ends_subscribers_of_keys_that_come() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let topics = manager.topics(|n: &u64| n % 2);
            let first = topics.subscribe(1);
            let joining = topics.clone();
            let joining = spawn(async move { joining.subscribe(1).collect::<Vec<_>>().await });
            let publisher = manager.clone();
            let publishing = spawn(async move { publisher.notify(1).await.is_ok() });
            manager.close();
            let is_stored = publishing.await.unwrap();
            let later = joining.await.unwrap();
            let first = first.collect::<Vec<_>>().await;
            assert_eq!(first.len(), usize::from(is_stored));
            assert!(later.len() <= first.len());
            assert!(format!("{topics:?}").contains("keys: 0"));
        });
    });
}

#[test]
fn a_filter_replays_and_goes_on_without_gap_or_double() {
    model(|| {
        block_on(async {
            let manager = EventManager::builder().capacity(8).retain(8).build();
            let topics = manager.topics(|_: &u64| ());
            let publishing = [(); 2].map(|()| {
                let manager = manager.clone();
                spawn(async move {
                    for _ in 0..2 {
                        manager.notify(0_u64).await.unwrap();
                    }
                })
            });
            let replay = || SubscribeOptions::new().replay(9);
            let filtering = manager.clone();
            let filtered =
                spawn(async move { filtering.subscribe_filter_with(replay(), |_| true) });
            let keyed = topics.clone();
            let keyed = spawn(async move { keyed.subscribe_with((), replay()) });
            let (filtered, keyed) = (filtered.await.unwrap(), keyed.await.unwrap());
            for publishing in publishing {
                publishing.await.unwrap();
            }
            drop((manager, topics));
            for reader in [filtered, keyed] {
                let deliveries = reader.deliveries().map(|delivery| delivery.seq());
                assert_eq!(deliveries.collect::<Vec<_>>().await, [1, 2, 3, 4]);
            }
        });
    });
}

#[test]
fn events_cleared_during_a_join_are_replayed_or_missed() {
    model(|| {
        block_on(async {
            let manager = EventManager::builder().capacity(8).retain(8).build();
            manager.try_notify(1).unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                publisher.clear_retained();
                publisher.notify(2).await.unwrap();
            });
            let since = || SubscribeOptions::new().replay_since(0);
            let filtered = manager.subscribe_filter_with(since(), |_| true);
            let plain = manager.subscribe_with(since());
            publishing.await.unwrap();
            drop(manager);
            for (missed, events) in [
                (filtered.missed(), filtered.collect::<Vec<_>>().await),
                (plain.missed(), plain.collect::<Vec<_>>().await),
            ] {
                let all = [1, 2];
                let missed = usize::try_from(missed).unwrap();
                assert_eq!(events, all[missed..]);
            }
        });
    });
}

/// A subscription with a replay that begins beside a close gets all events, or has ended.
#[test]
fn a_replay_beside_close_has_all_events_or_none() {
    model(|| {
        block_on(async {
            let manager = EventManager::builder().capacity(8).retain(8).build();
            // The key function takes long: the close may come while a replay is evaluated.
            let topics = manager.topics(|_: &u64| (0..20).for_each(|_| yield_now()));
            manager.try_notify(1).unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                let stored = publisher.notify(2).await.is_ok();
                publisher.close();
                1 + u64::from(stored)
            });
            let closing = manager.clone();
            let closing = spawn(async move { closing.close() });
            let since = || SubscribeOptions::new().replay_since(0);
            let keyed = topics.subscribe_with((), since());
            let filtered = manager.subscribe_filter_with(since(), |_| true);
            let plain = manager.subscribe_with(since());
            let has_joined = [
                keyed.end_reason().is_none(),
                filtered.end_reason().is_none(),
                plain.end_reason().is_none(),
            ];
            let stored = publishing.await.unwrap();
            closing.await.unwrap();
            let read = [
                keyed.collect::<Vec<_>>().await,
                filtered.collect::<Vec<_>>().await,
                plain.collect::<Vec<_>>().await,
            ];
            for (events, has_joined) in read.into_iter().zip(has_joined) {
                assert!(
                    events
                        .into_iter()
                        .eq(1..=if has_joined { stored } else { 0 })
                );
            }
        });
    });
}

/// The only subscriber of a key is full, and leaves or is disconnected: its publishers have room.
#[test]
fn a_leaving_subscriber_of_a_key_frees_its_publishers() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let topics = manager.topics(|n: &u64| n % 2);
            let [leaver, cut] = [0, 1].map(|key| topics.subscribe(key));
            for n in [0, 1] {
                manager.try_notify(n).unwrap();
            }
            let publishing = [2, 3].map(|n| {
                let publishing = manager.notify_owned(n);
                spawn(async move { publishing.await.unwrap() })
            });
            let id = cut.id();
            let leaving = spawn(async move { drop(leaver) });
            let cutting = manager.clone();
            let cutting = spawn(async move { assert!(cutting.disconnect(id)) });
            let joined = topics.subscribe(0);
            let mut heard = 0;
            for publishing in publishing {
                heard += publishing.await.unwrap();
            }
            leaving.await.unwrap();
            cutting.await.unwrap();
            drop((manager, topics));
            assert_eq!(joined.collect::<Vec<_>>().await.len(), heard);
            assert_eq!(cut.collect::<Vec<_>>().await, [1]);
        });
    });
}
