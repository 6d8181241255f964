//! Handlers whose type is not known: by name, by id, and behind a pointer.

use std::future::pending;
use std::ops::ControlFlow;

use futures::{FutureExt, StreamExt};
use genevent::handler::{AnyHandlerRef, DynHandler, RemoveError};
use genevent::test_util::Probe;
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason, handler_fn,
};
use tokio::task::yield_now;

/// Records events and its end. Hangs at event 0 and panics at event 13.
struct Log {
    name: &'static str,
    diary: Probe<String>,
}

impl Handler<u32> for Log {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("{} {n}", self.name));
        match n {
            0 => pending().await,
            13 => panic!("thirteen"),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

fn log(name: &'static str, diary: &Probe<String>) -> Log {
    let diary = diary.clone();
    Log { name, diary }
}

fn manager() -> (EventManager<u32>, Probe<String>) {
    (EventManager::new(4), Probe::new())
}

#[tokio::test]
async fn a_handler_is_found_by_its_name() {
    let (manager, diary) = manager();
    let a = manager.add_handler("a", log("a", &diary)).unwrap();
    let group = manager.handler_group("group").unwrap();
    let found = manager.handler_by_name("a").unwrap();
    assert_eq!((found.name(), found.id()), ("a", a.id()));
    assert_eq!(manager.subscribers()[0].id(), a.id());
    assert_eq!(manager.handler_by_name("group").unwrap().name(), "group");
    assert!(manager.handler_by_name("b").is_none());
    let erased = a.erase();
    assert_eq!(
        format!("{erased:?}"),
        r#"AnyHandlerRef { name: "a", stopped: None, .. }"#
    );
    assert_eq!(erased.clone().remove().await, Ok(()));
    assert_eq!(found.stopped().await, StopReason::Removed);
    assert!(manager.handler_by_name("a").is_none());
    drop(group);
}

#[tokio::test]
async fn an_erased_removal_reports_another_end() {
    let (manager, diary) = manager();
    let a = manager.add_handler("a", log("a", &diary)).unwrap();
    let old = a.erase();
    let new = a.swap(|_| handler_fn(|_: &u32| ())).await.unwrap();
    let swapped = Err(RemoveError::Stopped(StopReason::Swapped));
    assert_eq!(old.remove().await, swapped);
    let new = new.erase();
    manager.close();
    let closed = Err(RemoveError::Stopped(StopReason::ManagerClosed));
    assert_eq!(new.stopped().await, StopReason::ManagerClosed);
    assert_eq!(new.remove().await, closed);
}

#[tokio::test]
async fn an_erased_removal_inside_the_handler_is_refused() {
    let (manager, _) = manager();
    let (tell, told) = std::sync::mpsc::channel();
    let weak = manager.downgrade();
    let removing = move |_: &u32| {
        let own = weak.upgrade().unwrap().handler_by_name("own").unwrap();
        let tell = tell.clone();
        async move { tell.send(own.remove().await).unwrap() }
    };
    let own = manager.add_handler("own", removing).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(told.recv().unwrap(), Err(RemoveError::WouldDeadlock));
    assert_eq!(own.stopped().now_or_never(), None);
}

type Abort = fn(&EventManager<u32>, AnyHandlerRef<u32>);

/// Each way ends a stuck handler at once.
#[tokio::test]
async fn a_stuck_handler_is_aborted_from_outside() {
    let ways: [(&str, Abort); 4] = [
        ("by its name", |manager, a| {
            assert!(manager.abort_handler(a.name()));
        }),
        ("by its id", |manager, a| {
            assert!(manager.disconnect(a.id()));
        }),
        ("by its reference", |_, a| a.abort()),
        ("with its manager", |manager, _| manager.stop_now()),
    ];
    for (way, abort) in ways {
        let (manager, diary) = manager();
        let mut stream = manager.subscribe();
        let a = manager.add_handler("a", log("a", &diary)).unwrap();
        manager.notify(0).await.unwrap();
        manager.notify(1).await.unwrap();
        assert_eq!(stream.next().await, Some(0), "{way}");
        diary.wait_for(1).await;
        abort(&manager, a.erase());
        assert_eq!(a.stopped().await, StopReason::Aborted, "{way}");
        assert_eq!(diary.drain(), ["a 0", "a ends: it was aborted"], "{way}");
        assert!(!manager.abort_handler("a"), "{way}");
        assert!(!manager.disconnect(a.id()), "{way}");
        assert!(manager.which_handlers().is_empty(), "{way}");
        assert_eq!(stream.next().await, Some(1), "{way}: streams are as before");
    }
}

#[tokio::test]
async fn a_group_is_aborted_with_all_handlers() {
    let ways: [(&str, Abort); 4] = [
        ("by its name", |manager, group| {
            assert!(manager.abort_handler(group.name()));
        }),
        ("by its id", |manager, group| {
            assert!(manager.disconnect(group.id()));
        }),
        ("by its reference", |_, group| group.abort()),
        ("with its manager", |manager, _| manager.stop_now()),
    ];
    for (way, abort) in ways {
        for stuck in [false, true] {
            let (manager, diary) = manager();
            let group = manager.handler_group("group").unwrap();
            let a = group.add_handler("a", log("a", &diary)).unwrap();
            let b = group.add_handler("b", log("b", &diary)).unwrap();
            manager.notify(u32::from(!stuck)).await.unwrap();
            diary.wait_for(if stuck { 1 } else { 2 }).await;
            abort(&manager, manager.handler_by_name("group").unwrap());
            for stopped in [a.stopped(), b.stopped()] {
                assert_eq!(stopped.await, StopReason::Aborted, "{way}");
            }
            assert_eq!(group.stopped().await, StopReason::Aborted, "{way}");
            assert!(group.add_handler("c", log("c", &diary)).is_err(), "{way}");
            let saw_b = diary.drain().contains(&"b 0".to_owned());
            assert!(!saw_b, "{way}: no handler of a stuck group goes on");
            manager.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_abort_of_a_member_leaves_its_group() {
    let (manager, diary) = manager();
    let group = manager.handler_group("group").unwrap();
    let a = group.add_handler("a", log("a", &diary)).unwrap();
    group.add_handler("b", log("b", &diary)).unwrap();
    a.erase().abort();
    assert_eq!(a.stopped().await, StopReason::Aborted);
    assert_eq!(group.which_handlers(), ["b"]);
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
}

#[tokio::test]
async fn stop_now_waits_for_nobody() {
    let (manager, diary) = manager();
    let mut stuck = manager.subscribe();
    let mut kept = manager.subscribe().deliveries();
    let filtered = manager.subscribe_filter(|n| *n > 0);
    manager.add_handler("a", log("a", &diary)).unwrap();
    manager.notify(0).await.unwrap();
    let delivery = kept.next().await.unwrap();
    let saved = tokio::spawn({
        let manager = manager.clone();
        async move { manager.sync_notify(1).await }
    });
    yield_now().await;
    manager.stop_now();
    assert!(manager.is_closed());
    let receipt = saved.await.unwrap().unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 4));
    assert_eq!(manager.subscriber_count(), 0);
    let unread: Vec<_> = stuck.by_ref().collect().await;
    assert_eq!(unread, [0, 1], "still yielded");
    manager.stop_now(); // again
    delivery.ack();
    drop((stuck, kept, filtered));
    manager.stop().await.unwrap();
}

type Plugin = Box<dyn DynHandler<u32>>;

#[tokio::test]
async fn a_boxed_handler_is_a_handler() {
    let (manager, diary) = manager();
    let plugin: Plugin = Box::new(log("a", &diary));
    assert_eq!(format!("{plugin:?}"), "DynHandler { .. }");
    let plugin: HandlerRef<u32, Plugin> = manager.add_handler("plugin", plugin).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    let name = plugin.call(|plugin| plugin.downcast_ref::<Log>().map(|log| log.name));
    assert_eq!(name.await, Ok(Some("a")));
    let rename = plugin.call(|plugin| plugin.downcast_mut::<Log>().unwrap().name = "b");
    rename.await.unwrap();
    assert!(manager.handler::<Log>("plugin").is_none());
    let plugin = manager.handler::<Plugin>("plugin").unwrap();

    let next = handler_fn({
        let diary = diary.clone();
        move |n: &u32| diary.record(format!("closure {n}"))
    });
    let plugin = plugin.swap(|_| -> Plugin { Box::new(next) }).await.unwrap();
    assert!(manager.sync_notify(2).await.unwrap().all_acked());
    let back = plugin.remove().await.ok().unwrap();
    assert!(back.downcast_ref::<Log>().is_none());
    let seen = [
        "a 1",
        "b ends: another handler has taken its place",
        "closure 2",
    ];
    assert_eq!(diary.drain(), seen);
}

#[tokio::test]
async fn a_boxed_handler_is_restarted_by_its_factory() {
    let (manager, diary) = manager();
    let make = {
        let diary = diary.clone();
        move || -> Plugin { Box::new(log("a", &diary)) }
    };
    let once = Restart::on_failure(1, std::time::Duration::from_secs(60));
    let plugin = manager
        .add_handler_with(HandlerOptions::new("plugin").restart(once), make)
        .unwrap();
    assert_eq!(manager.sync_notify(13).await.unwrap().dropped(), 1);
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(manager.sync_notify(13).await.unwrap().dropped(), 1);
    let reason = StopReason::Panicked("thirteen".into());
    assert_eq!(plugin.stopped().await, reason);
    let restarted = "a ends: it panicked and is restarted: thirteen";
    let ends = "a ends: it panicked: thirteen";
    assert_eq!(diary.drain(), ["a 13", restarted, "a 1", "a 13", ends]);
}
