//! The registry continues, or ends, when subscribers leave, the manager is closed or the runtime
//! shuts down.

use std::time::Duration;

use futures::executor::block_on;
use futures::{FutureExt, Stream, StreamExt};
use genevent::kv::{ExitReason, Registry, RegistryEvent};
use genevent::{EventManager, Handled, Handler, Overflow};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use super::{let_other_tasks_run, new_registry};

#[tokio::test]
async fn a_subscriber_leaving_with_an_event_delays_nothing() {
    let registry = new_registry::<u8>();
    let mut leaver = registry.events();
    registry.create("a").await.unwrap();
    leaver.next().await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    drop(leaver);
    let_other_tasks_run().await;
    assert_ready!(flushed.poll());
    assert!(registry.create("b").await.is_ok());
}

#[tokio::test]
async fn a_closed_manager_leaves_the_registry_working() {
    let manager = EventManager::new(4);
    let registry = Registry::builder().queue_capacity(1).build(manager.clone());
    registry.create("before").await.unwrap();
    manager.close();
    registry.flush().await;
    for n in 0..3 {
        let bucket = registry.create(&format!("b{n}")).await.unwrap();
        bucket.put("k", n).await;
        registry.flush().await;
    }
    let bucket = registry.lookup("b1").unwrap();
    assert_eq!(bucket.get("k").await, Some(1));
    bucket.stop();
    registry.flush().await;
    assert_eq!(registry.names(), ["b0", "b2", "before"]);
    assert!(registry.events().next().await.is_none());
}

/// Queued events will reach no subscriber, so a full queue is no reason to refuse.
#[tokio::test]
async fn a_closed_manager_never_fills_the_outbox() {
    let manager = EventManager::new(4);
    let registry = Registry::<u8>::builder()
        .queue_capacity(1)
        .build(manager.clone());
    let mut reader = registry.events();
    registry.create("before").await.unwrap();
    let_other_tasks_run().await; // the event is delivered, and in flight
    assert_eq!(reader.next().await.unwrap().name(), "before");
    registry.create("in line").await.unwrap();
    assert!(registry.create("refused").await.is_err());
    manager.close();
    for name in ["a", "b", "c"] {
        registry.create(name).await.unwrap();
    }
    drop(reader);
    assert_eq!(registry.names().len(), 5);
    assert_eq!(registry.flush().now_or_never(), Some(()));
}

/// A subscriber that holds the event for ever, in each possible way. A flush waits for the subscriber
/// only until the manager is closed, since the queued events will never be delivered.
#[tokio::test]
async fn closing_resolves_flush_despite_events_in_flight() {
    type Events = EventManager<RegistryEvent<u8>>;
    /// Subscribes, and returns the receiving closure.
    type Hold = fn(&Events, &Registry<u8>) -> Box<dyn FnMut()>;
    fn take_from(mut stream: impl Stream + Unpin + 'static) -> Box<dyn FnMut()> {
        let mut taken = Vec::new();
        Box::new(move || taken.extend(stream.next().now_or_never()))
    }
    let ways: [(&str, Hold); 6] = [
        ("unread", |_, registry| {
            let events = registry.events();
            Box::new(move || assert_eq!(events.len(), 1))
        }),
        ("plain", |_, registry| take_from(registry.events())),
        ("watch", |_, registry| take_from(registry.watch().skip(1))),
        ("deliveries", |_, registry| {
            take_from(registry.events().deliveries())
        }),
        ("filtered", |events, _| {
            take_from(events.subscribe_filter(|_| true))
        }),
        ("limited", |events, _| {
            let limit = Overflow::WaitAtMost(Duration::from_secs(60));
            take_from(events.subscribe_with(limit))
        }),
    ];
    for (way, hold) in ways {
        let events = EventManager::new(4);
        let registry = Registry::<u8>::new(events.clone());
        let mut take = hold(&events, &registry);
        registry.create("delivered").await.unwrap();
        let_other_tasks_run().await;
        take();
        let_other_tasks_run().await;
        registry.create("in line").await.unwrap();
        let mut before = task::spawn(registry.flush());
        assert_pending!(before.poll(), "{way}");

        events.close();
        assert!(before.is_woken(), "{way}");
        assert_ready!(before.poll(), "{way}");
        assert_eq!(registry.flush().now_or_never(), Some(()), "{way}");
        registry.create("after").await.unwrap();
        assert_eq!(registry.flush().now_or_never(), Some(()), "{way}");
    }
}

/// Like the test before, with a handler that never returns.
#[tokio::test]
async fn closing_resolves_flush_despite_a_stuck_handler() {
    struct Stuck;

    impl Handler<RegistryEvent<u8>> for Stuck {
        async fn handle_event(&mut self, _: &RegistryEvent<u8>) -> Handled {
            std::future::pending().await
        }
    }
    let events = EventManager::new(4);
    let registry = Registry::<u8>::new(events.clone());
    events.add_handler("stuck", Stuck).unwrap();
    registry.create("a").await.unwrap();
    let_other_tasks_run().await;
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    events.close();
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll());
}

/// The registry's task still watches the event after its delivery.
#[tokio::test(start_paused = true)]
async fn closing_keeps_the_time_limit_of_an_subscriber() {
    let events = EventManager::new(4);
    let registry = Registry::<u8>::new(events.clone());
    let limit = Duration::from_secs(5);
    let stuck = events.subscribe_with(Overflow::WaitAtMost(limit));
    registry.create("a").await.unwrap();
    let_other_tasks_run().await;
    events.close();
    registry.flush().await;
    assert_eq!(events.subscriber_count(), 1);
    let start = Instant::now();
    events.stop().await.unwrap();
    assert_eq!(start.elapsed(), limit);
    drop(stuck);
}

#[test]
fn a_shut_down_runtime_hangs_no_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let manager = EventManager::default();
    let registry = {
        let _inside = runtime.enter();
        Registry::builder().queue_capacity(2).build(manager.clone())
    };
    let subscriber = registry.events();
    let bucket = block_on(registry.create("a")).unwrap();
    let mut flushed = task::spawn(registry.flush());
    let mut stopped = task::spawn(bucket.stopped());
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    drop(runtime);
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll());
    drop(flushed);

    bucket.stop();
    assert_ready_eq!(stopped.poll(), ExitReason::Stopped);
    for name in ["b", "c", "d", "e"] {
        let bucket = block_on(registry.create(name)).expect("nothing waits in line");
        block_on(bucket.put("k", 1));
    }
    block_on(registry.flush());
    let left = registry.lookup("e").unwrap();
    drop(registry);
    assert_eq!(block_on(left.stopped()), ExitReason::RegistryGone);
    drop(manager);
    assert_eq!(block_on(subscriber.count()), 0);
}
