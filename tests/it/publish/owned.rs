//! Publishing futures that borrow nothing do what the borrowing ones do, and may be kept anywhere.

use std::panic::{AssertUnwindSafe, catch_unwind};

use genevent::error::{NotifyError, ReserveError};
use genevent::future::{AckNotifyOwned, NotifyOwned, ReserveOwned, SyncNotifyOwned};
use genevent::{EventManager, Subscription};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

use crate::drive::now;

/// A manager with a full window.
fn full() -> (EventManager<u32>, Subscription<u32>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    (manager, reader)
}

#[test]
fn owned_futures_are_lazy() {
    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    let unpolled = (
        manager.notify_owned(1),
        manager.ack_notify_owned(2),
        manager.sync_notify_owned(3),
        manager.reserve_owned(),
    );
    assert!(reader.is_empty());
    assert_eq!(manager.stats().published(), 0);
    drop(unpolled);
    assert_eq!(manager.stats().published(), 0);
}

#[test]
fn owned_futures_resolve_as_the_borrowing_ones() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    assert_eq!(now(manager.notify_owned(1)), Ok(1));
    assert_eq!(reader.try_next(), Ok(1));

    let mut received = task::spawn(manager.ack_notify_owned(2));
    let mut finished = task::spawn(manager.sync_notify_owned(3));
    assert_pending!(received.poll());
    assert_pending!(finished.poll());
    assert_eq!(reader.try_next(), Ok(2));
    assert!(received.is_woken());
    assert_eq!(assert_ready_ok!(received.poll()).seq(), 2);
    assert_eq!(reader.try_next(), Ok(3));
    assert_pending!(finished.poll());
    reader.ack();
    assert!(finished.is_woken());
    assert!(assert_ready_ok!(finished.poll()).all_acked());

    let permit = now(manager.reserve_owned()).unwrap();
    assert_eq!((permit.notify(4), reader.try_next()), (1, Ok(4)));
}

/// Each waits in the same queue as the borrowing futures.
#[test]
fn owned_futures_wait_for_room_in_turn() {
    let (manager, mut reader) = full();
    let mut owned = task::spawn(manager.notify_owned(1));
    let mut borrowing = task::spawn(manager.notify(2));
    let mut permit = task::spawn(manager.reserve_owned());
    assert_pending!(owned.poll());
    assert_pending!(borrowing.poll());
    assert_pending!(permit.poll());
    assert_eq!(reader.try_next(), Ok(0));
    assert!(owned.is_woken() && !borrowing.is_woken());
    assert_ready_eq!(owned.poll(), Ok(1));
    assert_eq!(reader.try_next(), Ok(1));
    assert_ready_eq!(borrowing.poll(), Ok(1));
    assert_eq!(reader.try_next(), Ok(2));
    assert_eq!(assert_ready_ok!(permit.poll()).notify(3), 1);
    assert_eq!(reader.try_next(), Ok(3));
}

#[test]
fn a_dropped_owned_future_passes_its_place_on() {
    let (manager, mut reader) = full();
    let mut first = task::spawn(manager.sync_notify_owned(1));
    let mut second = task::spawn(manager.notify_owned(2));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_eq!(reader.try_next(), Ok(0));
    drop(first);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(1));
    assert_eq!(reader.try_next(), Ok(2));
}

#[test]
fn an_owned_future_keeps_the_manager_open_until_it_is_dropped() {
    let manager = EventManager::new(4);
    let weak = manager.downgrade();
    let mut reader = manager.subscribe();
    let futures = (
        manager.notify_owned(1),
        manager.ack_notify_owned(2),
        manager.sync_notify_owned(3),
        manager.reserve_owned(),
    );
    drop(manager);
    let (notify, ack, sync, reserve) = futures;
    assert_eq!(now(notify), Ok(1));
    assert_eq!(reader.try_next(), Ok(1));
    drop(ack);
    let mut sync = task::spawn(sync);
    assert_pending!(sync.poll());
    drop(reserve);
    assert_eq!(reader.try_next(), Ok(3));
    reader.ack();
    assert!(assert_ready_ok!(sync.poll()).all_acked());
    assert!(weak.upgrade().is_some(), "also when it is ready");
    drop(sync);
    assert!(weak.upgrade().is_none());
    assert_eq!(now(reader.next()), None);
}

/// A permit delivers after the end, without keeping the manager open.
#[test]
fn the_permit_of_an_owned_future_delivers_after_the_last_handle() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let reserve = manager.reserve_owned();
    drop(manager);
    let permit = now(reserve).unwrap();
    assert_eq!(permit.notify(1), 1);
    assert_eq!((now(reader.next()), now(reader.next())), (Some(1), None));
}

#[test]
fn owned_futures_of_a_closed_manager_return_the_event() {
    let (manager, _reader) = full();
    let mut queued = task::spawn(manager.notify_owned(1));
    let mut permit = task::spawn(manager.reserve_owned());
    assert_pending!(queued.poll());
    assert_pending!(permit.poll());
    manager.close();
    assert!(queued.is_woken() && permit.is_woken());
    assert_ready_eq!(queued.poll(), Err(NotifyError::Closed(1)));
    assert_eq!(
        assert_ready!(permit.poll()).unwrap_err(),
        ReserveError::Closed
    );
    assert_eq!(
        now(manager.ack_notify_owned(2)),
        Err(NotifyError::Closed(2))
    );
    assert_eq!(
        now(manager.sync_notify_owned(3)),
        Err(NotifyError::Closed(3))
    );
}

/// The futures are fields of a struct, beside the manager that they come from.
#[test]
fn owned_futures_are_stored_beside_their_manager() {
    struct Actor {
        manager: EventManager<u32>,
        notify: Option<NotifyOwned<u32>>,
        received: Vec<AckNotifyOwned<u32>>,
        finished: Vec<SyncNotifyOwned<u32>>,
        room: Option<ReserveOwned<u32>>,
    }
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut actor = Actor {
        manager,
        notify: None,
        received: Vec::new(),
        finished: Vec::new(),
        room: None,
    };
    actor.notify = Some(actor.manager.notify_owned(1));
    actor.received.push(actor.manager.ack_notify_owned(2));
    actor.finished.push(actor.manager.sync_notify_owned(3));
    actor.room = Some(actor.manager.reserve_owned());
    let mut actor = Some(actor);
    for event in 1..=3 {
        let actor = actor.as_mut().unwrap();
        match event {
            1 => _ = now(actor.notify.take().unwrap()),
            2 => assert!(task::spawn(&mut actor.received[0]).poll().is_pending()),
            _ => assert!(task::spawn(&mut actor.finished[0]).poll().is_pending()),
        }
        assert_eq!(reader.try_next(), Ok(event));
    }
    drop(actor.take());
    assert_eq!(now(reader.next()), None, "the actor was the last handle");
}

#[test]
fn polling_a_completed_owned_future_panics_as_the_borrowing_does() {
    let manager = EventManager::new(4);
    let mut done = task::spawn(manager.notify_owned(1));
    assert_ready_eq!(done.poll(), Ok(0));
    let again = catch_unwind(AssertUnwindSafe(|| done.poll().is_ready()));
    let message = again.unwrap_err();
    let message = message.downcast_ref::<String>().map_or("", String::as_str);
    let expected = "a publishing future is not polled after it has completed";
    assert!(message.contains(expected) || message.is_empty());
    assert_eq!(manager.stats().published(), 1);
}

#[cfg(feature = "rt")]
mod in_a_runtime {
    use std::time::Duration;

    use futures::executor::block_on;
    use genevent::error::{DeadlineError, NotifyError};
    use genevent::{EventManager, handler_fn};
    use tokio::runtime::Builder;

    use super::full;

    const MOMENT: Duration = Duration::from_millis(5);

    #[tokio::test(start_paused = true)]
    async fn owned_futures_are_spawned() {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        let tasks = [1, 2, 3].map(|n| tokio::spawn(manager.sync_notify_owned(n)));
        drop(manager);
        let mut read = Vec::new();
        while let Some(n) = reader.next().await {
            read.push(n);
        }
        read.sort_unstable();
        assert_eq!(read, [1, 2, 3]);
        for task in tasks {
            assert!(task.await.unwrap().unwrap().all_acked());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn owned_futures_take_limits() {
        let (manager, mut reader) = full();
        let late = tokio::spawn(manager.notify_owned(1).within(MOMENT));
        let late = late.await.unwrap().unwrap_err();
        assert_eq!(late.waiting_for()[0].id(), reader.id());
        assert_eq!(late.into_event(), Some(1));
        assert!(manager.reserve_owned().within(MOMENT).await.is_err());
        assert_eq!(reader.next().await, Some(0));

        let saved = manager.sync_notify_owned(2);
        assert!(saved.waiting_for().is_none());
        let Err(DeadlineError::Unanswered(late)) = saved.within(MOMENT).await else {
            panic!("the reader does not read");
        };
        assert_eq!(late.waiting_for()[0].id(), reader.id());
        assert_eq!(reader.next().await, Some(2));
        reader.ack();
        assert!(late.settled().await.all_acked());
        let received = manager.ack_notify_owned(3).within(MOMENT).await;
        assert!(received.unwrap_err().into_event().is_none());
    }

    #[test]
    fn owned_futures_move_between_runtimes() {
        let runtimes = [(); 2].map(|()| Builder::new_current_thread().build().unwrap());
        let (manager, mut reader) = full();
        let mut waiting = Box::pin(manager.sync_notify_owned(1));
        for runtime in &runtimes {
            runtime.block_on(async {
                let mut polled = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())
                });
                assert!((&mut polled).await);
            });
        }
        drop(runtimes);
        assert_eq!(reader.try_next(), Ok(0));
        let reading = async {
            assert_eq!(reader.next().await, Some(1));
            reader.ack();
        };
        let (receipt, ()) = block_on(async { futures::join!(waiting, reading) });
        assert!(receipt.unwrap().all_acked());
    }

    #[tokio::test]
    async fn an_owned_future_inside_a_handler_would_deadlock() {
        let manager = EventManager::new(4);
        let weak = manager.downgrade();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let handler = move |n: &u32| {
            let (weak, tell, n) = (weak.clone(), tell.clone(), *n);
            async move {
                let Some(manager) = weak.upgrade().filter(|_| n == 1) else {
                    return;
                };
                let waits = manager.sync_notify_owned(10).await;
                tell.send(waits == Err(NotifyError::WouldDeadlock(10)))
                    .unwrap();
                let waits = manager.notify_owned(11).await;
                tell.send(waits == Ok(1)).unwrap();
            }
        };
        let _handler = manager.add_handler("own", handler).unwrap();
        manager.notify(1).await.unwrap();
        assert_eq!(
            (told.recv().await, told.recv().await),
            (Some(true), Some(true))
        );
    }

    /// A handler that keeps an owned future keeps its own manager open, as a clone would.
    #[tokio::test]
    async fn a_handler_holds_its_manager_by_an_owned_future() {
        let manager = EventManager::new(4);
        let weak = manager.downgrade();
        let kept = manager.notify_owned(7);
        let handler = handler_fn(move |_: &u32| {
            let _ = &kept;
        });
        let handler = manager.add_handler("keeps", handler).unwrap();
        drop(manager);
        assert!(weak.upgrade().is_some());
        handler.remove().await.unwrap();
        assert!(weak.upgrade().is_none());
    }
}
