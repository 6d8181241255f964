//! The rules about cancelling, for every kind of subscription.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use genevent::{Delivery, EventManager, Received, SubscribeOptions, SubscriberId, Subscription};

use super::{Signal, poll};
use crate::drive::{now, read};

type Stream<E> = BoxStream<'static, E>;

/// A subscription of some kind, as a stream of events.
struct Kind<E> {
    name: &'static str,
    id: SubscriberId,
    stream: Stream<E>,
    /// The upstream subscription, if there is any.
    before: Option<Subscription<E>>,
}

const KINDS: [&str; 8] = [
    "plain",
    "told of losses",
    "deliveries",
    "filtered",
    "filtered, told of losses",
    "filtered deliveries",
    "replaying",
    "staged",
];

fn event<E>(received: Received<E>) -> E {
    match received {
        Received::Event(event) => event,
        other => panic!("nothing was lost: {other:?}"),
    }
}

fn subscribe<E>(manager: &EventManager<E>, name: &'static str) -> Kind<E>
where
    E: Clone + Send + Sync + 'static,
{
    let plain = |options: SubscribeOptions| {
        let stream = manager.subscribe_with(options);
        (stream.id(), stream)
    };
    let filtered = || {
        let stream = manager.subscribe_filter(|_| true);
        (stream.id(), stream)
    };
    let options = SubscribeOptions::new();
    let mut before = None;
    let (id, stream): (_, Stream<E>) = match name {
        "plain" => {
            let (id, stream) = plain(options);
            (id, stream.boxed())
        }
        "told of losses" => {
            let (id, stream) = plain(options);
            (id, stream.with_missed().map(event).boxed())
        }
        "deliveries" => {
            let (id, stream) = plain(options);
            (id, stream.deliveries().map(Delivery::ack).boxed())
        }
        "filtered" => {
            let (id, stream) = filtered();
            (id, stream.boxed())
        }
        "filtered, told of losses" => {
            let (id, stream) = filtered();
            (id, stream.with_missed().map(event).boxed())
        }
        "filtered deliveries" => {
            let (id, stream) = filtered();
            (id, stream.deliveries().map(Delivery::ack).boxed())
        }
        "replaying" => {
            let (id, stream) = plain(options.replay(8));
            (id, stream.boxed())
        }
        "staged" => {
            let first = before.insert(manager.subscribe());
            let (id, stream) = plain(options.after(first.id()));
            (id, stream.boxed())
        }
        _ => unreachable!("{name} is no kind"),
    };
    Kind {
        name,
        id,
        stream,
        before,
    }
}

impl<E: Clone> Kind<E> {
    /// Reads all replayed and stored events, and parks.
    fn sleep(&mut self, waker: &Waker) {
        while poll(&mut self.stream, waker).is_ready() {}
    }

    /// The stage before finishes with an event.
    fn step(&mut self) {
        if let Some(before) = &mut self.before {
            assert!(read(before).is_some());
            before.ack();
        }
    }
}

fn retaining<E: Send + Sync + 'static>(first: E) -> EventManager<E> {
    let manager = EventManager::builder().capacity(8).retain(1).build();
    assert!(manager.try_notify(first).is_ok());
    manager
}

/// 1.8: "If a Subscription is cancelled its Subscriber MUST eventually stop being signaled." 3.12:
/// "`Subscription.cancel()` MUST request the Publisher to eventually stop signaling its Subscriber."
#[test]
fn rules_1_8_and_3_12_cancelled_subscriptions_get_no_signals() {
    for name in KINDS {
        let manager = retaining(0);
        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        let mut dropped = subscribe(&manager, name);
        dropped.sleep(&waker);
        drop(std::mem::replace(
            &mut dropped.stream,
            futures::stream::empty().boxed(),
        ));
        let told = signal.count();
        manager.try_notify(1).unwrap();
        dropped.step();
        assert_eq!(signal.count(), told, "{name}");

        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        let mut cut = subscribe(&manager, name);
        cut.sleep(&waker);
        assert!(manager.disconnect(cut.id));
        assert_eq!(signal.count(), 1, "{name}: told of its end, once");
        manager.try_notify(2).unwrap();
        cut.step();
        assert_eq!(poll(&mut cut.stream, &waker), Poll::Ready(None), "{name}");
        manager.try_notify(3).unwrap();
        cut.step();
        assert_eq!(signal.count(), 1, "{name}: and of nothing else");
    }
}

/// 2.8: "A Subscriber MUST be prepared to receive one or more onNext signals after having called
/// `Subscription.cancel()` if there are still requested elements pending."
#[test]
fn rule_2_8_events_under_way_may_still_arrive() {
    for name in KINDS {
        let manager = retaining(0);
        let mut cut = subscribe(&manager, name);
        manager.try_notify(1).unwrap();
        manager.try_notify(2).unwrap();
        assert!(manager.disconnect(cut.id));
        manager.try_notify(3).unwrap();
        let mut expected = vec![1, 2];
        if cut.name == "replaying" {
            expected.insert(0, 0);
        }
        let rest: Vec<_> = std::iter::from_fn(|| read(&mut cut.stream)).collect();
        assert_eq!(rest, expected, "{name}");
    }
}

/// An event whose clone signals its beginning, and waits.
struct Slow(Arc<Mutex<Option<Gate>>>);

/// The signal of the clone's beginning, and the signal that the clone waits for.
type Gate = (mpsc::Sender<()>, mpsc::Receiver<()>);

impl Clone for Slow {
    fn clone(&self) -> Self {
        let gate = self.0.lock().unwrap().take();
        if let Some((begun, go)) = gate {
            begun.send(()).unwrap();
            go.recv().unwrap();
        }
        Self(Arc::clone(&self.0))
    }
}

/// 3.5: "`Subscription.cancel` MUST respect the responsivity of its caller by returning in a timely
/// manner, MUST be idempotent and MUST be thread-safe."
#[test]
fn rule_3_5_cancelling_does_not_wait() {
    for name in ["plain", "told of losses", "deliveries"] {
        let manager = EventManager::new(1);
        let mut reader = subscribe(&manager, name);
        let stuck = manager.subscribe();
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let gate = Arc::new(Mutex::new(Some((begun, may_go))));
        assert!(manager.try_notify(Slow(gate)).is_ok());
        let mut waiting = manager.notify(Slow(Arc::default()));
        assert!((&mut waiting).now_or_never().is_none());

        let id = reader.id;
        let reading = thread::spawn(move || {
            let first = read(&mut reader.stream).is_some();
            (first, read(&mut reader.stream).is_none())
        });
        has_begun.recv().unwrap();
        // The subscriber is handling an event, more events are queued, and this call returns.
        assert!(manager.disconnect(id), "{name}");
        assert!(
            !manager.disconnect(id),
            "{name}: again, and nothing happens"
        );
        assert!(manager.disconnect(stuck.id()));
        drop(stuck);
        assert_eq!(now(waiting).ok(), Some(0), "{name}");
        go.send(()).unwrap();
        assert_eq!(reading.join().unwrap(), (true, true), "{name}");
    }
}

#[test]
fn rule_3_5_concurrent_cancellations_succeed_once() {
    const THREADS: usize = 4;
    for round in 0..40 {
        let name = KINDS[round % KINDS.len()];
        let manager = retaining(0);
        let mut kind = subscribe(&manager, name);
        kind.sleep(Waker::noop());
        let (done, start) = (AtomicUsize::new(0), Barrier::new(THREADS + 1));
        let (id, stream) = (kind.id, kind.stream);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    done.fetch_add(usize::from(manager.disconnect(id)), Ordering::Relaxed);
                });
            }
            scope.spawn(|| {
                start.wait();
                drop(stream);
            });
        });
        // No event, if the drop came first.
        assert!(done.into_inner() <= 1, "{name}");
        drop(kind.before);
        assert_eq!(manager.subscriber_count(), 0, "{name}");
        assert_eq!(manager.try_notify(1), Ok(0), "{name}");
    }
}

/// 3.6: "After the Subscription is cancelled, additional `Subscription.request(long n)` MUST be
/// NOPs." 3.7: the same of `cancel()`.
#[test]
fn rules_3_6_and_3_7_later_requests_and_cancellations_do_nothing() {
    for name in KINDS {
        let manager = retaining(0);
        let mut cut = subscribe(&manager, name);
        cut.sleep(Waker::noop());
        assert!(manager.disconnect(cut.id));
        assert!(!manager.disconnect(cut.id), "{name}");
        for _ in 0..3 {
            assert_eq!(
                poll(&mut cut.stream, Waker::noop()),
                Poll::Ready(None),
                "{name}"
            );
        }
        assert!(!manager.disconnect(cut.id), "{name}");
        let others = usize::from(cut.before.is_some());
        drop(cut.stream);
        assert_eq!(manager.subscriber_count(), others, "{name}");
    }
}

/// 3.13: "`Subscription.cancel()` MUST request the Publisher to eventually drop any references to
/// the corresponding subscriber."
#[test]
fn rule_3_13_cancelling_drops_held_events_at_once() {
    // A retained event is held by the manager.
    for name in KINDS.into_iter().filter(|name| *name != "replaying") {
        let (signal, event) = (Arc::new(Signal::default()), Arc::new(()));
        let manager = EventManager::new(8);
        let mut other = manager.subscribe();
        let mut reader = subscribe(&manager, name);
        let waker = Waker::from(Arc::clone(&signal));
        reader.sleep(&waker);
        drop(waker);
        let count = Arc::strong_count(&signal);
        assert!(count > 1, "{name}: its waker is kept while it sleeps");
        manager.try_notify(Arc::clone(&event)).unwrap();
        drop(read(&mut other));
        other.ack();
        reader.step();
        assert!(
            Arc::strong_count(&event) > 1,
            "{name}: it has not read that"
        );
        drop(reader);
        assert!(poll(&mut other, Waker::noop()).is_pending());
        assert_eq!(Arc::strong_count(&signal), 1, "{name}");
        assert_eq!(Arc::strong_count(&event), 1, "{name}");

        // Cancelled by the publisher: the waker is dropped at once, and the rest with the stream.
        let mut cut = subscribe(&manager, name);
        let waker = Waker::from(Arc::clone(&signal));
        cut.sleep(&waker);
        drop(waker);
        assert!(manager.disconnect(cut.id));
        assert_eq!(Arc::strong_count(&signal), 1, "{name}");
    }
}

#[test]
fn rule_3_13_cancelling_drops_the_replay() {
    let event = Arc::new(());
    let manager = retaining(Arc::clone(&event));
    let reader = subscribe(&manager, "replaying");
    manager.close(); // and nothing is retained
    assert_eq!(Arc::strong_count(&event), 2);
    drop(reader);
    assert_eq!(Arc::strong_count(&event), 1);
}
