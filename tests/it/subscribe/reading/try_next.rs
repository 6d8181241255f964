//! `try_next` reads what is stored now, and changes nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;

use futures::Stream;
use genevent::error::TryNextError::{Empty, Ended};
use genevent::{EventManager, Overflow, Received, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::Fragile;
use crate::drive::now;

/// Counts its wakeups.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn polled<S: Stream + Unpin>(stream: &mut S, alarm: &Arc<Alarm>) -> bool {
    let waker = Waker::from(Arc::clone(alarm));
    let mut cx = Context::from_waker(&waker);
    Pin::new(stream).poll_next(&mut cx).is_ready()
}

#[cfg(feature = "rt")]
mod in_a_task {
    use super::*;

    const EVENTS: usize = 10_000;

    /// Reads until nothing is left, after the budget of the task is used up.
    async fn drain<T>(
        mut try_next: impl FnMut() -> Result<T, genevent::error::TryNextError>,
    ) -> usize {
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::coop::consume_budget().await;
        }
        let mut read = 0;
        while try_next().is_ok() {
            read += 1;
        }
        read
    }

    #[tokio::test]
    async fn a_loop_of_try_next_drains_everything() {
        let manager = EventManager::builder()
            .capacity(EVENTS)
            .retain(EVENTS)
            .build();
        let mut plain = manager.subscribe();
        let mut missing = manager.subscribe().with_missed();
        let mut filtered = manager.subscribe_filter(|_| true);
        let mut jobs = manager.subscribe().deliveries();
        let mut filtered_jobs = manager.subscribe_filter(|_| true).deliveries();
        let mut late = manager.subscribe();
        for n in 0..EVENTS {
            manager.try_notify(n).unwrap();
        }
        let mut replaying = manager.subscribe_with(SubscribeOptions::new().replay(EVENTS));
        manager.disconnect(late.id());
        assert_eq!(drain(|| plain.try_next()).await, EVENTS);
        assert_eq!(drain(|| missing.try_next()).await, EVENTS);
        assert_eq!(drain(|| filtered.try_next()).await, EVENTS);
        assert_eq!(drain(|| jobs.try_next().map(drop)).await, EVENTS);
        assert_eq!(drain(|| filtered_jobs.try_next().map(drop)).await, EVENTS);
        assert_eq!(drain(|| late.try_next()).await, EVENTS);
        assert_eq!(drain(|| replaying.try_next()).await, EVENTS);
    }

    #[tokio::test]
    async fn try_next_uses_up_no_budget() {
        let manager = EventManager::new(EVENTS);
        let mut reader = manager.subscribe();
        for n in 0..EVENTS {
            manager.try_notify(n).unwrap();
        }
        while reader.try_next().is_ok() {}
        assert!(tokio::task::coop::has_budget_remaining());
        // Nor are the events paid for later, by `next`.
        manager.try_notify(1).unwrap();
        assert_eq!(reader.next().await, Some(1));
    }
}

#[test]
fn try_next_acknowledges_the_event_in_flight() {
    let manager = EventManager::new(4);
    let mut plain = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    let mut missing = manager.subscribe().with_missed();
    let mut saved = task::spawn(manager.sync_notify(1));
    assert_pending!(saved.poll());
    assert_eq!((plain.try_next(), filtered.try_next()), (Ok(1), Ok(1)));
    assert_eq!(missing.try_next(), Ok(Received::Event(1)));
    assert_pending!(saved.poll());
    assert_eq!(plain.try_next(), Err(Empty));
    assert_eq!(filtered.try_next(), Err(Empty));
    assert_pending!(saved.poll());
    assert_eq!(missing.try_next(), Err(Empty));
    assert_eq!(assert_ready_ok!(saved.poll()).acked(), 3);
    assert!(manager.flush().try_now().is_some());
}

/// A future's output at its first poll.
trait TryNow: Future + Sized {
    fn try_now(self) -> Option<Self::Output> {
        futures::FutureExt::now_or_never(self)
    }
}

impl<F: Future> TryNow for F {}

#[test]
fn deliveries_are_acknowledged_by_themselves() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut saved = task::spawn(manager.sync_notify(1));
    assert_pending!(saved.poll());
    let job = jobs.try_next().unwrap();
    assert_eq!(jobs.try_next().unwrap_err(), Empty);
    assert_pending!(saved.poll());
    job.ack();
    assert_eq!(assert_ready_ok!(saved.poll()).acked(), 1);
}

#[test]
fn try_next_is_received() {
    let manager = EventManager::new(4);
    let (mut reader, mut even) = (
        manager.subscribe(),
        manager.subscribe_filter(|n| n % 2 == 0),
    );
    let mut received = task::spawn(manager.ack_notify(2));
    assert_pending!(received.poll());
    assert_eq!(reader.try_next(), Ok(2));
    assert_pending!(received.poll());
    assert_eq!(even.try_next(), Ok(2));
    assert!(assert_ready_ok!(received.poll()).all_acked());
}

/// A stream that a task polls, and that is also read by hand.
#[test]
fn try_next_keeps_the_waker_of_an_earlier_poll() {
    let manager = EventManager::new(4);
    let (mut plain, mut filtered) = (manager.subscribe(), manager.subscribe_filter(|_| true));
    let mut jobs = manager.subscribe().deliveries();
    let mut stage = manager.subscribe_after(&plain);
    let alarms = [(); 4].map(|()| Arc::<Alarm>::default());
    let rings = || {
        alarms
            .each_ref()
            .map(|alarm| alarm.0.load(Ordering::Relaxed))
    };
    assert!(!polled(&mut plain, &alarms[0]) && !polled(&mut filtered, &alarms[1]));
    assert!(!polled(&mut jobs, &alarms[2]) && !polled(&mut stage, &alarms[3]));
    assert_eq!(
        (plain.try_next(), filtered.try_next()),
        (Err(Empty), Err(Empty))
    );
    assert_eq!(
        (jobs.try_next().err(), stage.try_next()),
        (Some(Empty), Err(Empty))
    );
    manager.try_notify(1).unwrap();
    assert_eq!(rings(), [1; 4]);

    // The gate is closed: the stage sleeps there, and is woken there.
    assert!(!polled(&mut stage, &alarms[3]));
    assert_eq!((stage.try_next(), stage.len()), (Err(Empty), 1));
    assert_eq!(plain.try_next(), Ok(1));
    assert_eq!(stage.try_next(), Err(Empty), "in flight");
    plain.ack();
    assert_eq!(rings(), [1, 1, 1, 2]);
    assert_eq!(stage.try_next(), Ok(1));
}

#[test]
fn try_next_registers_no_waker() {
    let manager = EventManager::new(4);
    let (mut plain, mut filtered) = (manager.subscribe(), manager.subscribe_filter(|_| true));
    assert_eq!(
        (plain.try_next(), filtered.try_next()),
        (Err(Empty), Err(Empty))
    );
    // The wakers that do nothing cannot be counted; the readers that are parked can.
    assert_eq!(manager.try_notify(1), Ok(2));
    let alarm = Arc::<Alarm>::default();
    assert!(polled(&mut plain, &alarm) && polled(&mut filtered, &alarm));
    assert_eq!(Arc::strong_count(&alarm), 1);
}

#[test]
fn a_stage_reads_only_what_is_settled() {
    let manager = EventManager::new(4);
    let mut journal = manager.subscribe();
    let mut other = manager.subscribe_filter(|n| *n == 2);
    let options = SubscribeOptions::new()
        .after(journal.id())
        .after(other.id());
    let mut stage = manager.subscribe_with(options);
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((stage.try_next(), stage.len()), (Err(Empty), 3));
    assert_eq!(journal.try_next(), Ok(1));
    assert_eq!(stage.try_next(), Err(Empty));
    assert_eq!(journal.try_next(), Ok(2));
    assert_eq!((stage.try_next(), stage.try_next()), (Ok(1), Err(Empty)));
    journal.ack();
    assert_eq!(stage.try_next(), Err(Empty), "the other has not read it");
    assert_eq!(other.try_next(), Ok(2));
    drop(other);
    assert_eq!(stage.try_next(), Ok(2));
    manager.close();
    assert_eq!(stage.try_next(), Err(Empty));
    drop(journal);
    assert_eq!((stage.try_next(), stage.try_next()), (Ok(3), Err(Ended)));
}

#[test]
fn a_disconnected_stream_yields_the_rest_and_ends() {
    let manager = EventManager::new(4);
    let (mut plain, mut even) = (
        manager.subscribe(),
        manager.subscribe_filter(|n| n % 2 == 0),
    );
    let mut stage = manager.subscribe_after(&plain);
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    for id in [plain.id(), even.id(), stage.id()] {
        assert!(manager.disconnect(id));
    }
    assert_eq!((even.try_next(), even.try_next()), (Ok(2), Err(Ended)));
    for reader in [&mut stage, &mut plain] {
        assert_eq!((reader.try_next(), reader.try_next()), (Ok(1), Ok(2)));
        assert_eq!(
            (reader.try_next(), reader.try_next()),
            (Err(Ended), Err(Ended))
        );
        assert!(reader.end_reason().is_some());
    }
    assert_eq!(now(plain.next()), None);
}

#[test]
fn a_stream_of_a_closed_manager_has_ended() {
    let manager = EventManager::<u8>::new(1);
    manager.close();
    assert_eq!(manager.subscribe().try_next(), Err(Ended));
    assert_eq!(
        manager.subscribe().deliveries().try_next().err(),
        Some(Ended)
    );
    assert_eq!(manager.subscribe_filter(|_| true).try_next(), Err(Ended));
}

/// A permit that is out may still deliver.
#[test]
fn a_closed_manager_with_a_permit_has_not_ended() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    manager.close();
    assert_eq!(reader.try_next(), Err(Empty));
    permit.notify(1);
    assert_eq!((reader.try_next(), reader.try_next()), (Ok(1), Err(Ended)));
}

#[test]
fn unacked_deliveries_limit_try_next() {
    let manager = EventManager::new(4);
    let limited = || SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(limited()).deliveries();
    let mut even = manager
        .subscribe_filter_with(limited(), |n| n % 2 == 0)
        .deliveries();
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    for n in 1..=4 {
        let job = jobs.try_next().unwrap();
        assert_eq!(jobs.try_next().unwrap_err(), Empty);
        assert_eq!(job.ack(), n);
    }
    assert_eq!(jobs.try_next().unwrap_err(), Ended);
    let two = even.try_next().unwrap();
    assert_eq!(even.try_next().unwrap_err(), Empty);
    drop(two);
    assert_eq!(even.try_next().unwrap().ack(), 4);
    assert_eq!(even.try_next().unwrap_err(), Ended);
}

#[test]
fn losses_are_told_in_their_place() {
    let manager = EventManager::new(2);
    let mut missing = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let filtered = manager.subscribe_filter_with(Overflow::DropOldest, |_| true);
    let mut filtered = filtered.with_missed();
    let mut plain = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    let told = [
        Ok(Received::Missed(3)),
        Ok(Received::Event(4)),
        Ok(Received::Event(5)),
        Err(Empty),
    ];
    assert_eq!([(); 4].map(|()| missing.try_next()), told);
    assert_eq!([(); 4].map(|()| filtered.try_next()), told);
    assert_eq!(
        [(); 3].map(|()| plain.try_next()),
        [Ok(4), Ok(5), Err(Empty)]
    );
}

#[test]
fn a_panicking_clone_keeps_the_event() {
    for deliver in [false, true] {
        let manager = EventManager::new(4);
        let mut reader = Some(manager.subscribe());
        let mut jobs = deliver.then(|| reader.take().unwrap().deliveries());
        manager
            .try_notify(Fragile::new(1, true))
            .unwrap_or_default();
        let mut read = || match (&mut reader, &mut jobs) {
            (Some(reader), _) => reader.try_next().map(|event| event.number),
            (None, jobs) => {
                let job = jobs.as_mut().unwrap().try_next();
                job.map(|job| job.ack().number)
            }
        };
        catch_unwind(AssertUnwindSafe(&mut read)).unwrap_err();
        assert_eq!((read(), read()), (Ok(1), Err(Empty)));
    }
}

/// Beside a publisher that overwrites, each `try_next` returns, and no event is yielded twice.
#[test]
fn try_next_returns_beside_a_fast_publisher() {
    const EVENTS: u64 = 20_000;
    let manager = EventManager::new(4);
    let lossy = SubscribeOptions::from(Overflow::DropOldest).window(2);
    let mut reader = manager.subscribe_with(lossy);
    let publisher = thread::spawn(move || {
        for n in 1..=EVENTS {
            manager.try_notify(n).unwrap();
        }
    });
    let (mut last, mut read) = (0, 0);
    loop {
        match reader.try_next() {
            Ok(n) => {
                assert!(n > last, "{n} after {last}");
                assert_eq!(reader.seq(), n);
                (last, read) = (n, read + 1);
            }
            Err(Ended) => break,
            Err(_) => thread::yield_now(),
        }
    }
    publisher.join().unwrap();
    assert_eq!((last, read + reader.missed()), (EVENTS, EVENTS));
}
