//! `for_each_acked` and `try_for_each_acked` over batches: one work for each batch.

use std::cell::RefCell;
use std::future::ready;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::{EventManager, EventStreamExt};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    assert_acked, assert_dropped, assert_open, deliveries, panics, receipt, sync_notify_all,
};

#[test]
fn a_batch_is_acknowledged_when_its_work_completes() {
    let manager = EventManager::new(8);
    let (begun, finish) = (RefCell::new(Vec::new()), tokio::sync::Semaphore::new(0));
    let batches = deliveries(&manager).ready_batches(2);
    let mut work = task::spawn(batches.for_each_acked(1, async |events: Vec<u32>| {
        begun.borrow_mut().push(events);
        finish.acquire().await.unwrap().forget();
    }));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert_pending!(work.poll());
    assert_eq!(*begun.borrow(), [[1, 2]]);
    assert_open(&mut one);
    finish.add_permits(1);
    assert!(work.is_woken());
    assert_pending!(work.poll());
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_open(&mut three);
    assert_eq!(*begun.borrow(), [vec![1, 2], vec![3]]);
    drop(work);
    assert_dropped(&mut three);
}

#[test]
fn an_error_nacks_every_event_of_its_batch() {
    let manager = EventManager::new(8);
    let batches = deliveries(&manager).ready_batches(2);
    let work = batches.try_for_each_acked(2, |events: Vec<u32>| {
        ready(if events.contains(&2) {
            Err("disk full")
        } else {
            Ok(())
        })
    });
    let mut work = task::spawn(work);
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert_eq!(assert_ready!(work.poll()), Err("disk full"));
    for failed in [&mut one, &mut two] {
        let receipt = receipt(failed);
        assert_eq!(
            receipt.unfinished()[0].cause().to_string(),
            "failed: disk full"
        );
    }
    assert_dropped(&mut three);
}

#[test]
fn batches_go_on_after_errors() {
    let manager = EventManager::new(8);
    let mut errors = Vec::new();
    let batches = deliveries(&manager).ready_batches(1);
    let work = batches
        .try_for_each_acked(1, |events: Vec<u32>| {
            ready(if events == [1] { Err(1) } else { Ok(()) })
        })
        .continue_on_error(|error| errors.push(error));
    let mut work = task::spawn(work);
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert_dropped(&mut one);
    assert_acked(&mut two);
    drop(work);
    assert_eq!(errors, [1]);
}

#[tokio::test(start_paused = true)]
async fn timed_batches_are_tried_again() {
    const SECOND: Duration = Duration::from_secs(1);
    let manager = EventManager::new(8);
    let tries = RefCell::new(Vec::new());
    let batches = deliveries(&manager).batches(3, SECOND);
    let work = batches.try_for_each_acked(1, |events: Vec<u32>| {
        tries.borrow_mut().push(events);
        ready(if tries.borrow().len() < 3 {
            Err("busy")
        } else {
            Ok(())
        })
    });
    let mut work = task::spawn(work.retry([SECOND; 2]));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    for _ in 0..3 {
        assert_open(&mut one);
        advance(SECOND).await;
        assert!(work.is_woken());
        assert_pending!(work.poll());
    }
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_eq!(*tries.borrow(), [[1, 2]; 3]);
}

#[test]
fn a_panic_drops_its_batch_alone() {
    let manager = EventManager::new(8);
    let batches = deliveries(&manager).ready_batches(2);
    let mut work = task::spawn(batches.for_each_acked(1, |events: Vec<u32>| {
        assert_ne!(events, [1, 2], "bad batch");
        ready(())
    }));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert!(panics(|| work.poll()).contains("bad batch"));
    assert_dropped(&mut one);
    assert_dropped(&mut two);
    assert_pending!(work.poll());
    assert_acked(&mut three);
}

#[test]
fn batches_of_filtered_and_boxed_streams_work() {
    let manager = EventManager::new(8);
    let sum = RefCell::new(0);
    let even = manager.subscribe_filter(|n| n % 2 == 0).deliveries();
    let batches = even.filter_acked(|n| *n > 2).ready_batches(10).boxed();
    for n in 1..=6 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    let work = batches.for_each_acked(None, async |events| {
        *sum.borrow_mut() += events.iter().sum::<u32>();
    });
    assert!(work.now_or_never().is_some());
    assert_eq!(*sum.borrow(), 10);
}
