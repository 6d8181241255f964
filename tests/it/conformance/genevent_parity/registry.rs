//! K. The registry of the Elixir guide.

use std::ops::ControlFlow;

use futures::{FutureExt, StreamExt};
use genevent::kv::{Bucket, ExitReason, Registry, RegistryEvent, RegistryStreamExt};
use genevent::test_util::{Probe, assert_next};
use genevent::{EventManager, Handled, Handler, StopReason, handler_fn};
use tokio::task::JoinHandle;

use super::support::settle;

type Event = RegistryEvent<u32>;

fn new_registry() -> (EventManager<Event>, Registry<u32>) {
    let manager = EventManager::default();
    (manager.clone(), Registry::new(manager))
}

/// `+name` for `Created`, `-name: why` for `Exited`.
fn in_short(event: &Event) -> String {
    match event {
        RegistryEvent::Created { name, .. } => format!("+{name}"),
        RegistryEvent::Exited { name, reason, .. } => format!("-{name}: {reason}"),
        other => panic!("unexpected: {other:?}"),
    }
}

/// The forwarder of the Elixir guide: forwards every event.
fn forwarder(to: &Probe<String>) -> impl Handler<Event> + use<> {
    let to = to.clone();
    handler_fn(move |event: &Event| to.record(in_short(event)))
}

/// A task that collects all events until there are no more.
fn collect(registry: &Registry<u32>) -> JoinHandle<Vec<String>> {
    let events = registry.events();
    tokio::spawn(events.map(|event| in_short(&event)).collect())
}

#[tokio::test]
async fn case_151_an_unknown_name_has_no_bucket() {
    let (_, registry) = new_registry();
    let reported = collect(&registry);
    assert_eq!(registry.lookup("shopping"), None);
    let bucket = registry.create("shopping").await.unwrap();
    assert_eq!(registry.lookup("shopping"), Some(bucket));
    assert_eq!(registry.lookup("Shopping"), None);
    drop(registry);
    let expected = ["+shopping", "-shopping: registry gone"];
    assert_eq!(reported.await.unwrap(), expected, "a look creates nothing");
}

#[tokio::test]
async fn case_152_a_created_bucket_holds_values() {
    let (_, registry) = new_registry();
    let mut created = registry.events().created();
    registry.create("shopping").await.unwrap();
    let bucket = registry.lookup("shopping").unwrap();
    assert_eq!(bucket.get("milk").await, None);
    assert_eq!(bucket.put("milk", 3).await, None);
    assert_eq!(bucket.get("milk").await, Some(3));
    // The bucket in the event is the same.
    let (_, reported) = created.next().await.unwrap();
    assert_eq!(reported.delete("milk").await, Some(3));
    assert_eq!(bucket.get("milk").await, None);
    assert_eq!(bucket.delete("milk").await, None);
}

#[tokio::test]
async fn case_153_create_publishes_one_event() {
    let (_, registry) = new_registry();
    let created = registry.events().created();
    let bucket = registry.create("shopping").await.unwrap();
    let found = registry.lookup("shopping").unwrap();
    drop(registry);
    let reported: Vec<_> = created.collect().await;
    assert_eq!(reported, [("shopping".to_owned(), found.clone())]);
    assert_eq!(found, bucket);
}

#[tokio::test]
async fn case_154_creating_an_existing_name_publishes_nothing() {
    let (_, registry) = new_registry();
    let reported = collect(&registry);
    let bucket = registry.create("shopping").await.unwrap();
    bucket.put("milk", 3).await;
    let again = registry.create("shopping").await.unwrap();
    assert_eq!(again, bucket);
    assert_eq!(again.get("milk").await, Some(3));
    drop(registry);
    let expected = ["+shopping", "-shopping: registry gone"];
    assert_eq!(reported.await.unwrap(), expected);
}

#[tokio::test]
async fn case_155_only_flush_waits_for_subscribers() {
    let (manager, registry) = new_registry();
    let reported = Probe::new();
    manager.add_handler("a", forwarder(&reported)).unwrap();
    let mut slow = registry.events();
    let bucket = registry.create("shopping").await.unwrap();
    assert_eq!(registry.lookup("shopping"), Some(bucket));
    assert!(reported.drain().is_empty(), "nobody has been told yet");

    let mut flush = Box::pin(registry.flush());
    assert!((&mut flush).now_or_never().is_none());
    assert_eq!(in_short(&slow.next().await.unwrap()), "+shopping");
    settle().await;
    assert!((&mut flush).now_or_never().is_none(), "one is at it");
    slow.ack();
    flush.await;
    assert_eq!(reported.drain(), ["+shopping"]);
}

#[tokio::test]
async fn case_156_stop_publishes_once_and_frees_the_name() {
    let (_, registry) = new_registry();
    let exited = registry.events().exited();
    let bucket = registry.create("shopping").await.unwrap();
    bucket.stop();
    bucket.stop();
    assert_eq!(registry.lookup("shopping"), None);
    let next = registry.create("shopping").await.unwrap();
    assert_ne!(next, bucket);
    drop(registry);
    let reported: Vec<_> = exited.collect().await;
    let name = || "shopping".to_owned();
    let expected = [
        (name(), bucket, ExitReason::Stopped),
        (name(), next, ExitReason::RegistryGone),
    ];
    assert_eq!(reported, expected);
}

#[tokio::test]
async fn case_157_a_crashing_bucket_publishes_its_exit() {
    let (_, registry) = new_registry();
    let reported = collect(&registry);
    let bucket = registry.create("shopping").await.unwrap();
    let other = registry.create("other").await.unwrap();
    let crash = bucket.update("milk", |_| panic!("sour")).await;
    assert_eq!(crash, Err(ExitReason::Panicked));
    assert_eq!(registry.lookup("shopping"), None);
    assert_eq!(registry.lookup("other"), Some(other));
    assert_ne!(registry.create("shopping").await.unwrap(), bucket);
    registry.flush().await;
    drop(registry);
    let reported = reported.await.unwrap();
    let first = ["+shopping", "+other", "-shopping: panicked", "+shopping"];
    assert_eq!(reported[..4], first);
}

#[tokio::test(start_paused = true)]
async fn case_158_a_dying_subscriber_ends_only_its_forwarder() {
    let (manager, registry) = new_registry();
    let reported = collect(&registry);
    let mut mailbox = Probe::new();
    let forwarder = forwarder(&mailbox);
    let subscriber = tokio::spawn(async move {
        assert_next!(mailbox, "+a").await;
        panic!("the subscriber dies");
    });
    let forwarder = manager.add_mon_handler("forwarder", forwarder, subscriber);
    let forwarder = forwarder.unwrap();
    registry.create("a").await.unwrap();
    assert_eq!(forwarder.stopped().await, StopReason::OwnerGone);
    assert!(manager.which_handlers().is_empty());

    registry.create("b").await.unwrap();
    registry.flush().await;
    drop((registry, manager));
    assert_eq!(reported.await.unwrap()[..2], ["+a", "+b"]);
}

#[tokio::test]
async fn case_159_the_registry_works_without_its_manager() {
    let (manager, registry) = new_registry();
    let reported = collect(&registry);
    let before = registry.create("before").await.unwrap();
    registry.flush().await;
    manager.stop().await.unwrap();
    assert_eq!(reported.await.unwrap(), ["+before"]);

    let after = registry.create("after").await.unwrap();
    assert_eq!(after.put("k", 1).await, None);
    before.stop();
    registry.flush().await;
    assert_eq!(registry.names(), ["after"]);
    assert_eq!(registry.lookup("after"), Some(after));
}

/// Calls the registry while handling each event.
struct Nosy(Registry<u32>, Probe<String>);

impl Handler<Event> for Nosy {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        if let RegistryEvent::Created { name, bucket } = event {
            assert_eq!(self.0.lookup(name).as_ref(), Some(bucket));
            if name == "a" {
                self.0.create("b").await.unwrap();
                bucket.stop();
            }
        }
        self.1.record(in_short(event));
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_160_subscribers_may_call_the_registry() {
    let (manager, registry) = new_registry();
    let reported = Probe::new();
    let nosy = Nosy(registry.clone(), reported.clone());
    manager.add_handler("nosy", nosy).unwrap();
    let inner = registry.clone();
    let stream = registry.events().take(1).then(move |event| {
        let registry = inner.clone();
        async move {
            let bucket = registry.create("c").await.unwrap();
            assert_eq!(registry.lookup("c"), Some(bucket));
            in_short(&event)
        }
    });
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    registry.create("a").await.unwrap();
    assert_eq!(reading.await.unwrap(), ["+a"]);
    registry.flush().await;
    let mut reported = reported.drain();
    assert_eq!(reported.remove(0), "+a");
    reported.sort();
    assert_eq!(reported, ["+b", "+c", "-a: stopped"]);
    assert_eq!(manager.which_handlers(), ["nosy"], "it lives");
}

#[tokio::test]
async fn case_161_lookup_agrees_with_each_event() {
    let (_, registry) = new_registry();
    let view = registry.clone();
    let seen = registry.events().take(2).map(move |event| {
        let found: Option<Bucket<u32>> = view.lookup("a");
        (found.as_ref() == Some(event.bucket()), in_short(&event))
    });
    let seen = tokio::spawn(seen.collect::<Vec<_>>());
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    bucket.stop();
    let expected = [(true, "+a".into()), (false, "-a: stopped".into())];
    assert_eq!(seen.await.unwrap(), expected);
}

#[tokio::test]
async fn case_162_a_stream_collects_events_in_order() {
    let (manager, registry) = new_registry();
    let mut events = registry.events();
    let a = registry.create("a").await.unwrap();
    assert_eq!(in_short(&events.next().await.unwrap()), "+a");
    a.stop();
    assert_eq!(in_short(&events.next().await.unwrap()), "-a: stopped");
    assert!(events.next().now_or_never().is_none());
    assert!(manager.which_handlers().is_empty(), "without a handler");
}

#[tokio::test]
async fn case_163_a_restarted_manager_starts_empty() {
    let reported = Probe::new();
    let (manager, registry) = new_registry();
    let first = manager
        .add_handler("forwarder", forwarder(&reported))
        .unwrap();
    registry.create("a").await.unwrap();
    registry.flush().await;
    manager.stop().await.unwrap();
    assert_eq!(first.stopped().await, StopReason::ManagerClosed);
    assert_eq!(reported.drain(), ["+a"]);

    // First the manager, then the registry, which needs the manager.
    let (manager, registry) = new_registry();
    assert!(manager.which_handlers().is_empty());
    registry.create("unheard").await.unwrap();
    registry.flush().await;
    manager
        .add_handler("forwarder", forwarder(&reported))
        .unwrap();
    registry.create("b").await.unwrap();
    registry.flush().await;
    assert_eq!(reported.drain(), ["+b"]);
}
