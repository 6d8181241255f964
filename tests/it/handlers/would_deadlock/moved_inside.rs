//! Waits that begin outside of the handler, and are polled on inside of the handler.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt};
use genevent::error::{DeadlineError, NotifyError};
use genevent::handler::{CallError, RemoveError, SwapError, TrySwapError};
use genevent::{EventManager, HandlerRef, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::{Inside, inside};

type Asks = BoxFuture<'static, bool>;

/// Begins to wait outside of a handler, during event 1, and continues inside. Returns whether the
/// wait was refused.
async fn begun_outside(
    begin: impl FnOnce(EventManager<u32>, HandlerRef<u32, Inside>) -> Asks,
) -> (EventManager<u32>, HandlerRef<u32, Inside>, bool) {
    let manager = EventManager::new(1);
    let (give, given) = oneshot::channel::<Asks>();
    let (tell, reported) = oneshot::channel();
    let (handler, _seen) = inside(&manager, async move |_| {
        let asks = given.await.unwrap();
        tell.send(asks.await).unwrap();
        std::future::pending::<()>().await;
    });
    let handler = manager.add_handler("inside", handler).unwrap();
    manager.notify(1).await.unwrap();
    yield_now().await; // the event is in flight
    let mut asks = begin(manager.clone(), handler.clone());
    assert!((&mut asks).now_or_never().is_none(), "it waits");
    assert!(give.send(asks).is_ok());
    (manager, handler, reported.await.unwrap())
}

#[tokio::test]
async fn a_wait_moved_inside_is_refused() {
    type Begin = fn(EventManager<u32>, HandlerRef<u32, Inside>) -> Asks;
    let rows: [(&str, Begin); 12] = [
        ("flush", |manager, _| {
            async move { manager.flush().await.is_err() }.boxed()
        }),
        ("stop", |manager, _| {
            async move { manager.stop().await.is_err() }.boxed()
        }),
        ("quiet", |manager, _| {
            async move { manager.quiet().await.is_err() }.boxed()
        }),
        ("sync_notify, queued", |manager, _| {
            manager.try_notify(2).unwrap();
            async move { manager.sync_notify(3).await == Err(NotifyError::WouldDeadlock(3)) }
                .boxed()
        }),
        ("ack_notify, queued", |manager, _| {
            manager.try_notify(2).unwrap();
            async move { manager.ack_notify(3).await == Err(NotifyError::WouldDeadlock(3)) }.boxed()
        }),
        ("call", |_, handler| {
            async move { handler.call(|_| ()).await == Err(CallError::WouldDeadlock) }.boxed()
        }),
        ("call_async", |_, handler| {
            async move {
                let call = handler.call_async(|_| Box::pin(async {}));
                call.await == Err(CallError::WouldDeadlock)
            }
            .boxed()
        }),
        ("swap_async", |_, handler| {
            async move {
                let swap = handler.swap_async(|old| async { old });
                swap.await.err() == Some(SwapError::WouldDeadlock)
            }
            .boxed()
        }),
        ("swap", |_, handler| {
            async move { handler.swap(|old| old).await.err() == Some(SwapError::WouldDeadlock) }
                .boxed()
        }),
        ("try_swap", |_, handler| {
            async move {
                let swap = handler.try_swap(Ok::<Inside, _>).await;
                matches!(swap, Err(TrySwapError::WouldDeadlock))
            }
            .boxed()
        }),
        ("remove", |_, handler| {
            async move { handler.remove().await.err() == Some(RemoveError::WouldDeadlock) }.boxed()
        }),
        ("remove_handler", |manager, _| {
            async move { manager.remove_handler("inside").await }.boxed()
        }),
    ];
    for (name, begin) in rows {
        let (_manager, handler, said_so) = begun_outside(begin).await;
        assert!(said_so, "{name}");
        handler.abort();
        handler.stopped().await;
    }
}

/// The event is stored, and cannot be given back.
#[tokio::test(start_paused = true)]
async fn a_wait_for_acks_moved_inside_needs_a_deadline() {
    let (_manager, _handler, in_time) = begun_outside(|manager, _| {
        async move {
            let hour = Duration::from_secs(3_600);
            let late = manager.sync_notify(2).within(hour).await.unwrap_err();
            assert_eq!(late.waiting_for()[0].name(), Some("inside"));
            matches!(late, DeadlineError::Unanswered(_))
        }
        .boxed()
    })
    .await;
    assert!(in_time);
}

/// A waker without effect.
struct Sleep;

impl Wake for Sleep {
    fn wake(self: Arc<Self>) {}
}

/// Polls the future that `waits` makes in a task first, and then in the handler that the future
/// waits for, which refuses the wait: the future keeps no waker of the task.
async fn assert_keeps_no_waker<W: Send + 'static, E: 'static>(
    waits: impl FnOnce(&'static EventManager<u32>) -> W,
    poll: fn(&mut W, &mut Context<'_>) -> Poll<Result<(), E>>,
) {
    let manager = Box::leak(Box::new(EventManager::new(4)));
    let (work, task) = (Arc::new(Mutex::new(None::<W>)), Arc::new(Sleep));
    let (tx, seen) = channel();
    let (taken, wakers) = (Arc::clone(&work), Arc::clone(&task));
    let handler = handler_fn(move |_: &u32| {
        let mut waits = taken.lock().unwrap().take().unwrap();
        let reported = poll(&mut waits, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(reported, Poll::Ready(Err(_))));
        tx.send(Arc::strong_count(&wakers)).unwrap();
    });
    let handler = manager.add_handler("inside", handler).unwrap();

    let mut waits = waits(manager);
    let waker = Arc::clone(&task).into();
    assert!(poll(&mut waits, &mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    *work.lock().unwrap() = Some(waits);
    while Arc::strong_count(&work) == 2 && work.lock().unwrap().is_some() {
        yield_now().await;
    }
    assert_eq!(seen.try_recv(), Ok(2), "here, and in the handler");
    handler.abort();
}

#[tokio::test]
async fn a_refused_wait_keeps_no_waker() {
    let publish = |manager: &EventManager<u32>| manager.try_notify(1).unwrap();
    assert_keeps_no_waker(
        |manager| {
            publish(manager);
            manager.flush()
        },
        FutureExt::poll_unpin,
    )
    .await;
    assert_keeps_no_waker(
        |manager| {
            publish(manager);
            manager.quiet()
        },
        FutureExt::poll_unpin,
    )
    .await;
    assert_keeps_no_waker(
        |manager| {
            publish(manager);
            manager.stop()
        },
        FutureExt::poll_unpin,
    )
    .await;
    assert_keeps_no_waker(
        |manager| {
            let mut sink = manager.sync_sink();
            sink.feed(1).now_or_never().unwrap().unwrap();
            sink
        },
        SinkExt::poll_flush_unpin,
    )
    .await;
}

#[tokio::test]
async fn a_flush_that_does_not_wait_for_the_handler_goes_on_inside() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let earlier = manager.clone();
    let mut flush = async move { earlier.flush().await.is_ok() }.boxed();
    assert!((&mut flush).now_or_never().is_none());
    let (tell, told) = oneshot::channel();
    let (handler, _seen) = inside(&manager, async move |_| tell.send(flush.await).unwrap());
    manager.add_handler("inside", handler).unwrap();
    manager.notify(1).await.unwrap();
    yield_now().await;
    assert_eq!(reader.next().await, Some(0));
    reader.ack();
    assert_eq!(told.await, Ok(true));
}
