//! Handlers, one task each: what they see, how they end, what can be asked of them.
//!
//! The numbers are those of `genevent_parity/CASES.md`, the behaviour of `GenEvent` case by case.

use std::future::pending;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::{FutureExt, StreamExt, poll};
use genevent::handler::{AddHandlerError, CallError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handler, HandlerRef, StopReason, SubscriberKind, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// What handlers note.
type Diary = Probe<String>;

/// Notes what it is called with. 0 ends it, 13 makes it panic.
struct Scribe {
    name: &'static str,
    diary: Diary,
    seen: Vec<u32>,
}

impl Scribe {
    fn new(name: &'static str, diary: &Diary) -> Self {
        let (diary, seen) = (diary.clone(), Vec::new());
        Self { name, diary, seen }
    }
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        self.diary.record(format!("{} {n}", self.name));
        self.seen.push(*n);
        yield_now().await;
        match n {
            0 => ControlFlow::Break(()),
            13 => panic!("thirteen"),
            _ => ControlFlow::Continue(()),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        yield_now().await;
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

fn add(manager: &EventManager<u32>, name: &'static str, diary: &Diary) -> HandlerRef<u32, Scribe> {
    manager.add_handler(name, Scribe::new(name, diary)).unwrap()
}

// ---- Adding -------------------------------------------------------------------------------------

#[tokio::test]
async fn a_manager_begins_without_handlers_and_lists_them_oldest_first() {
    // GenEvent cases 1, 23, 32.
    let manager = EventManager::new(8);
    assert!(manager.which_handlers().is_empty());
    let diary = Diary::default();
    for name in ["a", "b", "c"] {
        add(&manager, name, &diary);
    }
    assert_eq!(manager.which_handlers(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_name_in_use_gives_the_handler_back_and_leaves_all_as_it_was() {
    // GenEvent cases 24, 27, 96.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let first = add(&manager, "log", &diary);
    manager.notify(1).await.unwrap();
    let (tx, watch) = oneshot::channel::<()>();

    let again = manager.add_mon_handler("log", Scribe::new("again", &diary), watch);
    let Err(AddHandlerError::AlreadyPresent(back)) = again else {
        panic!("it was added")
    };
    assert_eq!(back.name, "again");
    assert!(tx.is_closed(), "no watch is left behind");
    assert_eq!(manager.which_handlers(), ["log"]);
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(first.call(|h| h.seen.clone()).await, Ok(vec![1]));
}

#[tokio::test]
async fn one_type_lives_under_two_names_and_each_sees_every_event() {
    // GenEvent case 28.
    let manager = EventManager::new(8);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    manager.add_handler("two", twos.clone()).unwrap();
    assert_eq!(manager.sync_notify(5).await.unwrap().acked(), 2);
    assert_eq!((ones.drain(), twos.drain()), (vec![5], vec![5]));
}

#[tokio::test]
async fn a_handler_sees_exactly_what_is_published_after_it_was_added() {
    // GenEvent case 30.
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    manager.notify(1).await.unwrap();
    let seen = Probe::new();
    manager.add_handler("late", seen.clone()).unwrap();
    manager.notify(2).await.unwrap();
    drop(reader);
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [2]);
}

#[tokio::test]
async fn control_never_waits_behind_a_stuck_handler() {
    // GenEvent cases 34, 66, 130.
    let manager = EventManager::new(8);
    manager
        .add_handler("stuck", |_: &u32| pending::<()>())
        .unwrap();
    let diary = Diary::default();
    let other = add(&manager, "other", &diary);
    let mut answer = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut answer).is_pending());
    yield_now().await;

    assert_eq!(manager.which_handlers(), ["stuck", "other"]);
    add(&manager, "third", &diary);
    assert_eq!(other.remove().await.ok().unwrap().seen, [1]);
    assert_eq!(manager.which_handlers(), ["stuck", "third"]);
    manager.close();
    assert!(poll!(&mut answer).is_pending());
}

#[tokio::test]
async fn a_closed_manager_gives_the_handler_back() {
    // GenEvent case 17.
    let manager = EventManager::new(8);
    manager.close();
    let (dropped, owner) = oneshot::channel::<()>();
    let refused = manager.add_mon_handler("late", handler_fn(|_: &u32| ()), owner);
    assert!(matches!(refused, Err(AddHandlerError::Closed(_))));
    assert!(dropped.is_closed());
    assert!(manager.which_handlers().is_empty());
    assert!(!manager.remove_handler("late").await);
}

#[test]
#[should_panic(expected = "no reactor running")]
fn adding_outside_of_a_runtime_panics() {
    let manager = EventManager::new(8);
    let _ = manager.add_handler("log", handler_fn(|_: &u32| ()));
}

#[test]
fn adding_outside_of_a_runtime_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let adding = || manager.add_handler("log", handler_fn(|_: &u32| ())).is_ok();
    let added = std::panic::catch_unwind(std::panic::AssertUnwindSafe(adding));
    assert!(added.is_err());
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn a_handler_is_seen_as_a_subscriber_with_its_name_and_line() {
    let manager = EventManager::<u32>::new(8);
    let log = handler_fn(|_: &u32| ());
    manager.add_handler("log", log).unwrap();
    let line = line!() - 1;
    let group = manager.handler_group("group").unwrap();
    let infos = manager.subscribers();
    assert_eq!(
        (infos[0].name(), infos[0].kind()),
        (Some("log"), SubscriberKind::Handler)
    );
    assert_eq!(
        (infos[0].created_at().line(), infos[0].created_at().file()),
        (line, file!())
    );
    assert_eq!(
        (infos[1].name(), infos[1].kind()),
        (Some("group"), SubscriberKind::Group)
    );
    drop(group);
}

// ---- Events -------------------------------------------------------------------------------------

#[tokio::test]
async fn notify_returns_before_the_handler_runs_and_sync_notify_after() {
    // GenEvent cases 36, 37, 40, 46, 48.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    assert!(diary.drain().is_empty());
    manager.ack_notify(2).await.unwrap();
    let receipt = manager.sync_notify(3).await.unwrap();
    assert!(receipt.all_acked());
    assert_eq!(diary.drain(), ["a 1", "a 2", "a 3"]);
}

#[tokio::test(start_paused = true)]
async fn handlers_and_streams_work_side_by_side() {
    // GenEvent cases 38, 41, 43.
    use std::time::Duration;
    let manager = EventManager::new(8);
    for (name, millis) in [("a", 100), ("b", 150)] {
        let work = move |_: &u32| tokio::time::sleep(Duration::from_millis(millis));
        manager.add_handler(name, work).unwrap();
    }
    let mut stream = manager.subscribe();
    let reading = tokio::spawn(async move {
        while stream.next().await.is_some() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let start = tokio::time::Instant::now();
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 3);
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    drop(manager);
    reading.await.unwrap();
}

#[tokio::test]
async fn a_call_comes_after_the_events_before_it_and_changes_the_handler() {
    // GenEvent cases 55, 99, 146.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, _b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    let mut call = Box::pin(a.call(|a| std::mem::take(&mut a.seen)));
    assert!(poll!(&mut call).is_pending());
    manager.notify(3).await.unwrap();
    assert_eq!(call.await, Ok(vec![1, 2]), "3 was stored after the call");
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![3]));
}

#[tokio::test]
async fn every_handler_and_stream_sees_the_same_order() {
    // GenEvent cases 49, 50.
    let manager = EventManager::new(4);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    manager.add_handler("two", twos.clone()).unwrap();
    let stream = manager.subscribe();
    let senders = [100, 200].map(|base| {
        let manager = manager.clone();
        tokio::spawn(async move {
            for n in 1..=50 {
                manager.notify(base + n).await.unwrap();
            }
        })
    });
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    for sender in senders {
        sender.await.unwrap();
    }
    manager.close();
    let order = reading.await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(order.len(), 100);
    assert_eq!((ones.drain(), twos.drain()), (order.clone(), order));
}

#[tokio::test]
async fn a_cancelled_sync_notify_still_delivers() {
    // GenEvent case 44.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(manager.sync_notify(1).now_or_never().is_none());
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1]));
}

#[tokio::test]
async fn events_need_not_be_clone() {
    struct Whole(u32);
    let manager = EventManager::new(4);
    let seen = Probe::new();
    let noting = seen.clone();
    let handler = handler_fn(move |whole: &Whole| noting.record(whole.0));
    manager.add_handler("whole", handler).unwrap();
    manager.sync_notify(Whole(3)).await.unwrap();
    assert_eq!(seen.drain(), [3]);
}

#[tokio::test]
async fn closures_may_await_if_they_do_not_hold_the_event() {
    let manager = EventManager::new(4);
    let seen = Probe::new();
    let noting = seen.clone();
    let handler = move |text: &String| {
        let (noting, text) = (noting.clone(), text.clone());
        async move {
            yield_now().await;
            let end = text == "end";
            noting.record(text);
            if end {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    };
    let handler = manager.add_handler("async", handler).unwrap();
    manager.notify("one".into()).await.unwrap();
    manager.notify("end".into()).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::Finished);
    assert_eq!(seen.drain(), ["one", "end"]);
}

// ---- Failing ------------------------------------------------------------------------------------

#[tokio::test]
async fn a_panic_ends_that_handler_alone_and_counts_as_dropped() {
    // GenEvent cases 57, 58, 59.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let (bad, seen) = (add(&manager, "bad", &diary), Probe::new());
    manager.add_handler("good", seen.clone()).unwrap();
    let receipt = manager.sync_notify(13).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    // GenEvent case 93: told before the answer.
    assert_eq!(
        bad.stopped().now_or_never(),
        Some(StopReason::Panicked("thirteen".into()))
    );
    assert_eq!(diary.drain(), ["bad 13", "bad ends: it panicked: thirteen"]);
    assert_eq!(manager.which_handlers(), ["good"]);
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
    assert_eq!(seen.drain(), [13, 2]);
}

#[tokio::test]
async fn a_handler_may_end_itself() {
    // GenEvent cases 60, 87.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let receipt = manager.sync_notify(0).await.unwrap();
    assert_eq!(receipt.acked(), 1, "it has finished with that one");
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::Finished));
    assert_eq!(diary.drain(), ["a 0", "a ends: it had finished"]);
    assert_eq!(manager.subscriber_count(), 0);
    assert!(manager.which_handlers().is_empty());
    assert_eq!(a.remove().await.err(), Some(StopReason::Finished));
}

#[tokio::test]
async fn a_panic_in_terminate_changes_nothing_about_the_end() {
    // GenEvent cases 64, 67.
    struct Sore;
    impl Handler<u32> for Sore {
        async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        async fn terminate(&mut self, _: &StopReason) {
            panic!("sore")
        }
    }
    let manager = EventManager::new(4);
    let sore = manager.add_handler("sore", Sore).unwrap();
    let stopped = sore.stopped();
    assert_eq!(
        sore.remove().await.err(),
        Some(StopReason::Panicked("sore".into()))
    );
    assert_eq!(stopped.await, StopReason::Removed);
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn a_handler_whose_drop_panics_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "bomb");
        }
    }
    impl Handler<u32> for Bomb {
        async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let manager = EventManager::new(4);
    let bomb = manager.add_handler("bomb", Bomb).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(bomb.stopped().await, StopReason::Finished);
    manager.stop().await.unwrap();
}

// ---- Removing and swapping ----------------------------------------------------------------------

#[tokio::test]
async fn a_removal_has_its_place_in_the_sequence() {
    // GenEvent cases 69, 71, 73, 86.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let stopped = a.stopped();
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    let mut removal = Box::pin(a.remove());
    assert!(poll!(&mut removal).is_pending());
    for n in 4..=6 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(removal.await.ok().unwrap().seen, [1, 2, 3]);
    assert_eq!(stopped.now_or_never(), Some(StopReason::Removed));
    assert_eq!(diary.drain().last().unwrap(), "a ends: it was removed");
    assert!(manager.sync_notify(7).await.unwrap().is_unheard());
    assert!(diary.drain().is_empty());
}

#[tokio::test]
async fn removing_by_name_tells_whether_it_was_there() {
    // GenEvent cases 70, 100.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let again = manager.handler::<Scribe>("a").unwrap();
    assert!(!manager.remove_handler("b").await);
    assert!(manager.remove_handler("a").await);
    assert!(!manager.remove_handler("a").await);
    assert!(manager.handler::<Scribe>("a").is_none());
    let call = again.call(|a| a.seen.len()).await;
    assert_eq!(call, Err(CallError::Stopped(StopReason::Removed)));
    add(&manager, "a", &diary);
    assert_eq!(
        again.stopped().await,
        StopReason::Removed,
        "not the new one"
    );
}

#[tokio::test]
async fn a_removal_waits_for_the_event_in_work() {
    // GenEvent case 72.
    let manager = EventManager::new(8);
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let work = move |_: &u32| wait.take().unwrap().map(drop);
    let work = manager.add_handler("work", work).unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut done).is_pending());
    let mut removal = Box::pin(work.remove());
    for _ in 0..4 {
        assert!(poll!(&mut removal).is_pending());
        yield_now().await;
    }
    go.send(()).unwrap();
    assert!(removal.await.is_ok());
    assert!(done.await.unwrap().all_acked());
}

#[tokio::test]
async fn a_dropped_removal_or_swap_is_still_carried_out() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    let stopped = a.stopped();
    assert!(a.remove().now_or_never().is_none());
    assert_eq!(stopped.await, StopReason::Removed);

    let stopped = b.stopped();
    let swapped = b.swap(|old| Scribe::new("c", &old.diary));
    assert!(swapped.now_or_never().is_none());
    assert_eq!(stopped.await, StopReason::Swapped);
    let c = manager.handler::<Scribe>("b").unwrap();
    assert_eq!(c.call(|c| c.name).await, Ok("c"));
}

#[tokio::test]
async fn a_swap_keeps_the_name_the_place_and_the_owner() {
    // GenEvent cases 74, 78, 82, 89.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let a = Scribe::new("a", &diary);
    let a = manager.add_mon_handler("a", a, gone).unwrap();
    let _b = add(&manager, "b", &diary);
    manager.notify(1).await.unwrap();
    let stopped = a.stopped();
    let swapped = a.swap(|old| Scribe { name: "new", ..old }).await.unwrap();
    assert_eq!(stopped.await, StopReason::Swapped);
    assert_eq!(manager.which_handlers(), ["a", "b"]);
    manager.sync_notify(2).await.unwrap();
    assert_eq!(swapped.call(|new| new.seen.clone()).await, Ok(vec![1, 2]));
    let log = diary.drain();
    assert_eq!(
        log.iter().filter(|l| l.contains("ends")).count(),
        1,
        "{log:?}"
    );
    drop(owner);
    assert_eq!(swapped.stopped().await, StopReason::OwnerGone);
}

#[tokio::test]
async fn a_swap_between_types_makes_old_references_stale() {
    // GenEvent cases 75, 77: what is not there cannot be swapped, and names do not change.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let old = a.clone();
    let seen = Probe::new();
    let heir = seen.clone();
    a.swap(move |_| heir).await.unwrap();
    assert_eq!(
        old.call(|_| ()).await,
        Err(CallError::Stopped(StopReason::Swapped))
    );
    assert!(manager.handler::<Scribe>("a").is_none());
    old.abort();
    manager.sync_notify(4).await.unwrap();
    assert_eq!(seen.drain(), [4], "a stale reference reaches nobody");
    let gone = old.swap(|_| handler_fn(|_: &u32| ())).await;
    assert_eq!(gone.err(), Some(StopReason::Swapped));
}

#[tokio::test]
async fn a_refused_swap_leaves_the_old_one_going() {
    // GenEvent case 76.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let refused = a.try_swap(Err::<Scribe, Scribe>).await;
    let Err(TrySwapError::Refused(a)) = refused else {
        panic!("it was swapped")
    };
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    let b = a.try_swap(|a| Ok(Scribe { name: "b", ..a })).await.unwrap();
    assert_eq!(b.call(|b| b.name).await, Ok("b"));
    assert_eq!(
        diary.drain(),
        ["a 1", "a 2"],
        "the closure ends it, not `terminate`"
    );
}

#[tokio::test]
async fn a_swap_that_panics_ends_the_handler() {
    // GenEvent case 80.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let swapped = a.swap(|_| -> Scribe { panic!("no") }).await;
    assert_eq!(swapped.err(), Some(StopReason::Panicked("no".into())));
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn aborting_drops_what_the_handler_awaits_and_what_it_has_in_hand() {
    let manager = EventManager::new(8);
    let (alive, watch) = oneshot::channel::<()>();
    let mut watch = Some(watch);
    let stuck = move |_: &u32| {
        let watch = watch.take();
        async move {
            pending::<()>().await;
            drop(watch);
        }
    };
    let stuck = manager.add_handler("stuck", stuck).unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut done).is_pending());
    manager.notify(2).await.unwrap();
    yield_now().await;
    stuck.abort();
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    assert_eq!(done.await.unwrap().dropped(), 1);
    assert!(alive.is_closed());
    stuck.abort();
}

#[tokio::test]
async fn a_handler_is_aborted_while_it_is_idle_and_while_it_terminates() {
    struct Lingering;
    impl Handler<u32> for Lingering {
        async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        async fn terminate(&mut self, reason: &StopReason) {
            if *reason == StopReason::Removed {
                pending::<()>().await;
            }
        }
    }
    let manager = EventManager::<u32>::new(8);
    let idle = manager.add_handler("idle", Lingering).unwrap();
    yield_now().await;
    idle.abort();
    assert_eq!(idle.stopped().await, StopReason::Aborted);

    let lingering = manager.add_handler("lingering", Lingering).unwrap();
    let other = lingering.clone();
    assert!(lingering.remove().now_or_never().is_none());
    yield_now().await;
    assert_eq!(manager.which_handlers(), ["lingering"], "it is not over");
    other.abort();
    assert_eq!(other.stopped().await, StopReason::Removed);
}

// ---- Calls --------------------------------------------------------------------------------------

#[tokio::test]
async fn a_call_that_panics_ends_the_handler_and_tells_the_caller() {
    // GenEvent case 102.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let failed = a.call(|_| -> u32 { panic!("no") }).await;
    assert_eq!(failed, Err(CallError::Panicked("no".into())));
    assert_eq!(
        a.stopped().now_or_never(),
        Some(StopReason::Panicked("no".into()))
    );
    assert_eq!(diary.drain(), ["a ends: it panicked: no"]);
}

#[tokio::test]
async fn a_call_that_nobody_awaits_any_more_is_still_made() {
    // GenEvent cases 104, 105, 107.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(a.call(|a| a.seen.push(9)).now_or_never().is_none());
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![9]));
}

#[tokio::test]
async fn many_calls_are_out_at_once() {
    // GenEvent cases 106, 108.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let calls: futures::stream::FuturesUnordered<_> =
        (0..4).map(|label| a.call(move |_| label)).collect();
    let mut answers: Vec<_> = calls.map(Result::unwrap).collect().await;
    answers.sort_unstable();
    assert_eq!(answers, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_call_to_a_handler_of_a_closed_manager_tells_so() {
    // GenEvent cases 17, 109.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let mut before = Box::pin(a.call(|a| a.seen.clone()));
    assert!(poll!(&mut before).is_pending());
    drop(manager);
    assert_eq!(before.await, Ok(vec![1]));
    let gone = Err(CallError::Stopped(StopReason::ManagerClosed));
    assert_eq!(a.call(|a| a.seen.clone()).await, gone);
}

// ---- Owners -------------------------------------------------------------------------------------

#[tokio::test]
async fn an_owner_takes_its_handler_along_at_its_place_in_the_sequence() {
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
async fn an_owner_that_is_gone_already_or_panics_is_gone() {
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
async fn a_handler_that_ends_lets_go_of_its_owner() {
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

// ---- The manager's end --------------------------------------------------------------------------

#[tokio::test]
async fn stop_waits_until_every_handler_has_handled_all_and_ended() {
    // GenEvent cases 2, 11, 15, 91.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(
        diary.drain(),
        ["a 1", "a 2", "a ends: the event manager is closed"]
    );
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::ManagerClosed));
    assert!(manager.which_handlers().is_empty());
}

struct Endless;
impl Handler<u32> for Endless {
    async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    async fn terminate(&mut self, _: &StopReason) {
        pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_waits_only_so_long_names_the_handler_that_is_stuck() {
    // GenEvent case 16.
    use std::time::Duration;
    let manager = EventManager::new(8);
    let stuck = manager
        .add_handler("stuck", |_: &u32| pending::<()>())
        .unwrap();
    manager.notify(1).await.unwrap();
    let late = manager
        .stop()
        .within(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(late.pending()[0].name(), Some("stuck"));
    stuck.abort();
    manager.stop().await.unwrap();

    let manager = EventManager::<u32>::new(8);
    manager.add_handler("endless", Endless).unwrap();
    let late = manager
        .stop()
        .within(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(late.pending()[0].name(), Some("endless"));
}

#[tokio::test]
async fn handlers_and_their_references_do_not_keep_the_manager_open() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    drop(manager);
    assert_eq!(a.stopped().await, StopReason::ManagerClosed);
    assert_eq!(
        diary.drain(),
        ["a 1", "a ends: the event manager is closed"]
    );
}

#[test]
fn a_runtime_that_goes_tells_the_end_too() {
    // GenEvent cases 12, 45, 92.
    let manager = EventManager::new(8);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (stuck, busy) = runtime.block_on(async {
        let idle = manager
            .add_handler("idle", handler_fn(|_: &u32| ()))
            .unwrap();
        let busy = manager
            .add_handler("busy", |_: &u32| pending::<()>())
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await;
        (idle.stopped(), busy)
    });
    let mut receipt = Box::pin(manager.sync_notify(2));
    assert!(receipt.as_mut().now_or_never().is_none());
    drop(runtime);
    let reasons = futures::executor::block_on(async { (stuck.await, busy.stopped().await) });
    assert_eq!(reasons, (StopReason::Aborted, StopReason::Aborted));
    assert_eq!(receipt.now_or_never().unwrap().unwrap().dropped(), 2);
    assert!(manager.which_handlers().is_empty());
    assert!(manager.stop().now_or_never().is_some());
}

#[tokio::test]
async fn a_disconnected_handler_handles_what_it_had_and_tells() {
    // GenEvent case 127.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    assert!(manager.disconnect(manager.subscribers()[0].id()));
    manager.notify(3).await.unwrap();
    assert!(matches!(a.stopped().await, StopReason::Disconnected(_)));
    assert_eq!(diary.drain()[..2], ["a 1", "a 2"]);
}

#[tokio::test]
async fn a_busy_handler_lets_other_tasks_run() {
    let manager = EventManager::new(10_000);
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let handler = handler_fn(move |_: &u32| {
        counting.fetch_add(1, Ordering::Relaxed);
    });
    manager.add_handler("count", handler).unwrap();
    for n in 0..10_000 {
        manager.try_notify(n).unwrap();
    }
    yield_now().await;
    let seen = count.load(Ordering::Relaxed);
    assert!(0 < seen && seen < 1_000, "{seen}");
    manager.flush().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 10_000);
}

#[test]
fn all_that_is_handed_out_is_send() {
    fn is_send<T: Send + 'static>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let check = |manager: EventManager<u32>, a: HandlerRef<u32, Scribe>| {
        is_send(&a.stopped());
        is_send(&a.clone().remove());
        is_send(&a.clone().swap(|old| old));
        is_sync(&a);
        is_sync(&manager.handler_group("g").unwrap());
        is_send(&a.drop_guard());
    };
    let _ = check;
}

/// To a task that has used up its turn, tokio's futures say that they are pending.
#[tokio::test]
async fn an_owners_end_keeps_its_place_though_the_handler_has_used_up_its_turn() {
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
