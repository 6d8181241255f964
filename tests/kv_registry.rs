//! The registry keeps its promises: one `Created` and one `Exited` for each bucket, in order,
//! whatever its observers and its values do.
#![allow(clippy::mutable_key_type)] // Buckets are hashed by identity, which does not change.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use genevent::kv::{Bucket, CreateError, ExitReason, Registry, RegistryEvent, RegistryStreamExt};
use genevent::{EventManager, handler_fn};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

fn new_registry<V: Send + Sync + 'static>() -> Registry<V> {
    Registry::new(EventManager::default())
}

/// Lets the other tasks of this thread go as far as they can.
async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// `+name` for `Created`, `-name` for `Exited`.
fn in_short<V>(event: &RegistryEvent<V>) -> String {
    match event {
        RegistryEvent::Created { name, .. } => format!("+{name}"),
        RegistryEvent::Exited { name, .. } => format!("-{name}"),
        other => panic!("unexpected: {other:?}"),
    }
}

// ---- Buckets --------------------------------------------------------------------------------

#[tokio::test]
async fn a_bucket_is_found_by_its_name_and_holds_values() {
    let registry = new_registry();
    assert_eq!(registry.lookup("shopping"), None);

    let bucket = registry.create("shopping").await.unwrap();
    assert_eq!(registry.lookup("shopping"), Some(bucket.clone()));
    assert_eq!(bucket.name(), "shopping");
    assert_eq!(bucket.get("milk").await, None);
    assert_eq!(bucket.put("milk", 1).await, None);
    assert_eq!(bucket.put("milk", 2).await, Some(1));
    assert_eq!(bucket.get("milk").await, Some(2));
    assert_eq!(bucket.delete("milk").await, Some(2));
    assert_eq!(bucket.delete("milk").await, None);
}

#[tokio::test]
async fn buckets_are_equal_by_identity() {
    let registry = new_registry::<u8>();
    let first = registry.create("a").await.unwrap();
    first.stop();
    let second = registry.create("a").await.unwrap();
    assert_ne!(first, second);
    let set = HashSet::from([first.clone(), first, second.clone(), second]);
    assert_eq!(set.len(), 2);
}

#[tokio::test]
async fn update_sets_changes_and_removes() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(bucket.update("k", |_| None).await, Ok(None));
    assert_eq!(bucket.update("k", |old| old.or(Some(1))).await, Ok(Some(1)));
    assert_eq!(
        bucket.update("k", |old| old.map(|n| n + 1)).await,
        Ok(Some(2))
    );
    assert_eq!(bucket.get("k").await, Some(2));
    assert_eq!(bucket.update("k", |_| None).await, Ok(None));
    assert_eq!(bucket.get("k").await, None);
}

#[tokio::test]
async fn while_an_update_runs_get_does_not_wait_and_changes_do() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", 1).await;
    let mut put = task::spawn(bucket.put("k", 10));
    let mut delete = task::spawn(bucket.delete("k"));
    let mut update = task::spawn(bucket.update("k", |old| old.map(|n| n * 2)));

    let changed = bucket.update("k", |old| {
        assert_eq!(bucket.get("k").now_or_never(), Some(Some(1)));
        assert_pending!(put.poll());
        assert_pending!(update.poll());
        assert_pending!(delete.poll());
        old.map(|n| n + 1)
    });
    assert_eq!(changed.await, Ok(Some(2)));
    assert_ready_eq!(put.poll(), Some(2));
    assert_ready_eq!(update.poll(), Ok(Some(20)));
    assert_ready_eq!(delete.poll(), Some(20));
}

#[tokio::test]
async fn a_change_that_is_dropped_while_it_waits_changes_nothing() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let mut put = task::spawn(bucket.put("k", 10));
    let mut update = task::spawn(bucket.update("k", |_| panic!("it must not be called")));
    let changed = bucket.update("k", |_| {
        assert_pending!(put.poll());
        assert_pending!(update.poll());
        Some(1)
    });
    assert_eq!(changed.await, Ok(Some(1)));
    drop((put, update));
    assert_eq!(bucket.get("k").await, Some(1));
    assert_eq!(
        bucket.put("k", 2).now_or_never(),
        Some(Some(1)),
        "the turn is free"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_concurrent_update_is_lost() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let bucket = bucket.clone();
            tokio::spawn(async move {
                for _ in 0..250 {
                    let changed = bucket.update("n", |n| Some(n.unwrap_or(0) + 1)).await;
                    changed.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(bucket.get("n").await, Some(2_000));
}

#[tokio::test]
async fn a_bucket_that_has_ended_is_empty_and_says_why() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", 1).await;
    bucket.stop();
    assert_eq!(bucket.get("k").await, None);
    assert_eq!(bucket.put("k", 2).await, None);
    assert_eq!(bucket.get("k").await, None);
    assert_eq!(bucket.delete("k").await, None);
    let never = bucket.update("k", |_| panic!("it must not be called"));
    assert_eq!(never.await, Err(ExitReason::Stopped));
}

#[tokio::test]
async fn a_bucket_may_be_stopped_in_its_own_update() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_| {
        bucket.stop();
        assert_eq!(registry.lookup("a"), None);
        Some(1)
    });
    assert_eq!(changed.await, Err(ExitReason::Stopped));

    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_: Option<u8>| {
        bucket.stop();
        panic!("on purpose");
    });
    assert_eq!(changed.await, Err(ExitReason::Stopped), "that was first");
    assert_eq!(bucket.stopped().await, ExitReason::Stopped);
}

#[tokio::test]
async fn changes_that_wait_their_turn_find_the_bucket_ended() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let mut put = task::spawn(bucket.put("k", 1));
    let changed = bucket.update("k", |_| {
        assert_pending!(put.poll());
        panic!("on purpose");
    });
    assert_eq!(changed.await, Err(ExitReason::Panicked));
    assert_ready_eq!(put.poll(), None);
    assert_eq!(bucket.get("k").await, None);
}

#[tokio::test]
async fn any_number_may_wait_for_the_end_and_also_come_late() {
    let registry = new_registry::<u8>();
    let bucket = registry.create("a").await.unwrap();
    let mut early: Vec<_> = (0..3).map(|_| task::spawn(bucket.stopped())).collect();
    for waiting in &mut early {
        assert_pending!(waiting.poll());
    }
    bucket.stop();
    for waiting in &mut early {
        assert!(waiting.is_woken());
        assert_ready_eq!(waiting.poll(), ExitReason::Stopped);
    }
    let late = bucket.stopped();
    drop((bucket, registry));
    assert_eq!(late.now_or_never(), Some(ExitReason::Stopped));
}

// ---- Events ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_bucket_has_exactly_one_created_and_one_exited() {
    let registry = new_registry::<u8>();
    let events = registry.events();
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(
        registry.create("a").await.unwrap(),
        bucket,
        "and nothing is told"
    );
    bucket.stop();
    bucket.stop();
    drop(registry);

    let events: Vec<_> = events.collect().await;
    match &events[..] {
        [
            RegistryEvent::Created { name, bucket: one },
            RegistryEvent::Exited {
                name: same,
                bucket: two,
                reason: ExitReason::Stopped,
            },
        ] => {
            assert_eq!((&**name, &**same), ("a", "a"));
            assert_eq!((one, two), (&bucket, &bucket));
        }
        other => panic!("unexpected: {other:?}"),
    }
}

#[tokio::test]
async fn stopping_a_bucket_again_leaves_its_successor_alone() {
    let registry = new_registry::<u8>();
    let events = registry.events().map(|event| in_short(&event));
    let old = registry.create("a").await.unwrap();
    old.stop();
    let new = registry.create("a").await.unwrap();
    old.stop();
    assert_eq!(registry.lookup("a"), Some(new.clone()));
    assert!(new.stopped().now_or_never().is_none());
    drop(registry);
    assert_eq!(events.collect::<Vec<_>>().await, ["+a", "-a", "+a", "-a"]);
}

#[tokio::test]
async fn a_panic_in_update_ends_that_bucket_alone() {
    let registry = new_registry();
    let exited = registry.events().exited();
    let bad = registry.create("bad").await.unwrap();
    let good = registry.create("good").await.unwrap();
    good.put("k", 1).await;

    let result = bad.update("k", |_| panic!("on purpose")).await;
    assert_eq!(result, Err(ExitReason::Panicked));
    assert_eq!(bad.stopped().await, ExitReason::Panicked);
    assert_eq!(registry.names(), ["good"]);
    assert_eq!(good.get("k").await, Some(1));
    assert_ne!(registry.create("bad").await.unwrap(), bad);

    good.stop();
    let exited: Vec<_> = exited.take(2).collect().await;
    assert_eq!(exited[0], ("bad".into(), bad, ExitReason::Panicked));
    assert_eq!(exited[1], ("good".into(), good, ExitReason::Stopped));
}

#[tokio::test]
async fn the_last_registry_takes_its_buckets_along_and_lets_go_of_the_manager() {
    let manager = EventManager::default();
    let registry = Registry::<u8>::new(manager.clone());
    let clone = registry.clone();
    let events = registry.events();
    let bucket = registry.create("b").await.unwrap();
    registry.create("a").await.unwrap();
    drop(registry);
    assert_eq!(clone.lookup("b"), Some(bucket.clone()), "there is one left");

    drop(clone);
    assert_eq!(
        bucket.stopped().now_or_never(),
        Some(ExitReason::RegistryGone)
    );
    let weak = manager.downgrade();
    drop(manager);
    let told: Vec<_> = events.map(|event| in_short(&event)).collect().await;
    assert_eq!(told, ["+b", "+a", "-a", "-b"]);
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn create_and_stop_never_wait_for_observers() {
    let registry = Registry::<u8>::new(EventManager::new(1));
    let stuck = registry.events();
    for n in 0..100 {
        let created = registry.create(&format!("b{n}")).now_or_never();
        let bucket = created.expect("create does not wait").unwrap();
        if n % 2 == 0 {
            bucket.stop();
        }
        let_others_run().await;
    }
    assert_eq!(registry.names().len(), 50);
    assert_eq!(stuck.pending(), 1);
}

#[tokio::test]
async fn the_registry_is_at_most_one_event_ahead_of_its_observers() {
    let registry = new_registry::<u8>();
    let mut slow = registry.events();
    let mut fast = registry.events();
    for name in ["a", "b"] {
        registry.create(name).await.unwrap();
    }
    assert_eq!(slow.next().await.unwrap().name(), "a");
    assert_eq!(fast.next().await.unwrap().name(), "a");
    let mut next = task::spawn(fast.next());
    for _ in 0..10 {
        let_others_run().await;
        assert_pending!(next.poll());
    }
    slow.ack();
    let_others_run().await;
    assert_eq!(assert_ready!(next.poll()).unwrap().name(), "b");
}

#[tokio::test]
async fn the_line_is_bounded_for_create_and_exits_are_never_refused() {
    let registry = Registry::<u8>::builder()
        .line_capacity(2)
        .build(EventManager::default());
    let events = registry.events();
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let refused = registry.create("c").await.unwrap_err();
    assert_eq!(refused, CreateError::LineFull);
    assert_eq!(registry.lookup("c"), None);
    assert_eq!(registry.create("a").await, Ok(a.clone()), "that is not new");

    a.stop();
    b.stop();
    assert!(registry.names().is_empty());
    assert!(registry.create("c").await.is_err());

    let log = tokio::spawn(events.map(|event| in_short(&event)).collect::<Vec<_>>());
    registry.flush().await;
    registry.create("c").await.unwrap();
    drop(registry);
    assert_eq!(log.await.unwrap(), ["+a", "+b", "-a", "-b", "+c", "-c"]);
}

#[tokio::test]
async fn the_name_is_ahead_of_its_events() {
    let registry = new_registry::<u8>();
    let view = registry.clone();
    let seen = registry.events().take(2).map(move |event| {
        let standing = view.lookup("a");
        match event {
            RegistryEvent::Created { bucket, .. } => assert_eq!(standing, Some(bucket)),
            _ => assert_eq!(standing, None),
        }
    });
    let seen = tokio::spawn(seen.count());
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    bucket.stop();
    assert_eq!(seen.await.unwrap(), 2);
}

#[tokio::test]
async fn exited_comes_before_the_created_of_the_successor() {
    let registry = new_registry::<u8>();
    let events = registry.events();
    let mut expected = Vec::new();
    for _ in 0..10 {
        let bucket = registry.create("a").await.unwrap();
        bucket.stop();
        expected.extend([("+a".to_owned(), bucket.clone()), ("-a".to_owned(), bucket)]);
    }
    drop(registry);
    let told = events.map(|event| (in_short(&event), event.bucket().clone()));
    assert_eq!(told.collect::<Vec<_>>().await, expected);
}

/// The chapter's registry deadlocks here: it cannot answer before its observers have.
#[tokio::test]
async fn an_observer_may_call_the_registry_from_inside_an_event() {
    let registry = new_registry::<u8>();
    let inner = registry.clone();
    let pipeline = registry.events().take(6).then(move |event| {
        let registry = inner.clone();
        async move {
            if let RegistryEvent::Created { name, bucket } = &event {
                assert_eq!(registry.lookup(name).as_ref(), Some(bucket));
                bucket.put("seen", 1).await;
                if name.len() < 3 {
                    registry.create(&format!("{name}{name}")).await.unwrap();
                }
                bucket.stop();
                assert_eq!(registry.lookup(name), None);
            }
            in_short(&event)
        }
    });
    let pipeline = tokio::spawn(pipeline.collect::<Vec<_>>());
    registry.create("a").await.unwrap();
    let told = pipeline.await.unwrap();
    assert_eq!(told, ["+a", "+aa", "-a", "+aaaa", "-aa", "-aaaa"]);
}

/// The same from a handler, at a line without room: that is an error, and never a wait.
#[tokio::test]
async fn a_handler_may_call_the_registry_from_inside_an_event() {
    let manager = EventManager::new(1);
    let registry = Registry::<u8>::builder()
        .line_capacity(2)
        .build(manager.clone());
    let inner = registry.clone();
    let (log, mut told) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |event: &RegistryEvent<u8>| {
        let standing = inner.lookup("a");
        if let RegistryEvent::Created { name, bucket } = event {
            assert_eq!(inner.lookup(name).as_ref(), Some(bucket));
            if name == "a" {
                assert_eq!(inner.create("a").now_or_never(), Some(Ok(bucket.clone())));
                for name in ["b", "c"] {
                    inner.create(name).now_or_never().unwrap().unwrap();
                }
                let full = inner.create("d").now_or_never();
                assert_eq!(full, Some(Err(CreateError::LineFull)));
                bucket.stop();
                assert_eq!(inner.lookup("a"), None);
            }
        } else {
            assert_eq!(standing, None);
        }
        log.send(in_short(event)).unwrap();
    });
    let handler = manager.add_handler("log", handler).unwrap();
    registry.create("a").await.unwrap();
    for expected in ["+a", "+b", "+c", "-a"] {
        assert_eq!(told.recv().await.as_deref(), Some(expected));
    }
    // The handler holds the registry, which holds the manager: somebody has to end one.
    drop(registry);
    handler.remove().await.unwrap();
    assert_eq!(told.recv().await.as_deref(), None);
}

/// Without locks, other buckets and other names are free; so is the bucket's own end.
#[tokio::test]
async fn an_update_may_call_the_registry_and_other_buckets() {
    let registry = new_registry();
    let events = registry.events().map(|event| in_short(&event));
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let changed = a.update("k", |_| {
        assert_eq!(registry.create("a").now_or_never(), Some(Ok(a.clone())));
        let nested = b.update("k", |_| {
            registry.lookup("b").unwrap().stop();
            registry.create("c").now_or_never().unwrap().unwrap();
            Some(1)
        });
        assert_eq!(nested.now_or_never(), Some(Err(ExitReason::Stopped)));
        assert_eq!(registry.names(), ["a", "c"]);
        assert!(registry.watch().next().now_or_never().flatten().is_some());
        Some(2)
    });
    assert_eq!(changed.await, Ok(Some(2)));
    drop(registry);
    let told: Vec<_> = events.collect().await;
    assert_eq!(told, ["+a", "+b", "-b", "+c", "-a", "-c"]);
}

#[tokio::test]
async fn the_last_registry_may_be_dropped_inside_an_update() {
    let registry = new_registry();
    let events = registry.events().map(|event| in_short(&event));
    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_| {
        drop(registry);
        Some(1)
    });
    assert_eq!(changed.await, Err(ExitReason::RegistryGone));
    assert_eq!(events.collect::<Vec<_>>().await, ["+a", "-a"]);
}

#[tokio::test]
async fn an_observer_that_leaves_with_an_event_holds_nobody_up() {
    let registry = new_registry::<u8>();
    let mut leaver = registry.events();
    registry.create("a").await.unwrap();
    leaver.next().await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    drop(leaver);
    let_others_run().await;
    assert_ready!(flushed.poll());
    assert!(registry.create("b").await.is_ok());
}

#[tokio::test]
async fn flush_waits_for_what_has_happened_and_not_for_more() {
    let registry = new_registry::<u8>();
    let mut observer = registry.events();
    registry
        .flush()
        .now_or_never()
        .expect("nothing has happened");

    registry.create("a").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    registry.create("b").await.unwrap();
    assert_eq!(observer.next().await.unwrap().name(), "a");
    let_others_run().await;
    assert_pending!(flushed.poll());
    observer.ack();
    let_others_run().await;
    assert_ready!(flushed.poll());
    assert_eq!(observer.next().await.unwrap().name(), "b");
}

#[tokio::test]
async fn with_a_closed_manager_the_registry_goes_on_without_events() {
    let manager = EventManager::new(4);
    let registry = Registry::builder().line_capacity(1).build(manager.clone());
    registry.create("before").await.unwrap();
    manager.close();
    registry.flush().await;
    for n in 0..3 {
        let bucket = registry.create(&format!("b{n}")).await.unwrap();
        bucket.put("k", n).await;
        registry.flush().await;
    }
    let bucket = registry.lookup("b1").unwrap();
    assert_eq!(bucket.get("k").await, Some(1));
    bucket.stop();
    registry.flush().await;
    assert_eq!(registry.names(), ["b0", "b2", "before"]);
    assert!(registry.events().next().await.is_none());
}

/// Nobody will hear what is in line, so it is no reason to refuse.
#[tokio::test]
async fn with_a_closed_manager_no_line_is_ever_full() {
    let manager = EventManager::new(4);
    let registry = Registry::<u8>::builder()
        .line_capacity(1)
        .build(manager.clone());
    let mut reader = registry.events();
    registry.create("before").await.unwrap();
    let_others_run().await; // it is delivered, and in hand
    assert_eq!(reader.next().await.unwrap().name(), "before");
    registry.create("in line").await.unwrap();
    assert!(registry.create("refused").await.is_err());
    manager.close();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    for name in ["a", "b", "c"] {
        registry.create(name).await.unwrap();
    }
    drop(reader);
    let_others_run().await;
    assert_ready!(flushed.poll());
    assert_eq!(registry.names().len(), 5);
    assert_eq!(registry.flush().now_or_never(), Some(()));
}

#[test]
fn a_runtime_that_is_gone_hangs_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let manager = EventManager::default();
    let registry = {
        let _inside = runtime.enter();
        Registry::builder().line_capacity(2).build(manager.clone())
    };
    let observer = registry.events();
    let bucket = block_on(registry.create("a")).unwrap();
    let mut flushed = task::spawn(registry.flush());
    let mut stopped = task::spawn(bucket.stopped());
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    drop(runtime);
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll());
    drop(flushed);

    bucket.stop();
    assert_ready_eq!(stopped.poll(), ExitReason::Stopped);
    for name in ["b", "c", "d", "e"] {
        let bucket = block_on(registry.create(name)).expect("nothing waits in line");
        block_on(bucket.put("k", 1));
    }
    block_on(registry.flush());
    let left = registry.lookup("e").unwrap();
    drop(registry);
    assert_eq!(block_on(left.stopped()), ExitReason::RegistryGone);
    drop(manager);
    assert_eq!(block_on(observer.count()), 0);
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn a_registry_needs_a_runtime() {
    let _registry = new_registry::<u8>();
}

#[tokio::test]
#[should_panic(expected = "room for at least one event")]
async fn a_line_without_room_is_refused() {
    let _builder = Registry::<u8>::builder().line_capacity(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_every_name_is_whole_whoever_creates_and_stops_it() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let registry = new_registry::<usize>();
    let events = tokio::spawn(registry.events().collect::<Vec<_>>());
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for n in 0..300 {
                    let bucket = registry.create(NAMES[(n + task) % 3]).await.unwrap();
                    if (n + task) % 7 == 0 {
                        let _ = bucket
                            .update("k", |_| std::panic::resume_unwind(Box::new(())))
                            .await;
                    } else if n % 2 == 0 {
                        bucket.stop();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(registry);

    let mut standing: HashMap<String, Bucket<usize>> = HashMap::new();
    let mut seen = HashSet::new();
    for event in events.await.unwrap() {
        match event {
            RegistryEvent::Created { name, bucket } => {
                assert!(seen.insert(bucket.clone()), "created twice");
                assert_eq!(standing.insert(name, bucket), None);
            }
            RegistryEvent::Exited {
                name,
                bucket,
                reason,
            } => {
                assert_eq!(bucket.stopped().await, reason);
                assert_eq!(standing.remove(&name), Some(bucket));
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(standing.is_empty());
}

// ---- Combinators ----------------------------------------------------------------------------

#[tokio::test]
async fn combinators_pick_events_and_end_with_them() {
    let registry = new_registry::<u8>();
    let created = registry.events().created();
    let exited = registry.events().exited();
    let named = registry.events().named("b");
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    a.stop();
    drop(registry);

    let (created, exited, named) = tokio::join!(
        created.collect::<Vec<_>>(),
        exited.collect::<Vec<_>>(),
        named.map(|event| in_short(&event)).collect::<Vec<_>>(),
    );
    assert_eq!(created, [("a".into(), a.clone()), ("b".into(), b.clone())]);
    assert_eq!(
        exited,
        [
            ("a".into(), a, ExitReason::Stopped),
            ("b".into(), b, ExitReason::RegistryGone)
        ]
    );
    assert_eq!(named, ["+b", "-b"]);
}

#[tokio::test]
async fn what_a_combinator_leaves_out_is_finished_with_at_once() {
    let registry = new_registry::<u8>();
    let mut created = task::spawn(registry.events().created());
    let mut exited = task::spawn(registry.events().exited());
    let mut named = task::spawn(registry.events().named("b"));
    registry.create("a").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    let_others_run().await;

    assert_pending!(flushed.poll());
    assert_pending!(exited.poll_next());
    assert_pending!(named.poll_next());
    let_others_run().await;
    assert_pending!(flushed.poll());
    let (name, _) = assert_ready!(created.poll_next()).unwrap();
    assert_eq!(name, "a");
    let_others_run().await;
    assert_pending!(flushed.poll());
    // What was picked is finished with when the next one is asked for.
    assert_pending!(created.poll_next());
    let_others_run().await;
    assert_ready!(flushed.poll());
}

// ---- Other people's code --------------------------------------------------------------------

thread_local! {
    static REGISTRY: RefCell<Option<Registry<Nosy>>> = const { RefCell::new(None) };
}

/// A value that calls the registry wherever its own code runs.
struct Nosy(Arc<AtomicUsize>);

impl Nosy {
    fn look_around(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let registry = REGISTRY.with_borrow(Clone::clone);
        let Some(registry) = registry else { return };
        let bucket = registry.lookup("a");
        assert!(registry.names().len() <= 1);
        if let Some(bucket) = bucket {
            // Not through `get`: that would clone, and so come here again.
            let deleted = bucket.delete("none").now_or_never();
            assert!(deleted.expect("nobody has the turn").is_none());
            assert_eq!(registry.create("a").now_or_never(), Some(Ok(bucket)));
        }
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.look_around();
        Self(self.0.clone())
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look_around();
    }
}

#[tokio::test]
async fn values_may_call_the_registry_from_clone_and_drop() {
    let calls = Arc::new(AtomicUsize::new(0));
    let registry = new_registry();
    REGISTRY.set(Some(registry.clone()));
    let bucket = registry.create("a").await.unwrap();

    assert!(bucket.put("k", Nosy(calls.clone())).await.is_none());
    assert!(bucket.get("k").await.is_some());
    assert!(bucket.put("k", Nosy(calls.clone())).await.is_some());
    assert!(bucket.delete("k").await.is_some());
    bucket.put("k", Nosy(calls.clone())).await;
    let before = calls.load(Ordering::Relaxed);
    bucket.stop();
    assert_eq!(
        calls.load(Ordering::Relaxed),
        before + 1,
        "dropped when it ends"
    );
    bucket.put("k", Nosy(calls.clone())).await;
    assert_eq!(
        calls.load(Ordering::Relaxed),
        before + 2,
        "dropped, not kept"
    );

    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", Nosy(calls.clone())).await;
    drop(registry);
    drop(REGISTRY.take());
    assert_eq!(calls.load(Ordering::Relaxed), before + 3);
    assert_eq!(bucket.stopped().await, ExitReason::RegistryGone);
}

/// A value that panics wherever its own code runs.
#[derive(Debug)]
struct Bomb;

impl Clone for Bomb {
    fn clone(&self) -> Self {
        panic!("on purpose: clone")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose: drop");
    }
}

#[tokio::test]
async fn values_that_panic_harm_neither_the_registry_nor_its_events() {
    let registry = new_registry();
    let events = registry.events();
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let c = registry.create("c").await.unwrap();
    for bucket in [&a, &b, &c] {
        bucket.put("1", Bomb).await;
        bucket.put("2", Bomb).await;
    }
    let waiting = a.stopped();
    a.stop();
    assert_eq!(waiting.now_or_never(), Some(ExitReason::Stopped));

    // Cloned for the closure: that is a panic in `update`.
    let changed = b.update("1", |old| old).await;
    assert_eq!(changed.unwrap_err(), ExitReason::Panicked);

    drop(registry);
    assert_eq!(c.stopped().now_or_never(), Some(ExitReason::RegistryGone));
    let told: Vec<_> = events.map(|event| in_short(&event)).collect().await;
    assert_eq!(told, ["+a", "+b", "+c", "-a", "-b", "-c"]);
}

#[tokio::test]
async fn nothing_asks_values_for_debug() {
    struct Opaque;

    let registry = new_registry::<Opaque>();
    let mut events = registry.events();
    let bucket = registry.create("a").await.unwrap();
    bucket.stop();
    let created = events.next().await.unwrap();
    let exited = events.next().await.unwrap().clone();
    assert_eq!(format!("{created:?}"), r#"Created { name: "a", .. }"#);
    let exited = format!("{exited:?}");
    assert_eq!(exited, r#"Exited { name: "a", reason: Stopped, .. }"#);
    let bucket = format!("{bucket:?}");
    assert_eq!(
        bucket,
        r#"Bucket { name: "a", exit_reason: Some(Stopped), .. }"#
    );
    assert!(format!("{registry:?}").starts_with("Registry { buckets: 0"));
    let created = registry.events().created();
    assert!(format!("{created:?}").starts_with("Created { events: Subscription"));
}

#[tokio::test]
async fn everything_can_be_sent_and_shared() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    fn shared<T: Send + Sync + Unpin + 'static>() {}

    shared::<Registry<Vec<u8>>>();
    shared::<Bucket<Vec<u8>>>();
    shared::<RegistryEvent<Vec<u8>>>();
    let registry = new_registry();
    let bucket = sent(registry.create("a")).await.unwrap();
    sent(bucket.put("k", 1)).await;
    sent(bucket.get("k")).await;
    sent(bucket.update("k", |_| None)).await.unwrap();
    sent(bucket.delete("k")).await;
    drop(sent(bucket.stopped()));
    sent(registry.flush()).await;
}
