//! Rules of the Reactive Streams specification (1.0.4) for the streams themselves: their wakers, what they keep in
//! memory, and how subscriptions affect each other. A manager is the publisher, a reader's task the subscriber, a
//! [`Subscription`](genevent::Subscription) the subscription; a poll requests an event, dropping or
//! disconnecting cancels.
//!
//! All rules, for each kind of subscription, are checked through `Publisher`, `Subscriber` and `Subscription` by
//! `cargo test -p genevent-conformance --test contracts`. `tools/conformance/CONTRACTS.md` lists the rules.

mod cancelling;
#[cfg(feature = "rt")]
mod handlers;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::{FutureExt, Stream};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};

use crate::drive::{read, read_all};

/// A waker that counts its calls and its clones.
#[derive(Default)]
struct Signal(AtomicUsize);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Signal {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

#[test]
fn rule_1_1_never_more_events_than_requested() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let signal = Arc::new(Signal::default());
    assert!(poll(&mut reader, &Waker::from(Arc::clone(&signal))).is_pending());
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(signal.count(), 1, "one request, one signal");
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(reader.len(), 3, "and what was not requested is still there");
}

#[test]
fn rule_1_5_a_finite_stream_signals_its_end() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    drop(manager);
    assert_eq!(read_all(&mut reader), [1]);
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
}

#[test]
fn rule_1_6_an_ended_subscription_is_cancelled() {
    let manager = EventManager::new(1);
    let mut cut = manager.subscribe_with(Overflow::Disconnect);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!(read_all(&mut cut), [1]);
    let why = cut.end_reason().unwrap();
    assert!(matches!(
        why,
        EndReason::Disconnected {
            cause: DisconnectCause::Overflow,
            ..
        }
    ));
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(manager.try_notify(3), Ok(0), "it is nobody's event");
}

/// 1.11: "A Publisher MAY support multiple Subscribers and decides whether each Subscription is
/// unicast or multicast." Each is multicast here, and a filter is the subscriber's own.
#[test]
fn rule_1_11_every_subscriber_sees_the_same_order() {
    let manager = EventManager::builder().capacity(8).retain(2).build();
    manager.try_notify(0).unwrap();
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    let mut even = manager.subscribe_filter(|n| n % 2 == 0);
    let mut late = manager.subscribe_with(SubscribeOptions::new().replay(1));
    let mut stage = manager.subscribe_after(&one);
    for n in 1..=3 {
        assert_eq!(manager.try_notify(n), Ok(4 + usize::from(n % 2 == 0)));
    }
    assert_eq!(read(&mut one), Some(1), "one that reads at another pace");
    manager.try_notify(4).unwrap();
    manager.close();
    assert_eq!(read_all(&mut one), [2, 3, 4]);
    assert_eq!(read_all(&mut two), [1, 2, 3, 4]);
    assert_eq!(read_all(&mut even), [2, 4]);
    assert_eq!(read_all(&mut late), [0, 1, 2, 3, 4]);
    assert_eq!(read_all(&mut stage), [1, 2, 3, 4]);
}

/// A waker that publishes another event, up to a hundred thousand.
struct Publishes(EventManager<u32>, AtomicUsize);

impl Wake for Publishes {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        for n in 0..100_000 {
            self.0.try_notify(n).unwrap();
        }
    }
}

#[test]
fn rule_3_3_signals_and_requests_do_not_recurse_unboundedly() {
    let manager = EventManager::new(200_000);
    let mut reader = manager.subscribe();
    let task = Arc::new(Publishes(manager.clone(), AtomicUsize::new(0)));
    assert!(poll(&mut reader, &Waker::from(Arc::clone(&task))).is_pending());
    manager.try_notify(0).unwrap();
    assert_eq!(
        task.1.load(Ordering::Relaxed),
        1,
        "who is called is asleep no more"
    );
    assert_eq!(reader.len(), 100_001);
}

/// 3.10: "`Subscription.request(long n)` MAY synchronously call onNext on this (or other)
/// subscriber(s)."
#[test]
fn rule_3_10_another_subscriber_may_be_served_first() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let mut quick = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut second = manager.notify(2);
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(read(&mut quick), Some(1));
    // The request of the slow subscriber resumes the publisher, and the other subscriber gets the
    // event.
    assert_eq!(read(&mut slow), Some(1));
    assert!(second.now_or_never().is_some());
    assert_eq!(read(&mut quick), Some(2));
}

/// 3.11: "`Subscription.request(long n)` MAY synchronously call onComplete or onError on this (or
/// other) subscriber(s)."
#[test]
fn rule_3_11_a_request_may_end_any_stream() {
    let manager = EventManager::new(8);
    let (mut first, signal) = (manager.subscribe(), Arc::new(Signal::default()));
    let mut second = manager.subscribe_after(&first);
    manager.try_notify(1).unwrap();
    manager.close();
    assert_eq!(read(&mut first), Some(1));
    // The last event is in flight at the first subscriber, so the second subscriber cannot end.
    assert!(poll(&mut second, &Waker::from(Arc::clone(&signal))).is_pending());
    assert_eq!(signal.count(), 0);
    assert_eq!(read(&mut first), None, "its own end, in the request itself");
    assert_eq!(signal.count(), 1, "and the other one is called");
    assert_eq!(read_all(&mut second), [1]);

    // The counterpart of `onError`: a request of another subscriber disconnects a subscriber that
    // blocks publishers for too long.
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    manager.try_notify(1).unwrap();
    let mut waiting = manager.notify(2);
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(read(&mut reader), Some(1));
    assert!(waiting.now_or_never().is_some());
    assert_eq!(read_all(&mut strict), [1]);
    assert!(matches!(
        strict.end_reason(),
        Some(EndReason::Disconnected { .. })
    ));
}
