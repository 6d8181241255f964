//! A handler whose subscription was disconnected handles its backlog first, in order with the
//! calls.

use std::ops::ControlFlow;

use genevent::{DisconnectCause, EventManager, Handler, HandlerRef, StopReason};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, task};

/// Records its events, and holds the first event until released.
struct Slow {
    seen: Vec<u32>,
    go: Option<oneshot::Receiver<()>>,
}

impl Handler<u32> for Slow {
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        if let Some(go) = self.go.take() {
            go.await.expect("it may go on");
        }
        self.seen.push(*n);
        ControlFlow::Continue(())
    }
}

/// A handler that holds event 1.
async fn holding() -> (
    EventManager<u32>,
    HandlerRef<u32, Slow>,
    oneshot::Sender<()>,
) {
    let manager = EventManager::new(8);
    let (tx, rx) = oneshot::channel();
    let seen = Vec::new();
    let handler = manager.add_handler("slow", Slow { seen, go: Some(rx) });
    let handler = handler.unwrap();
    manager.ack_notify(1).await.unwrap();
    (manager, handler, tx)
}

fn cut(manager: &EventManager<u32>) {
    let id = manager.subscribers()[0].id();
    assert!(manager.disconnect(id));
    assert_eq!(manager.try_notify(100), Ok(0), "it counts no more");
}

#[tokio::test]
async fn calls_keep_their_position_in_the_backlog() {
    let (manager, handler, go) = holding().await;
    let ask = || task::spawn(handler.call(|slow| slow.seen.clone()));
    let mut asked = Vec::new();
    for next in 2..=4 {
        let mut call = ask();
        assert_pending!(call.poll());
        asked.push(call);
        manager.try_notify(next).unwrap();
    }
    let mut last = ask();
    assert_pending!(last.poll());
    cut(&manager);
    let mut late = ask();
    assert_pending!(late.poll());

    go.send(()).unwrap();
    for (call, seen) in asked.into_iter().zip(1..) {
        assert_eq!(call.await.unwrap(), (1..=seen).collect::<Vec<_>>());
    }
    assert_eq!(last.await.unwrap(), [1, 2, 3, 4]);
    assert_eq!(late.await.unwrap(), [1, 2, 3, 4], "which is all it has");
    let end = StopReason::Disconnected(DisconnectCause::Requested);
    assert_eq!(handler.stopped().await, end);
}

#[tokio::test]
async fn a_removal_precedes_newer_backlog_events() {
    let (manager, handler, go) = holding().await;
    manager.try_notify(2).unwrap();
    let mut removal = task::spawn(handler.remove());
    assert!(removal.poll().is_pending());
    manager.try_notify(3).unwrap();
    cut(&manager);
    go.send(()).unwrap();
    let slow = removal.await.ok().unwrap();
    assert_eq!(slow.seen, [1, 2]);
}

#[tokio::test]
async fn an_ended_owner_precedes_newer_backlog_events() {
    let manager = EventManager::new(8);
    let (go, wait) = oneshot::channel();
    let (owner, gone) = oneshot::channel::<()>();
    let seen = Vec::new();
    let slow = Slow {
        seen,
        go: Some(wait),
    };
    let handler = manager.add_mon_handler("slow", slow, gone).unwrap();
    manager.ack_notify(1).await.unwrap();
    manager.try_notify(2).unwrap();
    drop(owner);
    manager.try_notify(3).unwrap();
    cut(&manager);
    let mut call = task::spawn(handler.call(|slow| slow.seen.clone()));
    assert_pending!(call.poll());
    go.send(()).unwrap();
    assert!(call.await.is_err(), "it has ended before that");
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
}
