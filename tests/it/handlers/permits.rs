//! A handler that publishes while permits are reserved waits for the room of other tasks' permits,
//! and not for room that only the handler itself can make.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, poll_fn};
use futures::{FutureExt, SinkExt};
use genevent::error::{NotifyError, ReserveError};
use genevent::{EventManager, Handler, Permit};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::drive::{now, read};

/// Publishes in one of the possible ways; `Err` if the call would deadlock.
type Publish = fn(EventManager<u32>) -> BoxFuture<'static, Result<(), Refused>>;

#[derive(Debug, PartialEq, Eq)]
struct Refused;

fn refused(error: ReserveError) -> Refused {
    assert_eq!(error, ReserveError::WouldDeadlock);
    Refused
}

const WAYS: [(&str, Publish); 5] = [
    ("notify", |manager| {
        let notify = async move { manager.notify(9).await };
        let reported = notify.map(|stored| match stored {
            Ok(_) => Ok(()),
            Err(NotifyError::WouldDeadlock(9)) => Err(Refused),
            Err(error) => panic!("{error}"),
        });
        reported.boxed()
    }),
    ("reserve", |manager| {
        let reserve = async move { manager.reserve().await };
        let used = |permit: Permit<u32>| _ = permit.notify(9);
        let reported = reserve.map(move |reserved| reserved.map(used).map_err(refused));
        reported.boxed()
    }),
    ("a sink", |manager| {
        let send = async move { manager.sink().send(9).await };
        send.map(|sent| sent.map_err(refused)).boxed()
    }),
    ("a sync sink", |manager| {
        let feed = async move { manager.sync_sink().feed(9).await };
        feed.map(|sent| sent.map_err(refused)).boxed()
    }),
    ("notify, begun outside", |manager| {
        let mut notify = Box::pin(async move { manager.notify(9).await });
        assert!((&mut notify).now_or_never().is_none());
        notify
            .map(|stored| stored.map(drop).map_err(|_| Refused))
            .boxed()
    }),
];

/// Runs its future while handling its first event.
struct Working(Option<BoxFuture<'static, ()>>, Arc<Mutex<Vec<u32>>>);

impl Handler<u32> for Working {
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        if let Some(work) = self.0.take() {
            work.await;
        }
        self.1.lock().unwrap().push(*n);
        ControlFlow::Continue(())
    }
}

type Work = BoxFuture<'static, Result<(), Refused>>;

/// A handler that is handling event 1, and has read everything.
struct Inside {
    manager: EventManager<u32>,
    seen: Arc<Mutex<Vec<u32>>>,
    give: Option<oneshot::Sender<Work>>,
    reported: oneshot::Receiver<Result<(), Refused>>,
}

impl Inside {
    async fn new(capacity: usize, in_group: bool) -> Self {
        let manager = EventManager::new(capacity);
        let (give, given) = oneshot::channel::<Work>();
        let (tell, reported) = oneshot::channel();
        let work = async move { tell.send(given.await.unwrap().await).unwrap() };
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
        let give = Some(give);
        Self {
            manager,
            seen,
            give,
            reported,
        }
    }

    fn permit(&self) -> Permit<u32> {
        now(self.manager.reserve()).unwrap()
    }

    /// The handler does `work` now, and waits.
    async fn waits(&mut self, work: impl Future<Output = Result<(), Refused>> + Send + 'static) {
        assert!(self.give.take().unwrap().send(work.boxed()).is_ok());
        self.still_waits("at first").await;
    }

    async fn still_waits(&mut self, why: &str) {
        yield_now().await;
        assert!((&mut self.reported).now_or_never().is_none(), "{why}");
    }

    /// Returns the result of the work, and the events that the handler has seen.
    async fn end(self) -> (Result<(), Refused>, Vec<u32>) {
        let reported = self.reported.await.unwrap();
        self.manager.stop().await.unwrap();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        (reported, seen)
    }
}

#[tokio::test]
async fn notify_inside_waits_for_permits_of_other_tasks() {
    for (way, publish) in WAYS {
        for in_group in [false, true] {
            let mut handler = Inside::new(1, in_group).await;
            let permit = handler.permit();
            handler.waits(publish(handler.manager.clone())).await;
            drop(permit);
            let expected = (Ok(()), vec![1, 9]);
            assert_eq!(handler.end().await, expected, "{way}, {in_group}");
        }
    }
}

#[tokio::test]
async fn a_permit_filling_the_own_window_ends_the_wait() {
    for (way, publish) in WAYS {
        for in_group in [false, true] {
            let mut handler = Inside::new(1, in_group).await;
            let permit = handler.permit();
            handler.waits(publish(handler.manager.clone())).await;
            assert_eq!(permit.notify(2), 1);
            let expected = (Err(Refused), vec![1, 2]);
            assert_eq!(handler.end().await, expected, "{way}, {in_group}");
        }
    }
}

/// One event is unread and two permits are reserved: the window of three is full.
#[tokio::test]
async fn unread_events_and_reserved_room_are_distinguished() {
    for (way, publish) in WAYS {
        for last_is_used in [false, true] {
            let mut handler = Inside::new(3, false).await;
            let (one, other) = (handler.permit(), handler.permit());
            assert_eq!(handler.manager.try_notify(2), Ok(1));
            handler.waits(publish(handler.manager.clone())).await;
            assert_eq!(one.notify(3), 1);
            handler
                .still_waits("the other permit may yet be dropped")
                .await;
            let expected = if last_is_used {
                assert_eq!(other.notify(4), 1);
                (Err(Refused), vec![1, 2, 3, 4])
            } else {
                drop(other);
                (Ok(()), vec![1, 2, 3, 9])
            };
            assert_eq!(handler.end().await, expected, "{way}");
        }
    }
}

#[tokio::test]
async fn unread_events_refuse_at_once_despite_permits() {
    for (way, publish) in &WAYS[..4] {
        let mut handler = Inside::new(2, false).await;
        let permit = handler.permit();
        let publish = publish(handler.manager.clone());
        assert_eq!(handler.manager.try_notify(2), Ok(1));
        permit.notify(3);
        assert!(handler.give.take().unwrap().send(publish).is_ok());
        let expected = (Err(Refused), vec![1, 2, 3]);
        assert_eq!(handler.end().await, expected, "{way}");
    }
}

/// The handler's own permit returns only when the handler continues.
#[tokio::test]
async fn the_handlers_own_permit_is_not_waited_for() {
    for (way, publish) in &WAYS[..4] {
        for by_sink in [false, true] {
            let mut handler = Inside::new(1, false).await;
            let (manager, publish) = (handler.manager.clone(), *publish);
            let work = async move {
                let mut sink = manager.sink();
                let permit = if by_sink {
                    poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
                    None
                } else {
                    Some(manager.reserve().await.unwrap())
                };
                let refused = publish(manager.clone()).await;
                assert_eq!(refused, Err(Refused));
                drop((permit, sink));
                publish(manager).await
            };
            assert!(handler.give.take().unwrap().send(work.boxed()).is_ok());
            let expected = (Ok(()), vec![1, 9]);
            assert_eq!(handler.end().await, expected, "{way}, {by_sink}");
        }
    }
}

/// The handler's own permit reserves room for one event, another task's permit the rest.
#[tokio::test]
async fn a_handler_with_a_permit_waits_for_other_permits() {
    for other_is_used in [false, true] {
        let mut handler = Inside::new(2, false).await;
        let other = handler.permit();
        let manager = handler.manager.clone();
        handler
            .waits(async move {
                let own = manager.reserve().await.unwrap();
                let stored = manager.notify(9).await.map(drop).map_err(|_| Refused);
                own.notify(10);
                stored
            })
            .await;
        let expected = if other_is_used {
            other.notify(2);
            (Err(Refused), vec![1, 2, 10])
        } else {
            drop(other);
            (Ok(()), vec![1, 9, 10])
        };
        assert_eq!(handler.end().await, expected);
    }
}

/// The wait queue keeps its order: a publisher outside came first, and its event fills the
/// handler's window.
#[tokio::test]
async fn the_wait_ends_when_the_front_has_stored() {
    let mut handler = Inside::new(1, false).await;
    let permit = handler.permit();
    let manager = handler.manager.clone();
    let outside = tokio::spawn(async move { manager.notify(2).await });
    yield_now().await;
    let manager = handler.manager.clone();
    handler
        .waits(async move { manager.notify(9).await.map(drop).map_err(|_| Refused) })
        .await;
    drop(permit);
    assert_eq!(outside.await.unwrap(), Ok(1));
    assert_eq!(handler.end().await, (Err(Refused), vec![1, 2]));
}

/// A filtered subscription has no room either, because of the same permit and of its own queue.
#[tokio::test]
async fn notify_inside_waits_for_full_filters() {
    let mut handler = Inside::new(2, false).await;
    let mut filtered = handler
        .manager
        .subscribe_filter_with(genevent::SubscribeOptions::new().window(2), |n| *n > 1);
    let permit = handler.permit();
    assert_eq!(handler.manager.try_notify(2), Ok(2));
    let manager = handler.manager.clone();
    handler
        .waits(async move { manager.notify(9).await.map(drop).map_err(|_| Refused) })
        .await;
    assert_eq!(read(&mut filtered), Some(2));
    handler
        .still_waits("the permit holds the handler's room")
        .await;
    drop(permit);
    assert_eq!(handler.reported.await, Ok(Ok(())));
    assert_eq!(read(&mut filtered), Some(9));
}
