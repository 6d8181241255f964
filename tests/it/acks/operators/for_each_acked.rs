//! `for_each_acked` works on a limited number of events at a time, and settles each event when its
//! work is done.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures::FutureExt;
use futures::future::FusedFuture;
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    Jobs, Waiting, assert_acked, assert_dropped, assert_open, deliveries, finish, on_demand,
    panics, polled_once_too_often, sync_notify_all,
};

#[test]
fn for_each_acked_acknowledges_after_the_work() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = task::spawn(deliveries(&manager).for_each_acked(None, on_demand(&jobs)));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    assert!(work.is_woken() || jobs.borrow().is_empty(), "lazy");
    assert_pending!(work.poll());
    assert_eq!(jobs.borrow().len(), 3);
    for waiting in [&mut one, &mut two, &mut three] {
        assert_open(waiting);
    }

    finish(&jobs, 1, ()); // out of order
    assert_open(&mut two);
    assert!(work.is_woken());
    assert_pending!(work.poll());
    assert_acked(&mut two);
    assert_open(&mut one);
    finish(&jobs, 0, ());
    finish(&jobs, 0, ());
    assert_pending!(work.poll());
    assert_acked(&mut one);
    assert_acked(&mut three);
}

#[test]
fn for_each_acked_works_up_to_its_limit() {
    let manager = EventManager::new(4);
    let jobs = Jobs::default();
    let mut events = deliveries(&manager);
    let mut work = task::spawn((&mut events).for_each_acked(2, on_demand(&jobs)));
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(work.poll());
    assert_eq!(jobs.borrow().len(), 2);
    assert_eq!(
        manager.subscribers()[0].unread(),
        2,
        "the others are unread"
    );

    finish(&jobs, 1, ());
    assert!(work.is_woken());
    assert_pending!(work.poll());
    assert_eq!(jobs.borrow().len(), 2);
    assert_eq!(manager.subscribers()[0].unread(), 1);
    assert_pending!(work.poll());
    assert_eq!(manager.subscribers()[0].unread(), 1);
}

#[test]
fn for_each_acked_with_limit_one_keeps_the_order() {
    let manager = EventManager::new(8);
    let seen = RefCell::new(Vec::new());
    let mut work = task::spawn(deliveries(&manager).for_each_acked(1, |n| {
        seen.borrow_mut().push((n, "begun"));
        let seen = &seen;
        async move {
            tokio::task::yield_now().await;
            seen.borrow_mut().push((n, "done"));
        }
    }));
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    manager.close();
    while work.poll().is_pending() {
        assert!(work.is_woken());
    }
    assert_eq!(
        *seen.borrow(),
        [(1, "begun"), (1, "done"), (2, "begun"), (2, "done")]
    );
}

#[test]
fn for_each_acked_continues_with_a_smaller_max_unacked() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let options = SubscribeOptions::new().max_unacked(2);
    let events = manager.subscribe_with(options).deliveries();
    let mut work = task::spawn(events.for_each_acked(100, on_demand(&jobs)));
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    for left in [2, 2, 2, 2, 1] {
        assert_pending!(work.poll());
        assert_eq!(jobs.borrow().len(), left);
        finish(&jobs, 0, ());
        assert!(work.is_woken());
    }
    assert_ready!(work.poll());
}

#[test]
fn for_each_acked_is_ready_after_all_work() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let events = polled_once_too_often(deliveries(&manager));
    let mut work = task::spawn(events.for_each_acked(3, on_demand(&jobs)));
    assert_pending!(work.poll());
    let [mut one] = sync_notify_all(&manager, [1]);
    assert!(work.is_woken());
    assert_pending!(work.poll());
    manager.close();
    assert!(work.is_woken());
    assert_pending!(work.poll());
    assert_open(&mut one);
    assert!(!work.is_terminated());

    finish(&jobs, 0, ());
    assert_ready!(work.poll());
    assert_acked(&mut one);
    assert!(work.is_terminated());
    assert_ready!(work.poll());
}

#[test]
fn for_each_acked_on_an_ended_stream_is_ready() {
    let manager = EventManager::new(8);
    manager.close();
    let work = deliveries(&manager).for_each_acked(1, |_| pending());
    assert_eq!(work.now_or_never(), Some(()));
}

#[test]
fn work_is_dropped_before_its_acknowledgement() {
    struct Late<'a, 'm>(&'a RefCell<Waiting<'m, u32>>, &'a Cell<bool>);
    impl Future for Late<'_, '_> {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    impl Drop for Late<'_, '_> {
        fn drop(&mut self) {
            assert_open(&mut self.0.borrow_mut());
            self.1.set(true);
        }
    }

    let manager = EventManager::new(8);
    let events = deliveries(&manager);
    let [one] = sync_notify_all(&manager, [1]);
    let (one, dropped) = (RefCell::new(one), Cell::new(false));
    let mut work = task::spawn(events.for_each_acked(1, |_| Late(&one, &dropped)));
    assert_pending!(work.poll());
    assert!(dropped.get());
    assert_acked(&mut one.borrow_mut());
}

#[test]
fn dropping_for_each_acked_discards_unfinished_events() {
    let manager = EventManager::new(8);
    let jobs: Jobs<()> = Jobs::default();
    let mut work = task::spawn(deliveries(&manager).for_each_acked(1, on_demand(&jobs)));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    drop(work);
    assert_dropped(&mut one);
    assert_dropped(&mut two);
    assert!(jobs.borrow()[0].is_canceled());
}

#[test]
fn dropping_an_unpolled_for_each_acked_discards_unread_events() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).for_each_acked(1, |_| ready(()));
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(work);
    assert_dropped(&mut one);
}

#[test]
fn dropping_for_each_acked_keeps_a_borrowed_stream() {
    let manager = EventManager::new(8);
    let jobs: Jobs<()> = Jobs::default();
    let mut events = deliveries(&manager);
    let mut work = task::spawn((&mut events).for_each_acked(1, on_demand(&jobs)));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    drop(work);
    assert_dropped(&mut one);
    assert_open(&mut two);
    assert_eq!(events.next().now_or_never().flatten().unwrap().ack(), 2);
    assert_acked(&mut two);
}

#[test]
fn a_panic_starting_work_discards_only_its_event() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut begin = on_demand(&jobs);
    let mut work = task::spawn(deliveries(&manager).for_each_acked(4, |n| {
        assert_ne!(n, 2, "not two");
        begin(n)
    }));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);

    assert!(panics(|| work.poll()).contains("not two"));
    assert_dropped(&mut two);
    assert_open(&mut one);
    assert_open(&mut three);

    // If the caller catches the panic and continues:
    assert_pending!(work.poll());
    finish(&jobs, 1, ());
    assert_pending!(work.poll());
    assert_acked(&mut three);
    drop(work);
    assert_dropped(&mut one);
}

#[test]
fn a_panic_in_work_discards_only_its_event() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = task::spawn(deliveries(&manager).for_each_acked(4, {
        let mut begin = on_demand(&jobs);
        move |n| begin(n).map(|fine: bool| assert!(fine, "in work"))
    }));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());

    finish(&jobs, 0, false);
    assert!(panics(|| work.poll()).contains("in work"));
    assert_dropped(&mut one);
    assert_open(&mut two);
    finish(&jobs, 0, true);
    assert_pending!(work.poll());
    assert_acked(&mut two);
}

#[test]
fn a_panic_dropping_work_keeps_other_events() {
    struct Bomb(Cell<bool>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0.get(), "dropped");
        }
    }

    let manager = EventManager::new(8);
    let mut work = task::spawn(deliveries(&manager).for_each_acked(None, |n| async move {
        let _bomb = Bomb(Cell::new(n == 2));
        pending::<()>().await;
    }));
    let mut all = sync_notify_all(&manager, [1, 2, 3]);
    assert_pending!(work.poll());
    drop(work);
    all.iter_mut().for_each(assert_dropped);
}

#[test]
fn a_zero_limit_panics() {
    let manager = EventManager::new(8);
    let message = "a limit of 0 lets no work begin";
    assert!(panics(|| deliveries(&manager).for_each_acked(0, |_| ready(()))).contains(message));
    let fallible = |_| ready(Ok::<(), String>(()));
    assert!(panics(|| deliveries(&manager).try_for_each_acked(0, fallible)).contains(message));
    assert_eq!(manager.subscriber_count(), 0, "they have left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_each_acked_with_spawned_tasks_is_exact() {
    static DONE: AtomicU32 = AtomicU32::new(0);
    let manager = EventManager::new(16);
    let work = tokio::spawn(deliveries(&manager).for_each_acked(4, |_| async {
        let job = async {
            tokio::task::yield_now().await;
            DONE.fetch_add(1, Ordering::Relaxed);
        };
        tokio::spawn(job).await.unwrap();
    }));
    for n in 1..=500 {
        assert!(manager.sync_notify(n).await.unwrap().all_acked());
        assert_eq!(DONE.load(Ordering::Relaxed), n);
    }
    manager.close();
    work.await.unwrap();
}
