//! Operators over deliveries keep acknowledgements exact: the operator acknowledges an event or
//! discards the event, and never leaves an event unsettled.

mod batches;
mod debounce_acked;
mod filter_acked;
mod for_each_acked;
mod latest;
mod over_batches;
mod ready_batches;
mod retry;
mod try_for_each_acked;

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use futures::{FutureExt, Stream, StreamExt, stream};
use genevent::future::SyncNotify;
use genevent::{Batch, Deliveries, Delivery, EventManager, EventStreamExt, Receipt};
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

/// The work of `for_each_acked`: job n ends when `jobs[n]` is sent to.
fn on_demand<T: 'static>(jobs: &Jobs<T>) -> impl FnMut(u32) -> LocalBoxFuture<'static, T> {
    let jobs = Rc::clone(jobs);
    move |_| {
        let (done, job) = oneshot::channel();
        jobs.borrow_mut().push(done);
        job.map(Result::unwrap).boxed_local()
    }
}

/// Ends job n of the remaining jobs.
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

#[test]
fn operators_compose() {
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
            .continue_on_error(|_| {}),
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
fn boxed_streams_have_the_operators_too() {
    let manager = EventManager::new(8);
    let boxed: std::pin::Pin<Box<dyn Stream<Item = Delivery<u32>>>> =
        Box::pin(deliveries(&manager));
    let mut batches = task::spawn(boxed.filter_acked(|_| true).ready_batches(2));
    let [mut one] = sync_notify_all(&manager, [1]);
    assert_ready!(batches.poll_next()).unwrap().ack();
    assert_acked(&mut one);
}

#[test]
fn operators_can_be_formatted_for_any_event() {
    #[derive(Clone)]
    struct Plain;

    let manager = EventManager::<Plain>::new(8);
    let all = || manager.subscribe().deliveries();
    let fallible = |_| ready(Ok::<(), String>(()));
    assert!(format!("{:?}", all().filter_acked(|_| true)).starts_with("FilterAcked { stream: "));
    assert_eq!(
        format!("{:?}", all().for_each_acked(1, |_| ready(()))),
        "ForEachAcked { in_flight: 0, .. }"
    );
    assert_eq!(
        format!("{:?}", all().try_for_each_acked(1, fallible)),
        "TryForEachAcked { in_flight: 0, failed: false, .. }"
    );
    assert_eq!(
        format!(
            "{:?}",
            all()
                .try_for_each_acked(1, fallible)
                .continue_on_error(drop)
        ),
        "ContinueOnError { in_flight: 0, .. }"
    );
    assert_eq!(
        format!("{:?}", all().try_for_each_acked(1, fallible).retry([])),
        "TryForEachAcked { in_flight: 0, failed: false, .. }"
    );
    assert!(format!("{:?}", all().ready_batches(1)).starts_with("ReadyBatches { stream: "));
    assert!(format!("{:?}", all().latest()).starts_with("Latest { stream: "));
    let quiet = all().debounce_acked(std::time::Duration::ZERO, |_| ());
    assert!(format!("{quiet:?}").contains("waiting: 0"));
    assert!(format!("{:?}", all().batches(1, std::time::Duration::ZERO)).contains("gathered: 0"));
}
