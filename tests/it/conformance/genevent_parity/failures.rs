//! E. Failures of handlers.

use std::future::pending;
use std::ops::ControlFlow;

use genevent::error::DeadlineError;
use genevent::handler::{CallError, RemoveError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason};

use super::support::{Diary, Scribe, add, at_once, ms, settle};
use crate::receipts::UnfinishedIds;

#[tokio::test]
async fn case_057_only_the_failing_handler_ends() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let bad = Scribe::fragile("bad", &diary);
    manager.add_handler("bad", bad).unwrap();
    let seen = Probe::new();
    manager.add_handler("good", seen.clone()).unwrap();
    let bad = manager.subscribers()[0].id();

    let receipt = manager.sync_notify(13).await.unwrap();
    assert_eq!((receipt.acked(), receipt.unfinished_ids()), (1, vec![bad]));
    assert_eq!(manager.which_handlers(), ["good"]);
    assert!(manager.sync_notify(2).await.unwrap().all_acked());
    assert_eq!(seen.drain(), [13, 2]);
}

#[tokio::test]
async fn case_058_later_members_get_the_failed_event() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let bad = Scribe::fragile("bad", &diary);
    group.add_handler("bad", bad).unwrap();
    let good = Scribe::new("good", &diary);
    group.add_handler("good", good).unwrap();
    manager.sync_notify(13).await.unwrap();
    manager.sync_notify(2).await.unwrap();
    let log = [
        "bad 13",
        "bad ends: it panicked: thirteen",
        "good 13",
        "good 2",
    ];
    assert_eq!(diary.drain(), log);
    assert_eq!(group.which_handlers(), ["good"]);
}

/// Records its sum and its stop reason at the end.
struct Sum(u32, Diary);

impl Handler<u32> for Sum {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        assert!(*n < 10, "{n} is too much");
        self.0 += n;
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.1.record(format!("{}; {reason}", self.0));
    }
}

#[tokio::test]
async fn case_059_terminate_sees_cause_and_last_state() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let sum = manager.add_handler("sum", Sum(0, diary.clone())).unwrap();
    for n in [1, 2, 99] {
        manager.notify(n).await.unwrap();
    }
    let cause = StopReason::Panicked("99 is too much".into());
    assert_eq!(sum.stopped().await, cause);
    assert_eq!(diary.drain(), ["3; it panicked: 99 is too much"]);
}

#[tokio::test]
async fn case_060_a_handler_may_remove_itself() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let other = add(&manager, "other", &diary);
    let leaver = |name| -> HandlerRef<u32, Scribe> {
        let leaver = Scribe::fragile(name, &diary);
        manager.add_handler(name, leaver).unwrap()
    };

    // The handler has ended completely when `sync_notify` returns.
    let by_event = leaver("by event");
    assert!(manager.sync_notify(0).await.unwrap().all_acked());
    assert_eq!(at_once(by_event.stopped()), StopReason::Finished);
    assert_eq!(manager.which_handlers(), ["other"]);
    assert_eq!(manager.subscriber_count(), 1);
    let ends = "by event ends: it had finished".to_owned();
    assert!(diary.drain().contains(&ends));

    let by_call = leaver("by call");
    manager.notify(1).await.unwrap();
    let guard = by_call.clone().drop_guard();
    let asked = move |h: &mut Scribe| {
        drop(guard); // removes the handler after this call
        h.seen.clone()
    };
    assert_eq!(by_call.call(asked).await, Ok(vec![1]));
    assert_eq!(by_call.stopped().await, StopReason::Removed);

    assert_eq!(manager.which_handlers(), ["other"]);
    let ends = "by call ends: it was removed".to_owned();
    assert!(diary.drain().contains(&ends));
    assert!(manager.sync_notify(2).await.unwrap().all_acked());
    assert_eq!(other.call(|h| h.seen.clone()).await, Ok(vec![0, 1, 2]));
}

#[tokio::test]
async fn case_064_a_panicking_terminate_still_ends_the_handler() {
    struct Sore(Diary);
    impl Handler<u32> for Sore {
        async fn handle_event(&mut self, n: &u32) -> Handled {
            self.0.record(format!("sore {n}"));
            Ok(ControlFlow::Continue(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            panic!("sore")
        }
    }
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let sore = manager.add_handler("sore", Sore(diary.clone())).unwrap();
    manager.notify(1).await.unwrap();
    let reported = sore.stopped();
    let removed = sore.remove().await;
    let panicked = StopReason::Panicked("sore".into());
    assert_eq!(removed.err(), Some(RemoveError::Stopped(panicked)));
    assert_eq!(
        reported.await,
        StopReason::Removed,
        "the reason that it had"
    );
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(diary.drain(), ["sore 1"]);
}

/// Reports its own failure, with as much of event and state as it likes.
struct Reporting {
    id: &'static str,
    manager: String,
    last: u32,
    handled: usize,
    _secret: &'static str,
    reports: Diary,
}

impl Handler<u32> for Reporting {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.last = *n;
        assert_ne!((self.id, *n), ("bad", 13), "unlucky");
        self.handled += 1;
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        if let StopReason::Panicked(_) = reason {
            let Self {
                id,
                manager,
                last,
                handled,
                ..
            } = self;
            let report = format!("{id} of {manager}, event {last} after {handled}: {reason}");
            self.reports.record(report);
        }
    }
}

#[tokio::test]
async fn case_065_only_failures_are_reported_in_full() {
    let manager = EventManager::builder().name("orders").build();
    let reports = Diary::default();
    let [_bad, removed, swapped, _closed] = ["bad", "removed", "swapped", "closed"].map(|id| {
        let reporting = Reporting {
            id,
            manager: manager.name().unwrap().to_owned(),
            last: 0,
            handled: 0,
            _secret: "of no concern",
            reports: reports.clone(),
        };
        manager.add_handler(id, reporting).unwrap()
    });
    manager.notify(1).await.unwrap();
    manager.notify(13).await.unwrap();
    assert_eq!(removed.remove().await.ok().unwrap().handled, 2);
    assert!(swapped.swap(|_| Probe::new()).await.is_ok());
    manager.stop().await.unwrap();
    let report = "bad of orders, event 13 after 1: it panicked: ";
    let reports = reports.drain();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].starts_with(report) && reports[0].contains("unlucky"));
}

#[tokio::test(start_paused = true)]
async fn case_066_a_stuck_handler_blocks_no_other_handler() {
    let manager = EventManager::new(8);
    let stuck = manager.add_handler("stuck", |_: &u32| pending::<()>());
    let stuck = stuck.unwrap();
    let diary = Diary::default();
    let other = add(&manager, "other", &diary);
    let late = manager.sync_notify(1).within(ms(100)).await.unwrap_err();
    assert!(matches!(&late, DeadlineError::Unanswered(late) if late.waiting_for().len() == 1));
    assert_eq!(late.waiting_for()[0].name(), Some("stuck"));
    manager.notify(2).await.unwrap();
    assert_eq!(other.call(|other| other.seen.clone()).await, Ok(vec![1, 2]));

    stuck.abort();
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    assert!(manager.sync_notify(3).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["other 1", "other 2", "other 3"]);
}

#[tokio::test]
async fn case_067_terminate_is_optional() {
    struct Plain(Vec<u32>);
    impl Handler<u32> for Plain {
        async fn handle_event(&mut self, n: &u32) -> Handled {
            self.0.push(*n);
            Ok(ControlFlow::Continue(()))
        }
    }
    let manager = EventManager::new(8);
    let plain = manager.add_handler("plain", Plain(Vec::new())).unwrap();
    let reported = plain.clone();
    manager.notify(1).await.unwrap();
    assert_eq!(plain.remove().await.ok().unwrap().0, [1]);
    settle().await;
    assert_eq!(reported.stopped().await, StopReason::Removed);
    let gone = CallError::Stopped(StopReason::Removed);
    assert_eq!(reported.call(|_| ()).await, Err(gone));
}
