//! `quiet` and handlers: the events of handlers, waiting inside of a handler, and time limits.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::error::{WaitError, WouldDeadlock};
use genevent::{EventManager, Handled, Handler, StopReason, SubscribeOptions, WeakEventManager};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio_test::{assert_pending, task};

use crate::drive::{now, read};

/// Publishes three events for each event above 0, each of the number minus 1.
struct Spreading(WeakEventManager<u32>, Arc<Mutex<usize>>);

impl Handler<u32> for Spreading {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        let manager = self.0.upgrade().unwrap();
        for _ in 0..3 * n.min(&1) {
            assert!(manager.notify(n - 1).await.is_ok());
            yield_now().await;
        }
        *self.1.lock().unwrap() += 1;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn quiet_waits_for_all_that_an_event_leads_to() {
    let manager = EventManager::new(4);
    let seen = Arc::<Mutex<usize>>::default();
    for name in ["alone", "other"] {
        let handler = Spreading(manager.downgrade(), Arc::clone(&seen));
        manager.add_handler(name, handler).unwrap();
    }
    manager.notify(2).await.unwrap();
    manager.quiet().await.unwrap();
    // 1 event, 3 events of each of 2 handlers, and 6 more for each of these.
    assert_eq!(manager.stats().published(), 1 + 6 + 36);
    assert_eq!(*seen.lock().unwrap(), 2 * (1 + 6 + 36));
    let receipt = manager.sync_notify(1).await.unwrap();
    assert_eq!(receipt.acked(), 2);
    assert!(*seen.lock().unwrap() >= 2 * (1 + 6 + 36 + 1));
    manager.quiet().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), 2 * (1 + 6 + 36 + 1 + 6));
}

/// Runs its future while handling its first event, or in `terminate`.
struct Working(Option<BoxFuture<'static, ()>>, bool);

impl Handler<u32> for Working {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        if let Some(work) = self.0.take_if(|_| !self.1) {
            work.await;
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        if let Some(work) = self.0.take() {
            work.await;
        }
    }
}

#[tokio::test]
async fn a_handler_does_not_wait_for_quiet() {
    for in_terminate in [false, true] {
        let manager = EventManager::new(4);
        let (tell, told) = oneshot::channel();
        let inside = manager.clone();
        let work = async move {
            let second = Duration::from_secs(1);
            let late = inside.quiet().within(second).await.unwrap_err();
            assert!(matches!(late, WaitError::WouldDeadlock));
            let other = EventManager::<u32>::new(1);
            assert_eq!(other.quiet().await, Ok(()));
            tell.send(inside.quiet().await).unwrap();
        };
        let handler = Working(Some(work.boxed()), in_terminate);
        let handler = manager.add_handler("inside", handler).unwrap();
        manager.notify(1).await.unwrap();
        manager.quiet().await.unwrap();
        handler.remove().await.unwrap();
        assert!(matches!(told.await, Ok(Err(WouldDeadlock { .. }))));
    }
}

/// The wait for quiet begins outside, for an event or for a publisher, and goes on inside.
#[tokio::test]
async fn a_wait_for_quiet_moved_inside_is_refused() {
    for is_queued in [false, true] {
        let manager = EventManager::new(1);
        let (give, given) = oneshot::channel::<BoxFuture<'static, Result<(), WouldDeadlock>>>();
        let (tell, told) = oneshot::channel();
        let work = async move {
            tell.send(given.await.unwrap().await).unwrap();
        };
        let handler = Working(Some(work.boxed()), false);
        manager.add_handler("inside", handler).unwrap();
        manager.try_notify(1).unwrap();
        yield_now().await;
        manager.try_notify(2).unwrap();
        let mut queued = task::spawn(manager.notify(3));
        if is_queued {
            assert_pending!(queued.poll());
        }
        let own = manager.clone();
        let mut quiet = async move { own.quiet().await }.boxed();
        assert!((&mut quiet).now_or_never().is_none());
        assert!(give.send(quiet).is_ok());
        assert!(told.await.unwrap().is_err());
        assert!(queued.await.is_ok());
        manager.quiet().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_quiet_names_the_unsettled_subscribers() {
    let second = Duration::from_secs(1);
    let manager = EventManager::new(4);
    let named = SubscribeOptions::new().name("reader");
    let mut reader = manager.subscribe_with(named);
    let mut quick = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(quick.next().await, Some(1));
    quick.ack();
    let late = manager.quiet().within(second).await.unwrap_err();
    assert_eq!(late.waiting_for().len(), 1);
    assert_eq!(late.waiting_for()[0].id(), reader.id());
    let text = late.to_string();
    assert!(text.starts_with("not answered in time by #1 \"reader\""));
    assert_eq!(reader.next().await, Some(1));
    reader.ack();
    manager.quiet().within(second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_quiet_mentions_queued_publishers() {
    let second = Duration::from_secs(1);
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    let mut queued = task::spawn(manager.notify(2));
    assert_pending!(queued.poll());
    let late = manager.quiet().within(second).await.unwrap_err();
    assert!(late.waiting_for().is_empty());
    let text = "not over in time: permits are out, or publishers are queued";
    assert_eq!(late.to_string(), text);
    assert_eq!(permit.notify(1), 1);
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(queued.await, Ok(1));
    assert_eq!(read(&mut reader), Some(2));
    reader.ack();
    manager.quiet().within(second).await.unwrap();
}
