//! Handlers of keys.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::test_util::Probe;
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, StopReason, SubscribeOptions, handler_fn,
};

use super::{digits, keys, publish};

#[tokio::test]
async fn a_handler_handles_the_events_with_its_key() {
    let manager = EventManager::builder().capacity(8).retain(50).build();
    publish(&manager, 0..50);
    let topics = digits(&manager);
    let seen = Probe::new();
    let options = HandlerOptions::new("one")
        .topic(&topics, 1)
        .subscribe(SubscribeOptions::new().replay(2));
    let one = manager.add_handler_with(options, seen.clone()).unwrap();
    assert_eq!(keys(&topics), 1);
    for n in 50..70 {
        let receipt = manager.sync_notify(n).await.unwrap();
        assert_eq!(receipt.acked(), usize::from(n % 10 == 1));
    }
    assert_eq!(seen.drain(), [31, 41, 51, 61]);
    one.remove().await.unwrap();
    assert_eq!(keys(&topics), 0);
}

#[tokio::test]
async fn the_last_topic_or_filter_counts() {
    let manager = EventManager::new(8);
    let topics = digits(&manager);
    let (one, even) = (Probe::new(), Probe::new());
    let is_even = |n: &u32| n % 2 == 0;
    let first = HandlerOptions::new("one").filter(is_even).topic(&topics, 1);
    let second = HandlerOptions::new("even")
        .topic(&topics, 1)
        .filter(is_even);
    manager.add_handler_with(first, one.clone()).unwrap();
    manager.add_handler_with(second, even.clone()).unwrap();
    for n in [1, 2, 3] {
        manager.sync_notify(n).await.unwrap();
    }
    assert_eq!((one.drain(), even.drain()), (vec![1], vec![2]));
}

#[tokio::test]
async fn topics_of_another_manager_are_refused_and_leave_nothing_behind() {
    let (manager, other) = (EventManager::new(8), EventManager::new(8));
    let topics = digits(&other);
    let options = || HandlerOptions::new("one").topic(&topics, 1);
    let add = || manager.add_handler_with(options(), handler_fn(|_: &u32| ()));
    let payload = catch_unwind(AssertUnwindSafe(|| drop(add()))).unwrap_err();
    assert_eq!(
        payload.downcast_ref::<&str>(),
        Some(&"the topic of a handler belongs to the handler's own manager")
    );
    assert!(manager.which_handlers().is_empty());
    assert_eq!((manager.subscriber_count(), keys(&topics)), (0, 0));
    let options = HandlerOptions::new("one").topic(&digits(&manager), 1);
    assert!(
        manager
            .add_handler_with(options, handler_fn(|_: &u32| ()))
            .is_ok()
    );
}

#[tokio::test]
async fn a_key_function_that_panics_inside_of_a_handler_is_a_panic_of_the_handler() {
    let manager = EventManager::new(8);
    let topics = manager.topics(|n: &u32| {
        assert_ne!(*n, 3, "a panic on purpose");
        n % 10
    });
    let other = topics.subscribe(9);
    let weak = manager.downgrade();
    let handler = handler_fn(move |n: &u32| {
        _ = weak.upgrade().unwrap().try_notify(n + 1);
    });
    let options = HandlerOptions::new("next").topic(&topics, 2);
    let next = manager.add_handler_with(options, handler).unwrap();
    let receipt = manager.sync_notify(2).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 1));
    assert!(matches!(next.stopped().await, StopReason::Panicked(..)));
    assert_eq!(manager.stats().published(), 1, "event 3 has no number");
    drop(other);
}

/// An event with a number of clones before one panics.
struct Fragile(&'static str, Arc<AtomicUsize>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        let left = self.1.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(left, 1, "a panic on purpose");
        Self(self.0, Arc::clone(&self.1))
    }
}

/// Records events and losses.
struct Recorder(Probe<String>);

impl Handler<Fragile> for Recorder {
    async fn handle_event(&mut self, event: &Fragile) -> Handled {
        self.0.record(event.0.to_owned());
        Ok(ControlFlow::Continue(()))
    }

    async fn handle_missed(&mut self, events: u64) {
        self.0.record(format!("{events} missed"));
    }
}

#[tokio::test]
async fn a_loss_is_told_although_the_clone_of_the_next_event_panics() {
    let manager = EventManager::builder().capacity(8).retain(1).build();
    let topics = manager.topics(|event: &Fragile| event.0.len());
    let publish = |text, clones| {
        let published = manager.try_notify(Fragile(text, Arc::new(AtomicUsize::new(clones))));
        published.unwrap_or_else(|_| panic!("there is room for {text}"))
    };
    for text in ["a", "b", "c"] {
        publish(text, 9);
    }
    let seen = Probe::new();
    let options = HandlerOptions::new("two")
        .topic(&topics, 2)
        .subscribe(SubscribeOptions::new().replay_since(0));
    let two = manager
        .add_handler_with(options, Recorder(seen.clone()))
        .unwrap();
    assert_eq!(publish("no", 2), 1, "the clone for the log is the first");
    assert_eq!(publish("yes", 9), 0);
    assert_eq!(publish("so", 9), 1);
    two.stopped().await;
    assert_eq!(seen.drain(), ["2 missed", "so"]);
}
