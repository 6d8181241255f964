//! A future with a timer may be polled in several runtimes in succession, or outside of a runtime.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::task::noop_waker;
use futures::{FutureExt, StreamExt};
use genevent::test_util::assert_next;
use genevent::{EventManager, EventStreamExt, Overflow, SubscribeOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, advance};
use tokio_test::task;

use super::secs;
use super::waits::{WAITS, blocked, waits};

const HOUR: Duration = secs(3600);

/// A runtime with a paused clock.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

fn poll_with(future: &mut LocalBoxFuture<'_, ()>, waker: &Waker) -> Poll<()> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Runs `story` for each, with the future polled once in a runtime.
fn for_each_waiting(story: impl Fn(&'static str, LocalBoxFuture<'static, ()>, Runtime)) {
    for index in 0..WAITS {
        let (manager, reader) = blocked(HOUR);
        let (name, mut future) = waits(&manager, HOUR).swap_remove(index);
        let first = runtime();
        first.block_on(async {
            assert!(poll_with(&mut future, &noop_waker()).is_pending(), "{name}");
        });
        story(name, future, first);
        drop(reader);
    }
}

#[test]
fn waiting_continues_after_its_runtime_ended() {
    for_each_waiting(|name, future, first| {
        drop(first);
        runtime().block_on(async move {
            let mut future = task::spawn(future);
            assert!(future.poll().is_pending(), "{name}");
            advance(secs(3599)).await;
            assert!(!future.is_woken(), "{name}");
            advance(secs(2)).await;
            assert!(future.is_woken(), "{name}");
            assert!(future.poll().is_ready(), "{name}");
        });
    });
}

#[test]
fn waiting_continues_in_another_runtime() {
    for_each_waiting(|name, future, _first| {
        runtime().block_on(async move {
            let mut future = task::spawn(future);
            assert!(future.poll().is_pending(), "{name}");
            advance(secs(3601)).await;
            assert!(future.is_woken(), "{name}");
            assert!(future.poll().is_ready(), "{name}");
        });
    });
}

#[test]
fn waiting_moves_between_block_on_and_task() {
    for_each_waiting(|name, mut future, first| {
        let second = runtime();
        let local = LocalSet::new();
        let moved = Rc::new(Cell::new(None));
        let back = Rc::clone(&moved);
        local.block_on(&second, async {
            let in_a_task = spawn_local(async move {
                for _ in 0..3 {
                    assert!(poll_with(&mut future, &noop_waker()).is_pending(), "{name}");
                }
                back.set(Some(future));
            });
            in_a_task.await.unwrap();
        });
        let future = moved.take().expect("the task has put it back");
        drop((first, local, second));
        runtime().block_on(async {
            let begun = Instant::now();
            future.await;
            assert!(begun.elapsed() >= secs(3599), "{name}");
        });
    });
}

#[test]
fn waiting_outside_of_any_runtime_does_not_panic() {
    for_each_waiting(|name, mut future, first| {
        drop(first);
        for _ in 0..2 {
            assert!(poll_with(&mut future, &noop_waker()).is_pending(), "{name}");
        }
        // In a runtime again, the timer works again.
        runtime().block_on(async {
            let mut future = task::spawn(future);
            assert!(future.poll().is_pending(), "{name}");
            advance(secs(3601)).await;
            assert!(future.is_woken(), "{name}");
            assert!(future.poll().is_ready(), "{name}");
        });
    });
}

#[test]
fn room_is_found_outside_of_the_ended_runtime() {
    let (manager, mut reader) = blocked(HOUR);
    let mut publisher = task::spawn(manager.notify(2));
    let first = runtime();
    first.block_on(async { assert!(publisher.poll().is_pending()) });
    drop(first);
    assert!(publisher.poll().is_pending());
    assert_next!(reader, 1).now();
    assert!(publisher.is_woken());
    assert_eq!(publisher.poll(), Poll::Ready(Ok(1)));
}

#[test]
fn a_batch_continues_in_the_next_runtime() {
    let manager = EventManager::new(4);
    let options = SubscribeOptions::new().overflow(Overflow::Wait);
    let deliveries = manager.subscribe_with(options).deliveries();
    let mut batches = task::spawn(deliveries.batches(2, secs(60)));
    manager.try_notify(1).unwrap();
    let first = runtime();
    first.block_on(async { assert!(batches.poll_next().is_pending()) });
    drop(first);
    assert!(batches.poll_next().is_pending());
    let batch = runtime().block_on(batches.next());
    assert_eq!(batch.map(|batch| batch.len()), Some(1));
}

/// A task of `spawn_blocking` keeps its id while calling `block_on` on several runtimes in turn.
#[test]
fn a_blocking_task_may_wait_in_several_runtimes() {
    let outer = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let done = outer.spawn_blocking(|| {
        let (manager, _reader) = blocked(HOUR);
        let mut publisher = manager.notify(2);
        let mut flush = manager.flush().within(HOUR);
        let first = runtime();
        first.block_on(async {
            assert!((&mut publisher).now_or_never().is_none());
            assert!((&mut flush).now_or_never().is_none());
        });
        drop(first);
        runtime().block_on(async {
            assert!(flush.await.is_err(), "the time limit still applies");
            publisher.await.unwrap()
        })
    });
    assert_eq!(outer.block_on(done).unwrap(), 0);
}
