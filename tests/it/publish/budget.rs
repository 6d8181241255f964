//! Tokio's coop budget: a busy publisher or subscriber yields to other tasks on its thread.

use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::{FutureExt, SinkExt, Stream, StreamExt};
use genevent::{EventManager, EventStreamExt, Overflow, SubscribeOptions, handler_fn};
use tokio::task::yield_now;

/// The number of events stored before the first read.
const BACKLOG: usize = 20_000;
/// The most events taken by a task before the task yields: 16 for each of the 128 units of tokio's
/// coop budget, and the rest of the last fetch.
const BUDGET: usize = 16 * 128 + 256;

/// Counts the taken events.
#[derive(Clone, Default)]
struct Taken(Arc<AtomicUsize>);

impl Taken {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs as the other task: on the same thread, and without ever waiting.
    async fn assert_yields_to_other_tasks(&self) {
        let mut before = 0;
        while before < BACKLOG {
            yield_now().await;
            let now = self.get();
            let stretch = now - before;
            assert!(stretch <= BUDGET, "{stretch} at a stretch");
            before = now;
        }
    }
}

fn publish_backlog(manager: &EventManager<usize>) {
    for n in 0..BACKLOG {
        manager.try_notify(n).unwrap();
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_stream_yields_to_other_tasks() {
    let (manager, taken) = (EventManager::new(BACKLOG), Taken::default());
    let reader = manager.subscribe();
    publish_backlog(&manager);
    let count = taken.clone();
    tokio::spawn(reader.for_each(move |_| {
        count.add();
        ready(())
    }));
    taken.assert_yields_to_other_tasks().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_fed_by_its_reader_yields() {
    let (manager, taken) = (EventManager::new(1), Taken::default());
    let mut reader = manager.subscribe();
    let count = taken.clone();
    tokio::spawn(async move {
        while count.get() < BACKLOG {
            manager.try_notify(0).unwrap();
            reader.next().await.unwrap();
            count.add();
        }
    });
    taken.assert_yields_to_other_tasks().await;
}

/// Far more reads than a task has units in its coop budget, each of a single event.
const READS: usize = 100;

#[tokio::test(flavor = "current_thread")]
async fn events_before_subscribing_cost_no_coop_budget() {
    let manager = EventManager::new(BACKLOG);
    publish_backlog(&manager);
    for n in 0..READS {
        let mut reader = manager.subscribe();
        manager.try_notify(n).unwrap();
        assert_eq!(reader.next().now_or_never(), Some(Some(n)));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn events_not_replayed_cost_no_coop_budget() {
    let manager = EventManager::builder().retain(BACKLOG).build();
    publish_backlog(&manager);
    for n in 0..READS {
        let mut reader = manager.subscribe_with(SubscribeOptions::new().replay(1));
        let newest = n.checked_sub(1).unwrap_or(BACKLOG - 1);
        assert_eq!(reader.next().now_or_never(), Some(Some(newest)));
        manager.try_notify(n).unwrap();
        assert_eq!(reader.next().now_or_never(), Some(Some(n)));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn missed_events_cost_no_coop_budget() {
    let manager = EventManager::new(BACKLOG);
    let newest = SubscribeOptions::from(Overflow::DropOldest).window(1);
    let mut reader = manager.subscribe_with(newest);
    for _ in 0..READS {
        publish_backlog(&manager);
        assert_eq!(reader.next().now_or_never(), Some(Some(BACKLOG - 1)));
    }
    assert_eq!(reader.missed(), (READS * (BACKLOG - 1)) as u64);
}

#[tokio::test(flavor = "current_thread")]
async fn losses_alone_cost_coop_budget() {
    let manager = EventManager::builder().capacity(1).retain(1).build();
    let newest = SubscribeOptions::from(Overflow::DropOldest).window(1);
    manager.try_notify(0).unwrap();
    let upstream = manager.subscribe_with(newest.clone());
    let plain = |options| manager.subscribe_with(options).with_missed();
    let filtered = manager.subscribe_filter_with(newest.clone(), |_| true);
    let keyed = manager.topics(|_| 0).subscribe_with(0, newest.clone());
    let staged = newest.clone().after(upstream.id());
    for (kind, mut reader) in [
        ("plain", plain(newest.clone()).boxed()),
        ("replaying", plain(newest.clone().replay(1)).boxed()),
        ("stage", plain(staged).boxed()),
        ("filtered", filtered.with_missed().boxed()),
        ("keyed", keyed.with_missed().boxed()),
    ] {
        manager.try_notify(0).unwrap();
        // Begins with a full coop budget.
        tokio::task::yield_now().await;
        poll_fn(|cx| {
            // Each poll finds that the next event was overwritten meanwhile.
            let lost = (1..BACKLOG).take_while(|&n| {
                manager.try_notify(n).unwrap();
                let lost = reader.poll_next_unpin(cx);
                assert!(!matches!(lost, Poll::Ready(None)), "{kind}");
                lost.is_ready()
            });
            let lost = lost.count();
            assert!(
                (1_900..=2_400).contains(&lost),
                "{kind} yields after {lost}"
            );
            Poll::Ready(())
        })
        .await;
    }
}

/// Panics in clones, once this thread reads.
struct Torn;

thread_local!(static READING: Cell<bool> = const { Cell::new(false) });

impl Clone for Torn {
    fn clone(&self) -> Self {
        if READING.get() {
            // No message for each clone.
            resume_unwind(Box::new("a panic on purpose"));
        }
        Self
    }
}

#[tokio::test(flavor = "current_thread")]
async fn skipped_events_cost_coop_budget() {
    let manager = EventManager::new(BACKLOG);
    let mut reader = manager.topics(|_| 0).subscribe(0);
    for _ in 0..BACKLOG {
        assert!(manager.try_notify(Torn).is_ok());
    }
    // The unread events owe nothing any more: a panic skips one, and ends nothing.
    assert!(manager.disconnect(reader.id()));
    READING.set(true);
    // Begins with a full coop budget.
    yield_now().await;
    assert!(reader.next().now_or_never().is_none(), "it yields");
    let skipped = BACKLOG - reader.len();
    assert!((1_900..=2_400).contains(&skipped), "{skipped}");
}

#[tokio::test(flavor = "current_thread")]
async fn busy_deliveries_yield_to_other_tasks() {
    let (manager, taken) = (EventManager::new(BACKLOG), Taken::default());
    let deliveries = manager.subscribe().deliveries();
    publish_backlog(&manager);
    let count = taken.clone();
    tokio::spawn(deliveries.for_each_acked(8, move |_| {
        count.add();
        ready(())
    }));
    taken.assert_yields_to_other_tasks().await;
}

/// Counts the events yielded by the stream until its first pending.
async fn until_pending(mut stream: impl Stream<Item = usize> + Unpin) -> usize {
    // Begins with a full coop budget.
    tokio::task::yield_now().await;
    poll_fn(|cx| {
        let yielded = std::iter::from_fn(|| match stream.poll_next_unpin(cx) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        });
        Poll::Ready(yielded.count())
    })
    .await
}

#[tokio::test(flavor = "current_thread")]
async fn coop_budget_allows_two_thousand_events() {
    let manager = EventManager::builder()
        .capacity(BACKLOG)
        .retain(BACKLOG)
        .build();
    let plain = manager.subscribe();
    let filtered = manager.subscribe_filter(|_| true);
    publish_backlog(&manager);
    let replaying = manager.subscribe_with(SubscribeOptions::new().replay(BACKLOG));
    for (kind, taken) in [
        ("plain", until_pending(plain).await),
        ("filtered", until_pending(filtered).await),
        ("replaying", until_pending(replaying).await),
    ] {
        assert!((1_900..=2_400).contains(&taken), "{kind}: {taken}");
    }
}

#[cfg(feature = "rt")]
#[tokio::test(flavor = "current_thread")]
async fn a_busy_handler_yields_to_other_tasks() {
    let (manager, taken) = (EventManager::new(BACKLOG), Taken::default());
    let count = taken.clone();
    let handler = handler_fn(move |_: &usize| count.add());
    manager.add_handler("counts", handler).unwrap();
    publish_backlog(&manager);
    taken.assert_yields_to_other_tasks().await;
}

#[tokio::test(flavor = "current_thread")]
async fn publishing_in_a_handler_costs_no_coop_budget() {
    let manager = EventManager::new(1);
    let weak = manager.downgrade();
    let handler = handler_fn(move |n: &usize| {
        if *n == 0 {
            let manager = weak.upgrade().unwrap();
            let mut published = (1..=2 * BUDGET).map(|n| manager.notify(n).now_or_never());
            assert!(published.all(|result| result == Some(Ok(1))));
        }
    });
    manager.add_handler("publishes", handler).unwrap();
    assert!(manager.sync_notify(0).await.unwrap().all_acked());
}

/// Publishes to no subscriber, or to a subscriber with endless room, without ever waiting.
macro_rules! publishers_yield {
    ($($name:ident: |$manager:ident, $count:ident| $publish:expr;)+) => {$(
        #[tokio::test(flavor = "current_thread")]
        async fn $name() {
            for listens in [false, true] {
                let ($manager, published) = (EventManager::new(1), Taken::default());
                let reader = listens.then(|| $manager.subscribe_with(Overflow::DropOldest));
                let $count = published.clone();
                tokio::spawn(async move { while $count.get() < BACKLOG {
                    $publish;
                    $count.add();
                } });
                published.assert_yields_to_other_tasks().await;
                drop(reader);
            }
        }
    )+};
}

publishers_yield! {
    notify_yields_to_other_tasks: |manager, count| manager.notify(1).await.unwrap();
    reserve_yields_to_other_tasks: |manager, count| manager.reserve().await.unwrap().notify(1);
    a_sink_yields_to_other_tasks: |manager, count| manager.sink().send(1).await.unwrap();
    try_notify_between_does_not_count: |manager, count| {
        manager.try_notify(1).unwrap();
        manager.notify(1).await.unwrap()
    };
}

#[tokio::test(flavor = "current_thread")]
async fn a_unit_of_coop_budget_pays_for_sixteen_published_events() {
    let manager = EventManager::new(1);
    tokio::task::yield_now().await;
    let published = std::iter::repeat_with(|| manager.notify(0).now_or_never());
    // All 128 units, and the events up to the next that a unit is needed for.
    assert_eq!(published.take_while(Option::is_some).count(), 128 * 16 + 15);
}

#[tokio::test(flavor = "current_thread")]
async fn acknowledged_publishing_to_nobody_yields() {
    let (manager, published) = (EventManager::new(1), Taken::default());
    let count = published.clone();
    tokio::spawn(async move {
        while count.get() < BACKLOG {
            manager.sync_notify(1).await.unwrap();
            manager.ack_notify(1).await.unwrap();
            manager.sync_sink().send(1).await.unwrap();
            count.add();
        }
    });
    published.assert_yields_to_other_tasks().await;
}
