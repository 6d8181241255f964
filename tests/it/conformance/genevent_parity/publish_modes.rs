//! C. `notify`, `ack_notify`, `sync_notify`: how far each waits.

use std::future::pending;
use std::ops::ControlFlow;

use futures::{FutureExt, StreamExt, poll};
use genevent::error::{NotifyError, TryNotifyError};
use genevent::test_util::Probe;
use genevent::{EventManager, StopReason, handler_fn};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::support::{Diary, Mode, Scribe, add, at_once, publish, reader, settle, timed};

#[tokio::test]
async fn case_035_without_subscribers_every_call_resolves() {
    let manager = EventManager::new(1);
    assert_eq!(at_once(manager.notify(1)), Ok(0));
    assert!(at_once(manager.ack_notify(2)).unwrap().is_unheard());
    let receipt = at_once(manager.sync_notify(3)).unwrap();
    assert_eq!((receipt.seq(), receipt.is_unheard()), (3, true));

    let mut stream = manager.subscribe();
    assert_eq!(at_once(manager.notify(4)), Ok(1));
    assert_eq!(stream.next().await, Some(4));
}

#[tokio::test]
async fn case_036_notify_resolves_before_the_handler_runs() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    assert_eq!(manager.notify(1).await, Ok(1));
    assert!(diary.drain().is_empty());
    settle().await;
    assert_eq!(diary.drain(), ["a 1"], "it arrives later");
}

#[tokio::test]
async fn case_037_sync_notify_resolves_after_the_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    for n in 1..=3 {
        assert!(manager.sync_notify(n).await.unwrap().all_acked());
        assert_eq!(diary.drain(), [format!("a {n}")], "no waiting is needed");
    }
}

#[tokio::test(start_paused = true)]
async fn case_038_only_sync_notify_waits_for_its_event() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    manager.add_handler("a", slow).unwrap();
    for (mode, millis) in [(Mode::Sync, 200), (Mode::Async, 0), (Mode::Ack, 0)] {
        settle().await;
        let (took, ()) = timed(publish(&manager, mode, 1)).await;
        assert_eq!(took, millis, "{mode:?}");
        manager.flush().await.unwrap();
        assert_eq!(diary.drain(), ["a 1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn case_039_ack_notify_waits_for_earlier_events() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 200);
    manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let (took, receipt) = timed(manager.ack_notify(2)).await;
    assert_eq!((took, receipt.unwrap().acked()), (200, 1));
    assert_eq!(diary.drain(), ["a 1"], "it has only been received");
    let (took, _) = timed(manager.flush()).await;
    assert_eq!(took, 200);
    assert_eq!(diary.drain(), ["a 2"]);
}

#[tokio::test(start_paused = true)]
async fn case_040_sync_notify_waits_for_earlier_events() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 100);
    manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    let (took, receipt) = timed(manager.sync_notify(3)).await;
    assert_eq!((took, receipt.unwrap().acked()), (300, 1));
    assert_eq!(diary.drain(), ["a 1", "a 2", "a 3"]);
}

#[tokio::test(start_paused = true)]
async fn case_041_members_run_sequentially_and_handlers_concurrently() {
    let diary = Diary::default();
    let slow = |name| Scribe::slow(name, &diary, 100);
    let manager = EventManager::new(8);
    for name in ["a", "b"] {
        manager.add_handler(name, slow(name)).unwrap();
    }
    let (took, receipt) = timed(manager.sync_notify(1)).await;
    assert_eq!((took, receipt.unwrap().acked()), (100, 2));
    assert_eq!(diary.drain().len(), 2);

    let manager = EventManager::new(8);
    let group = manager.handler_group("both").unwrap();
    for name in ["a", "b"] {
        group.add_handler(name, slow(name)).unwrap();
    }
    let (took, _) = timed(manager.sync_notify(1)).await;
    assert_eq!(took, 200);
    assert_eq!(diary.drain(), ["a 1", "b 1"]);
}

#[tokio::test(start_paused = true)]
async fn case_042_streams_work_concurrently() {
    let manager = EventManager::new(8);
    let readers = [reader(&manager, 100), reader(&manager, 100)];
    let (took, receipt) = timed(manager.sync_notify(1)).await;
    assert_eq!((took, receipt.unwrap().acked()), (100, 2));
    drop(manager);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn case_043_a_handler_and_stream_work_concurrently() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 100);
    manager.add_handler("a", slow).unwrap();
    let reading = reader(&manager, 150);
    let (took, receipt) = timed(manager.sync_notify(1)).await;
    assert_eq!((took, receipt.unwrap().acked()), (150, 2));
    assert_eq!(diary.drain(), ["a 1"]);
    drop(manager);
    assert_eq!(reading.await.unwrap(), [1]);
}

#[tokio::test]
async fn case_044_a_cancelled_sync_notify_still_delivers() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let reading = reader(&manager, 0);
    assert!(manager.sync_notify(1).now_or_never().is_none());
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 2);
    assert_eq!(diary.drain(), ["a 1", "a 2"]);
    drop(manager);
    assert_eq!(reading.await.unwrap(), [1, 2]);
}

#[test]
fn case_045_sync_notify_resolves_when_its_subscribers_end() {
    // The publisher was still queued when the manager was closed.
    let manager = EventManager::new(1);
    let stream = manager.subscribe();
    assert_eq!(at_once(manager.notify(1)), Ok(1));
    let mut waiting = manager.sync_notify(2);
    assert!((&mut waiting).now_or_never().is_none());
    manager.close();
    assert_eq!(at_once(waiting), Err(NotifyError::Closed(2)));
    assert_eq!(at_once(stream.collect::<Vec<_>>()), [1]);

    // All subscribers ended with their runtime.
    let manager = EventManager::new(1);
    let runtime = Builder::new_current_thread().build().unwrap();
    let seen = Probe::new();
    let mut waiting = manager.sync_notify(3);
    runtime.block_on(async {
        let noting = seen.clone();
        let stuck = move |n: &u32| {
            noting.record(*n);
            pending::<()>()
        };
        manager.add_handler("stuck", stuck).unwrap();
        assert!(poll!(&mut waiting).is_pending());
        settle().await;
    });
    assert_eq!(seen.drain(), [3]);
    drop(runtime);
    let receipt = at_once(waiting).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 1));
}

#[tokio::test]
async fn case_046_mixed_modes_keep_the_order() {
    let manager = EventManager::new(64);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let reading = reader(&manager, 0);
    for n in (1..=40).step_by(4) {
        manager.notify(n).await.unwrap();
        manager.ack_notify(n + 1).await.unwrap();
        manager.try_notify(n + 2).unwrap();
        manager.sync_notify(n + 3).await.unwrap();
    }
    let sent: Vec<_> = (1..=40).collect();
    assert_eq!(a.remove().await.ok().unwrap().seen, sent);
    drop(manager);
    assert_eq!(reading.await.unwrap(), sent);
}

#[tokio::test]
async fn case_047_a_flood_waits_and_loses_nothing() {
    const EVENTS: u32 = 100_000;
    let manager = EventManager::default(); // is bounded
    let (go, gate) = oneshot::channel::<()>();
    let gate = gate.map(drop).shared();
    let seen = Probe::new();
    let noting = seen.clone();
    let busy = move |n: &u32| {
        let (gate, noting, n) = (gate.clone(), noting.clone(), *n);
        async move {
            gate.await;
            noting.record(n);
        }
    };
    manager.add_handler("busy", busy).unwrap();
    let source = manager.clone();
    let flood = tokio::spawn(async move {
        for n in 0..EVENTS {
            source.notify(n).await.unwrap();
        }
    });
    settle().await;
    assert!(!flood.is_finished());
    let bound = manager.capacity();
    assert!(bound < 10_000);
    assert_eq!(manager.subscribers()[0].unread(), bound);
    assert_eq!(manager.try_notify(0), Err(TryNotifyError::Full(0)));

    go.send(()).unwrap();
    flood.await.unwrap();
    manager.flush().await.unwrap();
    assert!(seen.drain().into_iter().eq(0..EVENTS));
}

#[tokio::test]
async fn case_048_handlers_end_alike_in_every_mode() {
    let mut results = Vec::new();
    for mode in [Mode::Async, Mode::Ack] {
        let manager = EventManager::new(8);
        let diary = Diary::default();
        let bad = Scribe::fragile("bad", &diary);
        let bad = manager.add_handler("bad", bad).unwrap();
        let leaver = handler_fn(|n: &u32| match n {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let leaver = manager.add_handler("leaver", leaver).unwrap();
        let seen = Probe::new();
        manager.add_handler("good", seen.clone()).unwrap();
        for n in [1, 13, 2, 3] {
            publish(&manager, mode, n).await;
        }
        manager.flush().await.unwrap();
        let ends = (bad.stopped().await, leaver.stopped().await);
        results.push((ends, manager.which_handlers(), seen.drain(), diary.drain()));
    }
    assert_eq!(results[0], results[1]);
    let (ends, left, seen, _) = &results[0];
    let panicked = StopReason::Panicked("thirteen".into());
    assert_eq!(ends, &(panicked, StopReason::Finished));
    assert_eq!(
        (&left[..], &seen[..]),
        (&["good".into()][..], &[1, 13, 2, 3][..])
    );
}
