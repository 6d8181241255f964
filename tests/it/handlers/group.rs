//! Groups: many handlers in one task, on one subscription.

use std::future::pending;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, poll};
use genevent::handler::{AddHandlerError, CallError};
use genevent::test_util::Probe;
use genevent::{
    Cause, EventManager, Handled, Handler, HandlerOptions, Restart, StopReason, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// The records of handlers.
type Diary = Probe<String>;

/// Not `Clone`: members borrow events.
struct Event(u32);

/// Awaits during each event. Event 0 ends the handler, event 13 makes a `fragile` handler panic.
struct Scribe {
    name: &'static str,
    diary: Diary,
    fragile: bool,
}

fn scribe(name: &'static str, diary: &Diary) -> Scribe {
    let diary = diary.clone();
    Scribe {
        name,
        diary,
        fragile: false,
    }
}

fn fragile(name: &'static str, diary: &Diary) -> Scribe {
    Scribe {
        fragile: true,
        ..scribe(name, diary)
    }
}

impl Handler<Event> for Scribe {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        yield_now().await;
        self.diary.record(format!("{} {}", self.name, event.0));
        match event.0 {
            0 if self.fragile => Ok(ControlFlow::Break(())),
            13 if self.fragile => panic!("thirteen"),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

#[tokio::test]
async fn a_group_lends_events_and_counts_each_handler() {
    // GenEvent cases 41, 51.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b", "c"] {
        group.add_handler(name, scribe(name, &diary)).unwrap();
    }
    assert_eq!(group.which_handlers(), ["a", "b", "c"]);
    assert_eq!(manager.which_handlers(), ["group"]);
    assert_eq!(manager.subscriber_count(), 3);
    assert_eq!(manager.notify(Event(1)).await.ok(), Some(3));
    assert_eq!(manager.sync_notify(Event(2)).await.unwrap().acked(), 3);
    assert_eq!(diary.drain(), ["a 1", "b 1", "c 1", "a 2", "b 2", "c 2"]);
}

#[tokio::test]
async fn a_failing_member_ends_alone() {
    // GenEvent cases 57, 58, 60.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let bad = group.add_handler("bad", fragile("bad", &diary)).unwrap();
    let ends = group.add_handler("ends", fragile("ends", &diary)).unwrap();
    group.add_handler("good", scribe("good", &diary)).unwrap();

    let receipt = manager.sync_notify(Event(0)).await.unwrap();
    assert!(receipt.all_acked());
    assert_eq!(ends.stopped().await, StopReason::Finished);
    assert_eq!(bad.stopped().await, StopReason::Finished);
    assert_eq!(diary.drain().last().unwrap(), "good 0");

    let bad = group.add_handler("bad", fragile("bad", &diary)).unwrap();
    let receipt = manager.sync_notify(Event(13)).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    let unfinished = &receipt.unfinished()[0];
    assert_eq!(
        (unfinished.id(), unfinished.name()),
        (bad.id(), Some("bad"))
    );
    assert_eq!(
        bad.stopped().now_or_never(),
        Some(StopReason::Panicked("thirteen".into()))
    );
    assert_eq!(group.which_handlers(), ["good"]);
    assert_eq!(
        diary.drain(),
        ["good 13", "bad 13", "bad ends: it panicked: thirteen"]
    );
    assert_eq!(manager.sync_notify(Event(2)).await.unwrap().acked(), 1);
    assert_eq!(diary.drain(), ["good 2"]);
}

#[tokio::test]
async fn an_event_that_every_handler_fails_is_dropped_by_each() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b"] {
        group.add_handler(name, fragile(name, &diary)).unwrap();
    }
    assert_eq!(manager.sync_notify(Event(13)).await.unwrap().dropped(), 2);
    assert!(group.which_handlers().is_empty());
    assert!(manager.sync_notify(Event(1)).await.unwrap().is_unheard());
}

#[tokio::test]
async fn joining_a_group_is_ordered_with_events() {
    // GenEvent case 30.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("a", scribe("a", &diary)).unwrap();
    manager.notify(Event(1)).await.unwrap();
    let b = group.add_handler("b", scribe("b", &diary)).unwrap();
    manager.notify(Event(2)).await.unwrap();
    let mut removal = Box::pin(b.remove());
    assert!(poll!(&mut removal).is_pending());
    manager.notify(Event(3)).await.unwrap();
    assert!(removal.await.is_ok());
    manager.flush().await.unwrap();
    assert_eq!(
        diary.drain(),
        ["a 1", "a 2", "b 2", "b ends: it was removed", "a 3"]
    );
}

#[tokio::test]
async fn group_and_member_names_are_unique() {
    // GenEvent case 27.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("a", scribe("a", &diary)).unwrap();
    let again = group.add_handler("a", scribe("again", &diary));
    let Err(AddHandlerError::AlreadyPresent(back)) = again else {
        panic!("it was added")
    };
    assert_eq!(back.into_handler().name, "again");
    manager.add_handler("a", scribe("a", &diary)).unwrap();
    assert!(manager.handler_group("a").is_err());
    assert!(manager.handler_group("group").is_err());
    let refused = manager.add_handler("group", scribe("a", &diary));
    assert!(matches!(refused, Err(AddHandlerError::AlreadyPresent(_))));
    assert!(manager.handler::<Scribe>("group").is_none());
}

#[tokio::test]
async fn members_have_all_the_calls_of_handlers() {
    // GenEvent cases 74, 83, 99.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let (owner, gone) = oneshot::channel::<()>();
    let a = group
        .add_mon_handler("a", scribe("a", &diary), gone)
        .unwrap();
    let b = group.add_handler("b", scribe("b", &diary)).unwrap();
    assert_eq!(a.call(|a| a.name).await, Ok("a"));
    let swapped = b.swap(|b| scribe("new", &b.diary)).await.unwrap();
    assert_eq!(group.which_handlers(), ["a", "b"]);
    manager.notify(Event(1)).await.unwrap();
    drop(owner);
    manager.notify(Event(2)).await.unwrap();
    assert_eq!(a.stopped().await, StopReason::OwnerGone);
    manager.flush().await.unwrap();
    assert_eq!(
        diary.drain(),
        [
            "b ends: another handler has taken its place",
            "a 1",
            "new 1",
            "a ends: its owner is gone",
            "new 2"
        ]
    );
    assert!(group.remove_handler("b").await);
    assert!(!group.remove_handler("b").await);
    assert_eq!(swapped.stopped().await, StopReason::Removed);
}

#[tokio::test]
async fn closing_ends_the_newest_member_first() {
    // GenEvent cases 53, 91.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b"] {
        group.add_handler(name, scribe(name, &diary)).unwrap();
    }
    manager.notify(Event(1)).await.unwrap();
    manager.stop().await.unwrap();
    let closed = "the event manager is closed";
    assert_eq!(
        diary.drain(),
        [
            "a 1".into(),
            "b 1".into(),
            format!("b ends: {closed}"),
            format!("a ends: {closed}")
        ]
    );
    assert_eq!(group.stopped().await, StopReason::ManagerClosed);
    let late = group.add_handler("late", scribe("late", &diary));
    let Err(AddHandlerError::Closed(late)) = late else {
        panic!("it was added")
    };
    assert_eq!(late.into_handler().name, "late");
    let make = || handler_fn(|_: &Event| ());
    assert!(
        group
            .add_handler_with(HandlerOptions::new("made").restart(Restart::never()), make)
            .is_err()
    );
}

#[tokio::test]
async fn a_group_stays_while_held_or_nonempty() {
    let manager = EventManager::<Event>::new(8);
    let group = manager.handler_group("held").unwrap();
    let stopped = group.stopped();
    manager.sync_notify(Event(1)).await.unwrap();
    assert_eq!(manager.which_handlers(), ["held"]);
    drop(group);
    assert_eq!(stopped.await, StopReason::Removed);
    assert!(manager.which_handlers().is_empty());

    let diary = Diary::default();
    let group = manager.handler_group("peopled").unwrap();
    let a = group.add_handler("a", scribe("a", &diary)).unwrap();
    drop(group);
    manager.sync_notify(Event(2)).await.unwrap();
    assert_eq!(diary.drain(), ["a 2"]);
    a.remove().await.ok().unwrap();
    assert_eq!(manager.subscriber_count(), 0);
    manager.flush().await.unwrap();
    yield_now().await;
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn removing_by_name_removes_the_whole_group() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let a = group.add_handler("a", scribe("a", &diary)).unwrap();
    manager.notify(Event(1)).await.unwrap();
    assert!(manager.remove_handler("group").await);
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::Removed));
    assert_eq!(group.stopped().now_or_never(), Some(StopReason::Removed));
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);
    assert_eq!(manager.subscriber_count(), 0);
    let gone = a.call(|_| ()).await;
    assert_eq!(gone, Err(CallError::Stopped(StopReason::Removed)));
}

#[tokio::test]
async fn aborting_a_stuck_member_lets_the_rest_continue() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let stuck = group
        .add_handler("stuck", |_: &Event| pending::<()>())
        .unwrap();
    group.add_handler("b", scribe("b", &diary)).unwrap();
    let mut done = Box::pin(manager.sync_notify(Event(1)));
    assert!(poll!(&mut done).is_pending());
    yield_now().await;
    stuck.abort();
    let receipt = done.await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    let unfinished = &receipt.unfinished()[0];
    assert_eq!(
        (unfinished.id(), unfinished.cause()),
        (stuck.id(), &Cause::Left)
    );
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["b 1"]);
}

#[tokio::test]
async fn a_member_can_be_aborted_before_its_first_event() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    manager.notify(Event(1)).await.unwrap();
    let a = group.add_handler("a", scribe("a", &diary)).unwrap();
    a.abort();
    assert_eq!(a.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["a ends: it was aborted"]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_owner_removes_its_member_at_once() {
    // The hazard: a member aborted before joining stayed.
    let manager = EventManager::<u8>::new(8);
    let group = manager.handler_group("group").unwrap();
    let owned = group
        .add_mon_handler("owned", handler_fn(|_: &u8| ()), std::future::ready(()))
        .unwrap();
    assert_eq!(owned.stopped().await, StopReason::OwnerGone);
    assert!(group.which_handlers().is_empty());
}

/// Counts the subscribers of a manager when woken.
struct Counting(EventManager<u32>, Mutex<Option<usize>>);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        *self.1.lock().unwrap() = Some(self.0.subscribers().len());
    }
}

#[tokio::test]
async fn an_ended_empty_group_is_no_longer_counted() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    let mut stopped = pin!(group.stopped());
    let counting = Arc::new(Counting(manager.clone(), Mutex::default()));
    let waker = Waker::from(Arc::clone(&counting));
    let mut cx = Context::from_waker(&waker);
    assert!(stopped.as_mut().poll(&mut cx).is_pending());
    assert!(manager.remove_handler("group").await);
    assert_eq!(*counting.1.lock().unwrap(), Some(0));
}

#[tokio::test]
async fn a_large_group_lets_other_tasks_run() {
    for members in [1_000, 20_000] {
        let manager = EventManager::<u32>::new(100);
        let group = manager.handler_group("group").unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        for n in 0..members {
            let counting = Arc::clone(&count);
            let handler = handler_fn(move |_: &u32| {
                counting.fetch_add(1, Ordering::Relaxed);
            });
            group.add_handler(n.to_string(), handler).unwrap();
        }
        manager.sync_notify(1).await.unwrap();
        for n in 0..100 {
            manager.try_notify(n).unwrap();
        }
        count.store(0, Ordering::Relaxed);
        yield_now().await;
        let seen = count.load(Ordering::Relaxed);
        assert!(0 < seen && seen < 5_000, "{seen} of {members}");
    }
}

#[tokio::test]
async fn an_ending_large_group_lets_other_tasks_run() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    for n in 0..1_000 {
        let once = handler_fn(|n: &u32| match n {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        group.add_handler(n.to_string(), once).unwrap();
    }
    manager.sync_notify(1).await.unwrap();
    manager.notify(0).await.unwrap();
    yield_now().await;
    let left = group.which_handlers().len();
    assert!((900..1_000).contains(&left), "{left} are left over a break");
    manager.close();
    manager.flush().await.unwrap();
    assert!(group.which_handlers().is_empty());
}
