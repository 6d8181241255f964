//! Models of the registry's watch: random schedules of the tasks changing the registry, the task
//! publishing the changes, and tasks beginning to watch. Run like `shuttle`.
//!
//! Every lock and atomic of this crate is a step of the schedule; tokio's own types (`Notify`,
//! `watch`) are a single step.
#![cfg(genevent_shuttle)]

use std::collections::{BTreeMap, HashSet};

use futures::StreamExt;
use genevent::kv::{CreateError, ExitReason, Registry, RegistryEvent, View, Watch, WatchEvent};
use genevent::{EventManager, Overflow, SubscribeOptions};
use genevent_models::{Task, model, spawn};
use shuttle::future::{block_on, yield_now};

/// Starts a task creating and stopping buckets of these names.
fn change(registry: &Registry<u8>, names: &'static [&'static str]) -> Task<()> {
    let registry = registry.clone();
    spawn(async move {
        for name in names {
            let bucket = registry.create(name).await.unwrap();
            yield_now().await;
            bucket.stop();
        }
    })
}

/// Asserts a consistent history of changes until the end, without gaps or duplicates.
async fn replay(watch: Watch<u8>) {
    let mut standing = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut ready = false;
    let mut watch = Box::pin(watch);
    while let Some(event) = watch.next().await {
        match event {
            WatchEvent::Existing { name, bucket } => {
                assert!(!ready, "no event is lost, so it never starts anew");
                assert!(seen.insert(bucket.clone()));
                assert_eq!(standing.insert(name, bucket), None);
            }
            WatchEvent::Ready => assert!(!std::mem::replace(&mut ready, true)),
            WatchEvent::Created { name, bucket } => {
                assert!(ready);
                assert!(seen.insert(bucket.clone()), "a duplicate");
                assert_eq!(standing.insert(name, bucket), None, "a gap");
            }
            WatchEvent::Exited { name, bucket, .. } => {
                assert!(ready);
                assert_eq!(
                    standing.remove(&name),
                    Some(bucket),
                    "a gap, or a duplicate"
                );
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(ready);
    assert!(
        standing.is_empty(),
        "the registry is gone, and its buckets: {standing:?}"
    );
}

#[test]
fn concurrent_changes_cause_no_gap_or_duplicate() {
    model(|| {
        block_on(async {
            let registry = Registry::new(EventManager::new(1));
            let names: [&[&str]; 4] = [&["a", "b"], &["a"], &["b", "a"], &["a"]];
            let changes = names.map(|names| change(&registry, names));
            let early = spawn(replay(registry.watch()));
            yield_now().await;
            let late = spawn(replay(registry.watch()));
            drop(registry);
            for task in changes {
                task.await.unwrap();
            }
            early.await.unwrap();
            late.await.unwrap();
        });
    });
}

#[test]
fn a_watch_begun_during_changes_agrees() {
    model(|| {
        block_on(async {
            let registry = Registry::<u8>::new(EventManager::new(1));
            let all = spawn(registry.events().collect::<Vec<_>>());
            let changes = [change(&registry, &["a", "a"]), change(&registry, &["b"])];
            let watch = registry.watch();
            let reported = spawn(watch.collect::<Vec<_>>());
            drop(registry);
            for task in changes {
                task.await.unwrap();
            }
            let all: Vec<_> = all.await.unwrap().iter().map(in_short).collect();
            let reported = reported.await.unwrap();
            let ready = reported
                .iter()
                .position(|event| matches!(event, WatchEvent::Ready));
            let (start, rest) = reported.split_at(ready.unwrap());
            let rest: Vec<_> = rest[1..].iter().map(in_short_of_watch).collect();
            // The snapshot is the result of all events before the rest.
            assert!(all.ends_with(&rest), "{rest:?} of {all:?}");
            let mut standing = BTreeMap::new();
            for (is_created, bucket) in &all[..all.len() - rest.len()] {
                if *is_created {
                    assert_eq!(standing.insert(bucket.name(), bucket), None);
                } else {
                    assert_eq!(standing.remove(bucket.name()), Some(bucket));
                }
            }
            assert!(
                start
                    .iter()
                    .filter_map(WatchEvent::bucket)
                    .eq(standing.into_values())
            );
        });
    });
}

#[test]
fn a_view_ends_equal_to_the_registry() {
    model(|| {
        block_on(async {
            let registry = Registry::<u8>::new(EventManager::new(1));
            let changes = [change(&registry, &["a"]), change(&registry, &["a", "b"])];
            let view = View::new();
            let mut watch = registry.watch().reflect(view.clone());
            let reading = spawn(async move { while watch.next().await.is_some() {} });
            for task in changes {
                task.await.unwrap();
            }
            registry.create("c").await.unwrap();
            registry.flush().await;
            // The watch may still have to begin: its first event may have been part of the
            // snapshot.
            while !view.is_ready() {
                yield_now().await;
            }
            assert_eq!(view.names(), ["c"]);
            drop(registry);
            reading.await.unwrap();
            assert!(view.is_empty());
        });
    });
}

/// Publishes an old event of the registry again, possibly the only event after a loss.
fn repeat(events: &EventManager<RegistryEvent<u8>>, old: &RegistryEvent<u8>) -> Task<()> {
    let (events, old) = (events.clone(), old.clone());
    spawn(async move {
        for _ in 0..3 {
            let _ = events.try_notify(old.clone());
            yield_now().await;
        }
    })
}

#[test]
fn a_lossy_view_ends_equal_to_the_registry() {
    model(|| {
        block_on(async {
            let events = EventManager::builder().capacity(1).retain(2).build();
            let registry = Registry::<u8>::new(events.clone());
            let bucket = registry.create("old").await.unwrap();
            let name = bucket.name().to_owned();
            let old = RegistryEvent::Created { name, bucket };
            let changes = [change(&registry, &["a"]), change(&registry, &["a"])];
            let view = View::new();
            let lossy = SubscribeOptions::new().overflow(Overflow::DropOldest);
            let mut watch = registry.watch_with(lossy.replay(2)).reflect(view.clone());
            let reading = spawn(async move {
                while watch.next().await.is_some() {
                    yield_now().await;
                }
            });
            for task in changes.into_iter().chain([repeat(&events, &old)]) {
                task.await.unwrap();
            }
            let repeated = repeat(&events, &old);
            registry.create("c").await.unwrap();
            repeated.await.unwrap();
            registry.flush().await;
            // No further event is published, and so none is missed.
            while view.names() != ["c", "old"] {
                yield_now().await;
            }
            drop((registry, events));
            reading.await.unwrap();
        });
    });
}

#[test]
fn closing_resolves_flush_despite_events_in_flight() {
    model(|| {
        block_on(async {
            let events = EventManager::new(1);
            let registry = Registry::<u8>::new(events.clone());
            let holder = registry.events();
            let changes = [change(&registry, &["a"]), change(&registry, &["b"])];
            let flushing = registry.clone();
            let flushed = spawn(async move { flushing.flush().await });
            let closed = spawn(async move { events.close() });
            flushed.await.unwrap();
            closed.await.unwrap();
            // No event has been read, and every past change resolves at once.
            for task in changes {
                task.await.unwrap();
            }
            registry.flush().await;
            drop(holder);
        });
    });
}

/// Two tasks create a bucket of the same name, change its values and stop it, beside a third that creates the
/// name anew: each end is told once, and a stop that comes late ends no newer bucket.
#[test]
fn buckets_of_one_name_end_once_each() {
    model(|| {
        block_on(async {
            let registry = Registry::<u64>::new(EventManager::new(4));
            let all = spawn(registry.events().collect::<Vec<_>>());
            let first = registry.create("a").await.unwrap();
            let stopping = [(); 2].map(|()| {
                let (registry, first) = (registry.clone(), first.clone());
                spawn(async move {
                    first.stop();
                    let next = registry.create("a").await.unwrap();
                    assert_ne!(next, first, "the first has ended");
                    next
                })
            });
            let changing = [(); 2].map(|()| {
                let first = first.clone();
                spawn(async move {
                    let change = |n: Option<u64>| Some(n.unwrap_or(0) + 1);
                    first.update("n", change).await.ok().flatten()
                })
            });
            assert_eq!(first.stopped().await, ExitReason::Stopped);
            assert_eq!(first.get("n").await, None);
            let mut counts = Vec::new();
            for changing in changing {
                counts.extend(changing.await.unwrap());
            }
            counts.sort_unstable();
            assert!([1, 2].starts_with(&counts), "one change after the other");
            let mut next = Vec::new();
            for stopping in stopping {
                next.push(stopping.await.unwrap());
            }
            assert_eq!(next[0], next[1], "a late stop ends no newer bucket");
            assert_eq!(registry.lookup("a").as_ref(), next.first());
            registry.flush().await;
            drop(registry);
            assert_eq!(next[0].stopped().await, ExitReason::RegistryGone);
            let all: Vec<_> = all.await.unwrap().iter().map(in_short).collect();
            let told =
                [&first, &next[0]].map(|bucket| [true, false].map(|is| (is, bucket.clone())));
            assert_eq!(all, told.concat());
        });
    });
}

/// A full outbox refuses a bucket, and `stop`, `flush` and later buckets work on.
#[test]
fn a_full_outbox_beside_its_delivery_loses_no_event() {
    model(|| {
        block_on(async {
            let events = EventManager::new(1);
            let registry = Registry::<u8>::builder().queue_capacity(1).build(events);
            let all = spawn(registry.events().collect::<Vec<_>>());
            let creating = ["a", "b"].map(|name| {
                let registry = registry.clone();
                spawn(async move {
                    match registry.create(name).await {
                        Ok(bucket) => {
                            bucket.stop();
                            2
                        }
                        Err(error) => {
                            assert_eq!(error, CreateError::QueueFull);
                            0
                        }
                    }
                })
            });
            let mut told = 0;
            for creating in creating {
                told += creating.await.unwrap();
            }
            registry.flush().await;
            assert!(registry.create("c").await.is_ok(), "the outbox is empty");
            drop(registry);
            assert_eq!(all.await.unwrap().len(), told + 2);
        });
    });
}

type Told<V = u8> = (bool, genevent::kv::Bucket<V>);

fn in_short<V>(event: &RegistryEvent<V>) -> Told<V> {
    let is_created = matches!(event, RegistryEvent::Created { .. });
    (is_created, event.bucket().clone())
}

fn in_short_of_watch(event: &WatchEvent<u8>) -> Told {
    let is_created = matches!(event, WatchEvent::Created { .. });
    (is_created, event.bucket().unwrap().clone())
}
