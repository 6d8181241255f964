//! A wait with a time limit ends wherever its future is polled: no call needs a runtime with timers.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use futures::{FutureExt, StreamExt};
use genevent::error::DeadlineError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager, EventStreamExt, Subscription};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{advance, pause, resume};
use tokio_test::task;

use super::secs;
use super::waits::{WAITS, blocked, waits};

/// The only real time in these tests.
const MOMENT: Duration = Duration::from_millis(1);
const HOUR: Duration = secs(3600);

/// Every kind of runtime with the system's clock.
fn runtimes() -> [(&'static str, Runtime); 4] {
    let one = || Builder::new_current_thread();
    let many = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1);
        builder
    };
    [
        ("one thread, no time", one().build()),
        ("several threads, no time", many().build()),
        ("one thread", one().enable_time().build()),
        ("several threads", many().enable_time().build()),
    ]
    .map(|(kind, runtime)| (kind, runtime.unwrap()))
}

fn paused() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// A waiting future, with its manager and reader.
type Waiting = (
    &'static str,
    LocalBoxFuture<'static, ()>,
    (EventManager<u32>, Subscription<u32>),
);

/// Returns a future that waits for `limit`, after its first poll with `waker`. A busy machine may
/// exceed the limit within that poll; another future is made then.
fn begin(index: usize, limit: Duration, waker: &Waker) -> Waiting {
    loop {
        let (manager, reader) = blocked(limit);
        let (name, mut future) = waits(&manager, limit).swap_remove(index);
        if future
            .poll_unpin(&mut Context::from_waker(waker))
            .is_pending()
        {
            return (name, future, (manager, reader));
        }
    }
}

#[test]
fn every_wait_ends_on_a_plain_thread() {
    for index in 0..WAITS {
        let (manager, _reader) = blocked(MOMENT);
        let (name, future) = waits(&manager, MOMENT).swap_remove(index);
        let begun = Instant::now();
        block_on(future);
        assert!(begun.elapsed() >= MOMENT, "{name}");
    }
}

#[test]
fn every_wait_ends_in_every_runtime() {
    for (kind, runtime) in runtimes() {
        for index in 0..WAITS {
            let (manager, _reader) = blocked(MOMENT);
            let (name, future) = waits(&manager, MOMENT).swap_remove(index);
            let begun = Instant::now();
            runtime.block_on(future);
            assert!(begun.elapsed() >= MOMENT, "{name}, {kind}");
        }
    }
}

#[test]
fn every_wait_begun_in_a_runtime_ends_outside() {
    for (kind, runtime) in runtimes().into_iter().chain([("paused", paused())]) {
        let begun: Vec<_> = runtime.block_on(async {
            let begin = |index| begin(index, MOMENT, Waker::noop());
            (0..WAITS).map(begin).collect()
        });
        drop(runtime);
        for (name, future, _readers) in begun {
            println!("{name}, {kind}");
            block_on(future);
        }
    }
}

#[test]
fn every_wait_begun_outside_follows_a_paused_clock() {
    for index in 0..WAITS {
        let (name, future, _readers) = begin(index, HOUR, Waker::noop());
        paused().block_on(async {
            let mut future = task::spawn(future);
            assert!(future.poll().is_pending(), "{name}");
            advance(HOUR + MOMENT).await;
            assert!(future.is_woken(), "{name}");
            assert!(future.poll().is_ready(), "{name}");
        });
    }
}

#[test]
fn every_wait_follows_a_clock_resumed_in_the_future() {
    for index in 0..WAITS {
        paused().block_on(async {
            advance(HOUR).await;
            resume();
            let (manager, _reader) = blocked(MOMENT);
            let (_, future) = waits(&manager, MOMENT).swap_remove(index);
            let begun = Instant::now();
            future.await;
            assert!(begun.elapsed() < HOUR / 2);
        });
    }
}

#[test]
fn a_clock_paused_later_is_noticed_at_the_next_poll() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for index in 0..WAITS {
        runtime.block_on(async {
            let (name, future, _readers) = begin(index, HOUR, Waker::noop());
            pause();
            let mut future = task::spawn(future);
            assert!(future.poll().is_pending(), "{name}");
            advance(HOUR + MOMENT).await;
            assert!(future.is_woken(), "{name}");
            assert!(future.poll().is_ready(), "{name}");
            resume();
        });
    }
}

#[test]
fn a_stuck_reader_is_disconnected_outside_of_tokio() {
    let (manager, mut reader) = blocked(MOMENT);
    assert_eq!(block_on(manager.notify(2)), Ok(0), "no subscriber is left");
    assert_next!(reader, 1).now();
    assert_ended!(reader).now();
    assert!(matches!(
        reader.end_reason(),
        Some(EndReason::Disconnected { .. })
    ));
}

#[test]
fn an_answer_outside_of_tokio_beats_the_limit() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let publishing = manager.clone();
    let publisher = std::thread::spawn(move || block_on(publishing.sync_notify(1).within(HOUR)));
    assert_eq!(block_on(reader.next()), Some(1));
    reader.ack();
    assert!(publisher.join().unwrap().unwrap().all_acked());
    let late = block_on(manager.sync_notify(2).within(MOMENT));
    assert!(matches!(late, Err(DeadlineError::Unanswered(_))));
}

#[test]
fn a_batch_is_yielded_in_time_outside_of_tokio() {
    let manager = EventManager::new(4);
    let mut batches = Box::pin(manager.subscribe().deliveries().batches(2, MOMENT));
    manager.try_notify(1).unwrap();
    let batch = block_on(batches.next()).unwrap();
    assert_eq!(batch.ack(), [1]);
}

/// Counts its clones.
struct Counted;

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_dropped_wait_keeps_no_waker() {
    for index in 0..WAITS {
        let counted = Arc::new(Counted);
        let waker = Waker::from(Arc::clone(&counted));
        let (name, future, _readers) = begin(index, HOUR, &waker);
        assert!(Arc::strong_count(&counted) > 2, "{name}");
        drop(future);
        assert_eq!(Arc::strong_count(&counted), 2, "{name}");
    }
}

/// A waker that panics in `wake`.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("the waker of a test");
    }
}

#[test]
fn a_panicking_waker_stops_no_other_timer() {
    let harmful = begin(0, MOMENT, &Waker::from(Arc::new(Panicking)));
    let (manager, _reader) = blocked(2 * MOMENT);
    assert_eq!(block_on(manager.notify(2)), Ok(0));
    block_on(harmful.1);
}
