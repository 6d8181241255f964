//! Removing handlers from inside of their group, and handles of groups.

use std::ops::ControlFlow;
use std::time::Duration;

use genevent::test_util::Probe;
use genevent::{
    EventManager, Handled, Handler, HandlerGroup, StopReason, WeakHandlerGroup, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// Removes the handler `victim` of its group at event 1, and publishes event 2 before.
struct Remover {
    group: WeakHandlerGroup<u32>,
    manager: EventManager<u32>,
    victim: &'static str,
    seen: Probe<(&'static str, u32)>,
}

impl Handler<u32> for Remover {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.seen.record(("remover", *n));
        if *n == 1 {
            self.manager.notify(2).await?;
            let group = self.group.upgrade().ok_or("the group has no handle")?;
            assert!(group.remove_handler(self.victim).await, "{}", self.victim);
            assert!(!group.remove_handler("nobody").await);
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn a_handler_removes_handlers_of_its_group_after_the_current_event() {
    for victim in ["before", "remover", "behind"] {
        let manager = EventManager::new(4);
        let group = manager.handler_group("group").unwrap();
        let seen = Probe::new();
        let record = |name: &'static str| {
            let seen = seen.clone();
            handler_fn(move |n: &u32| seen.record((name, *n)))
        };
        group.add_handler("before", record("before")).unwrap();
        let remover = Remover {
            group: group.downgrade(),
            manager: manager.clone(),
            victim,
            seen: seen.clone(),
        };
        group.add_handler("remover", remover).unwrap();
        group.add_handler("behind", record("behind")).unwrap();
        let stopped = group.handler_by_name(victim).unwrap().stopped();
        assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 3, "{victim}");
        assert_eq!(stopped.await, StopReason::Removed, "{victim}");
        manager.flush().await.unwrap();
        let mut expected = Vec::new();
        for n in [1, 2] {
            let names = ["before", "remover", "behind"];
            let left = names.into_iter().filter(|name| n == 1 || *name != victim);
            expected.extend(left.map(|name| (name, n)));
        }
        assert_eq!(seen.drain(), expected, "{victim}: removed before event 2");
        assert_eq!(manager.sync_notify(3).await.unwrap().acked(), 2, "{victim}");
    }
}

#[tokio::test]
async fn a_handler_alone_removes_itself_after_the_current_event() {
    let manager = EventManager::<u32>::new(4);
    let seen = Probe::new();
    let (weak, record) = (manager.downgrade(), seen.clone());
    let itself = manager.add_handler("itself", move |n: &u32| {
        let (manager, record, n) = (weak.upgrade().unwrap(), record.clone(), *n);
        async move {
            record.record(n);
            assert!(manager.remove_handler("itself").await);
        }
    });
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    assert_eq!(itself.unwrap().stopped().await, StopReason::Removed);
    assert_eq!(seen.drain(), [1]);
}

#[tokio::test]
async fn a_group_lives_while_a_clone_of_its_handle_does() {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let (clone, weak) = (group.clone(), group.downgrade());
    let stopped = group.stopped();
    drop(group);
    clone.add_handler("a", handler_fn(|_: &u32| ())).unwrap();
    assert_eq!(weak.upgrade().unwrap().which_handlers(), ["a"]);
    assert!(clone.remove_handler("a").await);
    yield_now().await;
    assert_eq!(manager.which_handlers(), ["group"], "a handle is left");
    drop(clone);
    assert!(weak.upgrade().is_none());
    assert_eq!(stopped.await, StopReason::Removed);
    assert_eq!(format!("{weak:?}"), "WeakHandlerGroup { name: None, .. }");
}

#[tokio::test]
async fn a_handler_added_and_removed_inside_of_one_event_never_handles_any() {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let (weak, seen) = (group.downgrade(), Probe::new());
    let added = seen.clone();
    group
        .add_handler("adder", move |n: &u32| {
            let (weak, added, n) = (weak.clone(), added.clone(), *n);
            async move {
                if n == 1 {
                    let group = weak.upgrade().unwrap();
                    let record = handler_fn(move |n: &u32| added.record(*n));
                    group.add_handler("new", record).unwrap();
                    assert!(group.remove_handler("new").await);
                }
            }
        })
        .unwrap();
    // Event 2 is stored before the handler is added, so the handler joins behind it.
    for n in 1..=2 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(manager.sync_notify(3).await.unwrap().dropped(), 0);
    assert_eq!(group.which_handlers(), ["adder"]);
    assert_eq!(seen.drain(), [3; 0]);
}

#[tokio::test]
async fn an_ended_group_ends_handlers_whose_owner_is_gone_before_they_were_reached() {
    type End = fn(&EventManager<u32>, &HandlerGroup<u32>);
    let ends: [(End, StopReason); 3] = [
        (|manager, _| manager.stop_now(), StopReason::Aborted),
        (
            |manager, group| assert!(manager.abort_handler(group.name())),
            StopReason::Aborted,
        ),
        (
            |manager, group| assert!(manager.disconnect(group.id())),
            StopReason::Aborted,
        ),
    ];
    for (end, reason) in ends {
        let manager = EventManager::<u32>::new(4);
        let group = manager.handler_group("group").unwrap();
        group
            .add_handler("stuck", |_: &u32| std::future::pending::<()>())
            .unwrap();
        for n in 1..=3 {
            manager.notify(n).await.unwrap();
        }
        yield_now().await;
        let (owner, gone) = oneshot::channel::<()>();
        let member = group
            .add_mon_handler("owned", handler_fn(|_: &u32| ()), gone)
            .unwrap();
        drop(owner);
        end(&manager, &group);
        // A runner that repeats a command for ever would never get here.
        let ended = async { (member.stopped().await, group.stopped().await) };
        let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
        assert_eq!(ended, Ok((reason.clone(), reason)));
        manager.stop().await.unwrap();
    }
}

#[tokio::test]
async fn handlers_leave_in_any_order() {
    for step in [1, 2, 3, 4] {
        let manager = EventManager::<u32>::new(4);
        let group = manager.handler_group("group").unwrap();
        for name in 0..5 {
            let handler = handler_fn(|_: &u32| ());
            group.add_handler(name.to_string(), handler).unwrap();
        }
        for n in 0..5 {
            let name = (n * step + 2) % 5;
            assert!(group.remove_handler(&name.to_string()).await);
            assert_eq!(manager.notify(1).await, Ok(4 - n));
        }
    }
}
