//! How long a subscriber may delay a registry's events: as long as the subscriber's own policy allows,
//! without effect on other subscribers.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::kv::{Registry, RegistryEvent};
use genevent::{EndReason, EventManager, Overflow, SubscriberInfo};
use tokio::time::{Instant, advance, timeout};

const LIMIT: Duration = Duration::from_secs(5);
/// A millisecond less.
const NEARLY: Duration = Duration::from_millis(4_999);

fn new_registry(capacity: usize) -> (EventManager<RegistryEvent<u8>>, Registry<u8>) {
    let events = EventManager::new(capacity);
    (events.clone(), Registry::new(events))
}

async fn let_other_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unread_subscriber_is_disconnected_after_its_limit() {
    let (events, registry) = new_registry(16);
    let mut stuck = registry.watch_with(Overflow::WaitAtMost(LIMIT));
    let start = Instant::now();
    let names = registry
        .events()
        .map(move |event| (event.name().to_owned(), start.elapsed()));
    let fine = tokio::spawn(names.take(3).collect::<Vec<_>>());
    for name in ["a", "b", "c"] {
        registry.create(name).await.unwrap();
    }
    let at = |name: &str, time| (name.to_owned(), time);
    let changes = fine.await.unwrap();
    assert_eq!(
        changes,
        [at("a", Duration::ZERO), at("b", LIMIT), at("c", LIMIT)]
    );

    assert_eq!(events.subscriber_count(), 0);
    let changes = stuck.by_ref().map(|event| event.name().map(str::to_owned));
    assert_eq!(
        changes.collect::<Vec<_>>().await,
        [None, Some("a".to_owned())]
    );
    let ended = stuck.subscription().end_reason();
    assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_event_blocks_only_for_the_limit() {
    let (_, registry) = new_registry(16);
    let mut stuck = registry.watch_with(Overflow::WaitAtMost(LIMIT)).skip(1);
    registry.create("a").await.unwrap();
    assert_eq!(stuck.next().await.unwrap().name(), Some("a"));
    let start = Instant::now();
    registry.flush().await;
    assert_eq!(start.elapsed(), LIMIT);
    registry.create("b").await.unwrap();
    registry.flush().await;
    assert_eq!(start.elapsed(), LIMIT, "it counts no more");
    assert!(stuck.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_in_time_stays_attached() {
    let (events, registry) = new_registry(16);
    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let work = limited.then(|event| async move {
        tokio::time::sleep(NEARLY).await;
        event.name().to_owned()
    });
    let work = tokio::spawn(work.collect::<Vec<_>>());
    for name in ["a", "b", "c"] {
        registry.create(name).await.unwrap();
    }
    registry.flush().await;
    drop((registry, events));
    assert_eq!(work.await.unwrap(), ["a", "b", "c", "a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn each_subscriber_has_its_own_limit() {
    let (events, registry) = new_registry(16);
    let short = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let long = events.subscribe_with(Overflow::WaitAtMost(LIMIT * 2));
    let mut patient = events.subscribe();
    registry.create("a").await.unwrap();
    registry.create("b").await.unwrap();
    assert_eq!(patient.next().await.unwrap().name(), "a");

    let members = || -> Vec<_> {
        events
            .subscribers()
            .iter()
            .map(SubscriberInfo::id)
            .collect()
    };
    let_other_tasks_run().await;
    for (passed, left) in [
        (NEARLY, vec![short.id(), long.id(), patient.id()]),
        (Duration::from_millis(1), vec![long.id(), patient.id()]),
        (NEARLY, vec![long.id(), patient.id()]),
        (Duration::from_millis(50), vec![patient.id()]),
        (LIMIT * 100, vec![patient.id()]),
    ] {
        advance(passed).await;
        let_other_tasks_run().await;
        assert_eq!(members(), left);
        assert!(patient.is_empty(), "the next waits for who is patient");
    }
    patient.ack();
    assert_eq!(patient.next().await.unwrap().name(), "b");
}

/// The subscriber with a limit is in time; the subscriber without a limit may take for ever.
#[tokio::test(start_paused = true)]
async fn a_kept_limit_does_not_limit_other_subscribers() {
    let (events, registry) = new_registry(16);
    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let limited = tokio::spawn(limited.map(|_| Instant::now()).collect::<Vec<_>>());
    let mut patient = events.subscribe();
    registry.create("a").await.unwrap();
    registry.create("b").await.unwrap();
    tokio::time::sleep(LIMIT * 10 + Duration::from_millis(7)).await;
    assert_eq!(patient.next().await.unwrap().name(), "a");
    tokio::time::sleep(LIMIT * 10 + Duration::from_millis(7)).await;
    let start = Instant::now();
    assert_eq!(patient.next().await.unwrap().name(), "b");
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "not by looking now and then"
    );
    drop((patient, registry, events));
    assert_eq!(limited.await.unwrap().len(), 4);
}

/// The rare case: a subscriber was disconnected with an event in flight, and the registry still waits
/// for another subscriber.
#[tokio::test(start_paused = true)]
async fn a_stuck_subscriber_does_not_shorten_other_waits() {
    let (events, registry) = new_registry(16);
    let mut stuck = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let mut patient = events.subscribe();
    registry.create("a").await.unwrap();
    registry.create("b").await.unwrap();
    stuck.next().await.unwrap();
    patient.next().await.unwrap();
    tokio::time::sleep(LIMIT * 3).await;
    assert_eq!(patient.len(), 0);

    let start = Instant::now();
    assert_eq!(patient.next().await.unwrap().name(), "b");
    assert!(start.elapsed() <= Duration::from_millis(100));
    drop(stuck);
}

/// Foreign events take the room awaited by an event of the registry.
#[tokio::test(start_paused = true)]
async fn foreign_events_are_limited_by_the_manager() {
    let (events, registry) = new_registry(1);
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    let mut patient = events.subscribe();
    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let strange = RegistryEvent::Created {
        name: "strange".to_owned(),
        bucket,
    };
    events.try_notify(strange).unwrap();
    registry.create("b").await.unwrap();
    tokio::time::sleep(LIMIT * 10).await;
    assert_eq!(patient.next().await.unwrap().name(), "strange");
    assert_eq!(patient.next().await.unwrap().name(), "b");
    patient.ack();
    registry.flush().await;
    assert_eq!(
        events.subscribers().len(),
        1,
        "the limited one has had its time"
    );
    drop(limited);
}

/// The subscriber's time begins once the event is stored, however long storing took.
#[tokio::test(start_paused = true)]
async fn waiting_for_room_does_not_extend_the_limit() {
    let (events, registry) = new_registry(1);
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    let mut limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let strange = RegistryEvent::Created {
        name: "strange".to_owned(),
        bucket,
    };
    events.try_notify(strange).unwrap();
    registry.create("b").await.unwrap();
    let_other_tasks_run().await;
    assert_eq!(limited.next().await.unwrap().name(), "strange");
    assert_eq!(limited.next().await.unwrap().name(), "b");
    let flushed = timeout(LIMIT * 2, registry.flush()).await;
    assert!(flushed.is_ok(), "it is disconnected with the event in hand");
    assert_eq!(events.subscriber_count(), 0);
    drop(limited);
}

/// The event in flight of a disconnected subscriber delays a flush of the manager only.
#[tokio::test(start_paused = true)]
async fn a_disconnected_subscriber_blocks_no_later_event() {
    let (events, registry) = new_registry(16);
    let mut stuck = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    registry.create("a").await.unwrap();
    assert_eq!(stuck.next().await.unwrap().name(), "a");
    registry.flush().await;
    assert_eq!(events.subscriber_count(), 0);

    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let limited = tokio::spawn(limited.count());
    let slow = events.subscribe().then(|event| async move {
        tokio::time::sleep(LIMIT * 2).await;
        event.name().to_owned()
    });
    let slow = tokio::spawn(slow.collect::<Vec<_>>());
    let start = Instant::now();
    registry.create("b").await.unwrap();
    registry.create("c").await.unwrap();
    registry.flush().await;
    assert_eq!(start.elapsed(), LIMIT * 4);
    drop((registry, events));
    assert_eq!(slow.await.unwrap(), ["b", "c", "a", "b", "c"]);
    assert_eq!(limited.await.unwrap(), 5);
    drop(stuck);
}

/// The subscriber's time begins when the event is delivered, not while the event waits for room.
#[tokio::test(start_paused = true)]
async fn waiting_for_room_does_not_shorten_the_limit() {
    let (events, registry) = new_registry(1);
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    let mut patient = events.subscribe();
    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let limited = tokio::spawn(limited.for_each(|event| async move {
        if event.name() == "b" {
            tokio::time::sleep(NEARLY).await;
        }
    }));
    events
        .try_notify(RegistryEvent::Created {
            name: "strange".to_owned(),
            bucket,
        })
        .unwrap();
    registry.create("b").await.unwrap();
    tokio::time::sleep(NEARLY).await;
    assert_eq!(patient.next().await.unwrap().name(), "strange");
    assert_eq!(patient.next().await.unwrap().name(), "b");
    patient.ack();
    registry.flush().await;
    assert_eq!(events.subscriber_count(), 2, "it was in time");
    limited.abort();
}

/// A subscriber that has finished the event of one registry may still handle an event of the other
/// registry.
#[tokio::test(start_paused = true)]
async fn each_events_limit_is_independent_across_registries() {
    let events = EventManager::new(16);
    let one = Registry::<u8>::new(events.clone());
    let other = Registry::<u8>::new(events.clone());
    let quick = events.subscribe_with(Overflow::WaitAtMost(LIMIT / 5));
    let quick = tokio::spawn(quick.count());
    let slow = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let slow = slow.for_each(|_| tokio::time::sleep(LIMIT / 2 + Duration::from_millis(1)));
    let slow = tokio::spawn(slow);
    one.create("a").await.unwrap();
    tokio::time::sleep(LIMIT / 10).await;
    other.create("b").await.unwrap();
    futures::join!(one.flush(), other.flush());
    assert_eq!(events.subscriber_count(), 2, "each within its time");
    slow.abort();
    quick.abort();
}

/// A delivery can be acknowledged after its stream has ended, and is waited for no longer than its
/// stream.
#[tokio::test(start_paused = true)]
async fn a_delivery_keeps_the_limit_of_its_stream() {
    let (events, registry) = new_registry(16);
    let limited = events.subscribe_with(Overflow::WaitAtMost(LIMIT));
    let mut limited = limited.deliveries();
    registry.create("a").await.unwrap();
    let held = limited.next().await.unwrap();
    drop(limited);
    let start = Instant::now();
    registry.flush().await;
    assert_eq!(start.elapsed(), LIMIT);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_zero_limit_starves_no_subscriber() {
    let (events, registry) = new_registry(1);
    let hopeless = events.subscribe_with(Overflow::WaitAtMost(Duration::ZERO));
    let mut patient = events.subscribe();
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(patient.next().await.unwrap().name(), "a");
    patient.ack();
    registry.flush().await;
    assert_eq!(events.subscriber_count(), 1);

    // Nor while the window of another subscriber is full.
    let hopeless = [
        hopeless,
        events.subscribe_with(Overflow::WaitAtMost(Duration::ZERO)),
    ];
    events
        .try_notify(RegistryEvent::Created {
            name: "strange".to_owned(),
            bucket,
        })
        .unwrap();
    registry.create("b").await.unwrap();
    let_other_tasks_run().await;
    assert_eq!(patient.next().await.unwrap().name(), "strange");
    assert_eq!(patient.next().await.unwrap().name(), "b");
    drop(hopeless);
}

#[test]
fn without_limits_the_registry_needs_no_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let (_, registry) = new_registry(1);
        let mut subscriber = registry.events();
        registry.create("a").await.unwrap();
        let_other_tasks_run().await;
        assert_eq!(
            subscriber.next().now_or_never().unwrap().unwrap().name(),
            "a"
        );
        subscriber.ack();
        registry.flush().await;
    });
}

// ---- No subscribers -------------------------------------------------------------------------------

#[test]
fn a_limit_ends_in_a_runtime_without_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let (events, registry) = new_registry(16);
        let _stuck = registry.watch_with(Overflow::WaitAtMost(Duration::from_millis(1)));
        registry.create("a").await.unwrap();
        registry.flush().await;
        assert_eq!(events.subscriber_count(), 0);
    });
}

#[tokio::test]
async fn a_long_unheard_outbox_yields_to_other_tasks() {
    let (_, registry) = new_registry(16);
    for n in 0..10_000 {
        registry.create(&n.to_string()).await.unwrap();
    }
    let mut turns = 0;
    let mut flushed = registry.flush().boxed();
    while (&mut flushed).now_or_never().is_none() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!((50..200).contains(&turns), "{turns} turns");
}
