//! A handler ends with its owner.

use std::sync::{Arc, Mutex};

use futures::{FutureExt, poll};
use genevent::test_util::Probe;
use genevent::{EventManager, StopReason, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

#[tokio::test]
async fn the_end_of_an_owner_is_ordered_with_events() {
    // GenEvent cases 83, 84, 85, 88, 94.
    let manager = EventManager::new(8);
    let (owner, gone) = oneshot::channel::<()>();
    let gone = gone.map(drop).shared();
    let (ones, twos) = (Probe::new(), Probe::new());
    let one = manager
        .add_mon_handler("one", ones.clone(), gone.clone())
        .unwrap();
    let two = manager.add_mon_handler("two", twos.clone(), gone).unwrap();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    owner.send(()).unwrap();
    manager.notify(3).await.unwrap();
    assert_eq!(one.stopped().await, StopReason::OwnerGone);
    assert_eq!(two.stopped().await, StopReason::OwnerGone);
    assert_eq!((ones.drain(), twos.drain()), (vec![1, 2], vec![1, 2]));
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn an_ended_or_panicking_owner_removes_its_handler() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let late = manager
        .add_mon_handler("late", seen.clone(), async {})
        .unwrap();
    manager.notify(1).await.unwrap();
    assert_eq!(late.stopped().await, StopReason::OwnerGone);
    assert!(seen.drain().is_empty());

    let panics = async { panic!("owner") };
    let handler = handler_fn(|_: &u32| ());
    let panics = manager.add_mon_handler("panics", handler, panics).unwrap();
    assert_eq!(panics.stopped().await, StopReason::OwnerGone);

    let task = tokio::spawn(async { yield_now().await });
    let handler = handler_fn(|_: &u32| ());
    let joined = manager.add_mon_handler("joined", handler, task).unwrap();
    assert_eq!(joined.stopped().await, StopReason::OwnerGone);
}

#[tokio::test]
async fn a_handler_drops_its_owner_when_ending() {
    // GenEvent case 96.
    let manager = EventManager::new(8);
    let (owner, gone) = oneshot::channel::<()>();
    let handler = handler_fn(|_: &u32| ());
    let handler = manager.add_mon_handler("a", handler, gone).unwrap();
    assert!(handler.remove().await.is_ok());
    assert!(owner.is_closed());
}

#[tokio::test]
async fn a_guard_removes_its_handler_unless_disarmed() {
    // GenEvent case 83.
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let guard = manager.add_handler("a", seen.clone()).unwrap().drop_guard();
    manager.notify(1).await.unwrap();
    let stopped = guard.stopped();
    drop(guard);
    manager.notify(2).await.unwrap();
    assert_eq!(stopped.await, StopReason::Removed);
    assert_eq!(seen.drain(), [1]);

    let seen = Probe::new();
    let guard = manager.add_handler("a", seen.clone()).unwrap().drop_guard();
    drop(guard.disarm());
    manager.sync_notify(3).await.unwrap();
    assert_eq!(seen.drain(), [3]);
}

/// To a task that has exhausted its coop budget, tokio's futures return pending.
#[tokio::test]
async fn an_exhausted_coop_budget_does_not_delay_owners() {
    let manager = EventManager::<u32>::new(8);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&seen);
    let exhausting = move |n: &u32| {
        theirs.lock().unwrap().push(*n);
        async {
            loop {
                let (tx, rx) = oneshot::channel();
                tx.send(()).unwrap();
                if poll!(rx).is_pending() {
                    break;
                }
            }
        }
    };
    let (owner, gone) = oneshot::channel::<()>();
    let handler = manager.add_mon_handler("a", exhausting, gone).unwrap();
    manager.notify(1).await.unwrap();
    drop(owner);
    manager.notify(2).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
    assert_eq!(*seen.lock().unwrap(), [1]);
}
