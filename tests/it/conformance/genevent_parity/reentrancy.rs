//! J. Calls of a handler while handling an event, and the state visible from outside.

use std::ops::ControlFlow;

use futures::{StreamExt, poll};
use genevent::error::{NotifyError, WouldDeadlock};
use genevent::handler::CallError;
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, WeakEventManager, handler_fn};
use tokio::sync::watch;

use super::support::{Diary, Scribe, add, at_once, reader, settle};

/// Publishes event 2 to its own manager while handling event 1.
struct Echo(WeakEventManager<u32>, Diary);

impl Handler<u32> for Echo {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if *n == 1 {
            let manager = self.0.upgrade().unwrap();
            assert_eq!(manager.notify(2).await, Ok(3), "two handlers and a stream");
        }
        self.1.record(format!("echo {n}"));
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_141_a_handler_may_notify_its_manager() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let echo = Echo(manager.downgrade(), diary.clone());
    group.add_handler("echo", echo).unwrap();
    group.add_handler("b", Scribe::new("b", &diary)).unwrap();
    let reading = reader(&manager, 0);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 3);
    manager.stop().await.unwrap();
    let log = diary.drain();
    assert_eq!(log[..4], ["echo 1", "b 1", "echo 2", "b 2"]);
    assert_eq!(reading.await.unwrap(), [1, 2]);
}

/// Makes the calls that would wait for the handler itself, while handling event 1.
struct Stubborn(WeakEventManager<u32>, Probe<u32>);

impl Handler<u32> for Stubborn {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if *n == 1 {
            let manager = self.0.upgrade().unwrap();
            let would = Err(NotifyError::WouldDeadlock(2));
            assert_eq!(manager.sync_notify(2).await, would);
            assert_eq!(manager.ack_notify(2).await, would);
            let flushed = manager.flush().await;
            assert!(matches!(flushed, Err(WouldDeadlock { .. })));
            let stopped = manager.stop().await;
            assert!(matches!(stopped, Err(WouldDeadlock { .. })));
            let itself = manager.handler::<Stubborn>("stubborn").unwrap();
            assert_eq!(itself.call(|_| ()).await, Err(CallError::WouldDeadlock));
            assert!(itself.remove().await.is_err());
            // This call does not wait.
            let more = handler_fn(|_: &u32| ());
            assert!(manager.add_handler("more", more).is_ok());
        }
        self.1.record(*n);
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_142_a_deadlocking_call_returns_an_error() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let stubborn = Stubborn(manager.downgrade(), seen.clone());
    manager.add_handler("stubborn", stubborn).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert!(manager.sync_notify(3).await.unwrap().all_acked());
    assert_eq!(seen.drain(), [1, 3]);
    assert_eq!(manager.which_handlers(), ["stubborn", "more"]);
}

#[tokio::test]
async fn case_146_all_handler_states_can_be_read() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    add(&manager, "b", &diary);
    manager.notify(2).await.unwrap();
    let mut snapshot = Vec::new();
    for name in manager.which_handlers() {
        let handler = manager.handler::<Scribe>(&name).unwrap();
        let state = handler.call(|handler| handler.seen.clone()).await;
        snapshot.push((name, state.unwrap()));
    }
    assert_eq!(snapshot, [("a".into(), vec![1, 2]), ("b".into(), vec![2])]);
}

#[tokio::test]
async fn case_148_a_paused_handler_queues_events_in_order() {
    let manager = EventManager::new(4);
    let (resume, running) = watch::channel(false);
    let handled = Probe::new();
    let noting = handled.clone();
    let gated = move |n: &u32| {
        let (mut running, noting, n) = (running.clone(), noting.clone(), *n);
        async move {
            running.wait_for(|running| *running).await.unwrap();
            noting.record(n);
        }
    };
    manager.add_handler("gated", gated).unwrap();
    // A stream is suspended while its task does not poll.
    let stream = manager.subscribe();
    for n in 1..=4 {
        assert_eq!(at_once(manager.notify(n)), Ok(2));
    }
    settle().await;
    assert!(handled.drain().is_empty());
    assert_eq!(stream.len(), 4);
    let mut fifth = Box::pin(manager.notify(5));
    assert!(poll!(&mut fifth).is_pending(), "and no further");

    resume.send(true).unwrap();
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    assert_eq!(fifth.await, Ok(2));
    manager.stop().await.unwrap();
    assert_eq!(reading.await.unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(handled.drain(), [1, 2, 3, 4, 5]);
}

/// The test fails if the `Debug` of a handler or of an event is called.
struct Secretive(u32);

impl std::fmt::Debug for Secretive {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("asked for {}", self.0)
    }
}

impl Handler<Secretive> for Secretive {
    async fn handle_event(&mut self, event: &Secretive) -> Handled {
        self.0 += event.0;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_149_status_shows_only_names() {
    let manager = EventManager::builder().name("vault").build();
    let added = manager.add_handler("safe", Secretive(7_000)).unwrap();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("inner", Secretive(7_000)).unwrap();
    let unread = manager.subscribe();
    manager.notify(Secretive(777)).await.unwrap();
    let all = (&manager, &added, &group, manager.subscribers());
    let status = format!("{all:?} {:?}", manager.which_handlers());
    for name in ["vault", "safe", "group", "inner"] {
        assert!(status.contains(name), "{name} is not in {status}");
    }
    for secret in ["777", "7000", "7_000"] {
        assert!(!status.contains(secret), "{status}");
    }
    drop(unread);
    assert_eq!(added.call(|safe| safe.0).await, Ok(7_777));
}
