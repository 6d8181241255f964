//! A watch with missed events restarts, at any next event.

use std::collections::BTreeMap;

use futures::{FutureExt, StreamExt};
use genevent::kv::{Bucket, Registry, RegistryEvent, View, WatchEvent};
use genevent::{EventManager, Overflow, SubscribeOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{let_other_tasks_run, so_far};

/// A manager that retains ten events, a registry on it, and an event of another registry.
async fn retaining(
    capacity: usize,
) -> (
    EventManager<RegistryEvent<u8>>,
    Registry<u8>,
    RegistryEvent<u8>,
) {
    let events = EventManager::builder()
        .capacity(capacity)
        .retain(10)
        .build();
    let registry = Registry::new(events.clone());
    let other = Registry::new(EventManager::default());
    let bucket = other.create("strange").await.unwrap();
    let name = "strange".to_owned();
    (events, registry, RegistryEvent::Created { name, bucket })
}

fn replaying_lossy(events: usize) -> SubscribeOptions {
    SubscribeOptions::new()
        .overflow(Overflow::DropOldest)
        .replay(events)
}

/// The watch reads the replayed events after the loss, and knows all of them already.
#[tokio::test]
async fn a_loss_during_replay_restarts_the_watch() {
    let (events, registry, strange) = retaining(1).await;
    registry.create("keep").await.unwrap();
    let go = registry.create("go").await.unwrap();
    registry.flush().await;

    let view = View::new();
    let mut watch = registry
        .watch_with(replaying_lossy(2))
        .reflect(view.clone());
    for _ in 0..3 {
        watch.next().await.unwrap(); // `Existing` twice, `Ready`
    }
    go.stop();
    let_other_tasks_run().await;
    events.try_notify(strange).unwrap(); // Overwrites the `Exited`.
    assert_eq!(watch.get_ref().subscription().missed(), 1);
    assert_eq!(so_far(&mut watch).await, ["=keep", "."]);
    assert_eq!(view.names(), ["keep"]);
}

/// The event that overwrites the registry's event is an older event of the same registry.
#[tokio::test]
async fn a_republished_event_after_a_loss_restarts_the_watch() {
    let (events, registry, _) = retaining(1).await;
    let mut spy = registry.events();
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    let go = registry.create("go").await.unwrap();
    assert_eq!(so_far(&mut watch).await, [".", "+go"]);
    let old = spy.next().await.unwrap();
    drop(spy);

    go.stop();
    let_other_tasks_run().await;
    events.try_notify(old).unwrap(); // Overwrites the `Exited`.
    assert_eq!(watch.get_ref().subscription().missed(), 1);
    assert_eq!(so_far(&mut watch).await, ["."]);
    assert!(view.is_empty());
}

/// The first of two lost events is published again: the watch must not take the repeated event for
/// the last.
#[tokio::test]
async fn a_republished_lost_event_restarts_the_watch() {
    let (events, registry, strange) = retaining(1).await;
    let mut spy = registry.events();
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    assert_eq!(so_far(&mut watch).await, ["."]);

    registry.create("a").await.unwrap();
    let created_a = spy.next().await.unwrap();
    drop(spy);
    registry.create("b").await.unwrap();
    events.try_notify(strange).unwrap(); // Overwrites the `Created` of a.
    let_other_tasks_run().await; // The `Created` of b arrives, and overwrites the foreign event.
    events.try_notify(created_a).unwrap(); // Overwrites the `Created` of b.
    assert_eq!(watch.get_ref().subscription().missed(), 3);
    assert_eq!(so_far(&mut watch).await, ["=a", "=b", "."]);
    assert_eq!(view.names(), ["a", "b"]);
}

/// Losses are counted from the snapshot on: earlier losses need no other snapshot.
#[tokio::test]
async fn a_snapshot_covers_earlier_losses() {
    let (events, registry, strange) = retaining(1).await;
    registry.create("a").await.unwrap();
    registry.flush().await;
    let mut watch = registry.watch_with(replaying_lossy(1));
    assert_eq!(watch.next().await.unwrap().name(), Some("a"));
    registry.create("b").await.unwrap();
    let_other_tasks_run().await;
    events.try_notify(strange.clone()).unwrap();
    // The first event that follows restarts the watch, and the later events bring no change.
    assert_eq!(so_far(&mut watch).await, [".", "=a", "=b", "."]);
    events.try_notify(strange).unwrap();
    assert_eq!(so_far(&mut watch).await, [""; 0]);
}

/// Applies the changes as a reader would: a bucket ends only after its creation, and only once.
#[derive(Default)]
struct Reader {
    told_of: BTreeMap<String, Bucket<u8>>,
    arriving: BTreeMap<String, Bucket<u8>>,
}

impl Reader {
    fn read(&mut self, event: WatchEvent<u8>) {
        match event {
            WatchEvent::Existing { name, bucket } => {
                assert_eq!(self.arriving.insert(name, bucket), None);
            }
            WatchEvent::Ready => self.told_of = std::mem::take(&mut self.arriving),
            WatchEvent::Created { name, bucket } => {
                assert_eq!(self.told_of.insert(name, bucket), None, "told twice");
            }
            WatchEvent::Exited { name, bucket, .. } => {
                assert_eq!(self.told_of.remove(&name), Some(bucket), "not told of");
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
}

/// Lets the registry's task, the only other task, deliver the next event.
async fn deliver() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

/// A step of a random sequence. Numbers are taken modulo the number of choices.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create(usize),
    Stop(usize),
    /// Publishes an event of another registry.
    Strange,
    /// Publishes an event of this registry again: delivered, lost, or queued.
    Repeat(usize),
    /// Lets the registry's task deliver an event.
    Deliver,
    /// Polls the watch once.
    Poll,
    Ack,
    /// Polls until nothing more comes, and compares.
    Compare,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_usize).prop_map(Step::Create),
        3 => (0..4_usize).prop_map(Step::Stop),
        2 => Just(Step::Strange),
        2 => any::<usize>().prop_map(Step::Repeat),
        4 => Just(Step::Deliver),
        4 => Just(Step::Poll),
        1 => Just(Step::Ack),
        2 => Just(Step::Compare),
    ]
}

async fn tell(capacity: usize, window: usize, replay: usize, before: usize, steps: Vec<Step>) {
    let (events, registry, strange) = retaining(capacity).await;
    let mut published = Vec::new();
    let mut watch = None;
    for (n, step) in steps.into_iter().chain([Step::Compare]).enumerate() {
        if n == before {
            let options = replaying_lossy(replay).window(window);
            let view = View::new();
            let reflecting = registry.watch_with(options).reflect(view.clone());
            watch = Some((reflecting, view, Reader::default()));
        }
        match step {
            Step::Create(n) => {
                let bucket = registry.create(&format!("{n}")).await.unwrap();
                let name = bucket.name().to_owned();
                published.push(RegistryEvent::Created { name, bucket });
            }
            Step::Stop(n) => {
                if let Some(bucket) = registry.lookup(&format!("{n}")) {
                    bucket.stop();
                    let name = bucket.name().to_owned();
                    let reason = genevent::kv::ExitReason::Stopped;
                    published.push(RegistryEvent::Exited {
                        name,
                        bucket,
                        reason,
                    });
                }
            }
            Step::Strange => drop(events.try_notify(strange.clone())),
            Step::Repeat(n) => {
                if !published.is_empty() {
                    let again = published[n % published.len()].clone();
                    drop(events.try_notify(again));
                }
            }
            Step::Deliver => deliver().await,
            Step::Poll | Step::Ack | Step::Compare => {
                let Some((watch, view, reader)) = &mut watch else {
                    continue;
                };
                if matches!(step, Step::Ack) {
                    watch.get_mut().ack();
                    continue;
                }
                let mut idle = 0;
                while idle < 3 {
                    match watch.next().now_or_never() {
                        Some(event) => {
                            reader.read(event.expect("the manager is open"));
                            idle = 0;
                        }
                        // Events that the snapshot covers cause no change, but each of them has to
                        // be read before the next event is delivered.
                        None if registry.flush().now_or_never().is_some() => idle += 1,
                        None => {}
                    }
                    if matches!(step, Step::Poll) {
                        break;
                    }
                    deliver().await;
                }
                if matches!(step, Step::Compare) {
                    assert_eq!(view.names(), registry.names());
                    for name in registry.names() {
                        assert_eq!(view.get(&name), registry.lookup(&name));
                    }
                    let told_of: Vec<_> = reader.told_of.keys().cloned().collect();
                    assert_eq!(told_of, registry.names());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_idle_lossy_watch_has_a_correct_view(
        capacity in 1..4_usize,
        window in 1..4_usize,
        replay in 0..6_usize,
        before in 0..10_usize,
        steps in vec(step(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(tell(capacity, window, replay, before, steps));
    }
}
