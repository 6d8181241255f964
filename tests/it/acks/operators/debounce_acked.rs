//! `debounce_acked` yields the newest delivery of each key once the key is quiet.

mod user_code;

use std::cell::RefCell;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::ext::DebounceAcked;
use genevent::{Deliveries, EventManager, EventStreamExt, SubscribeOptions};
use tokio::runtime::Builder;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    assert_acked, assert_dropped, assert_open, deliveries, polled_once_too_often, sync_notify_all,
};
use crate::drive::{now, read, waits};

const DURATION: Duration = Duration::from_secs(10);
const ALMOST: Duration = Duration::from_millis(9_999);
const REST: Duration = Duration::from_millis(1);

/// The tens of an event are its key.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "keys are made from borrowed events"
)]
fn tens(n: &u32) -> u32 {
    n / 10
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_a_key_is_yielded_once_the_key_is_quiet() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, tens));
    assert_pending!(quiet.poll_next());
    let [mut first, mut other] = sync_notify_all(&manager, [11, 21]);
    assert_pending!(quiet.poll_next());
    advance(ALMOST).await;
    let [mut second] = sync_notify_all(&manager, [12]);
    assert_open(&mut first);
    assert_pending!(quiet.poll_next());
    assert_acked(&mut first); // superseded
    assert_open(&mut other);

    advance(REST).await;
    assert!(quiet.is_woken());
    let delivery = assert_ready!(quiet.poll_next()).unwrap();
    assert_eq!((*delivery, delivery.seq()), (21, 2));
    assert_open(&mut other);
    delivery.ack();
    assert_acked(&mut other);
    assert_pending!(quiet.poll_next());
    advance(ALMOST.saturating_sub(REST)).await;
    assert_pending!(quiet.poll_next());
    advance(REST).await;
    assert!(quiet.is_woken());
    drop(assert_ready!(quiet.poll_next()));
    assert_dropped(&mut second);
    assert_pending!(quiet.poll_next());
}

/// A burst without a pause yields nothing until it is over.
#[tokio::test(start_paused = true)]
async fn a_burst_restarts_the_time_of_its_key_alone() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, tens));
    manager.try_notify(20).unwrap();
    for n in 10..19 {
        manager.try_notify(n).unwrap();
        if n == 10 {
            assert_pending!(quiet.poll_next());
        }
        advance(DURATION / 2).await;
        if n == 11 {
            assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 20);
        } else {
            assert_pending!(quiet.poll_next());
        }
    }
    advance(DURATION).await;
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 18);
    assert_eq!(quiet.get_ref().unacked(), 0);
}

#[tokio::test(start_paused = true)]
async fn quiet_keys_are_yielded_in_order() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, tens));
    for n in [30, 10, 20, 31] {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(quiet.poll_next());
    assert_eq!(quiet.waiting(), 3);
    advance(DURATION).await;
    for n in [10, 20, 31] {
        assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), n);
    }
    assert_pending!(quiet.poll_next());
    assert_eq!(quiet.waiting(), 0);
}

/// A consumer that was busy gets the newest, not what became quiet meanwhile.
#[tokio::test(start_paused = true)]
async fn a_ready_event_supersedes_a_due_one() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, tens));
    manager.try_notify(10).unwrap();
    assert_pending!(quiet.poll_next());
    advance(DURATION).await;
    manager.try_notify(11).unwrap();
    assert_pending!(quiet.poll_next());
    advance(DURATION).await;
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 11);
}

#[tokio::test(start_paused = true)]
async fn the_end_yields_what_waits() {
    let manager = EventManager::new(8);
    let stream = polled_once_too_often(deliveries(&manager));
    let mut quiet = task::spawn(stream.debounce_acked(DURATION, tens));
    for n in [10, 20, 11] {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(quiet.poll_next());
    assert_eq!(quiet.size_hint(), (2, None));
    manager.close();
    assert!(quiet.is_woken());
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 20);
    assert!(!quiet.is_terminated());
    assert_eq!(quiet.size_hint(), (1, Some(1)));
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 11);
    assert!(quiet.is_terminated());
    assert!(assert_ready!(quiet.poll_next()).is_none());
    assert!(assert_ready!(quiet.poll_next()).is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_drops_what_waits() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(DURATION, tens));
    let [mut one, mut two, mut ten] = sync_notify_all(&manager, [1, 2, 10]);
    assert_pending!(quiet.poll_next());
    let [mut unread] = sync_notify_all(&manager, [20]);
    drop(quiet);
    assert_acked(&mut one);
    assert_dropped(&mut two);
    assert_dropped(&mut ten);
    assert_dropped(&mut unread);
}

#[tokio::test(start_paused = true)]
async fn dropping_next_keeps_time_and_deliveries() {
    let manager = EventManager::new(8);
    let mut quiet = deliveries(&manager).debounce_acked(DURATION, tens);
    manager.try_notify(1).unwrap();
    for _ in 0..2 {
        assert!(quiet.next().now_or_never().is_none());
        advance(DURATION / 2).await;
    }
    assert_eq!(read(&mut quiet).unwrap().ack(), 1);
}

/// Without a duration, the newest of what is ready, without waiting, and outside of any runtime.
#[test]
fn a_duration_of_zero_never_waits() {
    let manager = EventManager::new(8);
    let mut quiet = deliveries(&manager).debounce_acked(Duration::ZERO, tens);
    assert!(waits(&mut quiet));
    for n in [10, 20, 11, 21, 30] {
        manager.try_notify(n).unwrap();
    }
    for n in [11, 21, 30] {
        assert_eq!(read(&mut quiet).unwrap().ack(), n);
    }
    assert!(waits(&mut quiet));
    manager.try_notify(10).unwrap();
    assert_eq!(read(&mut quiet).unwrap().ack(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_endless_duration_waits_for_the_end() {
    let manager = EventManager::new(8);
    let mut quiet = task::spawn(deliveries(&manager).debounce_acked(Duration::MAX, tens));
    manager.try_notify(1).unwrap();
    assert_pending!(quiet.poll_next());
    advance(1_000_000 * DURATION).await;
    manager.try_notify(2).unwrap();
    assert_pending!(quiet.poll_next());
    manager.close();
    assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), 2);
}

/// At its limit of deliveries, a stream goes on once a key is quiet.
#[tokio::test(start_paused = true)]
async fn unacked_deliveries_bound_the_keys() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let jobs = manager.subscribe_with(options).deliveries();
    let mut quiet = task::spawn(jobs.debounce_acked(DURATION, tens));
    for n in [10, 20, 30, 40] {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(quiet.poll_next());
    assert_eq!((quiet.waiting(), quiet.get_ref().len()), (2, 2));
    advance(DURATION).await;
    for n in [10, 20] {
        assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), n);
    }
    assert_pending!(quiet.poll_next());
    advance(DURATION).await;
    for n in [30, 40] {
        assert_eq!(assert_ready!(quiet.poll_next()).unwrap().ack(), n);
    }
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_told_apart() {
    let manager = EventManager::new(1_000);
    let unbounded = SubscribeOptions::new().max_unacked(usize::MAX);
    let jobs = manager.subscribe_with(unbounded).deliveries();
    let mut quiet = jobs.debounce_acked(DURATION, |n| n % 500);
    for n in 0..1_000 {
        manager.notify(n).await.unwrap();
    }
    take_all(&mut quiet).await;
    assert_eq!(quiet.waiting(), 500);
    advance(DURATION).await;
    for n in 500..1_000 {
        assert_eq!(quiet.next().await.unwrap().ack(), n);
    }
}

/// A million keys: each is held once, and gone when it was yielded.
#[tokio::test(start_paused = true)]
async fn countless_keys_come_and_go() {
    let keys = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    let manager = EventManager::new(1_000);
    let unbounded = SubscribeOptions::new().max_unacked(usize::MAX);
    let jobs = manager.subscribe_with(unbounded).deliveries();
    let mut quiet = jobs.debounce_acked(DURATION, |n| *n);
    for n in 0..keys {
        manager.notify(n).await.unwrap();
        if n % 500 == 499 {
            take_all(&mut quiet).await;
        }
    }
    assert_eq!(quiet.waiting(), keys as usize);
    advance(DURATION).await;
    for n in 0..keys {
        assert_eq!(quiet.next().await.unwrap().ack(), n);
    }
    assert_eq!((quiet.waiting(), quiet.get_ref().unacked()), (0, 0));
}

/// Lets the operator take every event, over several polls if the coop budget is used up.
async fn take_all<K: Hash + Eq, F: FnMut(&u32) -> K>(
    quiet: &mut DebounceAcked<Deliveries<u32>, u32, K, F>,
) where
    DebounceAcked<Deliveries<u32>, u32, K, F>: Unpin,
{
    while !quiet.get_ref().is_empty() {
        assert!(futures::poll!(quiet.next()).is_pending());
        tokio::task::yield_now().await;
    }
}

/// One key with countless events holds one delivery.
#[tokio::test(start_paused = true)]
async fn a_hot_key_holds_one_delivery() {
    let manager = EventManager::new(100);
    let mut quiet = deliveries(&manager).debounce_acked(DURATION, |_| ());
    for n in 0..5_000 {
        manager.notify(n).await.unwrap();
        if n % 100 == 99 {
            take_all(&mut quiet).await;
            assert_eq!((quiet.waiting(), quiet.get_ref().unacked()), (1, 1));
        }
    }
    advance(DURATION).await;
    assert_eq!(quiet.next().await.unwrap().ack(), 4_999);
}

/// Beside a key that is never quiet, in a stream that is always ready, the other keys are yielded.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hot_key_does_not_starve_the_others() {
    let manager = EventManager::new(8);
    let mut quiet = deliveries(&manager).debounce_acked(Duration::from_millis(1), |n| *n == 0);
    manager.try_notify(0).unwrap();
    let stop = Arc::new(AtomicU32::new(0));
    let stopped = Arc::clone(&stop);
    let publisher = std::thread::spawn(move || {
        while stopped.load(Ordering::Relaxed) == 0 {
            block_on(manager.notify(1)).unwrap();
        }
    });
    loop {
        if quiet.next().await.unwrap().ack() == 0 {
            break;
        }
    }
    stop.store(1, Ordering::Relaxed);
    while quiet.next().await.is_some() {}
    publisher.join().unwrap();
}

#[test]
fn debouncing_works_without_a_runtime() {
    let manager = EventManager::new(8);
    let mut quiet = deliveries(&manager).debounce_acked(Duration::from_millis(2), tens);
    for n in [10, 11, 20] {
        manager.try_notify(n).unwrap();
    }
    let both = block_on(async { [quiet.next().await, quiet.next().await] });
    assert_eq!(both.map(|delivery| delivery.unwrap().ack()), [11, 20]);
}

#[test]
fn debouncing_works_in_several_runtimes_in_succession() {
    let manager = EventManager::new(8);
    let mut quiet = deliveries(&manager).debounce_acked(DURATION, tens);
    manager.try_notify(1).unwrap();
    let runtimes = [(); 2].map(|()| Builder::new_current_thread().build().unwrap());
    for runtime in &runtimes {
        runtime.block_on(async { assert!(futures::poll!(quiet.next()).is_pending()) });
    }
    drop(runtimes);
    manager.close();
    assert_eq!(block_on(quiet.next()).unwrap().ack(), 1);
}

#[tokio::test(start_paused = true)]
async fn debouncing_works_over_filters_and_operators() {
    let manager = EventManager::new(8);
    let even = manager.subscribe_filter_map(|n: &u32| (n % 2 == 0).then_some(n.to_string()));
    let seen = RefCell::new(Vec::new());
    let even = even.deliveries().filter_acked(|text| text != "4");
    let work = even
        .debounce_acked(DURATION, String::len)
        .for_each_acked(1, async |text| {
            seen.borrow_mut().push(text);
        });
    let start = Instant::now();
    for n in 1..=8 {
        manager.try_notify(n).unwrap();
    }
    let closing = async {
        tokio::time::sleep(2 * DURATION).await;
        manager.close();
    };
    futures::join!(work, closing);
    assert_eq!(*seen.borrow(), ["8"]);
    assert_eq!(start.elapsed(), 2 * DURATION);
    now(manager.flush()).unwrap();
}
