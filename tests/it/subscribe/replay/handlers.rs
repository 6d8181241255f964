//! Handlers, with a filter or without, begin with retained events.

use genevent::test_util::Probe;
use genevent::{HandlerOptions, StopReason, handler_fn};

use super::{publish, replay, retaining, since};

#[tokio::test]
async fn a_handler_with_a_filter_begins_with_wanted_events() {
    let manager = retaining(100);
    publish(&manager, 1..=9);
    let seen = Probe::new();
    let options = HandlerOptions::new("thirds")
        .filter(|n: &usize| n % 3 == 0)
        .subscribe(replay(2).window(1));
    let thirds = manager.add_handler_with(options, seen.clone()).unwrap();
    manager.notify(12).await.unwrap();
    // A command is behind the replay, and behind the events stored before it.
    assert_eq!(thirds.call(|_| ()).await, Ok(()));
    assert_eq!(seen.drain(), [6, 9, 12]);
    thirds.remove().await.unwrap();
}

#[tokio::test]
async fn handlers_count_events_that_are_not_retained_any_more() {
    let manager = retaining(2);
    publish(&manager, 1..=6);
    let (seen, wanted) = (Probe::new(), Probe::new());
    let all = HandlerOptions::new("all").subscribe(since(1));
    let all = manager.add_handler_with(all, seen.clone()).unwrap();
    let even = HandlerOptions::new("even")
        .filter(|n| n % 2 == 0)
        .subscribe(since(1));
    let even = manager.add_handler_with(even, wanted.clone()).unwrap();
    manager.sync_notify(7).await.unwrap();
    assert_eq!((all.missed(), even.missed()), (3, 3));
    assert!(all.remove().await.is_ok() && even.remove().await.is_ok());
    assert_eq!((seen.drain(), wanted.drain()), (vec![5, 6, 7], vec![6]));
}

#[tokio::test]
async fn a_filter_that_panics_in_a_replay_ends_its_handler() {
    let manager = retaining(10);
    publish(&manager, 1..=3);
    let options = HandlerOptions::new("broken")
        .filter(|n| *n < 2 || panic!("a panic on purpose"))
        .subscribe(replay(9));
    let broken = manager
        .add_handler_with(options, handler_fn(|_: &usize| ()))
        .unwrap();
    let reason = broken.stopped().await;
    assert!(
        matches!(reason, StopReason::Disconnected { .. }),
        "{reason:?}"
    );
}

#[tokio::test]
#[should_panic(expected = "a manager replays events only if it is built with `retain`")]
async fn a_manager_that_retains_nothing_refuses_a_replaying_handler() {
    let manager = genevent::EventManager::new(8);
    let options = HandlerOptions::new("late").subscribe(since(0));
    _ = manager.add_handler_with(options, handler_fn(|_: &usize| ()));
}
