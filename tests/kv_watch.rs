//! A watch tells what exists and then what changes: no gap, no double, whenever it begins.
#![allow(clippy::mutable_key_type)] // Buckets are hashed by identity, which does not change.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::kv::{Bucket, Registry, RegistryEvent, RegistryStreamExt, View, Watch, WatchEvent};
use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

fn new_registry() -> Registry<u8> {
    Registry::new(EventManager::default())
}

/// Lets the other tasks of this thread go as far as they can.
async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// `=name` for `Existing`, `.` for `Ready`, `+name` for `Created`, `-name` for `Exited`.
fn in_short<V>(event: &WatchEvent<V>) -> String {
    let sign = match event {
        WatchEvent::Existing { .. } => '=',
        WatchEvent::Ready => '.',
        WatchEvent::Created { .. } => '+',
        WatchEvent::Exited { .. } => '-',
        other => panic!("unexpected: {other:?}"),
    };
    format!("{sign}{}", event.name().unwrap_or_default())
}

/// What comes while others run. Looking finishes with the last event, which may let the next one
/// out.
async fn so_far<V>(watch: &mut (impl Stream<Item = WatchEvent<V>> + Unpin)) -> Vec<String> {
    let mut told = Vec::new();
    let mut idle = 0;
    while idle < 3 {
        let_others_run().await;
        match watch.next().now_or_never().flatten() {
            Some(event) => told.push(in_short(&event)),
            None => idle += 1,
        }
    }
    told
}

// ---- What exists, and what follows --------------------------------------------------------------

#[tokio::test]
async fn what_is_replayed_to_a_watch_it_knows_already() {
    let registry = Registry::<u8>::new(EventManager::builder().retain(10).build());
    registry.create("gone").await.unwrap().stop();
    registry.create("here").await.unwrap();
    registry.flush().await;
    let mut watch = registry.watch_with(SubscribeOptions::new().replay(10));
    assert_eq!(so_far(&mut watch).await, ["=here", "."]);
    registry.create("new").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["+new"]);
}

#[tokio::test]
async fn an_empty_registry_is_ready_at_once() {
    let mut watch = task::spawn(new_registry().watch());
    assert_eq!(in_short(&assert_ready!(watch.poll_next()).unwrap()), ".");
}

#[tokio::test]
async fn what_exists_comes_first_and_then_what_changes() {
    let registry = new_registry();
    for name in ["b", "c", "a"] {
        registry.create(name).await.unwrap();
    }
    registry.lookup("c").unwrap().stop();
    registry.flush().await;

    let mut watch = registry.watch();
    let a = registry.lookup("a").unwrap();
    a.stop();
    let d = registry.create("d").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["=a", "=b", ".", "-a", "+d"]);
    assert_ne!(a, d);
}

/// The announcer may stand anywhere between a change and its delivery when a watch begins.
#[tokio::test]
async fn what_is_still_in_line_belongs_to_what_exists() {
    for turns in 0..12 {
        let registry = new_registry();
        let first = registry.create("a").await.unwrap();
        first.stop();
        let second = registry.create("a").await.unwrap();
        registry.create("b").await.unwrap().stop();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let mut watch = registry.watch();
        second.stop();
        let third = registry.create("a").await.unwrap();
        let told: Vec<_> = watch.by_ref().take(4).collect().await;
        let told_of: Vec<_> = told.iter().map(WatchEvent::bucket).collect();
        assert_eq!(told_of, [Some(&second), None, Some(&second), Some(&third)]);
        let told: Vec<_> = told.iter().map(in_short).collect();
        assert_eq!(told, ["=a", ".", "-a", "+a"], "after {turns} turns");
        assert_eq!(so_far(&mut watch).await, [""; 0]);
    }
}

/// As before, while another observer keeps the announcer at every event.
#[tokio::test]
async fn a_watch_that_begins_between_two_deliveries_misses_and_repeats_nothing() {
    for delivered in 0..=4 {
        let registry = new_registry();
        let mut pacer = registry.events();
        for name in ["a", "b"] {
            registry.create(name).await.unwrap();
        }
        for name in ["a", "b"] {
            registry.lookup(name).unwrap().stop();
        }
        for _ in 0..delivered {
            pacer.next().await;
        }
        let mut watch = registry.watch();
        registry.create("c").await.unwrap();
        registry.create("b").await.unwrap();
        let mut told = Vec::new();
        for _ in 0..20 {
            told.extend(so_far(&mut watch).await);
            let _ = pacer.next().now_or_never();
        }
        assert_eq!(told, [".", "+c", "+b"], "begun after {delivered}");
    }
}

#[tokio::test]
async fn it_takes_effect_at_the_call() {
    let registry = new_registry();
    let old = registry.create("old").await.unwrap();
    let watch = registry.watch();
    old.stop();
    registry.create("new").await.unwrap();
    drop(registry);
    let told: Vec<_> = watch.map(|event| in_short(&event)).collect().await;
    assert_eq!(told, ["=old", ".", "-old", "+new", "-new"]);
}

/// Asserts that `told` is one story, and gives what is left at its end.
fn replay(told: &[WatchEvent<u8>]) -> BTreeMap<String, Bucket<u8>> {
    let mut standing = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut ready = false;
    for event in told {
        match event.clone() {
            WatchEvent::Existing { name, bucket } => {
                assert!(!ready, "what exists comes before `Ready`");
                assert!(seen.insert(bucket.clone()), "told twice: {name}");
                assert_eq!(standing.insert(name, bucket), None);
            }
            WatchEvent::Ready => assert!(!std::mem::replace(&mut ready, true), "ready once"),
            WatchEvent::Created { name, bucket } => {
                assert!(ready);
                assert!(seen.insert(bucket.clone()), "told twice: {name}");
                assert_eq!(standing.insert(name, bucket), None, "a gap: no `Exited`");
            }
            WatchEvent::Exited { name, bucket, .. } => {
                assert!(ready);
                assert_eq!(
                    standing.remove(&name),
                    Some(bucket),
                    "not told of, or twice"
                );
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(ready);
    standing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_gap_and_no_double_while_four_tasks_create_and_stop() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let registry = new_registry();
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for n in 0..400 {
                    let bucket = registry.create(NAMES[(n + task) % 5]).await.unwrap();
                    if (n + task) % 3 != 0 {
                        bucket.stop();
                    }
                    if n % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut watches = Vec::new();
    for _ in 0..40 {
        let watch = registry.watch();
        watches.push(tokio::spawn(watch.collect::<Vec<_>>()));
        // Some begin between two events, some in one go.
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let view = View::new();
    let last = tokio::spawn(registry.watch().reflect(view.clone()).collect::<Vec<_>>());
    registry.flush().await;
    assert_eq!(view.names(), registry.names());
    drop(registry);

    watches.push(last);
    for told in watches {
        let left = replay(&told.await.unwrap());
        assert!(left.is_empty(), "all have ended: {left:?}");
    }
    assert!(view.is_empty());
}

// ---- One subscription like any other ------------------------------------------------------------

#[tokio::test]
async fn coming_back_or_ack_finishes_with_a_change() {
    let registry = new_registry();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["."]);
    registry.create("a").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    assert_eq!(in_short(&watch.next().await.unwrap()), "+a");
    let_others_run().await;
    assert_pending!(flushed.poll());
    watch.ack();
    let_others_run().await;
    assert_ready!(flushed.poll());

    registry.create("b").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    assert_eq!(so_far(&mut watch).await, ["+b"]);
    let_others_run().await;
    assert_ready!(flushed.poll());
}

#[tokio::test]
async fn events_that_are_part_of_what_exists_are_finished_with_when_they_come() {
    let registry = new_registry();
    registry.create("a").await.unwrap();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    assert_eq!(registry.flush().now_or_never(), Some(()));
}

#[tokio::test]
async fn it_is_one_subscription_with_the_options_it_is_given() {
    let events = EventManager::new(8);
    let registry = Registry::<u8>::new(events.clone());
    let options = SubscribeOptions::new()
        .name("screen")
        .window(3)
        .overflow(Overflow::Disconnect);
    let mut watch = registry.watch_with(options);
    let line = line!() - 1;
    let [info] = &events.subscribers()[..] else {
        panic!("one subscription")
    };
    assert_eq!((info.name(), info.window()), (Some("screen"), 3));
    assert_eq!(info.overflow(), Overflow::Disconnect);
    assert_eq!(info.created_at().line(), line);
    assert_eq!(info.id(), watch.subscription().id());

    assert!(events.disconnect(info.id()));
    assert_eq!(
        watch
            .by_ref()
            .map(|event| in_short(&event))
            .collect::<Vec<_>>()
            .await,
        ["."]
    );
    assert!(watch.is_terminated());
    let ended = watch.subscription().end_reason();
    assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
    drop(watch);
    assert_eq!(events.subscriber_count(), 0);
}

#[tokio::test]
async fn with_a_closed_manager_it_tells_what_exists_and_ends() {
    let events = EventManager::default();
    let registry = Registry::<u8>::new(events.clone());
    registry.create("a").await.unwrap();
    events.close();
    registry.create("b").await.unwrap();
    registry.flush().await;
    registry.create("c").await.unwrap();
    let mut watch = registry.watch();
    assert_eq!(watch.size_hint(), (4, Some(4)));
    let told: Vec<_> = watch.by_ref().map(|event| in_short(&event)).collect().await;
    assert_eq!(told, ["=a", "=b", "=c", "."]);
    assert_eq!(watch.size_hint(), (0, Some(0)));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn it_keeps_neither_the_registry_nor_the_manager() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let watch = registry.watch();
    drop(registry);
    assert!(bucket.stopped().now_or_never().is_some());
    let told: Vec<_> = watch.map(|event| in_short(&event)).collect().await;
    assert_eq!(told, ["=a", ".", "-a"]);
}

#[tokio::test]
async fn of_two_registries_on_one_manager_it_tells_of_its_own() {
    let events = EventManager::default();
    let (mine, other) = (Registry::<u8>::new(events.clone()), Registry::new(events));
    other.create("x").await.unwrap();
    mine.create("a").await.unwrap();
    let mut watch = mine.watch();
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    other.create("y").await.unwrap();
    mine.create("b").await.unwrap();
    other.lookup("x").unwrap().stop();
    mine.lookup("a").unwrap().stop();
    assert_eq!(so_far(&mut watch).await, ["+b", "-a"]);
}

#[tokio::test]
async fn an_event_that_somebody_else_repeats_is_not_told_again() {
    let events = EventManager::default();
    let registry = Registry::<u8>::new(events.clone());
    let mut spy = registry.events();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["."]);
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["+a"]);
    let repeated = spy.next().await.unwrap();
    events.try_notify(repeated).unwrap();
    let invented = RegistryEvent::Exited {
        name: "a".to_owned(),
        bucket: bucket.clone(),
        reason: genevent::kv::ExitReason::Stopped,
    };
    events.try_notify(invented).unwrap();
    assert_eq!(so_far(&mut watch).await, [""; 0], "it lives");
    drop(spy);
    bucket.stop();
    assert_eq!(so_far(&mut watch).await, ["-a"]);
}

/// A registry on a manager that others publish to as well, and an event of theirs.
async fn shared(
    capacity: usize,
) -> (
    EventManager<RegistryEvent<u8>>,
    Registry<u8>,
    RegistryEvent<u8>,
) {
    let events = EventManager::new(capacity);
    let registry = Registry::new(events.clone());
    let other = Registry::new(EventManager::default());
    let bucket = other.create("strange").await.unwrap();
    let name = "strange".to_owned();
    (events, registry, RegistryEvent::Created { name, bucket })
}

/// It can only lose events if others publish to the manager as well.
#[tokio::test]
async fn a_watch_that_has_lost_events_starts_anew() {
    let (events, registry, strange) = shared(2).await;
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    let keep = registry.create("keep").await.unwrap();
    let go = registry.create("go").await.unwrap();
    assert_eq!(so_far(&mut watch).await, [".", "+keep", "+go"]);

    go.stop();
    let_others_run().await;
    // Overwrites the `Exited`.
    events.try_notify(strange.clone()).unwrap();
    events.try_notify(strange.clone()).unwrap();
    registry.create("new").await.unwrap();
    assert_eq!(watch.get_ref().subscription().missed(), 1);
    let told = so_far(&mut watch).await;
    assert_eq!(told, ["=keep", "=new", "."]);
    assert_eq!(view.names(), ["keep", "new"]);
    keep.stop();
    assert_eq!(so_far(&mut watch).await, ["-keep"]);
    assert_eq!(view.names(), ["new"]);
}

/// What it has lost may be the last thing that happens for a long time.
#[tokio::test]
async fn a_watch_starts_anew_also_when_nothing_happens_after_what_it_has_lost() {
    let (events, registry, strange) = shared(1).await;
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    registry.create("keep").await.unwrap();
    let go = registry.create("go").await.unwrap();
    assert_eq!(so_far(&mut watch).await, [".", "+keep", "+go"]);

    go.stop();
    let_others_run().await;
    events.try_notify(strange.clone()).unwrap(); // Overwrites the `Exited`.
    assert_eq!(so_far(&mut watch).await, ["=keep", "."]);
    assert_eq!(view.names(), ["keep"]);

    // Nor does it when only somebody else's events are lost.
    events.try_notify(strange.clone()).unwrap();
    events.try_notify(strange).unwrap();
    assert_eq!(watch.get_ref().subscription().missed(), 2);
    assert_eq!(so_far(&mut watch).await, [""; 0]);
}

/// Two registries push each other's events out of a window of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_watch_has_lost_its_view_ends_as_the_registry_is() {
    const ROUNDS: usize = 200;
    let mut lost = 0;
    for round in 0..ROUNDS {
        let events = EventManager::new(1);
        let registries = [(); 2].map(|()| Registry::<u8>::new(events.clone()));
        let view = View::new();
        let mut watch = registries[0]
            .watch_with(Overflow::DropOldest)
            .reflect(view.clone());
        let watching = tokio::spawn(async move {
            while watch.next().await.is_some() {
                for _ in 0..round % 20 {
                    tokio::task::yield_now().await;
                }
            }
            watch.get_ref().subscription().missed()
        });
        let changing = registries.clone().map(|registry| {
            tokio::spawn(async move {
                for n in 0..4 {
                    let bucket = registry.create(&format!("{n}")).await.unwrap();
                    if (n + round) % 3 == 0 {
                        bucket.stop();
                    }
                    tokio::task::yield_now().await;
                }
            })
        });
        for changing in changing {
            changing.await.unwrap();
        }
        for registry in &registries {
            registry.flush().await;
        }
        // Everything is told, or lost; the watch may yet be at what it was told for that.
        events.flush().await.unwrap();
        let settled = async {
            while view.names() != registries[0].names() {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), settled).await;
        assert!(in_time.is_ok(), "it stays at {:?}", view.names());
        drop((registries, events));
        lost += watching.await.unwrap();
        assert!(view.is_empty(), "{:?}", view.names());
    }
    assert!(lost > 0, "nothing was lost");
}

#[tokio::test]
async fn from_inside_an_event_the_registry_can_be_called_and_watched() {
    let registry = new_registry();
    let inner = registry.clone();
    let story = registry.watch().take(4).then(move |event| {
        let registry = inner.clone();
        async move {
            if let WatchEvent::Created { name, bucket } = &event {
                let mut nested = registry.watch();
                let exists = nested.next().now_or_never().flatten().unwrap();
                assert_eq!(exists.bucket(), Some(bucket));
                if name == "a" {
                    registry.create("b").await.unwrap();
                    bucket.stop();
                }
            }
            in_short(&event)
        }
    });
    let story = tokio::spawn(story.collect::<Vec<_>>());
    registry.create("a").await.unwrap();
    assert_eq!(story.await.unwrap(), [".", "+a", "+b", "-a"]);
}

// ---- Views --------------------------------------------------------------------------------------

#[tokio::test]
async fn a_view_over_a_watch_starts_complete_and_changes_before_the_event_is_seen() {
    let registry = new_registry();
    for name in ["b", "a"] {
        registry.create(name).await.unwrap();
    }
    let view = View::new();
    let mut watch = registry.watch().reflect(view.clone());
    assert_eq!(watch.view().len(), 0);
    for expected in ["=a", "=b"] {
        assert_eq!(in_short(&watch.next().await.unwrap()), expected);
        assert_eq!((view.is_ready(), view.len()), (false, 0), "not half");
    }
    assert_eq!(in_short(&watch.next().await.unwrap()), ".");
    assert_eq!(
        (view.is_ready(), view.names()),
        (true, vec!["a".into(), "b".into()])
    );

    let a = registry.lookup("a").unwrap();
    assert_eq!(view.get("a"), Some(a.clone()));
    a.stop();
    assert_eq!(view.get("a"), Some(a), "not told yet");
    let next = registry.create("a").await.unwrap();
    assert_eq!(in_short(&watch.next().await.unwrap()), "-a");
    assert_eq!(view.get("a"), None, "told, and only that");
    assert_eq!(in_short(&watch.next().await.unwrap()), "+a");
    assert_eq!(view.get("a"), Some(next));
}

#[tokio::test]
async fn a_view_over_events_shows_what_was_created_since() {
    let registry = new_registry();
    let old = registry.create("old").await.unwrap();
    registry.flush().await;
    let view = View::new();
    let mut events = registry.events().reflect(view.clone());
    old.stop();
    let new = registry.create("old").await.unwrap();
    assert_eq!(events.next().await.unwrap().bucket(), &old);
    assert!(view.is_empty());
    assert_eq!(events.next().await.unwrap().bucket(), &new);
    assert_eq!(view.get("old"), Some(new));
    assert!(!view.is_ready());
}

#[tokio::test]
async fn an_exit_takes_only_its_own_bucket_out_of_the_view() {
    let registry = new_registry();
    let view = View::new();
    let exits_late = registry.events().collect::<Vec<_>>();
    let first = registry.create("a").await.unwrap();
    first.stop();
    let second = registry.create("a").await.unwrap();
    drop(registry);
    let [created, exited, again, _] = &exits_late.await[..] else {
        panic!("four events")
    };
    let order = [created, again, exited].map(Clone::clone);
    let told = futures::stream::iter(order).reflect(view.clone());
    assert_eq!(told.count().await, 3);
    assert_eq!(view.get("a"), Some(second));
}

#[tokio::test]
async fn a_view_stands_still_when_its_stream_is_dropped() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let view = View::default();
    let mut watch = registry.watch().reflect(view.clone());
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    drop(watch);
    bucket.stop();
    registry.flush().await;
    assert_eq!(view.clone().names(), ["a"]);
    assert_eq!(format!("{view:?}"), "View { len: 1, ready: true }");
}

#[tokio::test]
async fn nothing_asks_values_for_anything() {
    struct Opaque;

    fn shown<V>(watch: &Watch<V>) -> String {
        format!("{watch:?}")
    }
    let registry = Registry::<Opaque>::new(EventManager::default());
    registry.create("a").await.unwrap();
    let mut watch = registry.watch();
    assert!(shown(&watch).starts_with("Watch { existing: 1, changes: Subscription"));
    let existing = watch.next().await.unwrap().clone();
    assert_eq!(format!("{existing:?}"), r#"Existing { name: "a", .. }"#);
    let ready = watch.next().await.unwrap().clone();
    assert_eq!((ready.name(), ready.bucket()), (None, None));
    assert_eq!(format!("{ready:?}"), "Ready");
    let watch = watch.reflect(View::new());
    assert!(format!("{watch:?}").starts_with("Reflect { events: Watch"));
}
