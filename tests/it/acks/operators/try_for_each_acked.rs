//! The first error ends `try_for_each_acked`; `continue_on_error` passes each error to a closure
//! instead.

use std::cell::RefCell;
use std::future::ready;

use futures::FutureExt;
use futures::future::FusedFuture;
use genevent::{EventManager, EventStreamExt};
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    Jobs, assert_acked, assert_dropped, assert_open, deliveries, finish, on_demand, panics,
    polled_once_too_often, sync_notify_all,
};

#[test]
fn an_error_stops_but_lets_started_work_finish() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = task::spawn(deliveries(&manager).try_for_each_acked(3, on_demand(&jobs)));
    let [mut one, mut two, mut three, mut unread] = sync_notify_all(&manager, [1, 2, 3, 4]);
    assert_pending!(work.poll());

    finish(&jobs, 1, Err("first"));
    assert_pending!(work.poll());
    assert_dropped(&mut two);
    assert_dropped(&mut unread); // the stream is gone
    assert_eq!(manager.subscriber_count(), 0);
    assert_open(&mut one);
    assert!(!work.is_terminated());

    finish(&jobs, 1, Err("second"));
    assert_pending!(work.poll());
    assert_dropped(&mut three);
    finish(&jobs, 0, Ok(()));
    assert_eq!(assert_ready!(work.poll()), Err("first"));
    assert_acked(&mut one);
    assert!(work.is_terminated());
}

#[test]
fn no_event_is_taken_after_an_error() {
    let manager = EventManager::new(8);
    let mut events = deliveries(&manager);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let mut begun = 0;
    let work = (&mut events).try_for_each_acked(8, |n| {
        begun += 1;
        ready(Err(n))
    });
    assert_eq!(work.now_or_never(), Some(Err(1)));
    assert_eq!((begun, events.len(), events.unacked()), (1, 1, 0));
}

#[test]
fn without_errors_try_for_each_acked_ends_with_stream() {
    let manager = EventManager::new(8);
    let mut work = task::spawn(
        polled_once_too_often(deliveries(&manager))
            .try_for_each_acked(2, |_| ready(Ok::<(), String>(()))),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert_acked(&mut one);
    assert_acked(&mut two);
    manager.close();
    assert_eq!(assert_ready!(work.poll()), Ok(()));
    assert!(work.is_terminated());
}

#[test]
fn dropping_try_for_each_acked_discards_unfinished_events() {
    let manager = EventManager::new(8);
    let jobs: Jobs<Result<(), &str>> = Jobs::default();
    for stopping in [false, true] {
        let mut work = task::spawn(deliveries(&manager).try_for_each_acked(2, on_demand(&jobs)));
        let [mut one, mut two, mut unread] = sync_notify_all(&manager, [1, 2, 3]);
        assert_pending!(work.poll());
        if stopping {
            finish(&jobs, 0, Err("failed"));
            assert_pending!(work.poll());
        }
        drop(work);
        for waiting in [&mut one, &mut two, &mut unread] {
            assert_dropped(waiting);
        }
        jobs.borrow_mut().clear();
    }
}

#[test]
fn continue_on_error_passes_each_error_on() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let errors = RefCell::new(Vec::new());
    let mut work = task::spawn(
        deliveries(&manager)
            .try_for_each_acked(2, on_demand(&jobs))
            .continue_on_error(|error| errors.borrow_mut().push(error)),
    );
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    manager.close();
    assert_pending!(work.poll());
    finish(&jobs, 0, Err("one"));
    assert_pending!(work.poll());
    assert_dropped(&mut one);
    assert_eq!(*errors.borrow(), ["one"]);
    assert_eq!(jobs.borrow().len(), 2, "the third has begun");

    finish(&jobs, 1, Err("three"));
    assert_pending!(work.poll());
    assert_dropped(&mut three);
    finish(&jobs, 0, Ok(()));
    assert!(!work.is_terminated());
    assert_ready!(work.poll());
    assert_acked(&mut two);
    assert_eq!(*errors.borrow(), ["one", "three"]);
    assert!(work.is_terminated());
}

#[test]
fn an_event_is_settled_before_its_error_is_reported() {
    let manager = EventManager::new(8);
    let events = deliveries(&manager);
    let [one] = sync_notify_all(&manager, [1]);
    let one = RefCell::new(one);
    let mut work = task::spawn(
        events
            .try_for_each_acked(1, |n| ready(Err(n)))
            .continue_on_error(|_| assert_dropped(&mut one.borrow_mut())),
    );
    assert_pending!(work.poll());
}

#[test]
fn a_panicking_error_handler_keeps_other_events() {
    let manager = EventManager::new(8);
    let mut work = task::spawn(
        deliveries(&manager)
            .try_for_each_acked(None, |n| ready(Err(n)))
            .continue_on_error(|n| assert_ne!(n, 1, "handler")),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert!(panics(|| work.poll()).contains("handler"));
    assert_dropped(&mut one);
    assert_open(&mut two);
    assert_pending!(work.poll());
    assert_dropped(&mut two);
}

#[test]
fn dropping_continue_on_error_discards_unfinished_events() {
    let manager = EventManager::new(8);
    let jobs: Jobs<Result<(), &str>> = Jobs::default();
    let events = deliveries(&manager);
    let mut work = task::spawn(
        events
            .try_for_each_acked(1, on_demand(&jobs))
            .continue_on_error(|_| {}),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    drop(work);
    assert_dropped(&mut one);
    assert_dropped(&mut two);
}

#[test]
fn a_late_continue_on_error_receives_the_kept_error() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = deliveries(&manager).try_for_each_acked(2, on_demand(&jobs));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert!((&mut work).now_or_never().is_none());
    finish(&jobs, 0, Err("one"));
    assert!((&mut work).now_or_never().is_none());
    assert_dropped(&mut one);

    let mut errors = Vec::new();
    let work = work.continue_on_error(|error| errors.push(error));
    finish(&jobs, 0, Ok(()));
    assert_eq!(work.now_or_never(), Some(()));
    assert_acked(&mut two);
    assert_eq!(errors, ["one"]);
}
