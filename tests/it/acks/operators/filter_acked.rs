//! `filter_acked` acknowledges the events that its predicate rejects.

use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::{EventManager, EventStreamExt};
use tokio_test::{assert_pending, assert_ready, task};

use super::{assert_acked, assert_dropped, assert_open, deliveries, panics, sync_notify_all};

#[test]
fn filter_acked_acknowledges_filtered_out_events() {
    let manager = EventManager::new(8);
    let mut even = task::spawn(deliveries(&manager).filter_acked(|n| n % 2 == 0));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);

    let kept = assert_ready!(even.poll_next()).unwrap();
    assert_acked(&mut one);
    assert_open(&mut two);
    assert_open(&mut three); // not evaluated yet
    assert_pending!(even.poll_next());
    assert_acked(&mut three);

    assert_eq!((*kept, kept.seq()), (2, 2));
    assert_open(&mut two);
    kept.ack();
    assert_acked(&mut two);
}

#[test]
fn passed_on_deliveries_can_still_be_discarded() {
    let manager = EventManager::new(8);
    let mut all = task::spawn(deliveries(&manager).filter_acked(|_| true));
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(assert_ready!(all.poll_next()));
    assert_dropped(&mut one);
}

#[test]
fn dropping_filter_acked_discards_unread_events() {
    let manager = EventManager::new(8);
    let mut none = task::spawn(deliveries(&manager).filter_acked(|_| false));
    assert_pending!(none.poll_next());
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(none);
    assert_dropped(&mut one);
}

#[test]
fn a_panicking_predicate_discards_only_its_delivery() {
    let manager = EventManager::new(8);
    let mut picky = task::spawn(deliveries(&manager).filter_acked(|n| {
        assert_ne!(*n, 1, "not one");
        *n == 3
    }));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);

    assert!(panics(|| picky.poll_next()).contains("not one"));
    assert_dropped(&mut one);
    assert_open(&mut two);
    assert_ready!(picky.poll_next()).unwrap().ack();
    assert_acked(&mut two);
    assert_acked(&mut three);
}

#[test]
fn filter_acked_ends_with_its_stream() {
    let manager = EventManager::new(8);
    let mut odd = deliveries(&manager).filter_acked(|n| n % 2 == 1);
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(odd.size_hint(), (0, None));
    manager.close();
    assert_eq!(odd.size_hint(), (0, Some(3)));
    assert_eq!(odd.next().now_or_never().flatten().unwrap().ack(), 1);
    assert_eq!(odd.size_hint(), (0, Some(2)));
    assert_eq!(odd.next().now_or_never().flatten().unwrap().ack(), 3);
    assert!(!odd.is_terminated());
    assert!(odd.next().now_or_never().unwrap().is_none());
    assert!(odd.is_terminated());
    assert!(odd.get_ref().end_reason().is_some());
    assert_eq!(odd.into_inner().unacked(), 0);
}
