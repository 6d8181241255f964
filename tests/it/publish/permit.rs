//! Permits: room for one event, reserved until the permit is used or dropped.

use futures::{FutureExt, Stream, StreamExt};
use genevent::error::{NotifyError, ReserveError, TryNotifyError};
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager, Overflow, Permit, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

#[track_caller]
fn reserve<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Permit<E> {
    now(manager.reserve()).expect("it is open")
}

fn window(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().window(events)
}

// ---- Room ---------------------------------------------------------------------------------------

#[test]
fn a_permit_reserves_room_in_every_lossless_window() {
    let manager = EventManager::new(4);
    let wide = manager.subscribe();
    let permits = [(); 3].map(|()| reserve(&manager));
    manager.try_notify(1).unwrap();
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    assert_eq!((wide.len(), manager.subscribers()[0].unread()), (1, 1));
    drop(permits);

    let narrow = manager.subscribe_with(window(1));
    let permit = reserve(&manager);
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    assert_eq!(permit.notify(4), 2);
    drop(narrow);
    assert_eq!(manager.try_notify(5), Ok(1));
}

#[test]
fn an_event_is_stored_when_its_permit_is_used() {
    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    let (first, second) = (reserve(&manager), reserve(&manager));
    manager.try_notify('a').unwrap();
    assert_eq!(second.notify('b'), 1);
    manager.try_notify('c').unwrap();
    assert_eq!(first.notify('d'), 1);
    drop(manager);
    assert_eq!(now(reader.collect::<String>()), "abcd");
}

#[test]
fn subscribing_before_a_permit_is_used_receives_its_event() {
    let manager = EventManager::new(4);
    let permits = [(); 3].map(|()| reserve(&manager));
    let mut late = manager.subscribe_with(window(1));
    let mut waiting = task::spawn(manager.notify(9));
    assert_pending!(waiting.poll(), "three places are promised, and it has one");
    for (n, permit) in permits.into_iter().enumerate() {
        assert_eq!(permit.notify(n), 1);
    }
    assert_eq!(late.len(), 3, "more than its window");
    for n in 0..3 {
        assert_pending!(waiting.poll());
        assert_next!(late, n).now();
    }
    assert!(waiting.is_woken());
    assert_eq!(assert_ready!(waiting.poll()), Ok(1));
}

#[test]
fn an_unheard_permit_can_be_used() {
    let manager = EventManager::new(1);
    assert_eq!(reserve(&manager).notify("unheard"), 0);
    let reader = manager.subscribe();
    let receipt = manager.sync_notify("heard");
    let permit = reserve(&manager);
    drop(reader);
    assert_eq!(permit.notify("left"), 0);
    assert_eq!(now(receipt).unwrap().seq(), 3, "each took its number");
}

#[test]
fn policies_act_when_a_permit_is_used() {
    let manager = EventManager::new(1);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    manager.try_notify(1).unwrap();
    let permit = reserve(&manager);
    assert_eq!((lossy.missed(), manager.subscriber_count()), (0, 2));
    drop(reserve(&EventManager::<u8>::new(1)));
    assert_eq!(permit.notify(2), 1);
    assert_eq!((lossy.missed(), manager.subscriber_count()), (1, 1));
    assert_next!(strict, 1).now();
    assert_ended!(strict).now();
}

#[test]
fn at_most_capacity_permits_are_reserved() {
    let manager = EventManager::<u8>::new(2);
    let _lossy = manager.subscribe_with(Overflow::DropOldest);
    let (first, second) = (reserve(&manager), reserve(&manager));
    let mut third = task::spawn(manager.reserve());
    assert_pending!(third.poll(), "also with no window to fill");
    assert_eq!(manager.try_notify(0), Err(TryNotifyError::Full(0)));
    drop(first);
    assert!(third.is_woken());
    let third = assert_ready!(third.poll()).unwrap();
    let mut fourth = task::spawn(manager.reserve());
    assert_pending!(fourth.poll());
    assert_eq!(second.notify(0), 1);
    assert!(fourth.is_woken());
    drop((assert_ready!(fourth.poll()), third));
}

// ---- The wait queue -----------------------------------------------------------------------------

#[test]
fn a_returned_permit_notifies_only_the_front() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let permit = reserve(&manager);
    let mut first = task::spawn(manager.notify(1));
    let mut second = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(permit);
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(
        manager.try_notify(3),
        Err(TryNotifyError::Full(3)),
        "its turn"
    );
    assert_eq!(assert_ready!(first.poll()), Ok(1));
    assert!(!second.is_woken());
    assert_next!(reader, 1).now();
    assert!(second.is_woken());
}

#[test]
fn a_used_permit_wakes_no_publisher_until_read() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let permit = reserve(&manager);
    let mut waiting = task::spawn(manager.notify(2));
    assert_pending!(waiting.poll());
    permit.notify(1);
    assert!(!waiting.is_woken());
    assert_next!(reader, 1).now();
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll()).unwrap();
}

#[test]
fn permits_and_publishers_share_one_wait_queue() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(2));
    let mut second = task::spawn(manager.reserve());
    let mut third = task::spawn(manager.notify(4));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());

    assert_next!(reader, 1).now();
    assert_pending!(third.poll(), "not its turn");
    assert_pending!(second.poll(), "nor that of the permit");
    assert_ready!(first.poll()).unwrap();
    assert_next!(reader, 2).now();
    assert!(second.is_woken() && !third.is_woken());
    let permit = assert_ready!(second.poll()).unwrap();
    assert_pending!(third.poll());
    assert_eq!(permit.notify(3), 1);
    assert_next!(reader, 3).now();
    assert!(third.is_woken());
    assert_ready!(third.poll()).unwrap();
}

#[test]
fn an_unpolled_reserve_reserves_nothing() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let lazy = manager.reserve();
    assert_eq!(manager.try_notify(1), Ok(1));
    drop((lazy, reader));
}

#[test]
fn a_dropped_queued_reserve_notifies_the_next() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    for woken_before in [false, true] {
        let mut quitter = task::spawn(manager.reserve());
        let mut next = task::spawn(manager.notify(2));
        assert_pending!(quitter.poll());
        assert_pending!(next.poll());
        if woken_before {
            assert!(now(reader.next()).is_some());
            assert!(quitter.is_woken() && !next.is_woken());
            drop(quitter);
            assert!(next.is_woken(), "the turn, and the room");
        } else {
            drop(quitter);
            assert!(!next.is_woken());
            assert!(now(reader.next()).is_some());
            assert!(next.is_woken());
        }
        assert_ready!(next.poll()).unwrap();
    }
}

#[test]
fn dropping_a_ready_reserve_returns_its_room() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let mut waiting = task::spawn(manager.notify(1));
    {
        let mut reserving = task::spawn(manager.reserve());
        let _permit = assert_ready!(reserving.poll()).unwrap();
        assert_pending!(waiting.poll());
    }
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll()).unwrap();
    assert_eq!(reader.len(), 1);
}

// ---- The end ------------------------------------------------------------------------------------

#[test]
fn a_permit_from_before_close_still_publishes() {
    let manager = EventManager::new(2);
    let mut reader = task::spawn(manager.subscribe());
    let permit = reserve(&manager);
    manager.try_notify("stored").unwrap();
    manager.close();
    assert_eq!(
        manager.try_notify("late"),
        Err(TryNotifyError::Closed("late"))
    );
    assert_eq!(assert_ready!(reader.poll_next()), Some("stored"));
    assert_pending!(reader.poll_next(), "one may still come");
    assert_eq!(reader.size_hint(), (0, None));

    assert_eq!(permit.notify("promised"), 1);
    assert!(reader.is_woken());
    assert_eq!(assert_ready!(reader.poll_next()), Some("promised"));
    assert_eq!(assert_ready!(reader.poll_next()), None);
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
}

#[test]
fn streams_end_when_the_last_permit_returns() {
    let manager = EventManager::<u8>::new(2);
    let permits = [reserve(&manager), reserve(&manager)];
    let mut reader = task::spawn(manager.subscribe());
    let weak = manager.downgrade();
    drop(manager);
    assert!(weak.upgrade().is_none(), "a permit does not keep it open");
    assert_pending!(reader.poll_next());
    let [first, last] = permits;
    drop(first);
    assert!(!reader.is_woken());
    drop(last);
    assert!(reader.is_woken());
    assert_eq!(assert_ready!(reader.poll_next()), None);
}

#[test]
fn stop_waits_for_permits_and_their_events() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let (used, unused) = (reserve(&manager), reserve(&manager));
    let mut stopped = task::spawn(manager.stop());
    let mut closed = task::spawn(manager.closed());
    assert_pending!(stopped.poll());
    assert_ready!(closed.poll(), "closed it is at once");
    assert!(manager.is_closed());

    used.notify(1);
    assert_pending!(stopped.poll());
    drop(unused);
    assert!(stopped.is_woken());
    assert_pending!(stopped.poll(), "the event is unread");
    assert_next!(reader, 1).now();
    assert_pending!(stopped.poll(), "and not finished with");
    assert_ended!(reader).now();
    assert_ready!(stopped.poll()).unwrap();
}

#[test]
fn a_closed_manager_gives_no_permit() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut waiting = task::spawn(manager.reserve());
    assert_pending!(waiting.poll());
    manager.close();
    assert!(waiting.is_woken());
    assert_eq!(
        assert_ready!(waiting.poll()).unwrap_err(),
        ReserveError::Closed
    );
    assert_eq!(now(manager.reserve()).unwrap_err(), ReserveError::Closed);
    drop(reader);
}

#[test]
fn a_permit_returned_after_close_admits_no_publisher() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let permit = reserve(&manager);
    let mut waiting = task::spawn(manager.notify(1));
    assert_pending!(waiting.poll());
    manager.close();
    drop(permit);
    assert_eq!(assert_ready!(waiting.poll()), Err(NotifyError::Closed(1)));
    drop(reader);
}

#[test]
fn subscribing_after_close_misses_permitted_events() {
    let manager = EventManager::new(1);
    let permit = reserve(&manager);
    manager.close();
    let mut late = manager.subscribe();
    assert_eq!(permit.notify(1), 0);
    assert_ended!(late).now();
}

#[test]
fn lossy_subscribers_do_not_limit_permits() {
    let manager = EventManager::new(1);
    let permit = reserve(&manager);
    assert_eq!(now(manager.notify(1)), Ok(0), "nobody listens");
    assert!(manager.reserve().now_or_never().is_none());

    let lossy = manager.subscribe_with(Overflow::DropOldest);
    assert_eq!(manager.try_notify(2), Ok(1));
    permit.notify(3);
    assert_eq!((lossy.len(), lossy.missed()), (1, 1));
}
