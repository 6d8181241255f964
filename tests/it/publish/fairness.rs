//! Every waiting publisher gets its share of the room, however publishers are polled.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::drive::read;
use futures::{Stream, StreamExt};
use genevent::{EventManager, SubscribeOptions, Subscription};
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
