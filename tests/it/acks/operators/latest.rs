//! `latest` yields the newest ready delivery, and acknowledges the others.

use std::sync::atomic::AtomicU32;
use std::thread;

use futures::stream::FusedStream;
use futures::{Stream, StreamExt, stream};
use genevent::{EventManager, EventStreamExt, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    Fragile, assert_acked, assert_dropped, assert_open, deliveries, panics, polled_once_too_often,
    sync_notify_all,
};
use crate::drive::{now, read};

#[test]
fn the_newest_is_yielded_and_the_others_are_acknowledged() {
    let manager = EventManager::new(8);
    let mut latest = task::spawn(deliveries(&manager).latest());
    assert_pending!(latest.poll_next());
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert!(latest.is_woken());
    let newest = assert_ready!(latest.poll_next()).unwrap();
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_open(&mut three);
    assert_eq!((*newest, newest.seq()), (3, 3));

    // A newer event does not settle the event in the reader's hands.
    let [mut four] = sync_notify_all(&manager, [4]);
    let newer = assert_ready!(latest.poll_next()).unwrap();
    assert_open(&mut three);
    newest.ack();
    assert_acked(&mut three);
    drop(newer);
    assert_dropped(&mut four);
    assert_pending!(latest.poll_next());
}

#[test]
fn the_last_event_comes_before_the_end() {
    let manager = EventManager::new(8);
    let mut latest = polled_once_too_often(deliveries(&manager)).latest();
    let [mut one, _two] = sync_notify_all(&manager, [1, 2]);
    manager.close();
    assert_eq!(read(&mut latest).unwrap().ack(), 2);
    assert_acked(&mut one);
    assert!(latest.is_terminated());
    assert!(read(&mut latest).is_none());
    assert!(read(&mut latest).is_none());
    assert_eq!(latest.size_hint(), (0, Some(0)));
}

#[test]
fn an_empty_stream_ends_at_once() {
    let manager = EventManager::<u32>::new(8);
    manager.close();
    let mut latest = deliveries(&manager).latest();
    assert!(!latest.is_terminated());
    assert!(read(&mut latest).is_none());
    assert!(latest.is_terminated());
}

#[test]
fn dropping_latest_drops_what_it_has_not_taken() {
    let manager = EventManager::new(8);
    let mut latest = task::spawn(deliveries(&manager).latest());
    assert_pending!(latest.poll_next());
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    drop(latest);
    assert_dropped(&mut one);
    assert_dropped(&mut two);
}

#[test]
fn size_hint_of_latest_is_at_least_one_event() {
    let manager = EventManager::new(8);
    let mut latest = deliveries(&manager).latest();
    assert_eq!(latest.size_hint(), (0, None));
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(latest.size_hint(), (1, None));
    manager.close();
    assert_eq!(latest.size_hint(), (1, Some(3)));
    assert_eq!(read(&mut latest).unwrap().ack(), 3);
}

/// With one delivery in flight at most, there is never a second to compare.
#[test]
fn with_one_unacked_delivery_every_event_is_yielded() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut latest = manager.subscribe_with(options).deliveries().latest();
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    for n in 1..=3 {
        assert_eq!(read(&mut latest).unwrap().ack(), n);
    }
    let two = SubscribeOptions::new().max_unacked(2);
    let mut latest = manager.subscribe_with(two).deliveries().latest();
    for n in 1..=8 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(read(&mut latest).unwrap().ack(), 8);
}

#[test]
fn a_panicking_clone_loses_no_delivery() {
    static FUSE: AtomicU32 = AtomicU32::new(2);
    let manager = EventManager::new(8);
    let mut latest = task::spawn(manager.subscribe().deliveries().latest());
    let events = [1, 2, 3].map(|id| Fragile { id, fuse: &FUSE });
    let [mut one, mut two, mut three] = sync_notify_all(&manager, events);
    assert!(panics(|| latest.poll_next()).contains("clone"));
    assert_open(&mut one);
    assert_eq!(assert_ready!(latest.poll_next()).unwrap().ack().id, 3);
    for acked in [&mut one, &mut two, &mut three] {
        assert_acked(acked);
    }
}

#[test]
fn latest_works_over_other_streams_of_deliveries() {
    let manager = EventManager::new(8);
    let lossy = SubscribeOptions::from(Overflow::DropOldest).window(2);
    let mut even = manager
        .subscribe_filter_with(lossy, |n| n % 2 == 0)
        .deliveries()
        .latest();
    let odd = deliveries(&manager).filter_acked(|n| n % 2 == 1);
    let mut odd = odd.map(|delivery| delivery.map(u64::from)).latest();
    for n in 1..=7 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(read(&mut even).unwrap().ack(), 6);
    assert_eq!(even.get_ref().missed(), 1);
    assert_eq!(read(&mut odd).unwrap().ack(), 7);
}

/// A stream without a size hint, which never waits: the operator yields all the same.
#[test]
fn a_stream_that_is_always_ready_does_not_hold_latest_up() {
    let manager = EventManager::new(8);
    let mut endless = Vec::new();
    for _ in 0..5_000 {
        let mut jobs = deliveries(&manager);
        manager.try_notify(1).unwrap();
        endless.push(read(&mut jobs).unwrap());
    }
    let mut latest = stream::iter(endless)
        .filter(|_| std::future::ready(true))
        .latest();
    let mut yielded = 0;
    while let Some(delivery) = now(latest.next()) {
        drop(delivery);
        yielded += 1;
    }
    assert_eq!(yielded, 5, "one for each round of at least 1,024");
}

#[cfg(feature = "rt")]
mod in_a_task {
    use super::*;

    const EVENTS: u32 = 10_000;

    /// The coop budget ends before the events do.
    #[tokio::test]
    async fn the_newest_of_ten_thousand_is_yielded() {
        let manager = EventManager::new(EVENTS as usize);
        let mut plain = deliveries(&manager).latest();
        let mut rest = deliveries(&manager).filter_acked(|_| true).latest();
        for n in 1..=EVENTS {
            manager.try_notify(n).unwrap();
        }
        assert_eq!(plain.next().await.unwrap().ack(), EVENTS);
        // Its source cannot tell how many are ready.
        let mut last = 0;
        while last < EVENTS {
            last = rest.next().await.unwrap().ack();
        }
        manager.close();
        assert!(plain.next().await.is_none() && rest.next().await.is_none());
        manager.flush().await.unwrap();
    }

    /// Out of budget, the newest delivery so far is in the stream, and is dropped with it.
    #[tokio::test]
    async fn a_delivery_held_for_want_of_budget_is_dropped_with_the_stream() {
        let manager = EventManager::new(EVENTS as usize);
        let mut latest = deliveries(&manager).latest();
        for n in 1..=EVENTS {
            manager.try_notify(n).unwrap();
        }
        assert!(futures::poll!(latest.next()).is_pending());
        assert_eq!(latest.size_hint().0, 1);
        assert_eq!(latest.get_ref().unacked(), 1);
        drop(latest);
        manager.flush().await.unwrap();
        assert!(manager.subscribers().is_empty());
    }

    /// A busy publisher on another thread neither starves the reader nor keeps it in one poll.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn latest_keeps_up_with_a_busy_publisher() {
        let manager = EventManager::new(64);
        let mut latest = deliveries(&manager).latest();
        let publisher = thread::spawn(move || {
            for n in 1..=200_000 {
                futures::executor::block_on(manager.notify(n)).unwrap();
            }
        });
        let mut last = 0;
        while let Some(delivery) = latest.next().await {
            let n = delivery.ack();
            assert!(n > last);
            last = n;
        }
        assert_eq!(last, 200_000);
        publisher.join().unwrap();
    }
}
