//! A publishing handler does not wait for reserved permits, its own or of other tasks. Permits still
//! deliver, and publishers outside wait for room in all windows.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, poll_fn};
use futures::{FutureExt, SinkExt};
use genevent::error::TryNotifyError;
use genevent::{EventManager, Handled, Handler, Permit, SubscribeOptions};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::drive::{now, read};

/// Publishes an event by any of the publishing calls.
type Publish = fn(EventManager<u32>, u32) -> BoxFuture<'static, ()>;

const WAYS: [(&str, Publish); 6] = [
    ("try_notify", |manager, event| {
        async move { _ = manager.try_notify(event).unwrap() }.boxed()
    }),
    ("notify", |manager, event| {
        async move { _ = manager.notify(event).await.unwrap() }.boxed()
    }),
    ("reserve", |manager, event| {
        async move { _ = manager.reserve().await.unwrap().notify(event) }.boxed()
    }),
    ("a sink", |manager, event| {
        async move { manager.sink().send(event).await.unwrap() }.boxed()
    }),
    ("a sync sink", |manager, event| {
        async move { manager.sync_sink().feed(event).await.unwrap() }.boxed()
    }),
    ("notify, queued outside", |manager, event| {
        let mut notify = Box::pin(async move { manager.notify(event).await });
        assert!((&mut notify).now_or_never().is_none(), "it is queued");
        notify.map(|stored| _ = stored.unwrap()).boxed()
    }),
];

/// Runs its future while handling its first event.
struct Working(Option<BoxFuture<'static, ()>>, Arc<Mutex<Vec<u32>>>);

impl Handler<u32> for Working {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if let Some(work) = self.0.take() {
            work.await;
        }
        self.1.lock().unwrap().push(*n);
        Ok(ControlFlow::Continue(()))
    }
}

/// A handler that is handling event 1, and has read everything.
struct Inside {
    manager: EventManager<u32>,
    seen: Arc<Mutex<Vec<u32>>>,
    give: Option<oneshot::Sender<BoxFuture<'static, ()>>>,
    go_on: oneshot::Sender<()>,
    done: oneshot::Receiver<()>,
}

impl Inside {
    async fn new(capacity: usize, in_group: bool) -> Self {
        let manager = EventManager::new(capacity);
        let (give, given) = oneshot::channel::<BoxFuture<'static, ()>>();
        let (go_on, wait) = oneshot::channel();
        let (tell, done) = oneshot::channel();
        let work = async move {
            given.await.unwrap().await;
            tell.send(()).unwrap();
            wait.await.unwrap();
        };
        let seen = Arc::<Mutex<Vec<u32>>>::default();
        let handler = Working(Some(work.boxed()), Arc::clone(&seen));
        if in_group {
            let group = manager.handler_group("group").unwrap();
            group.add_handler("working", handler).unwrap();
        } else {
            manager.add_handler("working", handler).unwrap();
        }
        manager.try_notify(1).unwrap();
        yield_now().await;
        Self {
            manager,
            seen,
            give: Some(give),
            go_on,
            done,
        }
    }

    fn permit(&self) -> Permit<u32> {
        now(self.manager.reserve()).unwrap()
    }

    /// The handler does `work` without waiting, and keeps event 1 in flight.
    async fn does(&mut self, why: &str, work: impl Future<Output = ()> + Send + 'static) {
        assert!(self.give.take().unwrap().send(work.boxed()).is_ok());
        yield_now().await;
        assert_eq!((&mut self.done).now_or_never(), Some(Ok(())), "{why}");
    }

    /// Resumes the handler, and returns the events seen by the handler at its end.
    async fn end(self) -> Vec<u32> {
        self.go_on.send(()).unwrap();
        self.manager.quiet().await.unwrap();
        self.manager.stop().await.unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[tokio::test]
async fn publishing_inside_does_not_wait_for_permits() {
    for (way, publish) in WAYS {
        for in_group in [false, true] {
            for permit_is_used in [false, true] {
                let mut handler = Inside::new(1, in_group).await;
                let permit = handler.permit();
                let work = publish(handler.manager.clone(), 9);
                handler.does(way, work).await;
                let expected = if permit_is_used {
                    assert_eq!(permit.notify(2), 1, "its room is kept");
                    vec![1, 9, 2]
                } else {
                    drop(permit);
                    vec![1, 9]
                };
                let outside = handler.manager.try_notify(3);
                assert_eq!(outside, Err(TryNotifyError::Full(3)), "{way}");
                assert_eq!(handler.end().await, expected, "{way}, {in_group}");
            }
        }
    }
}

/// An unread event and two reserved permits fill the window of three.
#[tokio::test]
async fn unread_events_and_permits_keep_their_room() {
    for (way, publish) in WAYS {
        let mut handler = Inside::new(3, false).await;
        let (one, other) = (handler.permit(), handler.permit());
        assert_eq!(handler.manager.try_notify(2), Ok(1));
        let work = publish(handler.manager.clone(), 9);
        handler.does(way, work).await;
        assert_eq!((one.notify(3), other.notify(4)), (1, 1));
        assert_eq!(handler.end().await, [1, 2, 9, 3, 4], "{way}");
    }
}

/// The handler's own permit, or its ready sink, fills all windows.
#[tokio::test]
async fn a_handler_does_not_wait_for_its_own_permit() {
    for (way, publish) in &WAYS[..5] {
        for by_sink in [false, true] {
            let mut handler = Inside::new(1, false).await;
            let (manager, publish) = (handler.manager.clone(), *publish);
            let work = async move {
                let mut sink = manager.sink();
                if by_sink {
                    poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
                    publish(manager.clone(), 9).await;
                    sink.start_send_unpin(10).unwrap();
                } else {
                    let permit = manager.reserve().await.unwrap();
                    publish(manager.clone(), 9).await;
                    assert_eq!(permit.notify(10), 1);
                }
            };
            handler.does(way, work).await;
            assert_eq!(handler.end().await, [1, 9, 10], "{way}, {by_sink}");
        }
    }
}

/// A permit reserved inside a handler is given at once, also beyond the capacity.
#[tokio::test]
async fn a_handler_with_all_permits_gets_more() {
    let mut handler = Inside::new(2, false).await;
    let manager = handler.manager.clone();
    let (give, given) = std::sync::mpsc::channel();
    let reserving = async move {
        for _ in 0..10 {
            give.send(manager.reserve().await.unwrap()).unwrap();
        }
        assert_eq!(manager.stats().permits(), 10);
    };
    handler.does("reserves ten", reserving).await;
    let permits: Vec<_> = given.try_iter().collect();
    let manager = handler.manager.clone();
    assert!(manager.reserve().now_or_never().is_none());
    let mut events = 2..;
    for permit in permits {
        // Every second permit is dropped.
        match events.next().unwrap() {
            event if event % 2 == 0 => assert_eq!(permit.notify(event), 1),
            _ => drop(permit),
        }
        assert_eq!(manager.try_notify(0), Err(TryNotifyError::Full(0)));
    }
    assert_eq!(handler.end().await, [1, 2, 4, 6, 8, 10]);
}

/// A publisher outside is queued for the room of a permit. The handler's events are stored first, and
/// take this room.
#[tokio::test]
async fn a_publisher_outside_waits_on_behind_a_handler() {
    let mut handler = Inside::new(1, false).await;
    let permit = handler.permit();
    let manager = handler.manager.clone();
    let outside = tokio::spawn(async move { manager.notify(2).await });
    yield_now().await;
    let manager = handler.manager.clone();
    let publishing = async move { assert_eq!(manager.notify(9).await, Ok(1)) };
    handler.does("publishes", publishing).await;
    drop(permit);
    yield_now().await;
    assert!(!outside.is_finished(), "the handler has no room");
    assert_eq!(handler.manager.stats().waiting_publishers(), 1);
    assert_eq!(handler.end().await, [1, 9, 2]);
    assert_eq!(outside.await.unwrap(), Ok(1));
}

/// A filtered subscription has no room either, because of the same permit and of its own queue.
#[tokio::test]
async fn full_filters_are_not_waited_for() {
    let mut handler = Inside::new(2, false).await;
    let manager = handler.manager.clone();
    let two = SubscribeOptions::new().window(2);
    let mut filtered = manager.subscribe_filter_with(two, |n| *n > 1);
    let permit = handler.permit();
    assert_eq!(manager.try_notify(2), Ok(2));
    let own = manager.clone();
    let publishing = async move {
        assert_eq!(own.notify(9).await, Ok(2));
        assert_eq!(own.notify(0).await, Ok(1), "the filter does not want it");
    };
    handler.does("publishes", publishing).await;
    assert_eq!(permit.notify(3), 2);
    assert_eq!([(); 3].map(|()| read(&mut filtered)), [2, 9, 3].map(Some));
    filtered.ack();
    assert_eq!(handler.end().await, [1, 2, 9, 0, 3]);
}
