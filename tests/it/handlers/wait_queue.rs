//! Publishers inside and outside of a handler share one wait queue; and the waits that a handler
//! may begin.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, pending};
use futures::{FutureExt, SinkExt};
use genevent::error::{NotifyError, ReserveError};
use genevent::{EventManager, Handler, Overflow, StopReason, SubscriberKind, SyncSink};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::read;

type Work = BoxFuture<'static, ()>;
type Publishing = BoxFuture<'static, Result<usize, NotifyError<u32>>>;

/// Runs its future while handling its first event.
struct Working(Option<Work>, Arc<Mutex<Vec<u32>>>);

impl Handler<u32> for Working {
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        if let Some(work) = self.0.take() {
            work.await;
        }
        self.1.lock().unwrap().push(*n);
        ControlFlow::Continue(())
    }
}

/// Adds a handler that runs `work` while handling event 1 to a manager of capacity one; returns the
/// events that the handler has seen.
async fn working(manager: &EventManager<u32>, work: Work) -> Arc<Mutex<Vec<u32>>> {
    let seen = Arc::<Mutex<Vec<u32>>>::default();
    let handler = Working(Some(work), Arc::clone(&seen));
    manager.add_handler("working", handler).unwrap();
    manager.try_notify(1).unwrap();
    yield_now().await; // the event is in flight
    seen
}

#[tokio::test]
async fn an_outside_publisher_queues_behind_an_inside_publisher() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let own = manager.clone();
    let work = async move { assert_eq!(own.notify(2).await, Ok(2)) };
    let seen = working(&manager, work.boxed()).await;
    assert_eq!(manager.stats().waiting_publishers(), 1);
    let mut outside = task::spawn(manager.notify(3));
    assert_pending!(outside.poll());
    assert_eq!(manager.stats().waiting_publishers(), 2);

    for n in 1..=2 {
        assert_eq!(read(&mut slow), Some(n));
        yield_now().await;
        yield_now().await;
    }
    assert!(outside.is_woken());
    assert_ready_eq!(outside.poll(), Ok(2));
    assert_eq!(read(&mut slow), Some(3));
    slow.ack();
    manager.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_publisher_moved_outside_ignores_its_former_handler() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let own = manager.clone();
    let (give, given) = oneshot::channel::<Publishing>();
    let (go, wait) = oneshot::channel::<()>();
    let (reported, outside) = oneshot::channel::<Publishing>();
    let work = async move {
        let mut publishing = given.await.unwrap();
        assert!((&mut publishing).now_or_never().is_none());
        assert!(reported.send(publishing).is_ok());
        wait.await.unwrap();
    };
    let seen = working(&manager, work.boxed()).await;
    let mut first = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    assert!(
        give.send(async move { own.notify(3).await }.boxed())
            .is_ok()
    );
    let mut second = task::spawn(outside.await.unwrap());
    assert_pending!(second.poll());

    // The event of the first publisher fills the handler's window, too.
    assert_eq!(read(&mut slow), Some(1));
    assert!(first.is_woken());
    assert_ready_eq!(first.poll(), Ok(2));
    assert!(!second.is_woken(), "which is nothing to it");
    go.send(()).unwrap();
    assert_eq!(read(&mut slow), Some(2));
    yield_now().await;
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(2));
    assert_eq!(read(&mut slow), Some(3));
    slow.ack();
    manager.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

/// A limited reader and a handler have no room. The front of the wait queue is refused, because the
/// handler polls the front; the time of the reader continues for the next publisher.
#[tokio::test(start_paused = true)]
async fn a_refused_front_passes_the_deadline_on() {
    let second = Duration::from_secs(1);
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe_with(Overflow::WaitAtMost(second));
    let own = manager.clone();
    let (give, given) = oneshot::channel::<Publishing>();
    let (reported, refused) = oneshot::channel();
    let work = async move {
        reported.send(given.await.unwrap().await).unwrap();
        pending::<()>().await;
    };
    working(&manager, work.boxed()).await;
    assert_eq!(read(&mut stuck), Some(1));
    manager.try_notify(2).unwrap();
    let mut front = task::spawn(async move { own.notify(3).await }.boxed());
    assert_pending!(front.poll());
    let own = manager.clone();
    let next = tokio::spawn(async move { own.notify(4).await });
    yield_now().await;
    assert_eq!(manager.stats().waiting_publishers(), 2);
    assert!(give.send(front.into_inner()).is_ok());
    assert_eq!(refused.await, Ok(Err(NotifyError::WouldDeadlock(3))));
    sleep(second / 2).await;
    let mut subscribers = manager.subscribers().into_iter();
    let handler = subscribers.find(|info| info.kind() == SubscriberKind::Handler);
    assert!(manager.disconnect(handler.unwrap().id()));
    let start = Instant::now();
    let stored = timeout(10 * second, next).await;
    assert_eq!(
        stored.unwrap().unwrap(),
        Ok(0),
        "the reader is gone as well"
    );
    assert_eq!(start.elapsed(), second / 2);
    assert!(!manager.disconnect(stuck.id()));
}

/// Flushes a sink in `terminate`.
struct Flushing(Option<BoxFuture<'static, Result<(), ReserveError>>>);

impl Handler<u32> for Flushing {
    async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    async fn terminate(&mut self, _: &StopReason) {
        let flush = self.0.take().expect("it ends once");
        assert_eq!(flush.await, Ok(()));
    }
}

#[tokio::test]
async fn a_settled_handler_may_wait_for_other_subscribers() {
    let manager = EventManager::new(4);
    let mut slow = manager.subscribe();
    let mut sink = manager.sync_sink();
    let (give, given) = oneshot::channel();
    let flush = async move {
        let mut sink: SyncSink<u32> = given.await.unwrap();
        sink.flush().await
    };
    let handler = Flushing(Some(flush.boxed()));
    let handler = manager.add_handler("flushing", handler).unwrap();
    sink.feed(1).await.unwrap();
    let mut removal = task::spawn(handler.remove());
    assert!(removal.poll().is_pending());
    yield_now().await; // the handler has handled the event, and ends
    assert!(give.send(sink).is_ok());
    yield_now().await;
    assert!(removal.poll().is_pending(), "the slow one has not read it");
    assert_eq!(read(&mut slow), Some(1));
    slow.ack();
    assert!(removal.await.is_ok(), "it did not panic");
}
