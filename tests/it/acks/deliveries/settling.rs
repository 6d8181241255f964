//! A delivery is settled once, by any holder.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use genevent::{Ack, Deliveries, Delivery, EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, out, waits};
use crate::receipts::UnfinishedIds;

#[test]
fn deliveries_settle_in_any_order() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = ["a", "b", "c"].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let mut out: Vec<_> = done.iter().map(|_| Some(next(&mut jobs))).collect();

    for turn in [2, 0, 1] {
        assert!(!done[turn].is_woken());
        assert_pending!(done[turn].poll(), "yielded, and not finished with");
        out[turn].take().unwrap().ack();
        assert!(done[turn].is_woken());
        let receipt = assert_ready!(done[turn].poll()).unwrap();
        assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
        assert_eq!(receipt.seq(), turn as u64 + 1);
    }
}

#[test]
fn polling_again_acknowledges_no_delivery() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    let first = next(&mut jobs);
    assert!(waits(&mut jobs));
    manager.try_notify('b').unwrap();
    let second = next(&mut jobs);
    assert_eq!(second.ack(), 'b');
    assert_pending!(done.poll());
    assert_eq!(first.ack(), 'a');
    assert!(done.is_woken());
    assert_ready!(done.poll()).unwrap();
}

#[test]
fn a_delivery_settles_from_any_thread() {
    fn movable<T: Send + Sync + Unpin + 'static>() {}
    movable::<Delivery<u8>>();
    movable::<Ack>();
    movable::<Deliveries<u8>>();

    let manager = EventManager::<usize>::new(1);
    let mut jobs = manager.subscribe().deliveries();
    let worker = std::thread::spawn(move || {
        let deliveries: Vec<_> = (0..10).map(|_| block_on(jobs.next()).unwrap()).collect();
        drop(jobs);
        let threads = deliveries
            .into_iter()
            .rev()
            .map(|delivery| std::thread::spawn(move || delivery.ack()));
        let acked: Vec<_> = threads.map(|thread| thread.join().unwrap()).collect();
        assert!(acked.into_iter().eq((0..10).rev()));
    });
    let receipts = (0..10).map(|event| manager.sync_notify(event));
    let receipts = block_on(futures::future::join_all(receipts));
    assert!(
        receipts
            .into_iter()
            .all(|receipt| receipt.unwrap().acked() == 1)
    );
    worker.join().unwrap();
}

#[tokio::test]
async fn deliveries_settled_by_tasks_keep_receipts_exact() {
    let manager = EventManager::<usize>::new(4);
    let finished = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let mut jobs = manager.subscribe().deliveries();
        let finished = Arc::clone(&finished);
        tokio::spawn(async move {
            while let Some(job) = jobs.next().await {
                let finished = Arc::clone(&finished);
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    finished.fetch_add(1, Ordering::Relaxed);
                    job.ack();
                });
            }
        });
    }
    for round in 1..=5 {
        assert_eq!(manager.sync_notify(round).await.unwrap().acked(), 3);
        assert_eq!(finished.load(Ordering::Relaxed), 3 * round);
    }
}

#[test]
fn deliveries_settle_after_their_stream_is_dropped() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let id = jobs.id();
    let mut done = [1, 2, 3].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let (first, second) = (next(&mut jobs), next(&mut jobs));
    drop(jobs);
    let [one, two, three] = &mut done;
    assert_eq!(
        assert_ready!(three.poll()).unwrap().unfinished_ids(),
        [id],
        "it was unread"
    );
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    assert_eq!(manager.subscriber_count(), 0);

    second.ack();
    first.ack();
    assert!(assert_ready!(one.poll()).unwrap().all_acked());
    assert!(assert_ready!(two.poll()).unwrap().all_acked());
}

#[test]
fn a_delivery_outlives_its_manager_and_stream() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop((manager, jobs));
    assert_eq!(*one, 1);
    assert_eq!(one.ack(), 1);
    drop(two);
}

#[test]
fn receipts_name_the_subscribers_of_discarded_deliveries() {
    let manager = EventManager::new(4);
    let mut subscribers = [(); 3].map(|()| manager.subscribe().deliveries());
    let ids = subscribers.each_ref().map(Deliveries::id);
    let mut done = task::spawn(manager.sync_notify("order"));
    assert_pending!(done.poll());

    let [a, b, c] = subscribers.each_mut().map(next);
    drop(c);
    b.ack();
    assert_pending!(done.poll());
    drop(a);
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 2));
    assert_eq!(receipt.unfinished_ids(), [ids[2], ids[0]]);
}

#[test]
fn a_panic_holding_a_delivery_discards_the_delivery() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify("order"));
    assert_pending!(done.poll());
    let job = next(&mut jobs);
    let work = catch_unwind(move || {
        let _job = job;
        panic!("the work fails");
    });
    assert!(work.is_err());
    assert_eq!(assert_ready!(done.poll()).unwrap().dropped(), 1);
}
