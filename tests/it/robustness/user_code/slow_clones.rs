//! Events with a `Clone` slower than the arrival of the next event.
//!
//! The clone itself publishes, so a newer event arrives during each clone without a second thread.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use genevent::{EventManager, Overflow, Received, SubscribeOptions, WeakEventManager};

/// The number of events published by all clones together: a reader that never catches up fails
/// instead of hanging.
const ENOUGH: u64 = 10_000;

/// An event that publishes `gap` newer events in its clone.
struct Slow {
    n: u64,
    source: Arc<Source>,
}

struct Source {
    manager: WeakEventManager<Slow>,
    gap: u64,
    published: AtomicU64,
    clones: AtomicU64,
}

impl Source {
    fn publish(self: &Arc<Self>) {
        let manager = self.manager.upgrade().expect("the manager is open");
        let n = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        let source = Arc::clone(self);
        assert!(manager.try_notify(Slow { n, source }).is_ok());
    }

    fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        let source = Arc::clone(&self.source);
        source.clones.fetch_add(1, Ordering::Relaxed);
        for _ in 0..source.gap {
            if source.published() < ENOUGH {
                source.publish();
            }
        }
        Self { n: self.n, source }
    }
}

/// Makes the source of events, which publishes `gap` newer events during each clone.
fn source(manager: &EventManager<Slow>, gap: u64) -> Arc<Source> {
    Arc::new(Source {
        manager: manager.downgrade(),
        gap,
        published: AtomicU64::new(0),
        clones: AtomicU64::new(0),
    })
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Asserts that each poll yields an event with a single clone, in order.
fn assert_gets_its_share<S: Stream + Unpin>(
    name: &str,
    source: &Arc<Source>,
    stream: &mut S,
    number_of: impl Fn(S::Item) -> Option<u64>,
) {
    source.publish();
    let (mut last, mut events) = (0, 0);
    for polls in 1..=200 {
        let Poll::Ready(Some(item)) = poll(stream) else {
            panic!("{name}: poll {polls} yields nothing");
        };
        let clones = source.clones.swap(0, Ordering::Relaxed);
        let Some(n) = number_of(item) else {
            assert_eq!(clones, 0, "{name}: poll {polls} tells of a loss");
            continue;
        };
        assert!(n > last, "{name}: {n} comes after {last}");
        assert_eq!(clones, 1, "{name}: clones in poll {polls}");
        last = n;
        events += 1;
    }
    assert!(events >= 100, "{name}: {events} events in 200 polls");
    assert!(
        source.published() < ENOUGH,
        "{name}: it had to wait for the publisher to stop"
    );
}

fn lossy(window: usize) -> SubscribeOptions {
    SubscribeOptions::from(Overflow::DropOldest).window(window)
}

#[test]
fn a_slow_reader_yields_at_each_poll() {
    for (window, gap) in [(1, 1), (1, 5), (4, 5), (64, 40)] {
        let name = format!("window {window}, {gap} events at each clone");
        let manager = EventManager::new(100);
        let source = source(&manager, gap);
        let mut reader = manager.subscribe_with(lossy(window));
        assert_gets_its_share(&name, &source, &mut reader, |event| Some(event.n));
        let read_and_lost = 200 + reader.missed() + reader.len() as u64;
        assert_eq!(read_and_lost, source.published());
    }
}

#[test]
fn a_slow_lossy_reader_yields_after_each_loss() {
    let manager = EventManager::new(1);
    let source = source(&manager, 3);
    let mut reader = manager.subscribe_with(lossy(1)).with_missed();
    let number_of = |received| match received {
        Received::Event(Slow { n, .. }) => Some(n),
        Received::Missed(2) => None,
        Received::Missed(n) => panic!("{n} were missed at once"),
        other => panic!("{other:?}"),
    };
    assert_gets_its_share("with_missed", &source, &mut reader, number_of);
}

#[test]
fn slow_deliveries_yield_at_each_poll() {
    let manager = EventManager::new(1);
    let source = source(&manager, 2);
    let mut jobs = manager.subscribe_with(lossy(1)).deliveries();
    assert_gets_its_share("deliveries", &source, &mut jobs, |job| Some(job.ack().n));
}

#[test]
fn a_slow_stage_yields_at_each_poll() {
    let manager = EventManager::new(1);
    let source = source(&manager, 2);
    let first = manager.subscribe_with(lossy(1)).id();
    let mut second = manager.subscribe_with(lossy(1).after(first));
    assert_gets_its_share("a stage", &source, &mut second, |event| Some(event.n));
}

#[test]
fn a_slow_replay_yields_at_each_poll() {
    let manager = EventManager::builder().capacity(1).retain(8).build();
    let source = source(&manager, 2);
    (0..8).for_each(|_| source.publish());
    let mut late = manager.subscribe_with(lossy(1).replay(8));
    assert_gets_its_share("a replay", &source, &mut late, |event| Some(event.n));
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn a_slow_reader_lets_other_tasks_run() {
    let manager = EventManager::new(1);
    let source = source(&manager, 1);
    let mut reader = manager.subscribe_with(lossy(1));
    source.publish();
    let neighbour = tokio::spawn({
        let source = Arc::clone(&source);
        async move { source.published() }
    });
    for _ in 0..5_000 {
        assert!(source.published() < ENOUGH, "in a single poll");
        assert!(reader.next().await.is_some());
    }
    assert!(neighbour.is_finished());
    assert!(neighbour.await.unwrap() < 4_000);
}
