//! Calls and swaps whose closure returns a future.

use std::future::{Future, pending};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt};
use genevent::error::{NotifyError, WouldDeadlock};
use genevent::handler::{CallError, SwapError};
use genevent::test_util::Probe;
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason,
    SubscribeOptions, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio_test::task;

use crate::drive::{read, waits};

/// Records events and its end.
struct Log {
    seen: Vec<u32>,
    diary: Probe<String>,
}

impl Handler<u32> for Log {
    async fn handle_event(&mut self, event: &u32) -> Handled {
        self.seen.push(*event);
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(reason.to_string());
    }
}

fn log(diary: &Probe<String>) -> Log {
    Log {
        seen: Vec::new(),
        diary: diary.clone(),
    }
}

fn added() -> (EventManager<u32>, HandlerRef<u32, Log>, Probe<String>) {
    let (manager, diary) = (EventManager::new(2), Probe::new());
    let handler = manager.add_handler("log", log(&diary)).unwrap();
    (manager, handler, diary)
}

/// Whether a task has begun to wait for `go`, which the caller then sends.
fn gate() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send) {
    let (go, gone) = oneshot::channel();
    (go, async { gone.await.unwrap() })
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_call_between_events_delays_no_stage() {
    let (manager, handler, _diary) = added();
    let mut stage = manager.subscribe_with(SubscribeOptions::new().after(handler.id()));
    manager.try_notify(1).unwrap();
    let (go, gate) = gate();
    let mut call = task::spawn(handler.call_async(|log| {
        Box::pin(async move {
            gate.await;
            log.seen.len()
        })
    }));
    assert!(call.poll().is_pending());
    manager.try_notify(2).unwrap();
    assert!(waits(&mut stage));
    settle().await;
    assert_eq!(read(&mut stage), Some(1));
    assert!(waits(&mut stage));
    go.send(()).unwrap();
    assert_eq!(call.await, Ok(1));
    settle().await;
    assert_eq!(read(&mut stage), Some(2));
}

#[tokio::test]
async fn a_call_borrows_the_handler_while_it_awaits() {
    let (manager, handler, _diary) = added();
    manager.notify(1).await.unwrap();
    let (go, gate) = gate();
    let call = tokio::spawn({
        let handler = handler.clone();
        async move {
            let call = handler.call_async(|log| {
                Box::pin(async move {
                    let before = log.seen.len();
                    gate.await;
                    (before, log.seen.clone())
                })
            });
            call.await
        }
    });
    settle().await;
    manager.notify(2).await.unwrap();
    settle().await;
    assert!(!call.is_finished());
    assert_eq!(manager.subscribers()[0].unread(), 1, "event 2 waits behind");
    go.send(()).unwrap();
    assert_eq!(call.await.unwrap(), Ok((1, vec![1])));
    assert_eq!(handler.call(|log| log.seen.clone()).await, Ok(vec![1, 2]));
}

#[tokio::test]
async fn code_of_an_async_call_is_code_of_the_handler() {
    let (manager, handler, _diary) = added();
    let inside = (manager.clone(), handler.clone());
    let call = handler.call_async(|_| {
        Box::pin(async move {
            let (manager, handler) = inside;
            for event in 1..=5 {
                assert_eq!(manager.notify(event).await, Ok(1), "past the window of 2");
            }
            let sync = manager.sync_notify(6).await;
            assert_eq!(sync, Err(NotifyError::WouldDeadlock(6)));
            assert!(matches!(manager.flush().await, Err(WouldDeadlock { .. })));
            assert!(matches!(manager.stop().await, Err(WouldDeadlock { .. })));
            let again = handler.call_async(|_| Box::pin(async {})).await;
            assert_eq!(again, Err(CallError::WouldDeadlock));
            let swap = handler.swap_async(|old| async { old }).await;
            assert_eq!(swap.err(), Some(SwapError::WouldDeadlock));
        })
    });
    assert_eq!(call.await, Ok(()));
    let seen = handler.call(|log| log.seen.clone()).await;
    assert_eq!(seen, Ok(vec![1, 2, 3, 4, 5]));
}

type Call = fn(&mut Log) -> Answer<'_>;
type Answer<'a> = BoxFuture<'a, ()>;

/// Panics when polled, and again when dropped.
struct Bomb;

impl Future for Bomb {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("polled")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped")
    }
}

#[tokio::test]
async fn a_panic_in_an_async_call_ends_only_its_handler() {
    let rows: [(&str, Call); 4] = [
        ("at once", |_| panic!("at once")),
        ("later", |_| {
            Box::pin(async {
                yield_now().await;
                panic!("later")
            })
        }),
        ("borrowed", |log| {
            Box::pin(async move {
                yield_now().await;
                panic!("{}", log.diary.drain().pop().unwrap())
            })
        }),
        ("polled", |_| Box::pin(Bomb)),
    ];
    for (message, call) in rows {
        let (manager, diary) = (EventManager::new(2), Probe::new());
        let group = manager.handler_group("group").unwrap();
        let fine = group.add_handler("fine", log(&diary)).unwrap();
        let broken = group.add_handler("broken", log(&diary)).unwrap();
        diary.record("borrowed".to_owned());
        let error = broken.call_async(call).await.unwrap_err();
        assert_eq!(error, CallError::Panicked(message.into()));
        assert_eq!(broken.stopped().await, StopReason::Panicked(message.into()));
        let last = diary.drain().pop();
        assert_eq!(last, Some(format!("it panicked: {message}")));
        assert!(manager.sync_notify(1).await.unwrap().all_acked());
        assert_eq!(fine.call(|log| log.seen.clone()).await, Ok(vec![1]));
    }
}

#[tokio::test]
async fn a_panic_in_an_async_call_restarts_the_handler() {
    let (manager, diary) = (EventManager::new(2), Probe::new());
    let make = move || log(&diary);
    let once = Restart::on_failure(1, std::time::Duration::from_secs(60));
    let handler = manager
        .add_handler_with(HandlerOptions::new("log").restart(once), make)
        .unwrap();
    manager.notify(1).await.unwrap();
    let broken = handler.call_async(|_| -> Answer<'_> { Box::pin(async { panic!("broken") }) });
    assert_eq!(broken.await, Err(CallError::Panicked("broken".into())));
    assert_eq!(handler.call(|log| log.seen.len()).await, Ok(0), "it is new");
}

#[tokio::test]
async fn an_abort_cuts_an_async_call_short() {
    let (manager, handler, diary) = added();
    let call = tokio::spawn({
        let handler = handler.clone();
        async move {
            handler
                .call_async(|_| -> Answer<'_> { Box::pin(pending()) })
                .await
        }
    });
    settle().await;
    manager.notify(1).await.unwrap();
    handler.abort();
    assert_eq!(
        call.await.unwrap(),
        Err(CallError::Stopped(StopReason::Aborted))
    );
    assert_eq!(diary.drain(), ["it was aborted"]);
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn an_async_call_without_its_caller_runs_to_the_end() {
    let (_manager, handler, diary) = added();
    let call = handler.call_async(|log| {
        Box::pin(async move {
            settle().await;
            log.diary.record("done".to_owned());
        })
    });
    assert!(call.now_or_never().is_none());
    handler.call(|_| ()).await.unwrap();
    assert_eq!(diary.drain(), ["done"]);
}

#[tokio::test]
async fn an_async_call_of_an_ended_handler_returns_its_reason() {
    let (manager, handler, _diary) = added();
    assert!(manager.remove_handler("log").await);
    let call = handler.call_async(|_| -> Answer<'_> { unreachable!("the handler has ended") });
    let removed = Err(CallError::Stopped(StopReason::Removed));
    assert_eq!(call.await, removed);
}

#[tokio::test]
async fn a_swap_that_awaits_loses_no_event() {
    let (manager, handler, diary) = added();
    manager.notify(1).await.unwrap();
    let (go, gate) = gate();
    let new = diary.clone();
    let swap = tokio::spawn(handler.swap_async(|old| async move {
        gate.await;
        let mut new = log(&new);
        new.seen.extend(old.seen.iter().map(|n| n * 10));
        new
    }));
    settle().await;
    manager.notify(2).await.unwrap();
    settle().await;
    assert_eq!(diary.drain(), [StopReason::Swapped.to_string()]);
    go.send(()).unwrap();
    let handler = swap.await.unwrap().unwrap();
    assert_eq!(handler.call(|log| log.seen.clone()).await, Ok(vec![10, 2]));
    assert_eq!(manager.which_handlers(), ["log"]);
}

#[tokio::test]
async fn a_swap_that_fails_while_it_awaits_ends_the_handler() {
    let (manager, handler, _diary) = added();
    let panicked = handler.swap_async(|_| async {
        yield_now().await;
        assert!(std::hint::black_box(false), "no handler");
        handler_fn(|_: &u32| ())
    });
    let reason = StopReason::Panicked("no handler".into());
    assert_eq!(panicked.await.err(), Some(SwapError::Stopped(reason)));

    let diary = Probe::new();
    let handler = manager.add_handler("log", log(&diary)).unwrap();
    let stopped = handler.stopped();
    let swap = tokio::spawn(handler.clone().swap_async(|_| pending::<Log>()));
    settle().await;
    handler.abort();
    let swap = swap.await.unwrap();
    assert_eq!(swap.err(), Some(SwapError::Stopped(StopReason::Aborted)));
    assert_eq!(stopped.await, StopReason::Aborted);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 0);
    manager.stop().await.unwrap();
}
