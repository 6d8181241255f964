//! Assertions on tokio's clock, paused or not, and in its tasks.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, join};
use genevent::test_util::{Probe, assert_ended, assert_next, assert_no_event};
use genevent::{EventManager, handler_fn};
use tokio::time::{Instant, sleep};

use super::{A_LONG_TIME, with};

const MILLIS_100: Duration = Duration::from_millis(100);

/// Yields the stored items, and wakes no task.
struct Silent(Arc<Mutex<VecDeque<u32>>>);

impl Stream for Silent {
    type Item = u32;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        let next = self.0.lock().unwrap().pop_front();
        next.map_or(Poll::Pending, |n| Poll::Ready(Some(n)))
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_is_awaited_until_the_limit() {
    let (manager, mut reader) = with([]);
    let start = Instant::now();
    let (_, ()) = join!(sleep(MILLIS_100).then(|()| manager.notify(1)), async {
        assert_next!(reader, 1).await;
    });
    assert_eq!(start.elapsed(), MILLIS_100, "the last moment is in time");
    let next = AssertUnwindSafe(assert_next!(reader)).catch_unwind();
    let payload = next.await.unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(text.ends_with("came: nothing\n   within: 100ms"), "{text}");
    assert_eq!(start.elapsed(), MILLIS_100 * 2);
}

#[tokio::test(start_paused = true)]
async fn paused_clocks_miss_no_pending_event() {
    let (manager, mut reader) = with([]);
    let publishing = tokio::spawn(async move {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        manager.notify(1).await
    });
    assert_next!(reader, 1)
        .within(Duration::from_millis(1))
        .await;
    publishing.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn assert_no_event_holds_for_its_whole_time() {
    let (manager, mut reader) = with([]);
    tokio::spawn(async move {
        sleep(MILLIS_100 * 3 / 2).await;
        manager.notify(1).await
    });
    assert_no_event!(reader).await;
    let pending = AssertUnwindSafe(assert_no_event!(reader)).catch_unwind();
    let payload = pending.await.unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(text.contains("expected: nothing\n     came: 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_wakeups_is_polled_once_more() {
    let mut silent = Silent(Arc::default());
    assert_no_event!(silent).await;
    assert!(
        AssertUnwindSafe(assert_next!(silent))
            .catch_unwind()
            .await
            .is_err()
    );
    let items = Arc::clone(&silent.0);
    tokio::spawn(async move { items.lock().unwrap().push_back(1) });
    assert_next!(silent, 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_unrepresentable_limit_means_for_ever() {
    let (manager, mut reader) = with([]);
    tokio::spawn(async move {
        sleep(A_LONG_TIME).await;
        manager.notify(1).await
    });
    assert_next!(reader, 1).within(Duration::MAX).await;
}

#[tokio::test]
async fn an_exhausted_coop_budget_hides_no_items() {
    // After about two thousand events, all of tokio's streams are pending until the task yields.
    let (manager, mut reader) = with(0..10_000);
    for n in 0..5_000 {
        assert_next!(reader, n).now();
    }
    for n in 5_000..10_000 {
        assert_next!(reader, n).within(Duration::ZERO).await;
    }
    manager.close();
    assert_ended!(reader).now();
}

#[tokio::test]
async fn waiting_lets_other_tasks_run() {
    let (_manager, mut reader) = with(0..10_000);
    let other = tokio::spawn(async {});
    for n in 0..10_000 {
        assert_next!(reader, n).await;
    }
    assert!(other.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assertions_work_in_spawned_tasks() {
    let (manager, mut reader) = with([]);
    let asserting = tokio::spawn(async move {
        for n in 0..100 {
            assert_next!(reader, n).within(A_LONG_TIME).await;
        }
        assert_ended!(reader).within(A_LONG_TIME).await;
    });
    for n in 0..100 {
        manager.notify(n).await.unwrap();
    }
    drop(manager);
    asserting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_handler_has_seen_acknowledged_events() {
    let manager = EventManager::new(8);
    let mut probe = Probe::new();
    let [single, member, derived] = [(); 3].map(|()| probe.clone());
    manager.add_handler("single", single).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(probe.drain(), [1]);

    assert!(manager.remove_handler("single").await);
    let group = manager.handler_group("group").unwrap();
    group.add_handler("member", member).unwrap();
    group
        .add_handler("derived", handler_fn(move |n: &u32| derived.record(n * 10)))
        .unwrap();
    manager.notify(2).await.unwrap();
    for n in [2, 20] {
        assert_next!(probe, n).await;
    }
    assert_no_event!(probe).await;
    manager.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_for_other_tasks() {
    let manager = EventManager::new(1);
    let probe = Probe::new();
    let slow = manager.subscribe().then(async |n: u32| {
        sleep(Duration::from_millis(10)).await;
        n
    });
    tokio::spawn(probe.follow(slow));
    let start = Instant::now();
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    probe.wait_for(3).await;
    assert_eq!(start.elapsed(), Duration::from_millis(30));
    assert_eq!(probe.drain(), [1, 2, 3]);
    let late = AssertUnwindSafe(probe.wait_for(1)).catch_unwind();
    assert!(late.await.is_err());
    assert_eq!(start.elapsed(), Duration::from_millis(130));
}

#[test]
fn assertions_wait_in_a_runtime_without_time() {
    let (_manager, mut reader) = with([1]);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let moment = Duration::from_millis(1);
    runtime.unwrap().block_on(async {
        assert_next!(reader, 1).await;
        assert_no_event!(reader).within(moment).await;
    });
}
