//! I. Streams: how streams end.

use std::task::Poll;

use futures::{FutureExt, StreamExt, poll};
use genevent::test_util::Probe;
use genevent::{EndReason, EventManager};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};

use super::support::{MODES, Mode, at_once, ms, reader, receipt, settle, timed};
use crate::receipts::UnfinishedIds;

#[tokio::test]
async fn case_119_killing_an_idle_reader_detaches_the_subscriber() {
    let manager = EventManager::new(8);
    let read = Probe::new();
    let consumer = tokio::spawn(read.follow(manager.subscribe()));
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(read.drain(), [1]);
    assert_eq!(manager.subscriber_count(), 1);
    consumer.abort();
    assert!(consumer.await.unwrap_err().is_cancelled());
    assert_eq!(manager.subscriber_count(), 0);
    assert!(manager.sync_notify(2).await.unwrap().is_unheard());
}

#[tokio::test(start_paused = true)]
async fn case_120_killing_a_reader_releases_sync_notify() {
    let manager = EventManager::new(8);
    let (stuck, other) = (reader(&manager, 1_000_000), reader(&manager, 0));
    let mut sync = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut sync).is_pending());
    settle().await;
    assert!(poll!(&mut sync).is_pending());
    stuck.abort();
    let (took, receipt) = timed(sync).await;
    let receipt = receipt.unwrap();
    assert_eq!((took, receipt.acked() + receipt.dropped()), (0, 2));
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
    drop(manager);
    assert_eq!(other.await.unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn case_121_killing_a_reader_releases_the_next_ack_notify() {
    let manager = EventManager::new(1);
    let (stuck, other) = (reader(&manager, 1_000_000), reader(&manager, 0));
    assert_eq!(manager.ack_notify(1).await.unwrap().acked(), 2);
    let mut second = Box::pin(manager.ack_notify(2));
    let mut third = Box::pin(manager.notify(3));
    assert!(poll!(&mut second).is_pending());
    assert!(poll!(&mut third).is_pending());
    settle().await;
    assert!(poll!(&mut second).is_pending());
    stuck.abort();
    let (took, receipt) = timed(second).await;
    let receipt = receipt.unwrap();
    assert_eq!((took, receipt.acked(), receipt.dropped()), (0, 1, 1));
    assert_eq!(third.await, Ok(1));
    drop(manager);
    assert_eq!(other.await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn case_122_breaking_the_loop_leaves_nothing_behind() {
    for (mode, raises) in MODES
        .into_iter()
        .flat_map(|mode| [(mode, false), (mode, true)])
    {
        let case = format!("{mode:?}, raises: {raises}");
        let manager = EventManager::new(8);
        let mut stream = manager.subscribe();
        let (go, wait) = oneshot::channel::<()>();
        let consumer = tokio::spawn(async move {
            let first = stream.next().await;
            wait.await.unwrap();
            assert!(!raises, "breaks out");
            first
        });
        let other = reader(&manager, 0);
        let mut first = Box::pin(receipt(&manager, mode, 1));
        let mut answer = poll!(&mut first);
        assert_eq!(answer.is_ready(), mode == Mode::Async, "{case}");
        manager.notify(2).await.unwrap();
        settle().await;
        if answer.is_pending() {
            // An ack comes before the body runs, a sync after that.
            answer = poll!(&mut first);
            assert_eq!(answer.is_ready(), mode == Mode::Ack, "{case}");
        }
        go.send(()).unwrap();

        // Resolved; a reader that leaves during an event has not finished the event.
        let receipt = match answer {
            Poll::Ready(receipt) => {
                drop(first);
                receipt
            }
            Poll::Pending => first.await,
        };
        let reported = receipt.map(|receipt| (receipt.acked(), receipt.dropped()));
        let expected = match mode {
            Mode::Async => None,
            Mode::Ack => Some((2, 0)),
            Mode::Sync => Some((1, 1)),
        };
        assert_eq!(reported, expected, "{case}");
        assert_eq!(consumer.await.is_err(), raises);
        assert_eq!(manager.subscriber_count(), 1);
        manager.flush().await.unwrap();
        assert!(manager.sync_notify(3).await.unwrap().all_acked(), "{case}");
        drop(manager);
        assert_eq!(other.await.unwrap(), [1, 2, 3], "{case}");
    }
}

#[tokio::test]
async fn case_123_a_stopped_stream_yields_its_backlog() {
    for mode in MODES {
        let manager = EventManager::new(8);
        let mut stream = manager.subscribe();
        let mut notifying = [1, 2, 3].map(|n| task::spawn(receipt(&manager, mode, n)));
        for notify in &mut notifying {
            let answer = notify.poll();
            assert_eq!(answer.is_ready(), mode == Mode::Async, "{mode:?}");
        }
        let mut stopping = Box::pin(manager.stop());
        assert!(poll!(&mut stopping).is_pending());
        for n in 1..=3 {
            assert_eq!(stream.next().await, Some(n), "{mode:?}");
        }
        assert!(poll!(&mut stopping).is_pending(), "the last one is in hand");
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.end_reason(), Some(EndReason::Closed));
        assert_eq!(stopping.await, Ok(()));
        if mode != Mode::Async {
            // The publishers are answered after the stop as well.
            for notify in &mut notifying {
                let receipt = assert_ready!(notify.poll());
                assert!(receipt.unwrap().all_acked(), "{mode:?}");
            }
        }
    }
}

#[tokio::test]
async fn case_124_a_disconnected_stream_shows_the_reason() {
    let manager = EventManager::new(8);
    let (mut cut, mut other) = (manager.subscribe(), manager.subscribe());
    manager.notify(1).await.unwrap();
    assert!(manager.disconnect(cut.id()));
    manager.notify(2).await.unwrap();
    manager.close();
    assert_eq!(cut.by_ref().collect::<Vec<_>>().await, [1], "pending first");
    assert_eq!(other.by_ref().collect::<Vec<_>>().await, [1, 2]);
    let reasons = [cut, other].map(|stream| stream.end_reason().unwrap());
    assert!(matches!(reasons[0], EndReason::Disconnected { .. }));
    assert_eq!(reasons[1], EndReason::Closed);
    assert_eq!(reasons[0].to_string(), "disconnected on request");
}

#[tokio::test]
async fn case_125_a_closed_managers_stream_ends_at_once() {
    let manager = EventManager::new(8);
    let early = manager.subscribe();
    manager.notify(1).await.unwrap();
    manager.close();
    let mut late = manager.subscribe();
    assert_eq!(at_once(late.next()), None);
    assert_eq!(late.end_reason(), Some(EndReason::Closed));
    assert_eq!(early.collect::<Vec<_>>().await, [1]);
}

#[tokio::test]
async fn case_127_a_disconnected_stream_yields_its_backlog() {
    let manager = EventManager::new(8);
    let mut removed = manager.subscribe();
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(removed.next().await, Some(1));
    assert!(manager.disconnect(removed.id()));
    manager.notify(4).await.unwrap();
    assert_eq!(removed.next().await, Some(2));
    assert_eq!(removed.next().await, Some(3));
    assert_eq!(at_once(removed.next()), None);
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn case_129_disconnecting_a_stuck_stream_releases_waiters() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe();
    let mut first = task::spawn(manager.sync_notify(1));
    assert_pending!(first.poll());
    assert_eq!(stuck.next().await, Some(1)); // the reader is stuck now
    let mut second = task::spawn(manager.sync_notify(2));
    let mut third = task::spawn(manager.sync_notify(3));
    assert_pending!(second.poll());
    assert_pending!(third.poll());

    assert!(manager.disconnect(stuck.id()));
    let receipt = assert_ready!(second.poll()).unwrap();
    assert_eq!(receipt.unfinished_ids(), [stuck.id()]);
    assert!(assert_ready!(third.poll()).unwrap().is_unheard());

    // The event in flight is owed until the reader's task ends: a deadline limits the wait.
    assert_pending!(first.poll());
    let late = manager.flush().within(ms(100)).await.unwrap_err();
    assert_eq!(late.waiting_for()[0].id(), stuck.id());
    drop(stuck);
    assert_eq!(assert_ready!(first.poll()).unwrap().dropped(), 1);
    assert!(manager.flush().now_or_never().is_some());
}
