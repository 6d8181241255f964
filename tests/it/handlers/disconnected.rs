//! A handler disconnected by its overflow policy handles its backlog first, in order with the calls;
//! with a filter or a topic as well.

use std::ops::ControlFlow;

use genevent::{
    DisconnectCause, EventManager, Handled, Handler, HandlerOptions, HandlerRef, Overflow,
    StopReason, SubscribeOptions, SubscriberInfo,
};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, task};

/// Records its events, and holds the first event until released.
struct Slow {
    seen: Vec<u32>,
    go: Option<oneshot::Receiver<()>>,
}

impl Handler<u32> for Slow {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if let Some(go) = self.go.take() {
            go.await.expect("it may go on");
        }
        self.seen.push(*n);
        Ok(ControlFlow::Continue(()))
    }
}

/// The events of a handler.
#[derive(Clone, Copy)]
enum Wants {
    All,
    Filtered,
    Topic,
}

const KINDS: [Wants; 3] = [Wants::All, Wants::Filtered, Wants::Topic];

/// Adds what the handler wants to its options.
fn wanting(
    wants: Wants,
    manager: &EventManager<u32>,
    options: HandlerOptions<u32>,
) -> HandlerOptions<u32> {
    match wants {
        Wants::All => options,
        Wants::Filtered => options.filter(|n| *n > 0),
        Wants::Topic => options.topic(&manager.topics(|n| *n > 0), true),
    }
}

/// A manager, and options of a handler that is disconnected by more than `window` unread events.
fn options(window: usize, wants: Wants) -> (EventManager<u32>, HandlerOptions<u32>) {
    let manager = EventManager::new(8);
    let overflow = SubscribeOptions::new().overflow(Overflow::Disconnect);
    let options = HandlerOptions::new("slow").subscribe(overflow.window(window));
    let options = wanting(wants, &manager, options);
    (manager, options)
}

/// A handler that holds event 1.
async fn holding(
    (manager, options): (EventManager<u32>, HandlerOptions<u32>),
) -> (
    EventManager<u32>,
    HandlerRef<u32, Slow>,
    oneshot::Sender<()>,
) {
    let (tx, rx) = oneshot::channel();
    let seen = Vec::new();
    let slow = Slow { seen, go: Some(rx) };
    let handler = manager.add_handler_with(options, slow).unwrap();
    manager.ack_notify(1).await.unwrap();
    (manager, handler, tx)
}

/// Publishes an event for which the full window of the handler has no room.
fn cut(manager: &EventManager<u32>) {
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(manager.try_notify(100), Ok(0), "it counts no more");
}

#[tokio::test]
async fn calls_keep_their_position_in_the_backlog() {
    for wants in KINDS {
        let (manager, handler, go) = holding(options(3, wants)).await;
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
        let end = StopReason::Disconnected(DisconnectCause::Overflow);
        assert_eq!(handler.stopped().await, end);
    }
}

#[tokio::test]
async fn a_removal_precedes_newer_backlog_events() {
    for wants in KINDS {
        let (manager, handler, go) = holding(options(2, wants)).await;
        manager.try_notify(2).unwrap();
        let mut removal = task::spawn(handler.remove());
        assert!(removal.poll().is_pending());
        manager.try_notify(3).unwrap();
        cut(&manager);
        go.send(()).unwrap();
        let slow = removal.await.ok().unwrap();
        assert_eq!(slow.seen, [1, 2]);
    }
}

#[tokio::test]
async fn a_handler_is_disconnected_once() {
    for wants in KINDS {
        let (manager, handler, _go) = holding(options(2, wants)).await;
        assert!(manager.disconnect(handler.id()));
        // The handler is listed until its task ends.
        assert!(!manager.disconnect(handler.id()));
        assert_eq!(handler.stopped().await, StopReason::Aborted);
        assert!(!manager.disconnect(handler.id()));
    }
}

#[tokio::test]
async fn an_ended_owner_precedes_newer_backlog_events() {
    for wants in KINDS {
        let (owner, gone) = oneshot::channel::<()>();
        let (manager, options) = options(2, wants);
        let (manager, handler, go) = holding((manager, options.owner(gone))).await;
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
}

#[tokio::test]
async fn a_detached_observer_with_an_event_in_hand_is_listed_as_leaving() {
    for wants in KINDS {
        let overflow = SubscribeOptions::new().overflow(Overflow::Disconnect);
        let options = HandlerOptions::new("screen").subscribe(overflow.window(1).observer());
        let (manager, (go, held)) = (EventManager::new(8), oneshot::channel());
        let options = wanting(wants, &manager, options);
        let (seen, go_on) = (Vec::new(), Some(held));
        let handler = manager.add_handler_with(options, Slow { seen, go: go_on });
        let handler = handler.unwrap();
        manager.notify(1).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(manager.notify(2).await, Ok(1));
        assert_eq!(manager.notify(3).await, Ok(0), "its window is full");

        let leaving = |manager: &EventManager<u32>| {
            let stats = manager.stats();
            let ids = stats.leaving().iter().map(SubscriberInfo::id);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(leaving(&manager), [handler.id()]);
        go.send(()).unwrap();
        let cause = DisconnectCause::Overflow;
        assert_eq!(handler.stopped().await, StopReason::Disconnected(cause));
        assert!(leaving(&manager).is_empty());
    }
}
