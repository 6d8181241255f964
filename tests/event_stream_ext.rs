//! Operators over deliveries keep the acknowledgement exact: an event is acknowledged when the
//! operator says so, dropped when it cannot be any more, and never left hanging.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures::channel::oneshot;
use futures::future::{FusedFuture, LocalBoxFuture};
use futures::stream::{self, FusedStream};
use futures::{FutureExt, Stream, StreamExt};
use genevent::future::SyncNotify;
use genevent::{
    Batch, Deliveries, Delivery, EventManager, EventStreamExt, Receipt, SubscribeOptions,
};
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

type Waiting<'a, E> = Spawn<SyncNotify<'a, E>>;

/// Publishes each of the events; each waits to be finished with.
fn sync_notify_all<E, const N: usize>(
    manager: &EventManager<E>,
    events: [E; N],
) -> [Waiting<'_, E>; N]
where
    E: Send + Sync + 'static,
{
    events.map(|event| {
        let mut waiting = task::spawn(manager.sync_notify(event));
        assert_pending!(waiting.poll());
        waiting
    })
}

fn receipt<E>(waiting: &mut Waiting<'_, E>) -> Receipt
where
    E: Send + Sync + 'static,
{
    assert_ready!(waiting.poll()).unwrap_or_else(|_| panic!("closed"))
}

fn assert_acked<E: Send + Sync + 'static>(waiting: &mut Waiting<'_, E>) {
    let receipt = receipt(waiting);
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
}

fn assert_dropped<E: Send + Sync + 'static>(waiting: &mut Waiting<'_, E>) {
    let receipt = receipt(waiting);
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 1));
}

fn assert_open<E: Send + Sync + 'static>(waiting: &mut Waiting<'_, E>) {
    assert_pending!(waiting.poll());
}

fn panics<T>(code: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(code))
        .err()
        .expect("it panics");
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// The work on an event, done when the test says so.
type Jobs<T> = Rc<RefCell<Vec<oneshot::Sender<T>>>>;

/// For `for_each_acked`: the nth job that was begun ends when `jobs[n]` is sent to.
fn on_demand<T: 'static>(jobs: &Jobs<T>) -> impl FnMut(u32) -> LocalBoxFuture<'static, T> {
    let jobs = Rc::clone(jobs);
    move |_| {
        let (done, job) = oneshot::channel();
        jobs.borrow_mut().push(done);
        job.map(Result::unwrap).boxed_local()
    }
}

/// Ends the nth job that is left.
fn finish<T>(jobs: &Jobs<T>, nth: usize, with: T) {
    let sent = jobs.borrow_mut().remove(nth).send(with);
    assert!(sent.is_ok(), "the job is under way");
}

/// An event whose clones panic while `fuse` is not 0.
struct Fragile {
    id: u32,
    fuse: &'static AtomicU32,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        if self.id == self.fuse.load(Ordering::Relaxed) {
            self.fuse.store(0, Ordering::Relaxed);
            panic!("clone");
        }
        Self { ..*self }
    }
}

/// A stream that must not be polled once it has ended.
fn polled_once_too_often<T>(items: impl Stream<Item = T> + Unpin) -> impl Stream<Item = T> {
    let mut items = Some(items);
    stream::poll_fn(move |cx| {
        let item = items
            .as_mut()
            .expect("polled after its end")
            .poll_next_unpin(cx);
        if let Poll::Ready(None) = item {
            items = None;
        }
        item
    })
}

fn deliveries(manager: &EventManager<u32>) -> Deliveries<u32> {
    manager.subscribe().deliveries()
}

// ---- filter_acked -----------------------------------------------------------------------------

#[test]
fn filter_acked_acknowledges_what_it_filters_out() {
    let manager = EventManager::new(8);
    let mut even = task::spawn(deliveries(&manager).filter_acked(|n| n % 2 == 0));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);

    let kept = assert_ready!(even.poll_next()).unwrap();
    assert_acked(&mut one);
    assert_open(&mut two);
    assert_open(&mut three); // not looked at yet
    assert_pending!(even.poll_next());
    assert_acked(&mut three);

    assert_eq!((*kept, kept.seq()), (2, 2));
    assert_open(&mut two);
    kept.ack();
    assert_acked(&mut two);
}

#[test]
fn what_filter_acked_passes_on_can_still_be_dropped() {
    let manager = EventManager::new(8);
    let mut all = task::spawn(deliveries(&manager).filter_acked(|_| true));
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(assert_ready!(all.poll_next()));
    assert_dropped(&mut one);
}

#[test]
fn dropping_filter_acked_drops_what_is_unread() {
    let manager = EventManager::new(8);
    let mut none = task::spawn(deliveries(&manager).filter_acked(|_| false));
    assert_pending!(none.poll_next());
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(none);
    assert_dropped(&mut one);
}

#[test]
fn a_predicate_that_panics_drops_the_delivery_in_hand_and_no_other() {
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
fn filter_acked_ends_as_its_stream_does() {
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

// ---- for_each_acked ---------------------------------------------------------------------------

#[test]
fn for_each_acked_acknowledges_each_event_when_its_work_is_done() {
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
fn for_each_acked_takes_the_next_event_when_there_is_a_place_for_it() {
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
        manager.subscribers()[0].pending(),
        2,
        "the others are unread"
    );

    finish(&jobs, 1, ());
    assert!(work.is_woken());
    assert_pending!(work.poll());
    assert_eq!(jobs.borrow().len(), 2);
    assert_eq!(manager.subscribers()[0].pending(), 1);
    assert_pending!(work.poll());
    assert_eq!(manager.subscribers()[0].pending(), 1);
}

#[test]
fn for_each_acked_one_at_a_time_keeps_the_order() {
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
fn for_each_acked_goes_on_where_max_unacked_is_below_its_limit() {
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
fn for_each_acked_is_ready_when_the_stream_has_ended_and_all_work_is_done() {
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
fn the_work_on_an_event_is_dropped_before_the_event_is_acknowledged() {
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
fn dropping_for_each_acked_drops_what_it_worked_on_and_what_is_unread() {
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
fn a_for_each_acked_that_was_never_polled_drops_what_is_unread() {
    let manager = EventManager::new(8);
    let work = deliveries(&manager).for_each_acked(1, |_| ready(()));
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(work);
    assert_dropped(&mut one);
}

#[test]
fn dropping_for_each_acked_leaves_what_is_unread_in_a_borrowed_stream() {
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
fn a_panic_when_work_begins_drops_its_event_and_no_other() {
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

    // If somebody catches it and goes on:
    assert_pending!(work.poll());
    finish(&jobs, 1, ());
    assert_pending!(work.poll());
    assert_acked(&mut three);
    drop(work);
    assert_dropped(&mut one);
}

#[test]
fn a_panic_in_work_drops_its_event_and_no_other() {
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
fn a_panic_in_dropping_work_strands_no_other_event() {
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
fn a_limit_of_0_is_refused() {
    let manager = EventManager::new(8);
    let message = "a limit of 0 lets no work begin";
    assert!(panics(|| deliveries(&manager).for_each_acked(0, |_| ready(()))).contains(message));
    let fallible = |_| ready(Ok::<(), ()>(()));
    assert!(panics(|| deliveries(&manager).try_for_each_acked(0, fallible)).contains(message));
    assert_eq!(manager.subscriber_count(), 0, "they have left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_each_acked_is_exact_with_a_task_for_each_event() {
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

// ---- try_for_each_acked -----------------------------------------------------------------------

#[test]
fn try_for_each_acked_stops_at_the_first_error_and_lets_work_under_way_finish() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = task::spawn(deliveries(&manager).try_for_each_acked(3, on_demand(&jobs)));
    let [mut one, mut two, mut three, mut unread] = sync_notify_all(&manager, [1, 2, 3, 4]);
    assert_pending!(work.poll());

    finish(&jobs, 1, Err("first"));
    assert_pending!(work.poll());
    assert_dropped(&mut two);
    assert_dropped(&mut unread); // the stream is gone
    assert_eq!(manager.subscriber_count(), 0);
    assert_open(&mut one);
    assert!(!work.is_terminated());

    finish(&jobs, 1, Err("second"));
    assert_pending!(work.poll());
    assert_dropped(&mut three);
    finish(&jobs, 0, Ok(()));
    assert_eq!(assert_ready!(work.poll()), Err("first"));
    assert_acked(&mut one);
    assert!(work.is_terminated());
}

#[test]
fn try_for_each_acked_takes_no_event_after_an_error() {
    let manager = EventManager::new(8);
    let mut events = deliveries(&manager);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let mut begun = 0;
    let work = (&mut events).try_for_each_acked(8, |n| {
        begun += 1;
        ready(Err(n))
    });
    assert_eq!(work.now_or_never(), Some(Err(1)));
    assert_eq!((begun, events.pending(), events.unacked()), (1, 1, 0));
}

#[test]
fn try_for_each_acked_without_an_error_is_ready_at_the_end_of_the_stream() {
    let manager = EventManager::new(8);
    let mut work = task::spawn(
        polled_once_too_often(deliveries(&manager))
            .try_for_each_acked(2, |_| ready(Ok::<(), ()>(()))),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    assert_acked(&mut one);
    assert_acked(&mut two);
    manager.close();
    assert_eq!(assert_ready!(work.poll()), Ok(()));
    assert!(work.is_terminated());
}

#[test]
fn dropping_try_for_each_acked_drops_what_it_worked_on() {
    let manager = EventManager::new(8);
    let jobs: Jobs<Result<(), ()>> = Jobs::default();
    for stopping in [false, true] {
        let mut work = task::spawn(deliveries(&manager).try_for_each_acked(2, on_demand(&jobs)));
        let [mut one, mut two, mut unread] = sync_notify_all(&manager, [1, 2, 3]);
        assert_pending!(work.poll());
        if stopping {
            finish(&jobs, 0, Err(()));
            assert_pending!(work.poll());
        }
        drop(work);
        for waiting in [&mut one, &mut two, &mut unread] {
            assert_dropped(waiting);
        }
        jobs.borrow_mut().clear();
    }
}

#[test]
fn go_on_gives_out_each_error_and_goes_on() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let errors = RefCell::new(Vec::new());
    let mut work = task::spawn(
        deliveries(&manager)
            .try_for_each_acked(2, on_demand(&jobs))
            .go_on(|error| errors.borrow_mut().push(error)),
    );
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    manager.close();
    assert_pending!(work.poll());
    finish(&jobs, 0, Err("one"));
    assert_pending!(work.poll());
    assert_dropped(&mut one);
    assert_eq!(*errors.borrow(), ["one"]);
    assert_eq!(jobs.borrow().len(), 2, "the third has begun");

    finish(&jobs, 1, Err("three"));
    assert_pending!(work.poll());
    assert_dropped(&mut three);
    finish(&jobs, 0, Ok(()));
    assert!(!work.is_terminated());
    assert_ready!(work.poll());
    assert_acked(&mut two);
    assert_eq!(*errors.borrow(), ["one", "three"]);
    assert!(work.is_terminated());
}

#[test]
fn a_failed_event_is_settled_before_go_on_tells_of_it() {
    let manager = EventManager::new(8);
    let events = deliveries(&manager);
    let [one] = sync_notify_all(&manager, [1]);
    let one = RefCell::new(one);
    let mut work = task::spawn(
        events
            .try_for_each_acked(1, |n| ready(Err(n)))
            .go_on(|_| assert_dropped(&mut one.borrow_mut())),
    );
    assert_pending!(work.poll());
}

#[test]
fn an_error_handler_that_panics_strands_no_event() {
    let manager = EventManager::new(8);
    let mut work = task::spawn(
        deliveries(&manager)
            .try_for_each_acked(None, |n| ready(Err(n)))
            .go_on(|n| assert_ne!(n, 1, "handler")),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert!(panics(|| work.poll()).contains("handler"));
    assert_dropped(&mut one);
    assert_open(&mut two);
    assert_pending!(work.poll());
    assert_dropped(&mut two);
}

#[test]
fn dropping_go_on_drops_what_it_worked_on() {
    let manager = EventManager::new(8);
    let jobs: Jobs<Result<(), ()>> = Jobs::default();
    let events = deliveries(&manager);
    let mut work = task::spawn(
        events
            .try_for_each_acked(1, on_demand(&jobs))
            .go_on(|()| {}),
    );
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert_pending!(work.poll());
    drop(work);
    assert_dropped(&mut one);
    assert_dropped(&mut two);
}

#[test]
fn go_on_in_the_middle_is_told_of_the_error_that_was_there() {
    let manager = EventManager::new(8);
    let jobs = Jobs::default();
    let mut work = deliveries(&manager).try_for_each_acked(2, on_demand(&jobs));
    let [mut one, mut two] = sync_notify_all(&manager, [1, 2]);
    assert!((&mut work).now_or_never().is_none());
    finish(&jobs, 0, Err("one"));
    assert!((&mut work).now_or_never().is_none());
    assert_dropped(&mut one);

    let mut errors = Vec::new();
    let work = work.go_on(|error| errors.push(error));
    finish(&jobs, 0, Ok(()));
    assert_eq!(work.now_or_never(), Some(()));
    assert_acked(&mut two);
    assert_eq!(errors, ["one"]);
}

// ---- ready_batches ----------------------------------------------------------------------------

#[test]
fn ready_batches_gives_what_there_is_without_waiting_for_more() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(3));
    assert_pending!(batches.poll_next());
    manager.try_notify(1).unwrap();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1]);

    for n in 2..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [2, 3, 4]);
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [5]);
    assert_pending!(batches.poll_next());
    manager.try_notify(6).unwrap();
    assert!(batches.is_woken(), "it was pending once more");
}

#[test]
fn one_ack_finishes_with_a_batch_and_with_nothing_else() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(2));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    let first = assert_ready!(batches.poll_next()).unwrap();
    let second = assert_ready!(batches.poll_next()).unwrap();
    for waiting in [&mut one, &mut two, &mut three] {
        assert_open(waiting);
    }
    assert_eq!(first.ack(), [1, 2]);
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_open(&mut three);
    drop(second);
    assert_dropped(&mut three);
}

#[test]
fn a_batch_is_a_slice_of_its_events() {
    let manager = EventManager::new(8);
    let events = deliveries(&manager).filter_acked(|n| *n != 20);
    let mut batches = task::spawn(events.ready_batches(9));
    for n in [10, 20, 30] {
        manager.try_notify(n).unwrap();
    }
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_eq!((batch.len(), batch.first(), batch[1]), (2, Some(&10), 30));
    assert!(batch.seqs().eq([1, 3]) && batch.seqs().rev().eq([3, 1]) && batch.seqs().len() == 2);
    let mut sum = 0;
    for n in &batch {
        sum += n;
    }
    assert_eq!(sum, 40);
    let text = "Batch { len: 2, first_seq: Some(1), last_seq: Some(3), .. }";
    assert_eq!(format!("{batch:?}"), text);
    batch.ack();
}

#[test]
fn the_deliveries_of_a_batch_answer_for_themselves() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(9));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    let mut parts = assert_ready!(batches.poll_next())
        .unwrap()
        .into_deliveries();
    drop(batches);
    assert_eq!(
        parts.iter().map(|d| (**d, d.seq())).collect::<Vec<_>>(),
        [(1, 1), (2, 2), (3, 3)]
    );
    parts.remove(1).ack();
    assert_acked(&mut two);
    assert_open(&mut one);
    drop(parts);
    assert_dropped(&mut one);
    assert_dropped(&mut three);
}

#[test]
fn an_event_that_panics_when_it_is_dropped_strands_no_other_of_its_batch() {
    static ARMED: AtomicU32 = AtomicU32::new(0);
    #[derive(Clone)]
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 == ARMED.load(Ordering::Relaxed) {
                ARMED.store(0, Ordering::Relaxed);
                panic!("dropped");
            }
        }
    }
    let manager = EventManager::new(8);
    let mut batches = task::spawn(manager.subscribe().deliveries().ready_batches(9));
    let mut all = sync_notify_all(&manager, [1, 2, 3].map(Bomb));
    let batch = assert_ready!(batches.poll_next()).unwrap();
    ARMED.store(1, Ordering::Relaxed);
    assert_eq!(panics(|| drop(batch)), "dropped");
    all.iter_mut().for_each(assert_dropped);
}

#[test]
fn dropping_ready_batches_drops_what_is_unread() {
    let manager = EventManager::new(8);
    let batches = deliveries(&manager).ready_batches(9);
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(batches);
    assert_dropped(&mut one);
}

#[test]
fn a_batch_is_cut_short_by_max_unacked_and_not_stuck() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let mut batches = task::spawn(
        manager
            .subscribe_with(options)
            .deliveries()
            .ready_batches(5),
    );
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_eq!(batch[..], [1, 2]);
    assert_pending!(batches.poll_next());
    batch.ack();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
}

#[test]
fn a_panic_while_a_batch_is_gathered_loses_nothing() {
    static FUSE: AtomicU32 = AtomicU32::new(2);
    let fragile = |id| Fragile { id, fuse: &FUSE };
    let manager = EventManager::new(8);
    let mut batches = task::spawn(manager.subscribe().deliveries().ready_batches(9));
    let mut all = sync_notify_all(&manager, [1, 2, 3].map(fragile));
    assert_eq!(panics(|| batches.poll_next()), "clone");
    all.iter_mut().for_each(assert_open);
    assert_eq!(batches.size_hint(), (1, None));
    manager.close();
    assert_eq!(
        batches.size_hint(),
        (1, Some(3)),
        "one has begun, and two may come alone"
    );
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert!(batch.iter().map(|event| event.id).eq([1, 2, 3]));
    batch.ack();
    all.iter_mut().for_each(assert_acked);
}

#[test]
fn ready_batches_ends_once_and_for_all() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(polled_once_too_often(deliveries(&manager)).ready_batches(2));
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
    assert!(batches.is_terminated());
    assert_eq!(batches.size_hint(), (0, Some(0)));
    for _ in 0..2 {
        assert!(assert_ready!(batches.poll_next()).is_none());
    }
}

#[test]
fn the_size_hint_counts_batches() {
    let manager = EventManager::new(8);
    let mut batches = deliveries(&manager).ready_batches(2);
    assert_eq!(batches.size_hint(), (0, None));
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(batches.size_hint(), (3, None));
    manager.close();
    assert_eq!(batches.size_hint(), (3, Some(5)), "two at a time, or one");
    batches.next().now_or_never().flatten().unwrap().ack();
    assert_eq!(batches.size_hint(), (2, Some(3)));
    assert_eq!(batches.get_ref().size_hint(), (3, Some(3)));
    assert_eq!(batches.into_inner().size_hint(), (3, Some(3)));
}

#[test]
fn a_batch_of_0_is_refused() {
    let manager = EventManager::new(8);
    let message = "a batch has room for at least one event";
    assert_eq!(panics(|| deliveries(&manager).ready_batches(0)), message);
    assert_eq!(
        panics(|| deliveries(&manager).batches(0, std::time::Duration::MAX)),
        message
    );
    assert_eq!(manager.subscriber_count(), 0, "they have left");
}

#[test]
fn operators_can_be_put_together() {
    let manager = EventManager::new(8);
    let sum = Cell::new(0);
    let mut work = task::spawn(
        deliveries(&manager)
            .filter_acked(|n| *n > 1)
            .map(|delivery| delivery.map(u64::from))
            .ready_batches(2)
            .flat_map(|batch: Batch<u64>| stream::iter(batch.into_deliveries()))
            .try_for_each_acked(None, |n| {
                sum.set(sum.get() + n);
                ready(if n == 3 { Err(n) } else { Ok(()) })
            })
            .go_on(|_| {}),
    );
    let [mut one, mut two, mut three, mut four] = sync_notify_all(&manager, [1, 2, 3, 4]);
    assert_pending!(work.poll());
    for acked in [&mut one, &mut two, &mut four] {
        assert_acked(acked);
    }
    assert_dropped(&mut three);
    assert_eq!(sum.get(), 9);
}

#[test]
fn a_stream_behind_a_pointer_has_the_operators_too() {
    let manager = EventManager::new(8);
    let boxed: std::pin::Pin<Box<dyn Stream<Item = Delivery<u32>>>> =
        Box::pin(deliveries(&manager));
    let mut batches = task::spawn(boxed.filter_acked(|_| true).ready_batches(2));
    let [mut one] = sync_notify_all(&manager, [1]);
    assert_ready!(batches.poll_next()).unwrap().ack();
    assert_acked(&mut one);
}

// ---- batches ----------------------------------------------------------------------------------

mod batches {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const DURATION: Duration = Duration::from_secs(10);
    const ALMOST: Duration = Duration::from_millis(9_999);
    const REST: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_full_batch_is_given_at_once() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
        let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
        let batch = assert_ready!(batches.poll_next()).unwrap();
        assert_open(&mut one);
        assert_eq!(batch.ack(), [1, 2]);
        assert_acked(&mut one);
        assert_acked(&mut two);
        assert_pending!(batches.poll_next());
        assert_open(&mut three);
        manager.try_notify(4).unwrap();
        assert!(batches.is_woken());
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3, 4]);
        assert_acked(&mut three);
    }

    #[tokio::test(start_paused = true)]
    async fn time_runs_from_the_first_event_of_a_batch() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
        assert_pending!(batches.poll_next());
        advance(2 * DURATION).await;
        assert!(!batches.is_woken(), "nothing has begun");

        manager.try_notify(1).unwrap();
        assert_pending!(batches.poll_next());
        advance(REST).await;
        manager.try_notify(2).unwrap(); // does not start it anew
        assert_pending!(batches.poll_next());
        advance(DURATION.saturating_sub(2 * REST)).await;
        assert_pending!(batches.poll_next());
        advance(REST).await;
        assert!(batches.is_woken());
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);

        // The next batch has a time of its own.
        manager.try_notify(3).unwrap();
        assert_pending!(batches.poll_next());
        advance(ALMOST).await;
        assert_pending!(batches.poll_next());
        advance(REST).await;
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_got_full_in_time_leaves_no_time_behind() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
        manager.try_notify(1).unwrap();
        assert_pending!(batches.poll_next());
        advance(ALMOST).await;
        manager.try_notify(2).unwrap();
        manager.try_notify(3).unwrap();
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
        assert_pending!(batches.poll_next());
        advance(REST).await;
        assert_pending!(batches.poll_next());
        advance(ALMOST).await;
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_the_last_moment_is_in() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
        manager.try_notify(1).unwrap();
        assert_pending!(batches.poll_next());
        advance(2 * DURATION).await;
        manager.try_notify(2).unwrap();
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_stream_ends_the_last_batch_at_once() {
        let manager = EventManager::new(8);
        let events = polled_once_too_often(deliveries(&manager));
        let mut batches = task::spawn(events.batches(9, DURATION));
        manager.try_notify(1).unwrap();
        assert_pending!(batches.poll_next());
        assert_eq!(batches.size_hint(), (1, None));
        manager.close();
        assert!(batches.is_woken());
        assert!(!batches.is_terminated());
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1]);
        assert!(batches.is_terminated());
        for _ in 0..2 {
            assert!(assert_ready!(batches.poll_next()).is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_wait_for_a_batch_keeps_its_events_and_its_time() {
        let manager = EventManager::new(8);
        let mut batches = deliveries(&manager).batches(9, DURATION);
        let [mut one] = sync_notify_all(&manager, [1]);
        assert!(batches.next().now_or_never().is_none());
        advance(DURATION).await;
        assert_open(&mut one);
        assert_eq!(batches.next().now_or_never().flatten().unwrap().ack(), [1]);
        assert_acked(&mut one);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_batches_drops_what_has_been_gathered() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
        let [mut one] = sync_notify_all(&manager, [1]);
        assert_pending!(batches.poll_next());
        let [mut unread] = sync_notify_all(&manager, [2]);
        drop(batches);
        assert_dropped(&mut one);
        assert_dropped(&mut unread);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_max_unacked_keeps_from_getting_full_is_given_in_time() {
        let manager = EventManager::new(8);
        let options = SubscribeOptions::new().max_unacked(2);
        let events = manager.subscribe_with(options).deliveries();
        let mut batches = task::spawn(events.batches(3, DURATION));
        for n in 1..=4 {
            manager.try_notify(n).unwrap();
        }
        assert_pending!(batches.poll_next());
        advance(DURATION).await;
        let batch = assert_ready!(batches.poll_next()).unwrap();
        assert_eq!(batch[..], [1, 2]);
        assert_pending!(batches.poll_next());
        batch.ack();
        assert!(batches.is_woken());
        assert_pending!(batches.poll_next());
        advance(DURATION).await;
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_while_a_batch_is_gathered_loses_nothing_here_either() {
        static FUSE: AtomicU32 = AtomicU32::new(2);
        let fragile = |id| Fragile { id, fuse: &FUSE };
        let manager = EventManager::new(8);
        let mut batches = task::spawn(manager.subscribe().deliveries().batches(3, DURATION));
        let mut all = sync_notify_all(&manager, [1, 2, 3].map(fragile));
        assert_eq!(panics(|| batches.poll_next()), "clone");
        all.iter_mut().for_each(assert_open);
        assert_ready!(batches.poll_next()).unwrap().ack();
        all.iter_mut().for_each(assert_acked);
    }

    #[test]
    fn outside_of_a_runtime_only_waiting_panics() {
        let manager = EventManager::new(8);
        let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
        let [mut one] = sync_notify_all(&manager, [1]);
        assert!(panics(|| batches.poll_next()).contains("runtime"));
        assert_open(&mut one);
        manager.try_notify(2).unwrap();
        assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
        assert_acked(&mut one);
    }
}

// ---- Debug ------------------------------------------------------------------------------------

#[test]
fn the_operators_can_be_formatted_whatever_the_event_is() {
    #[derive(Clone)]
    struct Plain;

    let manager = EventManager::<Plain>::new(8);
    let all = || manager.subscribe().deliveries();
    let fallible = |_| ready(Ok::<(), Plain>(()));
    assert!(format!("{:?}", all().filter_acked(|_| true)).starts_with("FilterAcked { stream: "));
    assert_eq!(
        format!("{:?}", all().for_each_acked(1, |_| ready(()))),
        "ForEachAcked { under_way: 0, .. }"
    );
    assert_eq!(
        format!("{:?}", all().try_for_each_acked(1, fallible)),
        "TryForEachAcked { under_way: 0, failed: false, .. }"
    );
    assert_eq!(
        format!("{:?}", all().try_for_each_acked(1, fallible).go_on(drop)),
        "GoOn { under_way: 0, .. }"
    );
    assert!(format!("{:?}", all().ready_batches(1)).starts_with("ReadyBatches { stream: "));
    assert!(format!("{:?}", all().batches(1, std::time::Duration::ZERO)).contains("gathered: 0"));
}
