//! G. Handlers with an owner.

use std::future::pending;

use futures::FutureExt;
use futures::executor::block_on;
use genevent::test_util::Probe;
use genevent::{EventManager, HandlerRef, StopReason};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::support::{Diary, Scribe, add, settle};

fn add_owned(
    manager: &EventManager<u32>,
    name: &'static str,
    diary: &Diary,
    owner: impl Future + Send + 'static,
) -> HandlerRef<u32, Scribe> {
    let handler = Scribe::fragile(name, diary);
    manager.add_mon_handler(name, handler, owner).unwrap()
}

#[tokio::test]
async fn case_083_a_dying_owner_removes_only_its_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let other = add(&manager, "other", &diary);
    let owner = tokio::spawn(pending::<()>());
    let kill = owner.abort_handle();
    let bound = add_owned(&manager, "owned", &diary, owner);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 2);
    kill.abort();
    assert_eq!(bound.stopped().await, StopReason::OwnerGone);
    assert_eq!(manager.which_handlers(), ["other"]);

    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
    assert_eq!(other.call(|other| other.seen.clone()).await, Ok(vec![1, 2]));
    let log = diary.drain();
    assert!(log.contains(&"owned ends: its owner is gone".into()));
    assert!(!log.iter().any(|line| line.starts_with("other ends")));
}

#[tokio::test]
async fn case_084_an_owner_ending_normally_removes_its_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (end, wait) = oneshot::channel();
    let owner = tokio::spawn(async move { wait.await.unwrap() });
    let bound = add_owned(&manager, "owned", &diary, owner);
    manager.sync_notify(1).await.unwrap();
    end.send(()).unwrap();
    assert_eq!(bound.stopped().await, StopReason::OwnerGone);
    assert_eq!(diary.drain(), ["owned 1", "owned ends: its owner is gone"]);
    assert!(manager.sync_notify(2).await.unwrap().is_unheard());
}

#[tokio::test]
async fn case_085_the_end_of_an_owner_is_ordered() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let bound = add_owned(&manager, "owned", &diary, gone);
    let guarded = add(&manager, "guarded", &diary);
    let guard = guarded.clone().drop_guard();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    drop((owner, guard));
    manager.notify(3).await.unwrap();
    assert_eq!(bound.stopped().await, StopReason::OwnerGone);
    assert_eq!(guarded.stopped().await, StopReason::Removed);
    let log = diary.drain();
    for name in ["owned", "guarded"] {
        let own = log.iter().filter(|line| line.starts_with(name));
        let own: Vec<_> = own.filter(|line| !line.contains("ends")).collect();
        assert_eq!(own, [&format!("{name} 1"), &format!("{name} 2")]);
    }
}

#[tokio::test]
async fn case_086_any_removal_notifies_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let bound = add_owned(&manager, "owned", &diary, gone);
    manager.notify(1).await.unwrap();
    assert!(manager.remove_handler("owned").await);
    assert_eq!(bound.stopped().now_or_never(), Some(StopReason::Removed));
    assert!(owner.is_closed(), "it is not watched any more");
    assert_eq!(diary.drain(), ["owned 1", "owned ends: it was removed"]);
}

#[tokio::test]
async fn case_087_removing_itself_notifies_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let bound = add_owned(&manager, "owned", &diary, pending::<()>());
    manager.notify(1).await.unwrap();
    manager.notify(0).await.unwrap();
    assert_eq!(bound.stopped().await, StopReason::Finished);
    let log = ["owned 1", "owned 0", "owned ends: it had finished"];
    assert_eq!(diary.drain(), log);
}

#[tokio::test]
async fn case_088_a_failure_reports_its_cause_to_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let bound = add_owned(&manager, "owned", &diary, pending::<()>());
    manager.notify(1).await.unwrap();
    manager.notify(13).await.unwrap();
    let cause = StopReason::Panicked("thirteen".into());
    assert_eq!(bound.stopped().await, cause);
    let log = ["owned 1", "owned 13", "owned ends: it panicked: thirteen"];
    assert_eq!(diary.drain(), log);
}

#[tokio::test]
async fn case_089_a_swap_notifies_and_keeps_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let old = add_owned(&manager, "owned", &diary, gone);
    let reported = old.stopped();
    manager.notify(1).await.unwrap();
    let new = old.swap(|old| old.renamed("new")).await.unwrap();
    assert_eq!(reported.now_or_never(), Some(StopReason::Swapped));
    manager.sync_notify(2).await.unwrap();
    assert_eq!(new.call(|new| new.seen.clone()).await, Ok(vec![1, 2]));
    drop(owner);
    assert_eq!(new.stopped().await, StopReason::OwnerGone, "Erlang's way");
}

#[tokio::test]
async fn case_090_a_swap_can_change_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let first_owner = add(&manager, "a", &diary).drop_guard();
    let reported = first_owner.stopped();
    manager.notify(1).await.unwrap();
    let new = first_owner.disarm();
    let new = new.swap(|old| old.renamed("new")).await.unwrap();
    let second_owner = new.clone().drop_guard();
    assert_eq!(reported.now_or_never(), Some(StopReason::Swapped));

    manager.sync_notify(2).await.unwrap();
    assert_eq!(new.call(|new| new.seen.clone()).await, Ok(vec![1, 2]));
    let reported = second_owner.stopped();
    drop(second_owner);
    assert_eq!(reported.await, StopReason::Removed);
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn case_091_stop_notifies_owners_once_per_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (_owner, gone) = oneshot::channel::<()>();
    let gone = gone.map(drop).shared();
    let reported = Probe::new();
    for name in ["a", "b"] {
        let stopped = add_owned(&manager, name, &diary, gone.clone()).stopped();
        let stopped = stopped.map(move |reason| (name, reason));
        tokio::spawn(reported.follow(stopped.into_stream()));
    }
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 2);
    manager.stop().await.unwrap();
    settle().await;
    let mut reported = reported.drain();
    reported.sort_unstable_by_key(|reported| reported.0);
    let closed = StopReason::ManagerClosed;
    assert_eq!(reported, [("a", closed.clone()), ("b", closed)]);
    let mut log = diary.drain();
    log.sort();
    let ends = ["a", "b"].map(|name| format!("{name} ends: the event manager is closed"));
    assert_eq!(log, ["a 1", &*ends[0], "b 1", &*ends[1]]);
}

#[test]
fn case_092_runtime_shutdown_notifies_the_owner() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let runtime = Builder::new_current_thread().build().unwrap();
    let (owner, gone) = oneshot::channel::<()>();
    let bound = runtime.block_on(async {
        let bound = add_owned(&manager, "owned", &diary, gone);
        manager.sync_notify(1).await.unwrap();
        bound
    });
    let reported = bound.stopped();
    assert_eq!(diary.drain(), ["owned 1"]);
    assert!(!owner.is_closed());
    drop(runtime);
    assert_eq!(block_on(reported), StopReason::Aborted);
    assert!(owner.is_closed());
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn case_093_the_owner_is_notified_after_terminate() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let fails = add_owned(&manager, "fails", &diary, pending::<()>()).stopped();
    manager.sync_notify(13).await.unwrap();
    let cause = StopReason::Panicked("thirteen".into());
    assert_eq!(fails.now_or_never(), Some(cause));
    let log = ["fails 13", "fails ends: it panicked: thirteen"];
    assert_eq!(diary.drain(), log);

    let goes = add_owned(&manager, "goes", &diary, pending::<()>());
    let reported = goes.stopped();
    let noting = diary.clone();
    let watching = tokio::spawn(async move { noting.record(format!("told: {}", reported.await)) });
    settle().await;
    let reported = goes.stopped();
    assert!(goes.remove().await.is_ok());
    assert_eq!(reported.now_or_never(), Some(StopReason::Removed));
    watching.await.unwrap();
    assert_eq!(
        diary.drain(),
        ["goes ends: it was removed", "told: it was removed"]
    );
}

#[tokio::test]
async fn case_094_all_handlers_of_an_owner_end() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let gone = gone.map(drop).shared();
    let group = manager.handler_group("group").unwrap();
    let handlers = [
        add_owned(&manager, "a", &diary, gone.clone()),
        add_owned(&manager, "b", &diary, gone.clone()),
        (group.add_mon_handler("c", Scribe::new("c", &diary), gone)).unwrap(),
    ];
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 3);
    drop(owner);
    for bound in handlers {
        assert_eq!(bound.stopped().await, StopReason::OwnerGone);
    }
    assert_eq!(manager.which_handlers(), ["group"]);
    assert!(group.which_handlers().is_empty());
    let mut log = diary.drain();
    log.sort();
    assert_eq!(log[..2], ["a 1", "a ends: its owner is gone"]);
    assert_eq!(log.len(), 6);
}

#[tokio::test]
async fn case_096_a_refused_handler_leaves_its_owner_unwatched() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let (owner, gone) = oneshot::channel::<()>();
    let refused = manager.add_mon_handler("a", Scribe::new("b", &diary), gone);
    assert!(refused.is_err());
    assert!(owner.is_closed());
    drop(owner);
    settle().await;
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["a 1"], "and nobody hears of its end");
}
