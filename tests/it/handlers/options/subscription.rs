//! A handler with an overflow policy, a window, replay or predecessors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use genevent::error::TryNotifyError;
use genevent::test_util::Probe;
use genevent::{
    DisconnectCause, EventManager, HandlerOptions, Overflow, StopReason, SubscribeOptions,
    handler_fn,
};
use tokio::task::yield_now;

use super::{closed_gate, gated};

/// With a filter that wants every event, and without.
fn both(name: &str, options: impl Into<SubscribeOptions>) -> [HandlerOptions<u32>; 2] {
    let options = options.into();
    let plain = HandlerOptions::new(name).subscribe(options.clone());
    let filtered = HandlerOptions::new(name)
        .filter(|_| true)
        .subscribe(options);
    [plain, filtered]
}

#[tokio::test]
async fn lost_events_are_counted() {
    let newest = SubscribeOptions::new()
        .overflow(Overflow::DropOldest)
        .window(2);
    for options in both("slow", newest) {
        let manager = EventManager::new(8);
        let (go, seen) = closed_gate();
        let slow = manager
            .add_handler_with(options, gated(&go, &seen))
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await; // the handler is stuck at event 1
        for n in 2..=6 {
            assert_eq!(manager.notify(n).await, Ok(1));
        }
        assert_eq!(slow.missed(), 3);
        assert_eq!(slow.erase().missed(), 3);
        go.add_permits(9);
        manager.flush().await.unwrap();
        assert_eq!(seen.drain(), [1, 5, 6]);
    }
}

#[tokio::test]
async fn a_slow_handler_is_disconnected_by_its_policy() {
    for options in both(
        "slow",
        SubscribeOptions::new()
            .overflow(Overflow::Disconnect)
            .window(1),
    ) {
        let manager = EventManager::new(8);
        let (go, seen) = closed_gate();
        let slow = manager
            .add_handler_with(options, gated(&go, &seen))
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await;
        manager.notify(2).await.unwrap();
        assert_eq!(manager.notify(3).await, Ok(0));
        go.add_permits(9);
        let reason = StopReason::Disconnected(DisconnectCause::Overflow);
        assert_eq!(slow.stopped().await, reason);
        assert_eq!(seen.drain(), [1, 2], "the stored events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_limit_the_wait_for_room() {
    let second = Duration::from_secs(1);
    for options in both("slow", Overflow::WaitAtMost(second)) {
        let manager = EventManager::new(1);
        let (go, seen) = closed_gate();
        let slow = manager
            .add_handler_with(options, gated(&go, &seen))
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await;
        manager.notify(2).await.unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(manager.notify(3).await, Ok(0));
        assert_eq!(start.elapsed(), second);
        slow.abort();
        assert_eq!(slow.stopped().await, StopReason::Aborted);
    }
}

#[tokio::test]
async fn a_window_bounds_a_handler() {
    for options in both("slow", SubscribeOptions::new().window(1)) {
        let manager = EventManager::builder()
            .capacity(8)
            .default_overflow(Overflow::DropOldest)
            .build();
        let (go, seen) = closed_gate();
        let slow = manager
            .add_handler_with(options, gated(&go, &seen))
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await;
        assert_eq!(manager.try_notify(2), Ok(1));
        assert_eq!(
            manager.try_notify(3),
            Err(TryNotifyError::Full(3)),
            "policy `Wait`"
        );
        go.add_permits(9);
        assert_eq!(manager.notify(3).await, Ok(1));
        manager.flush().await.unwrap();
        assert_eq!((seen.drain(), slow.missed()), (vec![1, 2, 3], 0));
    }
}

#[tokio::test]
async fn a_late_handler_begins_with_retained_events() {
    let manager = EventManager::builder().capacity(8).retain(4).build();
    for n in 1..=6 {
        manager.notify(n).await.unwrap();
    }
    let (go, seen) = closed_gate();
    let options = HandlerOptions::new("late").subscribe(SubscribeOptions::new().replay(3));
    let late = manager
        .add_handler_with(options, gated(&go, &seen))
        .unwrap();
    let before = seen.clone();
    let call = late.call(move |_| before.drain());
    let mut call = tokio_test::task::spawn(call);
    assert!(call.poll().is_pending());
    manager.notify(7).await.unwrap();
    let between = seen.clone();
    let mut later = tokio_test::task::spawn(late.call(move |_| between.drain()));
    assert!(later.poll().is_pending());
    manager.notify(8).await.unwrap();
    assert_eq!(
        manager.subscribers()[0].unread(),
        2,
        "replayed events take no room"
    );
    go.add_permits(9);
    assert_eq!(call.await, Ok(vec![4, 5, 6]), "behind the replayed events");
    assert_eq!(later.await, Ok(vec![7]));
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [8]);
}

#[tokio::test]
async fn a_handler_can_be_a_later_stage() {
    let manager = EventManager::new(8);
    let mut journal = manager.subscribe();
    let seen = Probe::new();
    let options =
        HandlerOptions::new("business").subscribe(SubscribeOptions::new().after(journal.id()));
    let business = manager.add_handler_with(options, seen.clone()).unwrap();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    yield_now().await;
    assert!(seen.drain().is_empty());
    assert_eq!(journal.next().await, Some(1));
    assert_eq!(journal.next().await, Some(2));
    yield_now().await;
    assert_eq!(seen.drain(), [1], "event 2 is in flight");
    let behind = seen.clone();
    let mut call = tokio_test::task::spawn(business.call(move |_| behind.drain()));
    assert!(call.poll().is_pending());
    yield_now().await;
    assert!(call.poll().is_pending(), "behind event 2");
    journal.ack();
    assert_eq!(call.await, Ok(vec![2]));
}

#[tokio::test]
async fn options_that_panic_leave_nothing_behind() {
    let manager = EventManager::<u32>::new(8);
    let foreign = EventManager::<u32>::new(8).subscribe().id();
    let own = manager.subscribe();
    let after = |id| SubscribeOptions::new().after(id);
    let wrong = [
        HandlerOptions::new("log").subscribe(after(foreign)),
        HandlerOptions::new("log")
            .subscribe(after(own.id()))
            .filter(|_| true),
    ];
    for options in wrong {
        let held = Arc::new(());
        let handler = {
            let held = Arc::clone(&held);
            handler_fn(move |_: &u32| drop(Arc::clone(&held)))
        };
        let add = || manager.add_handler_with(options, handler).is_ok();
        assert!(catch_unwind(AssertUnwindSafe(add)).is_err());
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(manager.which_handlers().is_empty(), "the name is free");
        assert_eq!(manager.subscriber_count(), 1);
    }
    manager
        .add_handler("log", handler_fn(|_: &u32| ()))
        .unwrap();
}
