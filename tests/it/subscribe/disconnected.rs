//! `disconnected()` resolves when its subscription is disconnected, ended or dropped, also while no
//! task polls the stream.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use genevent::future::Disconnected;
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use crate::drive::{now, read, read_all};

/// The cause of a disconnect, as known to the future now.
#[track_caller]
fn cause(gone: Disconnected) -> DisconnectCause {
    match now(gone) {
        Some(EndReason::Disconnected { cause, .. }) => cause,
        other => panic!("not disconnected: {other:?}"),
    }
}

/// Options of a subscription with room for an event, which is disconnected by the next event.
fn strict() -> SubscribeOptions {
    SubscribeOptions::from(Overflow::Disconnect).window(1)
}

#[test]
fn overflow_resolves_it_while_nobody_polls() {
    let manager = EventManager::builder().capacity(8).retain(2).build();
    manager.try_notify(0).unwrap();
    let journal = manager.subscribe();
    let mut plain = manager.subscribe_with(strict());
    let deliveries = manager.subscribe_with(strict().observer()).deliveries();
    let missed = manager.subscribe_with(strict()).with_missed();
    let filtered = manager.subscribe_filter_with(strict(), |_| true);
    let of_filtered = manager.subscribe_filter_with(strict().observer(), |_| true);
    let of_filtered = of_filtered.deliveries();
    let replaying = manager.subscribe_with(strict().replay(1));
    let stage = manager.subscribe_with(strict().after(journal.id()));
    let futures = [
        plain.disconnected(),
        deliveries.disconnected(),
        missed.get_ref().disconnected(),
        filtered.disconnected(),
        of_filtered.disconnected(),
        replaying.disconnected(),
        stage.disconnected(),
    ];
    let mut futures = futures.map(task::spawn);
    for future in &mut futures {
        assert_pending!(future.poll());
    }
    manager.try_notify(1).unwrap();
    for future in &mut futures {
        assert!(!future.is_woken());
        assert_pending!(future.poll());
    }
    assert_eq!(manager.try_notify(2), Ok(1), "the journal is left");
    for future in futures {
        assert!(future.is_woken());
        assert_eq!(cause(future.into_inner()), DisconnectCause::Overflow);
    }
    assert_eq!(read_all(&mut plain), [1], "still to be read");
    assert_eq!(cause(plain.disconnected()), DisconnectCause::Overflow);
}

#[test]
fn each_cause_is_told() {
    let manager = EventManager::new(8);
    let requested = manager.subscribe();
    let gone = requested.disconnected();
    manager.disconnect(requested.id());
    assert_eq!(cause(gone), DisconnectCause::Requested);
    let panics = manager.subscribe_filter(|n: &u32| 100 / n > 1);
    let mut gone = task::spawn(panics.disconnected());
    assert_pending!(gone.poll());
    manager.try_notify(0).unwrap();
    assert!(gone.is_woken());
    assert_eq!(cause(gone.into_inner()), DisconnectCause::Panicked);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_socket_can_be_closed_from_another_task() {
    use std::time::Duration;
    let manager = EventManager::new(1);
    let limit = Overflow::WaitAtMost(Duration::from_secs(5));
    let stuck = manager.subscribe_with(limit);
    let gone = tokio::spawn(stuck.disconnected());
    manager.notify(1).await.unwrap();
    assert_eq!(manager.notify(2).await, Ok(0));
    let reason = gone.await.unwrap().unwrap();
    let cause = DisconnectCause::Overdue;
    assert!(matches!(reason, EndReason::Disconnected { cause: it, .. } if it == cause));
}

#[test]
fn a_closed_manager_resolves_it_at_the_end_of_the_stream() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    manager.try_notify(1).unwrap();
    let mut futures = [plain.disconnected(), filtered.disconnected()].map(task::spawn);
    for future in &mut futures {
        assert_pending!(future.poll());
    }
    manager.close();
    for future in &mut futures {
        assert_pending!(future.poll());
    }
    assert_eq!((read(&mut plain), read(&mut filtered)), (Some(1), Some(1)));
    for future in &mut futures {
        assert_pending!(future.poll());
    }
    assert_eq!((read(&mut plain), read(&mut filtered)), (None, None));
    for mut future in futures {
        assert!(future.is_woken());
        assert_ready_eq!(future.poll(), Some(EndReason::Closed));
    }
    // Streams ended before the call.
    let closed = Some(EndReason::Closed);
    assert_eq!(now(plain.disconnected()), closed);
    assert_eq!(now(manager.subscribe().disconnected()), closed);
    assert_eq!(
        now(manager.subscribe_filter(|_| true).disconnected()),
        closed
    );
    assert_eq!(now(manager.subscribe().deliveries().disconnected()), closed);
}

#[test]
fn an_unpolled_stream_of_a_closed_manager_can_be_disconnected() {
    let manager = EventManager::new(8);
    let unread = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.close();
    let mut gone = task::spawn(unread.disconnected());
    assert_pending!(gone.poll());
    assert!(manager.disconnect(unread.id()));
    assert!(gone.is_woken());
    assert_eq!(cause(gone.into_inner()), DisconnectCause::Requested);
}

#[test]
fn a_dropped_stream_resolves_it() {
    let manager = EventManager::new(8);
    let streams = [(); 3].map(|()| manager.subscribe());
    let futures = [0, 1, 2].map(|index: usize| streams[index].disconnected());
    let [mut first, second, third] = futures.map(task::spawn);
    let [dropped, crashes, disconnected] = streams;
    assert_pending!(first.poll());
    drop(dropped);
    assert!(first.is_woken());
    assert_ready_eq!(first.poll(), None);
    assert_ready_eq!(first.poll(), None, "again");

    let crash = catch_unwind(AssertUnwindSafe(move || {
        let _crashes = crashes;
        resume_unwind(Box::new("a crash"));
    }));
    assert!(crash.is_err());
    assert_eq!(now(second.into_inner()), None);

    manager.disconnect(disconnected.id());
    drop(disconnected);
    assert_eq!(cause(third.into_inner()), DisconnectCause::Requested);

    // A delivery in flight keeps the member, and not the stream.
    let mut deliveries = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let delivery = read(&mut deliveries);
    let gone = deliveries.disconnected();
    drop(deliveries);
    assert_eq!(now(gone), None);
    drop(delivery);
}

#[test]
fn the_last_manager_may_be_dropped_before() {
    let manager = EventManager::<u32>::new(8);
    let mut stream = manager.subscribe();
    let mut gone = task::spawn(stream.disconnected());
    assert_pending!(gone.poll());
    drop(manager);
    assert_eq!(read(&mut stream), None, "the future keeps no manager open");
    assert_ready_eq!(gone.poll(), Some(EndReason::Closed));
}

#[test]
fn a_stream_may_have_several_futures() {
    let manager = EventManager::<u32>::new(8);
    let stream = manager.subscribe();
    let other = manager.subscribe();
    let mut futures = [(); 3].map(|()| task::spawn(stream.disconnected()));
    let mut of_other = task::spawn(other.disconnected());
    for future in &mut futures {
        assert_pending!(future.poll());
    }
    assert_pending!(of_other.poll());
    let [first, mut second, mut third] = futures;
    drop(first);
    drop(stream);
    assert!(second.is_woken() && third.is_woken() && !of_other.is_woken());
    assert_ready!(second.poll());
    assert_ready!(third.poll());
    assert_pending!(of_other.poll());
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let manager = EventManager::<u32>::new(8);
    let stream = manager.subscribe();
    let mut gone = stream.disconnected();
    let mut first = task::spawn(std::future::poll_fn(|cx| {
        std::pin::Pin::new(&mut gone).poll(cx)
    }));
    assert_pending!(first.poll());
    drop(first);
    let mut second = task::spawn(gone);
    assert_pending!(second.poll());
    assert_pending!(second.poll());
    manager.disconnect(stream.id());
    assert!(second.is_woken());
    assert_ready!(second.poll());
}

#[test]
fn dropped_futures_leave_nothing_behind() {
    let waker = std::sync::Arc::new(Counted);
    let manager = EventManager::<u32>::new(8);
    let stream = manager.subscribe();
    for _ in 0..1_000 {
        let of_task = std::task::Waker::from(std::sync::Arc::clone(&waker));
        let mut cx = std::task::Context::from_waker(&of_task);
        let mut gone = stream.disconnected();
        assert!(std::pin::Pin::new(&mut gone).poll(&mut cx).is_pending());
    }
    assert_eq!(std::sync::Arc::strong_count(&waker), 1);
    drop(stream);
}

/// A waker that does nothing, to be counted.
struct Counted;

impl std::task::Wake for Counted {
    fn wake(self: std::sync::Arc<Self>) {}
}

#[test]
fn a_disconnect_settles_every_unread_event_of_a_filter() {
    // Settled in batches of 64 events.
    for unread in [1, 63, 64, 65, 127, 128, 129] {
        let manager = EventManager::new(200);
        let reader = manager.subscribe_filter(|_| true);
        let publish = |n| task::spawn(manager.sync_notify(n));
        let mut all: Vec<_> = (0..unread).map(publish).collect();
        assert!(all.iter_mut().all(|done| done.poll().is_pending()));
        assert!(manager.disconnect(reader.id()));
        for mut done in all {
            assert_eq!(assert_ready!(done.poll()).unwrap().dropped(), 1);
        }
    }
}
