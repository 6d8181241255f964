//! Deliveries: an event is finished with when its delivery says so, whoever holds it by then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::executor::block_on;
use futures::{FutureExt, Stream, StreamExt, stream::FusedStream};
use genevent::{
    Ack, Deliveries, Delivery, DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions,
};
use tokio_test::{assert_pending, assert_ready, task};

/// What the future gives without waiting.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

/// What the stream yields without waiting.
#[track_caller]
fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    now(stream.next()).expect("it has not ended")
}

fn waits<S: Stream + Unpin>(stream: &mut S) -> bool {
    stream.next().now_or_never().is_none()
}

/// A manager with a stream of deliveries of which `N` are out, numbered from 1.
fn out<const N: usize>(
    options: SubscribeOptions,
) -> (EventManager<usize>, Deliveries<usize>, [Delivery<usize>; N]) {
    let manager = EventManager::new(8);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let out = std::array::from_fn(|index| {
        manager.try_notify(index + 1).unwrap();
        next(&mut jobs)
    });
    (manager, jobs, out)
}

// ---- Settling -----------------------------------------------------------------------------------

#[test]
fn deliveries_are_settled_in_any_order() {
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
fn coming_back_for_the_next_delivery_says_nothing_about_the_one_before() {
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
fn a_delivery_is_settled_from_any_thread() {
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
async fn deliveries_settled_by_tasks_of_their_own_keep_the_receipt_exact() {
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
fn deliveries_answer_for_themselves_when_their_stream_is_gone() {
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
        assert_ready!(three.poll()).unwrap().dropped_by(),
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
fn a_delivery_outlives_its_manager_and_its_stream() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop((manager, jobs));
    assert_eq!(*one, 1);
    assert_eq!(one.ack(), 1);
    drop(two);
}

#[test]
fn a_delivery_that_is_dropped_is_not_acknowledged_and_the_receipt_names_whose_it_was() {
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
    assert_eq!(receipt.dropped_by(), [ids[2], ids[0]]);
}

#[test]
fn who_panics_with_a_delivery_in_hand_drops_it() {
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

// ---- What a delivery can do ---------------------------------------------------------------------

#[test]
fn map_keeps_the_acknowledgement_and_the_number() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify("four"));
    assert_pending!(done.poll());
    let job = next(&mut jobs).map(str::len).map(|len| len * 10);
    assert_eq!((*job, job.seq()), (40, 1));
    assert_pending!(done.poll());
    assert_eq!(job.ack(), 40);
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

#[test]
fn a_panic_in_map_drops_the_event() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify("order"));
    assert_pending!(done.poll());
    let job = next(&mut jobs);
    let mapped = catch_unwind(|| job.map(|_| -> u8 { panic!("the closure fails") }));
    assert!(mapped.is_err());
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.dropped_by(), [jobs.id()]);
    assert_eq!(jobs.unacked(), 0);
}

#[test]
fn the_parts_of_a_delivery_go_their_own_ways() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = ["a", "b"].map(|event| task::spawn(manager.sync_notify(event.to_owned())));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let [first, second] = [(); 2].map(|()| next(&mut jobs).into_parts());

    assert_eq!((first.1.seq(), second.1.seq()), (1, 2));
    drop(first.0);
    assert_pending!(done[0].poll(), "the event itself owes nothing");
    first.1.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    drop(second.1);
    assert_eq!(assert_ready!(done[1].poll()).unwrap().dropped(), 1);
    assert_eq!(second.0, "b");
}

// ---- Becoming deliveries ------------------------------------------------------------------------

#[test]
fn becoming_deliveries_finishes_the_event_in_hand_and_keeps_the_unread() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut done = [1, 2].map(|event| task::spawn(manager.sync_notify(event)));
    let mut flushed = task::spawn(manager.flush());
    for done in &mut done {
        assert_pending!(done.poll());
    }
    assert_eq!(next(&mut reader), 1);
    assert_pending!(flushed.poll());

    let mut jobs = reader.deliveries();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_eq!((jobs.unacked(), jobs.pending()), (0, 1));
    assert_pending!(done[1].poll());
    assert_pending!(flushed.poll());
    next(&mut jobs).ack();
    assert!(assert_ready!(done[1].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll()).unwrap();
}

#[test]
fn ack_notify_waits_until_a_delivery_is_received_not_until_it_is_acknowledged() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut received = task::spawn(manager.ack_notify("order"));
    assert_pending!(received.poll());
    let job = next(&mut jobs);
    assert!(received.is_woken());
    let receipt = assert_ready!(received.poll()).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
    drop(job);
    assert_eq!(receipt.acked(), 1);
}

#[test]
fn the_deliveries_of_a_closed_manager_end_though_some_are_out() {
    let (manager, mut jobs, [one]) = out(SubscribeOptions::new());
    manager.try_notify(2).unwrap();
    manager.close();
    assert_eq!(jobs.size_hint(), (1, Some(1)));
    let two = next(&mut jobs);
    assert!(!jobs.is_terminated());
    assert!(now(jobs.next()).is_none());
    assert!(jobs.is_terminated());
    assert_eq!(jobs.end_reason(), Some(EndReason::Closed));
    assert_eq!(jobs.unacked(), 2);
    one.ack();
    two.ack();
    assert_eq!(jobs.unacked(), 0);
    assert!(now(manager.subscribe().deliveries().next()).is_none());
}

// ---- How many are out ---------------------------------------------------------------------------

#[test]
fn at_most_max_unacked_deliveries_are_out() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let mut jobs = task::spawn(manager.subscribe_with(options).deliveries());
    for event in 1..=4 {
        manager.try_notify(event).unwrap();
    }
    let one = assert_ready!(jobs.poll_next()).unwrap();
    let two = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    manager.try_notify(5).unwrap();
    assert!(!jobs.is_woken(), "an event more changes nothing");

    two.ack();
    assert!(jobs.is_woken(), "an acknowledgement does");
    let three = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    drop(three);
    assert!(jobs.is_woken(), "and so does giving one up");
    let four = assert_ready!(jobs.poll_next()).unwrap();
    assert_pending!(jobs.poll_next());
    drop(four.map(|n| n + 1).into_parts().1);
    assert!(jobs.is_woken(), "in whatever shape");
    assert_eq!(assert_ready!(jobs.poll_next()).unwrap().ack(), 5);
    one.ack();
}

#[test]
fn by_default_as_many_are_out_as_the_capacity_and_at_least_1024() {
    for (capacity, max) in [(1, 1024), (1024, 1024), (1025, 1025)] {
        let manager = EventManager::new(capacity);
        let mut jobs = manager.subscribe().deliveries();
        let mut out = Vec::new();
        for event in 0..max {
            manager.try_notify(event).unwrap();
            out.push(next(&mut jobs));
        }
        manager.try_notify(max).unwrap();
        assert!(waits(&mut jobs));
        out.pop();
        assert_eq!(next(&mut jobs).ack(), max);
    }
}

#[test]
fn while_the_most_are_out_the_window_fills_and_publishers_wait() {
    let manager = EventManager::new(1);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    manager.try_notify(1).unwrap();
    let one = next(&mut jobs);
    manager.try_notify(2).unwrap();
    let mut third = task::spawn(manager.notify(3));
    assert_pending!(third.poll());
    assert!(waits(&mut jobs));
    one.ack();
    assert!(!third.is_woken(), "an acknowledgement is not yet room");
    let _two = next(&mut jobs);
    assert!(third.is_woken(), "reading is");
    assert_eq!(assert_ready!(third.poll()), Ok(1));
}

#[test]
#[should_panic(expected = "at least one delivery")]
fn max_unacked_of_nothing_is_a_mistake() {
    let _options = SubscribeOptions::new().max_unacked(0);
}

#[test]
fn a_delivery_gives_its_place_in_the_window_free_when_it_is_yielded() {
    let manager = EventManager::new(1);
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let mut second = task::spawn(manager.notify(2));
    assert_pending!(second.poll());
    let one = next(&mut jobs);
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()), Ok(1));
    one.ack();
}

#[test]
fn the_manager_sees_how_many_are_out() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new().name("jobs"));
    manager.try_notify(3).unwrap();
    let info = manager.subscribers().remove(0);
    assert_eq!((info.pending(), info.unacked()), (1, 2));
    assert_eq!(jobs.unacked(), 2);
    assert!(info.to_string().ends_with("1 of 8 unread, 2 in hand"));

    two.ack();
    assert_eq!(info.unacked(), 2, "as it was seen then");
    assert_eq!(manager.subscribers()[0].unacked(), 1);
    drop(one);
    assert_eq!(manager.subscribers()[0].unacked(), 0);
}

// ---- Flush and stop -----------------------------------------------------------------------------

#[test]
fn flush_waits_for_every_delivery_that_is_out() {
    let (manager, mut jobs, [one, two]) = out(SubscribeOptions::new());
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    manager.try_notify(3).unwrap();
    let three = next(&mut jobs);
    two.ack();
    assert_pending!(flushed.poll());
    drop(one);
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll(), "and for none that came later").unwrap();
    drop(three);
}

#[test]
fn flush_and_stop_wait_for_deliveries_whose_stream_is_gone() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop(jobs);
    let mut flushed = task::spawn(manager.flush());
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    one.ack();
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    two.ack();
    assert_ready!(flushed.poll()).unwrap();
    assert_ready!(stopped.poll()).unwrap();
}

#[test]
fn the_stream_may_go_while_a_flush_waits_for_what_it_has_out() {
    let (manager, jobs, [one]) = out(SubscribeOptions::new());
    manager.try_notify(2).unwrap();
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    drop(jobs);
    assert_pending!(flushed.poll());
    one.ack();
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll()).unwrap();
}

#[test]
fn deliveries_of_who_left_are_not_taken_for_those_of_who_came_after() {
    let (manager, jobs, [one, two]) = out(SubscribeOptions::new());
    drop(jobs);
    let mut later = manager.subscribe().deliveries();
    manager.try_notify(3).unwrap();
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    one.ack();
    two.ack();
    assert_pending!(flushed.poll());
    let mut last = manager.subscribe();
    assert!(waits(&mut last));
    next(&mut later).ack();
    assert_ready!(flushed.poll()).unwrap();
    assert_eq!(manager.subscriber_count(), 2);
}

// ---- Disconnected, overwritten ------------------------------------------------------------------

#[test]
fn a_disconnected_subscription_owes_what_is_out_and_nothing_that_was_unread() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let id = jobs.id();
    let mut done = [1, 2, 3].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let one = next(&mut jobs);
    assert!(manager.disconnect(id));
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    assert_pending!(done[0].poll());
    for done in &mut done[1..] {
        assert_eq!(assert_ready!(done.poll()).unwrap().dropped_by(), [id]);
    }

    // It still yields what it had not read, and these deliveries owe nothing.
    let two = next(&mut jobs);
    assert_eq!((*two, two.seq(), jobs.unacked()), (2, 2, 1));
    one.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll(), "the second delivery is not waited for").unwrap();
    drop(two);
    let three = next(&mut jobs);
    assert_eq!((three.seq(), three.ack()), (3, 3));
    assert!(now(jobs.next()).is_none());
    let reason = jobs.end_reason().unwrap();
    assert!(matches!(
        reason,
        EndReason::Disconnected {
            cause: DisconnectCause::Requested,
            ..
        }
    ));
}

#[test]
fn what_a_disconnected_subscription_yields_does_not_count_as_out() {
    let options = SubscribeOptions::new().max_unacked(1);
    let (manager, mut jobs, [one]) = out(options);
    for event in 2..=4 {
        manager.try_notify(event).unwrap();
    }
    assert!(manager.disconnect(jobs.id()));
    assert!(waits(&mut jobs), "one is out, and it may have one");
    one.ack();
    let rest: Vec<_> = now(jobs.collect());
    assert!(rest.iter().map(|delivery| **delivery).eq(2..=4));
}

#[test]
fn newer_events_overwrite_unread_ones_and_never_a_delivery() {
    let manager = EventManager::new(2);
    let mut jobs = manager.subscribe_with(Overflow::DropOldest).deliveries();
    let mut done = [1, 2].map(|event| task::spawn(manager.sync_notify(event)));
    for done in &mut done {
        assert_pending!(done.poll());
    }
    let one = next(&mut jobs);
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    for event in 3..=5 {
        manager.try_notify(event).unwrap();
    }
    assert_eq!((jobs.missed(), jobs.pending(), jobs.unacked()), (2, 2, 1));
    let receipt = assert_ready!(done[1].poll()).unwrap();
    assert_eq!(receipt.dropped_by(), [jobs.id()]);
    assert_pending!(done[0].poll());
    assert_pending!(flushed.poll());
    one.ack();
    assert!(assert_ready!(done[0].poll()).unwrap().all_acked());
    assert_ready!(flushed.poll()).unwrap();
    let four = next(&mut jobs);
    assert_eq!((four.seq(), four.ack()), (4, 4));
}

#[test]
fn a_subscription_that_is_disconnected_by_its_policy_keeps_its_deliveries() {
    let manager = EventManager::new(1);
    let mut jobs = manager.subscribe_with(Overflow::Disconnect).deliveries();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let one = next(&mut jobs);
    manager.try_notify(2).unwrap();
    assert_eq!(manager.try_notify(3), Ok(0), "too much for it");
    assert_pending!(done.poll());
    one.ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
    assert_eq!(next(&mut jobs).ack(), 2);
    assert!(now(jobs.next()).is_none());
}

// ---- Other people's code ------------------------------------------------------------------------

#[test]
fn a_clone_that_panics_loses_nothing_and_leaves_nothing_out() {
    struct Fragile(Arc<AtomicBool>);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.0.swap(false, Ordering::Relaxed), "the clone fails");
            Self(Arc::clone(&self.0))
        }
    }

    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut done = task::spawn(manager.sync_notify(Fragile(Arc::new(AtomicBool::new(true)))));
    assert_pending!(done.poll());
    let failed = catch_unwind(AssertUnwindSafe(|| next(&mut jobs)));
    assert!(failed.is_err());
    assert_eq!((jobs.unacked(), jobs.pending()), (0, 1));
    next(&mut jobs).ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

/// A waker that calls back, and then panics.
struct Caller(EventManager<usize>, AtomicUsize);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.0.subscriber_count(), 1);
        self.0.try_notify(9).unwrap();
        panic!("the waker fails");
    }
}

#[test]
fn an_ack_wakes_with_no_lock_held_and_whoever_panics_then_harms_nobody() {
    let (manager, mut jobs, [one, two]) = out(SubscribeOptions::new().max_unacked(2));
    let caller = Arc::new(Caller(manager.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&caller));
    let mut cx = Context::from_waker(&waker);
    assert!(jobs.poll_next_unpin(&mut cx).is_pending());
    let mut flushed = manager.flush();
    assert!(flushed.poll_unpin(&mut cx).is_pending());
    one.ack();
    assert_eq!(caller.1.load(Ordering::Relaxed), 1, "the stream");
    two.ack();
    assert_eq!(caller.1.load(Ordering::Relaxed), 2, "the flush");
    assert!(flushed.now_or_never().is_some());
    assert_eq!(jobs.pending(), 2);
}
