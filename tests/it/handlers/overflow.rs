//! Publishers wait for room at a handler under any default policy of the manager, so a handler sees
//! every event.

use std::sync::Arc;
use std::time::Duration;

use futures::future::pending;
use genevent::error::TryNotifyError;
use genevent::test_util::Probe;
use genevent::{EventManager, HandlerOptions, Overflow, Restart, StopReason, handler_fn};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

const SECOND: Duration = Duration::from_secs(1);

/// Every default policy of a manager, for subscriptions without a policy of their own.
const DEFAULTS: [Overflow; 4] = [
    Overflow::Wait,
    Overflow::WaitAtMost(SECOND),
    Overflow::DropOldest,
    Overflow::Disconnect,
];

/// The ways for a handler to come into a manager.
const WAYS: [&str; 6] = [
    "added",
    "with an owner",
    "with a restart",
    "in a group",
    "in a group, with an owner",
    "in a group, with a restart",
];

fn manager(default: Overflow) -> EventManager<u32> {
    let builder = EventManager::builder().capacity(2);
    builder.default_overflow(default).build()
}

/// Adds a handler that spends a permit of `go` on each event and records the event in `seen`.
fn add(way: &str, manager: &EventManager<u32>, go: &Arc<Semaphore>, seen: &Probe<u32>) {
    let (go, seen) = (Arc::clone(go), seen.clone());
    let handler = move |event: &u32| {
        let (event, go, seen) = (*event, Arc::clone(&go), seen.clone());
        async move {
            go.acquire().await.expect("never closed").forget();
            seen.record(event);
        }
    };
    let (owner, restart) = (pending::<()>(), Restart::on_failure(1, SECOND));
    let factory = {
        let handler = handler.clone();
        move || handler.clone()
    };
    let added = match way {
        "added" => manager.add_handler("slow", handler).is_ok(),
        "with an owner" => manager.add_mon_handler("slow", handler, owner).is_ok(),
        "with a restart" => manager
            .add_handler_with(HandlerOptions::new("slow").restart(restart), factory)
            .is_ok(),
        _ => {
            // The group stays when its handle is dropped: a handler is in it.
            let group = manager.handler_group("group").unwrap();
            match way {
                "in a group" => group.add_handler("slow", handler).is_ok(),
                "in a group, with an owner" => {
                    group.add_mon_handler("slow", handler, owner).is_ok()
                }
                _ => group
                    .add_handler_with(HandlerOptions::new("slow").restart(restart), factory)
                    .is_ok(),
            }
        }
    };
    assert!(added, "{way}");
}

#[tokio::test(start_paused = true)]
async fn publishers_wait_for_handlers_whatever_the_default() {
    for default in DEFAULTS {
        for way in WAYS {
            let case = format!("{way}, {default:?}");
            let manager = manager(default);
            let (go, seen) = (Arc::new(Semaphore::new(0)), Probe::new());
            add(way, &manager, &go, &seen);
            assert_eq!(manager.subscribers()[0].overflow(), Overflow::Wait);

            manager.notify(1).await.unwrap();
            yield_now().await; // the handler is handling the first event
            manager.notify(2).await.unwrap();
            manager.notify(3).await.unwrap();
            let full = manager.try_notify(4);
            assert_eq!(full, Err(TryNotifyError::Full(4)), "{case}");
            // A day is more than any limit on waiting.
            let fourth = tokio::time::timeout(86_400 * SECOND, manager.notify(4)).await;
            assert!(fourth.is_err(), "{case}");

            go.add_permits(4);
            assert_eq!(manager.notify(4).await, Ok(1), "{case}");
            manager.flush().await.unwrap();
            assert_eq!(seen.drain(), [1, 2, 3, 4], "{case}");
        }
    }
}

#[tokio::test]
async fn publishers_wait_for_a_swapped_in_handler() {
    let manager = manager(Overflow::DropOldest);
    let first = manager.add_handler("log", handler_fn(|_: &u32| ()));
    let seen = Probe::new();
    let second = first.unwrap().swap({
        let seen = seen.clone();
        move |_| seen
    });
    let second = second.await.unwrap();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [1, 2]);
    assert!(second.remove().await.is_ok());
}

#[tokio::test]
async fn a_restarted_handler_misses_only_the_panicked_event() {
    let manager = manager(Overflow::Disconnect);
    let seen = Probe::new();
    let factory = {
        let seen = seen.clone();
        move || {
            let seen = seen.clone();
            handler_fn(move |event: &u32| {
                assert_ne!(*event, 13, "unlucky");
                seen.record(*event);
            })
        }
    };
    let restart = Restart::on_failure(1, SECOND);
    let handler =
        manager.add_handler_with(HandlerOptions::new("unlucky").restart(restart), factory);
    for event in [12, 13, 14, 15, 16] {
        manager.notify(event).await.unwrap();
    }
    manager.stop().await.unwrap();
    assert_eq!(seen.drain(), [12, 14, 15, 16]);
    let stopped = handler.unwrap().stopped().await;
    assert_eq!(stopped, StopReason::ManagerClosed);
}

#[test]
fn streams_keep_the_default_of_their_manager() {
    for default in DEFAULTS {
        let manager = manager(default);
        let plain = manager.subscribe();
        let filtered = manager.subscribe_filter(|event: &u32| *event > 0);
        let stage = manager.subscribe_after(&plain);
        for info in manager.subscribers() {
            assert_eq!(info.overflow(), default, "{info}");
        }
        drop((plain, filtered, stage));
    }
}
