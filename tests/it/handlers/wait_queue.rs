//! Publishing inside of a handler goes past the wait queue of the publishers outside; and the waits
//! allowed to a handler.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, pending};
use futures::{FutureExt, SinkExt, StreamExt};
use genevent::error::{NotifyError, ReserveError};
use genevent::{
    EventManager, Handled, Handler, Overflow, StopReason, SubscriberKind, SyncSink,
    WeakEventManager,
};
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
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if let Some(work) = self.0.take() {
            work.await;
        }
        self.1.lock().unwrap().push(*n);
        Ok(ControlFlow::Continue(()))
    }
}

/// Adds a handler, running `work` at event 1, to a manager of capacity 1. Returns the events seen by
/// the handler.
async fn working(manager: &EventManager<u32>, work: Work) -> Arc<Mutex<Vec<u32>>> {
    let seen = Arc::<Mutex<Vec<u32>>>::default();
    let handler = Working(Some(work), Arc::clone(&seen));
    manager.add_handler("working", handler).unwrap();
    manager.try_notify(1).unwrap();
    yield_now().await; // the event is in flight
    seen
}

/// The events of a handler are stored past full windows, and publishers outside wait until all
/// windows have room again.
#[tokio::test(start_paused = true)]
async fn an_outside_publisher_waits_for_what_a_handler_published() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let own = manager.clone();
    let work = async move {
        for n in 2..=3 {
            assert_eq!(own.notify(n).await, Ok(2));
        }
    };
    let seen = working(&manager, work.boxed()).await;
    assert_eq!(slow.len(), 3);
    assert_eq!(
        manager.stats().waiting_publishers(),
        0,
        "the handler is not queued"
    );
    let mut outside = task::spawn(manager.notify(4));
    assert_pending!(outside.poll());
    for n in 1..=3 {
        assert!(!outside.is_woken());
        assert_eq!(read(&mut slow), Some(n));
        yield_now().await;
    }
    assert!(outside.is_woken());
    assert_ready_eq!(outside.poll(), Ok(2));
    assert_eq!(read(&mut slow), Some(4));
    slow.ack();
    manager.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 4]);
}

/// A publisher that is polled inside leaves the wait queue. The publishers behind stay queued.
#[tokio::test(start_paused = true)]
async fn a_queued_publisher_moved_inside_is_stored_at_once() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let (give, given) = oneshot::channel::<Publishing>();
    let (reported, stored) = oneshot::channel();
    let (go, wait) = oneshot::channel::<()>();
    let work = async move {
        reported.send(given.await.unwrap().await).unwrap();
        wait.await.unwrap();
    };
    let seen = working(&manager, work.boxed()).await;
    let own = manager.clone();
    let mut first = task::spawn(async move { own.notify(2).await }.boxed());
    assert_pending!(first.poll());
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(second.poll());
    assert_eq!(manager.stats().waiting_publishers(), 2);
    assert!(give.send(first.into_inner()).is_ok());
    assert_eq!(stored.await, Ok(Ok(2)));
    assert_eq!(manager.stats().waiting_publishers(), 1);

    go.send(()).unwrap();
    for n in 1..=2 {
        assert!(!second.is_woken());
        assert_eq!(read(&mut slow), Some(n));
        yield_now().await;
        yield_now().await;
    }
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(2));
    assert_eq!(read(&mut slow), Some(3));
    slow.ack();
    manager.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

/// A place is granted to a publisher outside, which a handler polls before it takes the place.
#[tokio::test(start_paused = true)]
async fn a_granted_publisher_moved_inside_gives_its_place_back() {
    let manager = EventManager::new(2);
    let (give, given) = oneshot::channel::<Publishing>();
    let (reported, stored) = oneshot::channel();
    let work = async move {
        reported.send(given.await.unwrap().await).unwrap();
        pending::<()>().await;
    };
    working(&manager, work.boxed()).await;
    let permits = [
        manager.reserve().await.unwrap(),
        manager.reserve().await.unwrap(),
    ];
    let own = manager.clone();
    let mut first = task::spawn(async move { own.notify(2).await }.boxed());
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let [permit, other] = permits;
    drop(permit);
    assert!(first.is_woken() && !second.is_woken());
    assert!(give.send(first.into_inner()).is_ok());
    assert_eq!(stored.await, Ok(Ok(1)));
    assert!(!second.is_woken(), "the other permit reserves the rest");
    drop(other);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(1));
    assert_eq!(manager.stats().waiting_publishers(), 0);
}

/// A limited reader and a handler have no room. The handler polls the front of the wait queue, which
/// is stored at once; the time of the reader continues for the next publisher.
#[tokio::test(start_paused = true)]
async fn a_front_stored_inside_leaves_the_deadline_to_the_next() {
    let second = Duration::from_secs(1);
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe_with(Overflow::WaitAtMost(second));
    let own = manager.clone();
    let (give, given) = oneshot::channel::<Publishing>();
    let (reported, stored) = oneshot::channel();
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
    sleep(second / 4).await;
    assert!(give.send(front.into_inner()).is_ok());
    assert_eq!(
        stored.await,
        Ok(Ok(2)),
        "the reader is not disconnected for it"
    );
    sleep(second / 4).await;
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

/// Publishes an echo of each event from outside, in turn by each way to publish.
struct Echoing(WeakEventManager<u32>);

const OUTSIDE: u32 = 1_200;

impl Handler<u32> for Echoing {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if *n >= OUTSIDE {
            return Ok(ControlFlow::Continue(()));
        }
        let manager = self.0.upgrade().unwrap();
        let echo = n + OUTSIDE;
        match n % 4 {
            0 => assert_eq!(manager.notify(echo).await, Ok(2)),
            1 => assert_eq!(manager.try_notify(echo), Ok(2)),
            2 => assert_eq!(manager.reserve().await.unwrap().notify(echo), 2),
            _ => assert_eq!(manager.sink().send(echo).await, Ok(())),
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn all_events_that_a_handler_publishes_under_load_are_stored() {
    for capacity in [1, 8, 64] {
        let manager = EventManager::new(capacity);
        let handler = Echoing(manager.downgrade());
        manager.add_handler("echoing", handler).unwrap();
        let seen = tokio::spawn(manager.subscribe().collect::<Vec<_>>());
        let producers = (0..4).map(|producer| {
            let manager = manager.clone();
            tokio::spawn(async move {
                for n in (producer..OUTSIDE).step_by(4) {
                    assert_eq!(manager.notify(n).await, Ok(2));
                }
            })
        });
        for producer in producers.collect::<Vec<_>>() {
            producer.await.unwrap();
        }
        manager.quiet().await.unwrap();
        manager.stop().await.unwrap();
        let mut seen = seen.await.unwrap();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..2 * OUTSIDE), "capacity {capacity}");
    }
}

/// Publishes three events because of each event 0.
struct Leading(WeakEventManager<u32>);

const EACH: usize = 3;

impl Handler<u32> for Leading {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        let manager = self.0.upgrade().unwrap();
        if *n == 0 {
            for _ in 0..EACH {
                assert_eq!(manager.notify(1).await, Ok(2));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The bound of the memory: the events within the windows, and the follow-ups of each.
#[tokio::test]
async fn stored_events_are_bounded_by_what_each_event_leads_to() {
    for capacity in [1, 4, 32] {
        let manager = EventManager::new(capacity);
        let mut slow = manager.subscribe();
        let handler = Leading(manager.downgrade());
        manager.add_handler("leading", handler).unwrap();
        let publishers: Vec<_> = (0..100)
            .map(|_| {
                let manager = manager.clone();
                tokio::spawn(async move { manager.notify(0).await })
            })
            .collect();
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert_eq!(slow.len(), capacity + capacity * EACH);
        let stats = manager.stats();
        assert_eq!(stats.waiting_publishers(), 100 - capacity);

        let mut longest = 0;
        for _ in 0..100 * (1 + EACH) {
            longest = longest.max(slow.len());
            slow.next().await;
            for _ in 0..4 {
                yield_now().await;
            }
        }
        assert!(longest <= capacity + (capacity + 1) * EACH, "{longest}");
        for publisher in publishers {
            assert_eq!(publisher.await.unwrap(), Ok(2));
        }
    }
}

/// Flushes a sink in `terminate`.
struct Flushing(Option<BoxFuture<'static, Result<(), ReserveError>>>);

impl Handler<u32> for Flushing {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        let flush = self.0.take().expect("the handler ends once");
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
