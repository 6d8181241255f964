//! 100,000 deliveries in flight at once. Each test takes a second or two in a debug build; if
//! settling a delivery took time in proportion to the deliveries in flight, each test would take
//! minutes.

use futures::{FutureExt, StreamExt};
use genevent::{Deliveries, Delivery, EventManager, SubscribeOptions};

use crate::receipts::UnfinishedIds;

const OUT: usize = 100_000;

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

type Receipts = Vec<genevent::future::SyncNotify<'static, usize>>;

/// A manager, its only stream, and all its deliveries, each with a publisher that waits for the
/// delivery.
fn all_out() -> (
    &'static EventManager<usize>,
    Deliveries<usize>,
    Vec<Delivery<usize>>,
    Receipts,
) {
    // Leaked, so that the publishers' futures can be returned.
    let manager: &_ = Box::leak(Box::new(EventManager::new(64)));
    let options = SubscribeOptions::new().max_unacked(OUT);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let mut receipts = Vec::with_capacity(OUT);
    let mut out = Vec::with_capacity(OUT);
    for event in 0..OUT {
        let mut receipt = manager.sync_notify(event);
        assert!((&mut receipt).now_or_never().is_none());
        receipts.push(receipt);
        out.push(now(jobs.next()).unwrap());
    }
    assert_eq!(jobs.unacked(), OUT);
    (manager, jobs, out, receipts)
}

/// A permutation that looks like none, the same at each run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for end in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (end as u64 + 1)).unwrap();
        items.swap(end, other);
    }
}

/// Acknowledges all while a flush waits for the last of them, as the hardest case: each ack then
/// reports to the manager.
fn settle(manager: &EventManager<usize>, out: Vec<Delivery<usize>>, receipts: Receipts) {
    let mut flushed = manager.flush();
    assert!((&mut flushed).now_or_never().is_none());
    for (index, delivery) in out.into_iter().enumerate() {
        delivery.ack();
        if index % 10_000 == 0 {
            assert!((&mut flushed).now_or_never().is_none());
        }
    }
    now(flushed).unwrap();
    for receipt in receipts {
        assert!(now(receipt).unwrap().all_acked());
    }
}

#[test]
fn random_order_acks_take_linear_time() {
    let (manager, jobs, mut out, receipts) = all_out();
    shuffle(&mut out);
    settle(manager, out, receipts);
    assert_eq!(jobs.unacked(), 0);
}

#[test]
fn reverse_order_acks_without_stream_take_linear_time() {
    let (manager, jobs, mut out, receipts) = all_out();
    drop(jobs);
    out.reverse();
    settle(manager, out, receipts);
    assert_eq!(manager.subscriber_count(), 0);
}

#[test]
fn discarding_all_deliveries_takes_linear_time() {
    let (_, jobs, out, receipts) = all_out();
    let id = jobs.id();
    drop(out);
    for receipt in receipts {
        assert_eq!(now(receipt).unwrap().unfinished_ids(), [id]);
    }
}

#[test]
fn each_ack_wakes_a_limited_stream_once() {
    let manager = EventManager::new(64);
    let options = SubscribeOptions::new().max_unacked(OUT);
    let mut jobs = tokio_test::task::spawn(manager.subscribe_with(options).deliveries());
    let mut out = std::collections::VecDeque::new();
    for event in 0..OUT {
        manager.try_notify(event).unwrap();
        out.extend(now(jobs.next()));
    }
    for event in OUT..OUT + 10_000 {
        manager.try_notify(event).unwrap();
        assert!(jobs.poll_next().is_pending());
        out.pop_front().unwrap().ack();
        assert!(jobs.is_woken());
        out.extend(now(jobs.next()));
    }
}
