//! Every waiting publisher gets its share of the room, however publishers are polled; and a busy
//! subscriber yields to other tasks on its thread.

use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::drive::read;
use futures::{FutureExt, SinkExt, Stream, StreamExt};
use genevent::{
    EventManager, EventStreamExt, Overflow, SubscribeOptions, Subscription, handler_fn,
};
use tokio::task::yield_now;
use tokio_test::task;

const PRODUCERS: usize = 4;
const CAPACITY: usize = 2 * PRODUCERS;
/// How often the full window is read to its end.
const ROUNDS: usize = 500;

/// The shares hold in every round of a whole window, not only in the long run.
#[track_caller]
fn assert_all_get_half_of_their_share(events: &[Option<usize>]) {
    for name in 0..PRODUCERS {
        let its = events.iter().filter(|&&event| event == Some(name)).count();
        assert!(its >= CAPACITY / PRODUCERS / 2, "{name} of {events:?}");
    }
}

/// A full manager, with events of no producer.
fn full() -> (EventManager<Option<usize>>, Subscription<Option<usize>>) {
    let manager = EventManager::new(CAPACITY);
    let reader = manager.subscribe();
    for _ in 0..CAPACITY {
        manager.try_notify(None).unwrap();
    }
    (manager, reader)
}

/// Publishes its own name, without end; `queued` counts the waiting producers.
async fn produce(manager: EventManager<Option<usize>>, name: usize, queued: Arc<AtomicUsize>) {
    loop {
        let mut stored = pin!(manager.notify(Some(name)));
        let mut waits = false;
        let stored = poll_fn(|cx| {
            if waits {
                queued.fetch_sub(1, Ordering::SeqCst);
            }
            let poll = stored.as_mut().poll(cx);
            waits = poll.is_pending();
            if waits {
                queued.fetch_add(1, Ordering::SeqCst);
            }
            poll
        });
        if stored.await.is_err() {
            return; // closed
        }
    }
}

/// Reads a whole window at a time, when the window is full and all producers are queued: the
/// scheduling of threads does not affect the result.
async fn read_full_rings() {
    let (manager, mut reader) = full();
    let queued = Arc::new(AtomicUsize::new(0));
    for name in 0..PRODUCERS {
        tokio::spawn(produce(manager.clone(), name, Arc::clone(&queued)));
    }
    for round in 0..=ROUNDS {
        while queued.load(Ordering::SeqCst) < PRODUCERS || reader.len() < CAPACITY {
            yield_now().await;
        }
        let events: Vec<_> = (&mut reader).take(CAPACITY).collect().await;
        if round > 0 {
            assert_all_get_half_of_their_share(&events);
        }
    }
    manager.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn full_window_starves_no_publisher_on_four_threads() {
    tokio::spawn(read_full_rings()).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn full_window_starves_no_publisher_on_one_thread() {
    read_full_rings().await;
}

#[test]
fn unwoken_polling_starves_no_publisher() {
    let (manager, mut reader) = full();
    let notify = |name| task::spawn(manager.notify(Some(name)));
    let mut queue: Vec<_> = (0..PRODUCERS).map(notify).collect();
    for publish in &mut queue {
        assert!(publish.poll().is_pending());
    }
    for round in 0..=ROUNDS {
        let mut events = Vec::new();
        for _ in 0..CAPACITY {
            events.extend(read(&mut reader));
            for (name, publish) in queue.iter_mut().enumerate() {
                if name > 0 && !publish.is_woken() {
                    continue;
                }
                if let Poll::Ready(stored) = publish.poll() {
                    assert_eq!(stored, Ok(1));
                    *publish = notify(name);
                    assert!(publish.poll().is_pending(), "the place has been taken");
                }
            }
        }
        if round > 0 {
            assert_all_get_half_of_their_share(&events);
        }
    }
}

// ---- Shares over many events --------------------------------------------------------------------

/// The number of events over which shares are counted.
const EVENTS: usize = 10_000;

type Events = Pin<Box<dyn Stream<Item = usize> + Send>>;
type Subscribe = fn(&EventManager<usize>) -> Events;

const PLAIN: Subscribe = |manager| Box::pin(manager.subscribe());
const SMALL_WINDOW: Subscribe =
    |manager| Box::pin(manager.subscribe_with(SubscribeOptions::new().window(16)));
const FILTERED: Subscribe = |manager| Box::pin(manager.subscribe_filter(|_| true));

/// Counts the events of each of several producers, which wait only for room, beside a reader that
/// never pauses.
async fn shares(capacity: usize, producers: usize, subscribe: Subscribe) -> Vec<usize> {
    let manager = EventManager::new(capacity);
    let reader = subscribe(&manager);
    for name in 0..producers {
        let manager = manager.clone();
        tokio::spawn(async move { while manager.notify(name).await.is_ok() {} });
    }
    // Not while some producers have not begun.
    let mut events = reader.skip(2 * capacity);
    let mut shares = vec![0; producers];
    for _ in 0..EVENTS {
        shares[events.next().await.unwrap()] += 1;
    }
    manager.close();
    shares
}

/// The threads of a runtime may get unequal shares of the processors: then the producers of each
/// thread have an unequal share of the room. So a single success in several `attempts` suffices.
async fn assert_all_get_half_of_their_share_in_the_long_run(subscribe: Subscribe, attempts: usize) {
    for (capacity, producers) in [(16, 2), (16, 64), (64, 4), (64, 16), (1024, 2), (1024, 64)] {
        let mut found = Vec::new();
        for _ in 0..attempts {
            found = shares(capacity, producers, subscribe).await;
            if found.iter().all(|&share| share >= EVENTS / producers / 2) {
                break;
            }
        }
        let least = *found.iter().min().unwrap();
        assert!(
            least >= EVENTS / producers / 2,
            "capacity {capacity}, {producers} producers: {found:?}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn long_run_shares_are_fair_on_one_thread() {
    for subscribe in [PLAIN, SMALL_WINDOW, FILTERED] {
        assert_all_get_half_of_their_share_in_the_long_run(subscribe, 1).await;
    }
}

/// Without turns, 64 producers have no fair attempt at capacity 1,024.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_run_shares_are_fair_on_two_threads() {
    tokio::spawn(assert_all_get_half_of_their_share_in_the_long_run(
        PLAIN, 20,
    ))
    .await
    .unwrap();
}

// ---- Other tasks of the thread ------------------------------------------------------------------

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
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_with(Overflow::DropOldest).with_missed();
    manager.try_notify(0).unwrap();
    // Begins with a full coop budget.
    tokio::task::yield_now().await;
    poll_fn(|cx| {
        // Each poll finds that the next event was overwritten meanwhile.
        let lost = (1..BACKLOG).take_while(|&n| {
            manager.try_notify(n).unwrap();
            reader.poll_next_unpin(cx).is_ready()
        });
        let lost = lost.count();
        assert!(lost < BACKLOG - 1, "the reader never yields");
        Poll::Ready(())
    })
    .await;
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
    let manager = EventManager::new(BACKLOG);
    let plain = manager.subscribe();
    let filtered = manager.subscribe_filter(|_| true);
    publish_backlog(&manager);
    for taken in [until_pending(plain).await, until_pending(filtered).await] {
        assert!((1_900..=2_400).contains(&taken), "{taken}");
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
