//! Other people's code in the middle of ours: an event's `Clone` and `Drop`, a waker's `wake`,
//! `drop` and `clone`, that panic or call back into the manager, at every place where they run.
//!
//! A call back that met a lock of ours would not return: that these stories end is the proof that
//! none does.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use genevent::{
    Deliveries, Delivery, EventManager, Overflow, Received, SubscribeOptions, Subscription,
};

// ---- The foreign code ---------------------------------------------------------------------------

type Hook = Arc<dyn Fn() + Send + Sync>;

/// An event whose `Clone` and `Drop` run a hook. Its clones are plain.
struct Odd {
    n: u32,
    on_clone: Option<Hook>,
    on_drop: Option<Hook>,
}

impl Odd {
    fn plain(n: u32) -> Self {
        Self {
            n,
            on_clone: None,
            on_drop: None,
        }
    }
}

impl Clone for Odd {
    fn clone(&self) -> Self {
        if let Some(hook) = &self.on_clone {
            hook();
        }
        Self::plain(self.n)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        if let Some(hook) = &self.on_drop {
            hook();
        }
    }
}

/// A waker whose `wake` and last `drop` run a hook.
#[derive(Default)]
struct OddWaker {
    on_wake: Option<Hook>,
    on_drop: Option<Hook>,
}

impl Wake for OddWaker {
    fn wake(self: Arc<Self>) {
        if let Some(hook) = &self.on_wake {
            hook();
        }
    }
}

impl Drop for OddWaker {
    fn drop(&mut self) {
        if let Some(hook) = &self.on_drop {
            hook();
        }
    }
}

/// A panic that the hook does not print.
fn silent_panic() {
    resume_unwind(Box::new("foreign code panics"));
}

/// What the foreign code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Panic,
    Publish,
    PollPublisher,
    PollFlush,
    Subscribe,
    PollSubscription,
    DropSubscription,
    Disconnect,
    Look,
    Close,
}

const ACTS: [Act; 10] = [
    Act::Panic,
    Act::Publish,
    Act::PollPublisher,
    Act::PollFlush,
    Act::Subscribe,
    Act::PollSubscription,
    Act::DropSubscription,
    Act::Disconnect,
    Act::Look,
    Act::Close,
];

// ---- The world it runs in -----------------------------------------------------------------------

const BY_HOOK: u32 = 1_000;

/// A manager with two witnesses who must see everything, and another subscription for the hooks
/// to play with. All three keep up whenever `catch_up` is called, and hold nothing then.
struct World {
    manager: EventManager<Odd>,
    witnesses: Mutex<Vec<(Subscription<Odd>, Vec<u32>)>>,
    other: Mutex<Option<Subscription<Odd>>>,
    /// The numbers of all events that were stored.
    stored: Mutex<Vec<u32>>,
    has_run: AtomicBool,
}

impl World {
    fn new() -> Arc<Self> {
        let manager = EventManager::new(8);
        let witnesses = (0..2).map(|_| (manager.subscribe(), Vec::new())).collect();
        let world = Self {
            other: Mutex::new(Some(manager.subscribe())),
            witnesses: Mutex::new(witnesses),
            stored: Mutex::default(),
            has_run: AtomicBool::new(false),
            manager,
        };
        world.catch_up();
        Arc::new(world)
    }

    /// Runs `act` when it is first called, and nothing later.
    fn hook(self: &Arc<Self>, act: Act) -> Hook {
        let world = Arc::downgrade(self);
        Arc::new(move || {
            let world = Weak::upgrade(&world).expect("the world outlives its foreign code");
            if !world.has_run.swap(true, Ordering::Relaxed) {
                world.act(act);
            }
        })
    }

    fn act(&self, act: Act) {
        let manager = &self.manager;
        match act {
            Act::Panic => silent_panic(),
            Act::Publish => self.publish(Odd::plain(BY_HOOK)),
            Act::PollPublisher => {
                let stored = manager.notify(Odd::plain(BY_HOOK)).now_or_never();
                self.note(BY_HOOK, matches!(stored, Some(Ok(_))));
            }
            Act::PollFlush => _ = manager.flush().now_or_never(),
            Act::Subscribe => drop(manager.subscribe()),
            Act::PollSubscription => {
                let mut other = self.other.lock().unwrap();
                let _ = other.as_mut().map(|other| other.next().now_or_never());
            }
            Act::DropSubscription => *self.other.lock().unwrap() = None,
            Act::Disconnect => {
                let other = self.other.lock().unwrap().as_ref().map(Subscription::id);
                let _ = other.map(|other| manager.disconnect(other));
            }
            Act::Look => {
                let _ = format!("{manager:?} {:?}", manager.subscribers());
            }
            Act::Close => manager.close(),
        }
    }

    fn publish(&self, event: Odd) {
        let n = event.n;
        let is_stored = self.manager.try_notify(event).is_ok();
        self.note(n, is_stored);
    }

    fn note(&self, n: u32, is_stored: bool) {
        self.stored.lock().unwrap().extend(is_stored.then_some(n));
    }

    /// Everybody reads what there is, and is parked.
    fn catch_up(&self) {
        for (witness, got) in &mut *self.witnesses.lock().unwrap() {
            while let Some(Some(event)) = witness.next().now_or_never() {
                got.push(event.n);
            }
        }
        if let Some(other) = &mut *self.other.lock().unwrap() {
            while let Some(Some(_)) = other.next().now_or_never() {}
        }
    }

    /// Nobody listens any more.
    fn desert(&self) {
        self.witnesses.lock().unwrap().clear();
        *self.other.lock().unwrap() = None;
    }

    /// The others have lost nothing, and the manager goes on working.
    fn check(&self) {
        assert!(
            self.has_run.load(Ordering::Relaxed),
            "the foreign code never ran"
        );
        self.catch_up();
        let mut stored = self.stored.lock().unwrap().clone();
        stored.sort_unstable();
        let witnesses = std::mem::take(&mut *self.witnesses.lock().unwrap());
        for (_, got) in &witnesses {
            assert_eq!(*got, witnesses[0].1, "they saw the same");
            let mut got = got.clone();
            got.sort_unstable();
            assert_eq!(got, stored, "and all of it");
        }
        drop(witnesses);
        *self.other.lock().unwrap() = None;

        if self.manager.is_closed() {
            assert!(now(self.manager.stop().map(Some)).is_some());
            return;
        }
        assert_eq!(self.manager.subscriber_count(), 0);
        let mut reader = self.manager.subscribe();
        let mut done = self.manager.sync_notify(Odd::plain(1));
        assert!((&mut done).now_or_never().is_none());
        assert_eq!(read(&mut reader), Some(1));
        reader.ack();
        assert!(now(done).is_ok_and(|receipt| receipt.all_acked()));
    }
}

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

fn read(reader: &mut Subscription<Odd>) -> Option<u32> {
    now(reader.next()).map(|event| event.n)
}

fn next(jobs: &mut Deliveries<Odd>) -> Delivery<Odd> {
    now(jobs.next()).expect("it has not ended")
}

fn narrow(overflow: Overflow) -> SubscribeOptions {
    SubscribeOptions::from(overflow).window(1)
}

/// Says where it happened, if it happens.
struct OnPanic(String);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("  in the story of {}", self.0);
        }
    }
}

// ---- Drop of an event ---------------------------------------------------------------------------

/// A way for a stored event to meet its end, in a call of ours.
type End = (&'static str, fn(&World, Odd));

const ENDS: &[End] = &[
    ("nobody hears it: try_notify", |world, odd| {
        world.desert();
        assert!(matches!(world.manager.try_notify(odd), Ok(0)));
    }),
    ("nobody hears it: notify", |world, odd| {
        world.desert();
        assert!(matches!(now(world.manager.notify(odd)), Ok(0)));
    }),
    ("nobody hears it: ack_notify", |world, odd| {
        world.desert();
        assert!(now(world.manager.ack_notify(odd)).is_ok_and(|receipt| receipt.is_unheard()));
    }),
    ("nobody hears it: sync_notify", |world, odd| {
        world.desert();
        assert!(now(world.manager.sync_notify(odd)).is_ok_and(|receipt| receipt.is_unheard()));
    }),
    ("nobody hears it: a permit", |world, odd| {
        world.desert();
        let permit = now(world.manager.reserve()).unwrap();
        assert_eq!(permit.notify(odd), 0);
    }),
    ("nobody hears it: a sink", |world, odd| {
        world.desert();
        assert!(now(world.manager.sink().send(odd)).is_ok());
    }),
    ("nobody hears it: a sync sink", |world, odd| {
        world.desert();
        assert!(now(world.manager.sync_sink().send(odd)).is_ok());
    }),
    ("it is overwritten by a permit", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        let permit = now(world.manager.reserve()).unwrap();
        world.catch_up();
        world.note(2, true);
        permit.notify(Odd::plain(2));
    }),
    (
        "it is overwritten by the last permit after the close",
        |world, odd| {
            let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
            world.publish(odd);
            let permit = now(world.manager.reserve()).unwrap();
            world.catch_up();
            world.manager.close();
            world.note(2, true);
            permit.notify(Odd::plain(2));
        },
    ),
    ("the last reader of deliveries reads on", |world, odd| {
        let mut jobs = world.manager.subscribe().deliveries();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        let (one, two) = (next(&mut jobs), next(&mut jobs));
        two.ack();
        let _ = jobs.next().now_or_never();
        one.ack();
    }),
    (
        "the last reader of deliveries leaves with one out",
        |world, odd| {
            let mut jobs = world.manager.subscribe().deliveries();
            world.publish(odd);
            world.catch_up();
            let out = next(&mut jobs);
            drop(jobs);
            drop(out);
        },
    ),
    ("the last reader waits for more", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        assert!(read(&mut reader).is_some());
        let _ = reader.next().now_or_never();
    }),
    ("the last reader reads on", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        assert!(read(&mut reader).is_some());
        assert_eq!(read(&mut reader), Some(2));
    }),
    ("the last reader leaves", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        drop(reader);
    }),
    ("the last reader leaves with it in hand", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        assert!(read(&mut reader).is_some());
        drop(reader);
    }),
    ("it is overwritten", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        world.catch_up();
        world.publish(Odd::plain(2));
    }),
    ("it is overwritten by notify", |world, odd| {
        let _lossy = world.manager.subscribe_with(narrow(Overflow::DropOldest));
        world.publish(odd);
        world.catch_up();
        let stored = now(world.manager.notify(Odd::plain(2)));
        world.note(2, stored.is_ok());
    }),
    ("a disconnected reader leaves", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.catch_up();
        world.manager.disconnect(reader.id());
        drop(reader);
    }),
    ("a disconnected reader leaves on its way", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        world.manager.disconnect(reader.id());
        assert!(read(&mut reader).is_some());
        drop(reader);
    }),
    ("a disconnected reader reads on", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        world.manager.disconnect(reader.id());
        assert!(read(&mut reader).is_some());
        assert_eq!(read(&mut reader), Some(2));
        assert_eq!(read(&mut reader), None);
    }),
    ("a reader disconnected by overflow leaves", |world, odd| {
        let reader = world.manager.subscribe_with(narrow(Overflow::Disconnect));
        world.publish(odd);
        world.publish(Odd::plain(2));
        world.catch_up();
        drop(reader);
    }),
    (
        "the last reader has read everything after the close",
        |world, odd| {
            let mut reader = world.manager.subscribe();
            world.publish(odd);
            world.catch_up();
            world.manager.close();
            assert!(read(&mut reader).is_some());
            assert_eq!(read(&mut reader), None);
        },
    ),
];

#[test]
fn a_drop_that_panics_or_calls_back_harms_nobody_wherever_it_runs() {
    for (end, run) in ENDS {
        for act in ACTS {
            let _said = OnPanic(format!("{end}, {act:?}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_drop = Some(world.hook(act));
            run(&world, odd);
            world.check();
        }
    }
}

#[test]
fn a_drop_that_panics_spares_its_neighbours() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let manager = EventManager::new(200);
    let reader = manager.subscribe();
    for n in 0..200 {
        let mut event = Odd::plain(n);
        let dropped = Arc::clone(&dropped);
        event.on_drop = Some(Arc::new(move || {
            dropped.fetch_add(1, Ordering::Relaxed);
            silent_panic();
        }));
        assert!(manager.try_notify(event).is_ok());
    }
    drop(reader);
    assert_eq!(dropped.load(Ordering::Relaxed), 200);
}

#[test]
fn a_drop_that_panics_harms_neither_the_last_manager_nor_the_last_subscription() {
    for manager_goes_first in [true, false] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let manager = EventManager::new(8);
        let mut reader = manager.subscribe();
        for n in 0..8 {
            let mut event = Odd::plain(n);
            let dropped = Arc::clone(&dropped);
            event.on_drop = Some(Arc::new(move || {
                dropped.fetch_add(1, Ordering::Relaxed);
                silent_panic();
            }));
            assert!(manager.try_notify(event).is_ok());
        }
        assert_eq!(read(&mut reader), Some(0));
        if manager_goes_first {
            drop(manager);
            drop(reader);
        } else {
            drop(reader);
            drop(manager);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 8);
    }
}

/// The event is still the publisher's, and so is the panic; but not the line.
#[test]
fn a_drop_that_panics_in_a_cancelled_publisher_passes_the_turn_on() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    assert!(manager.try_notify(Odd::plain(0)).is_ok());
    let mut odd = Odd::plain(1);
    odd.on_drop = Some(Arc::new(silent_panic));
    let mut cancelled = manager.sync_notify(odd);
    assert!((&mut cancelled).now_or_never().is_none());
    let mut behind = manager.notify(Odd::plain(2));
    assert!((&mut behind).now_or_never().is_none());

    catch_unwind(AssertUnwindSafe(|| drop(cancelled))).unwrap_err();
    assert_eq!(read(&mut reader), Some(0));
    assert!(now(behind).is_ok());
    assert_eq!(read(&mut reader), Some(2));
}

// ---- Clone of an event --------------------------------------------------------------------------

/// A reader whose next event is number 1, which is `odd`.
type Before = (&'static str, fn(&World, Odd) -> Subscription<Odd>);

const BEFORE_CLONES: &[Before] = &[
    ("a subscription", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        reader
    }),
    ("a subscription amid others", |world, odd| {
        let mut reader = world.manager.subscribe();
        world.publish(Odd::plain(2));
        world.publish(Odd::plain(3));
        world.publish(odd);
        world.publish(Odd::plain(4));
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(2), Some(3)));
        reader
    }),
    ("a lossy subscription", |world, odd| {
        let reader = world.manager.subscribe_with(Overflow::DropOldest);
        world.publish(odd);
        reader
    }),
    ("a disconnected subscription", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.manager.disconnect(reader.id());
        reader
    }),
    ("a closed manager", |world, odd| {
        let reader = world.manager.subscribe();
        world.publish(odd);
        world.manager.close();
        reader
    }),
];

#[test]
fn a_clone_that_panics_or_calls_back_loses_nothing_wherever_it_runs() {
    for (before, run) in BEFORE_CLONES {
        for (act, with_missed) in ACTS.into_iter().flat_map(|act| [(act, false), (act, true)]) {
            let _said = OnPanic(format!("{before}, {act:?}, with_missed: {with_missed}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_clone = Some(world.hook(act));
            let mut reader = run(&world, odd).with_missed();
            let mut poll = || {
                catch_unwind(AssertUnwindSafe(|| {
                    if !with_missed {
                        return read(reader.get_mut());
                    }
                    now(reader.next()).map(|received| match received {
                        Received::Event(event) => event.n,
                        Received::Missed(_) => panic!("nothing was missed"),
                    })
                }))
            };
            let mut first = poll();
            if act == Act::Panic {
                first.unwrap_err();
                first = poll();
            }
            assert_eq!(first.ok(), Some(Some(1)), "the event is still there");
            drop(reader);
            world.check();
        }
    }
}

#[test]
fn a_clone_into_a_delivery_loses_nothing_either() {
    for (before, run) in BEFORE_CLONES {
        for act in ACTS {
            let _said = OnPanic(format!("{before}, {act:?}"));
            let world = World::new();
            let mut odd = Odd::plain(1);
            odd.on_clone = Some(world.hook(act));
            let mut jobs = run(&world, odd).deliveries();
            let mut poll = || catch_unwind(AssertUnwindSafe(|| next(&mut jobs)));
            let mut first = poll();
            if act == Act::Panic {
                assert!(first.is_err());
                first = poll();
            }
            let delivery = first.expect("the event is still there");
            assert_eq!(delivery.n, 1);
            assert!(jobs.unacked() <= 1, "only what is out");
            delivery.ack();
            assert_eq!(jobs.unacked(), 0);
            drop(jobs);
            world.check();
        }
    }
}

#[test]
fn a_clone_that_panics_over_and_over_leaves_no_delivery_out() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let mut odd = Odd::plain(1);
    let tries = AtomicUsize::new(0);
    odd.on_clone = Some(Arc::new(move || {
        if tries.fetch_add(1, Ordering::Relaxed) < 10 {
            silent_panic();
        }
    }));
    let mut done = manager.sync_notify(odd);
    assert!((&mut done).now_or_never().is_none());
    for _ in 0..10 {
        assert!(catch_unwind(AssertUnwindSafe(|| next(&mut jobs))).is_err());
        assert_eq!((jobs.unacked(), jobs.pending()), (0, 1));
    }
    next(&mut jobs).ack();
    assert!(now(done).is_ok_and(|receipt| receipt.all_acked()));
}

// ---- What a delivery holds ----------------------------------------------------------------------

/// What is done with a delivery of event 1, whose value is `odd` by then.
type Settle = (&'static str, bool, fn(Delivery<Odd>));

#[test]
fn a_value_whose_drop_panics_or_calls_back_still_settles_its_delivery() {
    let ways: [Settle; 5] = [
        ("drop", false, drop),
        ("ack", true, |delivery| drop(delivery.ack())),
        ("ack of the parts, first", true, |delivery| {
            let (event, ack) = delivery.into_parts();
            ack.ack();
            drop(event);
        }),
        ("map that drops the value", true, |delivery| {
            delivery.map(drop).ack();
        }),
        ("map that panics", false, |delivery| {
            drop(delivery.map(|_| silent_panic()));
        }),
    ];
    for (way, acks, settle) in ways {
        for act in ACTS {
            let _said = OnPanic(format!("{way}, {act:?}"));
            let world = World::new();
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = world.manager.subscribe_with(options).deliveries();
            let mut done = world.manager.sync_notify(Odd::plain(1));
            assert!((&mut done).now_or_never().is_none());
            world.publish(Odd::plain(2));
            world.note(1, true);
            world.catch_up();
            let mut odd = Odd::plain(1);
            // A second panic while the first one unwinds would end the program.
            let harmless = way == "map that panics" && act == Act::Panic;
            odd.on_drop = Some(world.hook(if harmless { Act::Look } else { act }));
            let delivery = next(&mut jobs).map(|_| odd);
            world.has_run.store(false, Ordering::Relaxed);

            let settled = catch_unwind(AssertUnwindSafe(|| settle(delivery)));
            assert_eq!(
                settled.is_err(),
                act == Act::Panic || way == "map that panics"
            );
            world.catch_up();
            let receipt = now(done).unwrap();
            let dropped = usize::from(!acks || (act == Act::Panic && way.starts_with("map")));
            assert_eq!(receipt.dropped(), dropped);
            assert_eq!(jobs.unacked(), 0);
            assert_eq!(next(&mut jobs).ack().n, 2, "there is room for the next");
            drop(jobs);
            world.check();
        }
    }
}

#[test]
fn a_clone_may_panic_over_and_over_and_lose_nothing() {
    let manager = EventManager::new(8);
    let (mut reader, mut other) = (manager.subscribe(), manager.subscribe());
    let tries = Arc::new(AtomicUsize::new(0));
    let mut odd = Odd::plain(2);
    let counter = Arc::clone(&tries);
    odd.on_clone = Some(Arc::new(move || {
        if counter.fetch_add(1, Ordering::Relaxed) < 10 {
            silent_panic();
        }
    }));
    assert!(manager.try_notify(Odd::plain(1)).is_ok());
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    assert!(manager.try_notify(Odd::plain(3)).is_ok());

    assert_eq!(read(&mut reader), Some(1));
    for _ in 0..10 {
        catch_unwind(AssertUnwindSafe(|| read(&mut reader))).unwrap_err();
        assert_eq!(reader.pending(), 2);
    }
    for reader in [&mut reader, &mut other] {
        while read(reader) != Some(3) {}
    }
    assert!(now(awaited).is_ok_and(|receipt| receipt.acked() == 2));
}

#[test]
fn coming_back_is_the_acknowledgement_even_if_the_next_clone_panics() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut first = manager.sync_notify(Odd::plain(1));
    assert!((&mut first).now_or_never().is_none());
    let mut odd = Odd::plain(2);
    odd.on_clone = Some(Arc::new(silent_panic));
    let mut second = manager.sync_notify(odd);
    assert!((&mut second).now_or_never().is_none());

    assert_eq!(read(&mut reader), Some(1));
    catch_unwind(AssertUnwindSafe(|| read(&mut reader))).unwrap_err();
    assert!(now(first).is_ok_and(|receipt| receipt.all_acked()));
    assert!(
        (&mut second).now_or_never().is_none(),
        "it was not received"
    );
    let id = reader.id();
    drop(reader);
    assert_eq!(now(second).unwrap().dropped_by(), [id]);
}

#[test]
fn a_task_that_dies_of_a_clone_leaves_the_others_unharmed() {
    let manager = EventManager::new(1);
    let (reader, mut other) = (manager.subscribe(), manager.subscribe());
    let id = reader.id();
    let world = Arc::new(AtomicBool::new(false));
    let mut odd = Odd::plain(1);
    let has_run = Arc::clone(&world);
    odd.on_clone = Some(Arc::new(move || {
        if !has_run.swap(true, Ordering::Relaxed) {
            silent_panic();
        }
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    let mut waiting = manager.notify(Odd::plain(2));
    assert!((&mut waiting).now_or_never().is_none());

    let mut task = Box::pin(reader.for_each(|_| async {}));
    catch_unwind(AssertUnwindSafe(|| task.as_mut().now_or_never())).unwrap_err();
    drop(task);
    assert_eq!(read(&mut other), Some(1));
    assert!(now(waiting).is_ok());
    assert_eq!(read(&mut other), Some(2));
    let receipt = now(awaited).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped_by()), (1, &[id][..]));
}

#[test]
fn a_clone_that_disconnects_its_own_reader_is_still_yielded() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let (inside, id) = (manager.clone(), reader.id());
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(move || {
        inside.disconnect(id);
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(read(&mut reader), None);
    assert_eq!(now(awaited).unwrap().dropped_by(), [id], "it came too late");
}

#[test]
fn an_event_overwritten_by_its_own_clone_is_missed_not_yielded() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let inside = manager.downgrade();
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(move || {
        let manager = inside.upgrade().expect("it is open");
        assert!(manager.try_notify(Odd::plain(2)).is_ok());
    }));
    let mut awaited = manager.sync_notify(odd);
    assert!((&mut awaited).now_or_never().is_none());
    assert!(matches!(now(lossy.next()), Some(Received::Missed(1))));
    assert!(matches!(
        now(lossy.next()),
        Some(Received::Event(Odd { n: 2, .. }))
    ));
    assert_eq!(now(awaited).unwrap().dropped(), 1);
}

// ---- Wake and drop of a waker -------------------------------------------------------------------

/// Something that waits with a waker, until that is called or dropped by us.
struct Wait {
    name: &'static str,
    /// The waker is called, and not only dropped.
    wakes: bool,
    run: fn(&World, Waker),
}

const fn wakes(name: &'static str, run: fn(&World, Waker)) -> Wait {
    Wait {
        name,
        wakes: true,
        run,
    }
}

const fn drops(name: &'static str, run: fn(&World, Waker)) -> Wait {
    Wait {
        name,
        wakes: false,
        run,
    }
}

/// Polls once and lets the waker go, so that ours is the last.
fn wait<F: Future + Unpin>(future: &mut F, waker: Waker) {
    let poll = Pin::new(future).poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    drop(waker);
}

/// Fills one narrow subscriber, so that the next publisher waits for it.
fn fill(world: &World) -> Subscription<Odd> {
    let full = world.manager.subscribe_with(narrow(Overflow::Wait));
    world.publish(Odd::plain(1));
    world.catch_up();
    full
}

/// Runs a story with an event that is stored, awaited by `waker`, and read by all but `reader`.
fn awaited(
    world: &World,
    waker: Waker,
    options: SubscribeOptions,
    goes_on: impl FnOnce(Subscription<Odd>),
) {
    let reader = world.manager.subscribe_with(options);
    let mut done = world.manager.sync_notify(Odd::plain(1));
    wait(&mut done, waker);
    world.note(1, true);
    world.catch_up();
    goes_on(reader);
}

/// The same, where a flush waits.
fn flushed(world: &World, waker: Waker, goes_on: impl FnOnce(Subscription<Odd>)) {
    let reader = world.manager.subscribe();
    world.publish(Odd::plain(1));
    world.catch_up();
    let mut flush = world.manager.flush();
    wait(&mut flush, waker);
    goes_on(reader);
}

/// A stream of deliveries at its limit, and the delivery that is out.
fn at_limit(world: &World, waker: Waker, goes_on: impl FnOnce(Deliveries<Odd>, Delivery<Odd>)) {
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = world.manager.subscribe_with(options).deliveries();
    world.publish(Odd::plain(1));
    world.publish(Odd::plain(2));
    world.catch_up();
    let out = next(&mut jobs);
    wait(&mut jobs.next(), waker);
    goes_on(jobs, out);
}

/// A story with a delivery out, which `waker` waits for through `sync_notify` or `flush`.
fn delivered(world: &World, waker: Waker, flushes: bool, goes_on: impl FnOnce(Delivery<Odd>)) {
    let mut jobs = world.manager.subscribe().deliveries();
    let mut done = world.manager.sync_notify(Odd::plain(1));
    let mut flush = world.manager.flush();
    assert!((&mut done).now_or_never().is_none());
    world.note(1, true);
    world.catch_up();
    let out = next(&mut jobs);
    drop(jobs);
    if flushes {
        wait(&mut flush, waker);
    } else {
        wait(&mut done, waker);
    }
    goes_on(out);
}

const WAITS: &[Wait] = &[
    wakes("a stream at its limit, woken by an ack", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            out.ack();
            assert_eq!(next(&mut jobs).ack().n, 2);
        });
    }),
    wakes("a stream at its limit, woken by a drop", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            drop(out);
            assert_eq!(next(&mut jobs).ack().n, 2);
        });
    }),
    drops("a stream at its limit that leaves", |world, waker| {
        at_limit(world, waker, |jobs, out| {
            drop(jobs);
            out.ack();
        });
    }),
    drops(
        "a stream at its limit, moved to another task",
        |world, waker| {
            at_limit(world, waker, |mut jobs, out| {
                assert!(jobs.next().now_or_never().is_none());
                out.ack();
            });
        },
    ),
    drops("a stream at its limit, that finds room", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            out.ack();
            next(&mut jobs).ack();
        });
    }),
    wakes(
        "sync_notify, answered by a delivery's ack",
        |world, waker| {
            delivered(world, waker, false, |out| drop(out.ack()));
        },
    ),
    wakes(
        "sync_notify, answered by a delivery's drop",
        |world, waker| {
            delivered(world, waker, false, drop);
        },
    ),
    wakes("sync_notify, answered by a panic in map", |world, waker| {
        delivered(world, waker, false, |out| {
            let map = || out.map(|_| silent_panic());
            assert!(catch_unwind(AssertUnwindSafe(map)).is_err());
        });
    }),
    wakes("flush, answered by a delivery's ack", |world, waker| {
        delivered(world, waker, true, |out| drop(out.ack()));
    }),
    wakes("flush, answered by a delivery's drop", |world, waker| {
        delivered(world, waker, true, drop);
    }),
    wakes("reserve in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    wakes("reserve in line, woken by a permit", |world, waker| {
        let _full = world.manager.subscribe_with(narrow(Overflow::Wait));
        let permit = now(world.manager.reserve()).unwrap();
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        drop(permit);
    }),
    wakes("reserve in line, woken by the close", |world, waker| {
        let _full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        world.manager.close();
    }),
    drops("reserve in line, cancelled", |world, waker| {
        let _full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        drop(reserve);
    }),
    wakes("a sink in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut sink = world.manager.sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    drops("a sink in line that is dropped", |world, waker| {
        let _full = fill(world);
        let mut sink = world.manager.sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        drop(sink);
    }),
    drops("a sink in line that is closed", |world, waker| {
        let _full = fill(world);
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        assert!(now(sink.close()).is_ok());
    }),
    wakes("a sync sink's flush, answered", |world, waker| {
        let mut reader = world.manager.subscribe();
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(1)), waker);
        world.note(1, true);
        world.catch_up();
        assert_eq!(read(&mut reader), Some(1));
        reader.ack();
    }),
    drops("a sync sink's flush, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(1)), waker);
        world.note(1, true);
        world.catch_up();
        drop(sink);
    }),
    wakes("stop, woken by the last permit", |world, waker| {
        let permit = now(world.manager.reserve()).unwrap();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        drop(permit);
    }),
    wakes("stop, woken by the last permit's event", |world, waker| {
        let permit = now(world.manager.reserve()).unwrap();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        world.note(1, true);
        permit.notify(Odd::plain(1));
        world.catch_up();
    }),
    wakes("a parked reader, woken by a permit", |world, waker| {
        let mut reader = world.manager.subscribe();
        let permit = now(world.manager.reserve()).unwrap();
        wait(&mut reader.next(), waker);
        world.note(1, true);
        permit.notify(Odd::plain(1));
        world.catch_up();
    }),
    wakes("a parked reader, woken by an event", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        world.publish(Odd::plain(1));
        world.catch_up();
    }),
    wakes("a parked reader, woken by notify", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        let stored = now(world.manager.notify(Odd::plain(1)));
        world.note(1, stored.is_ok());
        world.catch_up();
    }),
    wakes("a parked reader, woken by the close", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        world.manager.close();
        assert!(now(reader.next()).is_none());
    }),
    wakes("a parked reader, disconnected", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        assert!(world.manager.disconnect(reader.id()));
        assert!(now(reader.next()).is_none());
    }),
    drops("a parked reader that leaves", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        drop(reader);
    }),
    drops(
        "a parked reader that moves to another task",
        |world, waker| {
            let mut reader = world.manager.subscribe();
            wait(&mut reader.next(), waker);
            let _ = reader.next().now_or_never();
        },
    ),
    wakes("a publisher in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    wakes(
        "a publisher in line, woken by one who leaves",
        |world, waker| {
            let full = fill(world);
            let mut publisher = world.manager.ack_notify(Odd::plain(2));
            wait(&mut publisher, waker);
            drop(full);
        },
    ),
    wakes(
        "a publisher in line, woken by a disconnection",
        |world, waker| {
            let full = fill(world);
            let mut publisher = world.manager.sync_notify(Odd::plain(2));
            wait(&mut publisher, waker);
            assert!(world.manager.disconnect(full.id()));
        },
    ),
    wakes(
        "a publisher in line, woken by one who is cancelled",
        |world, waker| {
            let mut full = fill(world);
            let mut first = world.manager.notify(Odd::plain(2));
            assert!((&mut first).now_or_never().is_none());
            let mut publisher = world.manager.notify(Odd::plain(3));
            wait(&mut publisher, waker);
            assert_eq!(read(&mut full), Some(1));
            drop(first);
        },
    ),
    wakes(
        "a publisher in line, woken by one who has stored",
        |world, waker| {
            let mut full = world
                .manager
                .subscribe_with(narrow(Overflow::Wait).window(2));
            world.publish(Odd::plain(1));
            world.publish(Odd::plain(2));
            world.catch_up();
            let mut first = world.manager.notify(Odd::plain(3));
            assert!((&mut first).now_or_never().is_none());
            let mut publisher = world.manager.notify(Odd::plain(4));
            wait(&mut publisher, waker);
            assert_eq!((read(&mut full), read(&mut full)), (Some(1), Some(2)));
            let stored = now(first);
            world.note(3, stored.is_ok());
            world.catch_up();
        },
    ),
    wakes("a publisher in line, woken by the close", |world, waker| {
        let _full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        world.manager.close();
    }),
    drops("a publisher in line that is cancelled", |world, waker| {
        let _full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        drop(publisher);
    }),
    drops(
        "a publisher in line that moves to another task",
        |world, waker| {
            let _full = fill(world);
            let mut publisher = world.manager.notify(Odd::plain(2));
            wait(&mut publisher, waker);
            let _ = publisher.now_or_never();
        },
    ),
    wakes("sync_notify, answered by the next poll", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            let _ = reader.next().now_or_never();
        });
    }),
    wakes("sync_notify, answered by ack", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
        });
    }),
    wakes("sync_notify, answered by one who leaves", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), drop);
    }),
    wakes(
        "sync_notify, answered by one who leaves with it in hand",
        |world, waker| {
            awaited(world, waker, SubscribeOptions::new(), |mut reader| {
                assert_eq!(read(&mut reader), Some(1));
            });
        },
    ),
    wakes(
        "sync_notify, answered by a disconnection",
        |world, waker| {
            awaited(world, waker, SubscribeOptions::new(), |reader| {
                assert!(world.manager.disconnect(reader.id()));
            });
        },
    ),
    wakes(
        "sync_notify, answered by an overwriting event",
        |world, waker| {
            awaited(world, waker, narrow(Overflow::DropOldest), |_reader| {
                world.publish(Odd::plain(2));
            });
        },
    ),
    wakes("sync_notify, answered by an overflow", |world, waker| {
        awaited(world, waker, narrow(Overflow::Disconnect), |_reader| {
            world.publish(Odd::plain(2));
        });
    }),
    drops("sync_notify, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut done = world.manager.sync_notify(Odd::plain(1));
        wait(&mut done, waker);
        world.note(1, true);
        world.catch_up();
        drop(done);
    }),
    drops("sync_notify, moved to another task", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut done = world.manager.sync_notify(Odd::plain(1));
        wait(&mut done, waker);
        world.note(1, true);
        world.catch_up();
        let _ = done.now_or_never();
    }),
    wakes("ack_notify, received", |world, waker| {
        let mut reader = world.manager.subscribe();
        let mut received = world.manager.ack_notify(Odd::plain(1));
        wait(&mut received, waker);
        world.note(1, true);
        world.catch_up();
        assert_eq!(read(&mut reader), Some(1));
    }),
    wakes("flush, answered by the next poll", |world, waker| {
        flushed(world, waker, |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            let _ = reader.next().now_or_never();
        });
    }),
    wakes("flush, answered by ack", |world, waker| {
        flushed(world, waker, |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
        });
    }),
    wakes("flush, answered by one who leaves", |world, waker| {
        flushed(world, waker, drop);
    }),
    wakes("flush, answered by a disconnection", |world, waker| {
        flushed(world, waker, |reader| {
            assert!(world.manager.disconnect(reader.id()));
        });
    }),
    drops("flush, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut flush = world.manager.flush();
        wait(&mut flush, waker);
        drop(flush);
    }),
    drops("flush, moved to another task", |world, waker| {
        let _reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut flush = world.manager.flush();
        wait(&mut flush, waker);
        let _ = flush.now_or_never();
    }),
    wakes("stop, answered at the end", |world, waker| {
        let mut reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), None));
    }),
    wakes("closed", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        world.manager.close();
    }),
    drops("closed, given up", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        drop(closed);
    }),
    drops("closed, moved to another task", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        let _ = closed.now_or_never();
    }),
    wakes(
        "wait_for_subscribers, by the one that comes",
        |world, waker| {
            let mut full = world.manager.wait_for_subscribers(4);
            wait(&mut full, waker);
            let _fourth = world.manager.subscribe();
        },
    ),
    wakes("wait_for_subscribers, by the close", |world, waker| {
        let mut full = world.manager.wait_for_subscribers(4);
        wait(&mut full, waker);
        world.manager.close();
    }),
    drops(
        "wait_for_subscribers, moved and given up",
        |world, waker| {
            let mut full = world.manager.wait_for_subscribers(4);
            wait(&mut full, waker);
            let _ = full.now_or_never();
        },
    ),
];

#[test]
fn a_wake_that_panics_or_calls_back_harms_nobody_wherever_it_runs() {
    for place in WAITS.iter().filter(|place| place.wakes) {
        for act in ACTS {
            let _said = OnPanic(format!("{}, {act:?}", place.name));
            let world = World::new();
            let waker = OddWaker {
                on_wake: Some(world.hook(act)),
                on_drop: None,
            };
            (place.run)(&world, Waker::from(Arc::new(waker)));
            world.check();
        }
    }
}

#[test]
fn a_waker_whose_drop_panics_or_calls_back_harms_nobody_wherever_it_runs() {
    for place in WAITS {
        for act in ACTS {
            let _said = OnPanic(format!("{}, {act:?}", place.name));
            let world = World::new();
            let waker = OddWaker {
                on_wake: None,
                on_drop: Some(world.hook(act)),
            };
            (place.run)(&world, Waker::from(Arc::new(waker)));
            world.check();
        }
    }
}

#[test]
fn a_wake_that_panics_does_not_keep_the_others_from_being_woken() {
    let manager = EventManager::new(8);
    let woken = Arc::new(AtomicUsize::new(0));
    let mut readers: Vec<_> = (0..9).map(|_| manager.subscribe()).collect();
    for reader in &mut readers {
        let woken = Arc::clone(&woken);
        let waker = OddWaker {
            on_wake: Some(Arc::new(move || {
                woken.fetch_add(1, Ordering::Relaxed);
                silent_panic();
            })),
            on_drop: Some(Arc::new(|| {
                if !std::thread::panicking() {
                    silent_panic();
                }
            })),
        };
        wait(&mut reader.next(), Waker::from(Arc::new(waker)));
    }
    assert!(matches!(manager.try_notify(Odd::plain(1)), Ok(9)));
    assert_eq!(woken.load(Ordering::Relaxed), 9);
    for reader in &mut readers {
        assert_eq!(read(reader), Some(1));
    }
}

#[test]
fn wakes_that_publish_and_so_wake_each_other_all_come_through() {
    const READERS: u32 = 100;
    let manager = EventManager::new(READERS as usize + 1);
    let mut readers: Vec<_> = (0..READERS).map(|_| manager.subscribe()).collect();
    for (reader, n) in readers.iter_mut().zip(1..) {
        let inside = manager.downgrade();
        let waker = OddWaker {
            on_wake: Some(Arc::new(move || {
                let manager = inside.upgrade().expect("it is open");
                assert!(manager.try_notify(Odd::plain(n)).is_ok());
            })),
            on_drop: None,
        };
        wait(&mut reader.next(), Waker::from(Arc::new(waker)));
    }
    assert!(manager.try_notify(Odd::plain(0)).is_ok());
    manager.close();
    let mut all = readers.into_iter().map(|reader| {
        let events = now(reader.collect::<Vec<_>>());
        events.iter().map(|event| event.n).collect::<Vec<_>>()
    });
    let first = all.next().expect("there are a hundred");
    assert!(all.all(|events| events == first), "one order for all");
    let mut events = first;
    events.sort_unstable();
    assert!(events.into_iter().eq(0..=READERS));
}

/// A task that is run inside its own `wake`, as some executors do.
struct Inline(Mutex<Option<BoxFuture<'static, ()>>>);

impl Inline {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let task = Arc::new(Self(Mutex::new(Some(future.boxed()))));
        Arc::clone(&task).wake();
        task
    }

    fn is_done(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let mut future = self.0.try_lock().expect("it is not woken while it runs");
        let waker = Waker::from(Arc::clone(&self));
        let mut cx = Context::from_waker(&waker);
        if let Some(Poll::Ready(())) = future.as_mut().map(|task| task.poll_unpin(&mut cx)) {
            *future = None;
        }
    }
}

#[test]
fn tasks_that_run_inside_their_wake_go_on_at_once() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    assert!(manager.try_notify(Odd::plain(1)).is_ok());
    let publisher = Inline::spawn({
        let manager = manager.clone();
        async move {
            assert!(manager.notify(Odd::plain(2)).await.is_ok());
            assert!(manager.sync_notify(Odd::plain(3)).await.is_ok());
        }
    });
    let (sum, total) = (Arc::new(AtomicUsize::new(0)), 2 + 3);
    let reader = Inline::spawn({
        let (sum, mut reader) = (Arc::clone(&sum), manager.subscribe());
        async move {
            while let Some(event) = reader.next().await {
                sum.fetch_add(event.n as usize, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(read(&mut slow), Some(1));
    assert_eq!(
        read(&mut slow),
        Some(2),
        "stored inside the poll that made room"
    );
    assert_eq!(read(&mut slow), Some(3));
    assert_eq!(
        sum.load(Ordering::Relaxed),
        total,
        "read inside the call that published"
    );
    assert!(!publisher.is_done());
    slow.ack();
    assert!(publisher.is_done() && !reader.is_done());
    manager.close();
    assert!(reader.is_done());
}

// ---- Clone of a waker ---------------------------------------------------------------------------

/// `Wake` cannot say what `clone` does, so this is a waker by hand.
mod cloned {
    use std::cell::RefCell;
    use std::task::{RawWaker, RawWakerVTable, Waker};

    use super::Hook;

    thread_local! {
        static ON_CLONE: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let hook = ON_CLONE.take();
            if let Some(hook) = hook {
                hook();
            }
            raw()
        },
        |_| {},
        |_| {},
        |_| {},
    );

    const fn raw() -> RawWaker {
        RawWaker::new(std::ptr::null(), &VTABLE)
    }

    /// A waker whose next clone runs `hook`, once.
    pub(crate) fn waker(hook: Hook) -> Waker {
        ON_CLONE.set(Some(hook));
        // SAFETY: the functions of the table look at no data, and any thread may call them.
        unsafe { Waker::from_raw(raw()) }
    }
}

/// Polls for the first time, with a waker whose clone does `act`; the panic is the task's own.
fn first_poll<F: Future + Unpin>(mut future: F, waker: &Waker, act: Act) {
    let poll = catch_unwind(AssertUnwindSafe(|| {
        Pin::new(&mut future)
            .poll(&mut Context::from_waker(waker))
            .is_ready()
    }));
    if act == Act::Panic {
        poll.unwrap_err();
        assert!(
            (&mut future).now_or_never().is_none(),
            "it waits as if nothing had been"
        );
    }
}

#[test]
fn a_waker_whose_clone_panics_or_calls_back_harms_its_own_task_at_most() {
    type First = (&'static str, fn(&World, &Waker, Act));
    let places: [First; 13] = [
        ("next, at the limit of deliveries", |world, waker, act| {
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = world.manager.subscribe_with(options).deliveries();
            world.publish(Odd::plain(1));
            world.publish(Odd::plain(2));
            world.catch_up();
            let _out = next(&mut jobs);
            first_poll(jobs.next(), waker, act);
        }),
        ("reserve", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.reserve(), waker, act);
        }),
        ("a sink in line", |world, waker, act| {
            let _full = fill(world);
            let mut sink = world.manager.sink();
            first_poll(poll_fn(|cx| sink.poll_ready_unpin(cx)), waker, act);
        }),
        ("a sync sink's flush", |world, waker, act| {
            let _reader = world.manager.subscribe();
            let mut sink = world.manager.sync_sink();
            assert!(now(sink.feed(Odd::plain(1))).is_ok());
            world.note(1, true);
            first_poll(sink.flush(), waker, act);
        }),
        ("next", |world, waker, act| {
            let mut reader = world.manager.subscribe();
            first_poll(reader.next(), waker, act);
        }),
        ("notify", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.notify(Odd::plain(2)), waker, act);
        }),
        ("ack_notify in line", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.ack_notify(Odd::plain(2)), waker, act);
        }),
        ("sync_notify in line", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.sync_notify(Odd::plain(2)), waker, act);
        }),
        ("sync_notify", |world, waker, act| {
            let _reader = world.manager.subscribe();
            first_poll(world.manager.sync_notify(Odd::plain(1)), waker, act);
            world.note(1, true);
        }),
        ("flush", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.flush(), waker, act);
        }),
        ("stop", |world, waker, act| {
            let _full = fill(world);
            first_poll(world.manager.stop(), waker, act);
        }),
        ("closed", |world, waker, act| {
            first_poll(world.manager.closed(), waker, act);
        }),
        ("wait_for_subscribers", |world, waker, act| {
            first_poll(world.manager.wait_for_subscribers(9), waker, act);
        }),
    ];
    for (place, run) in places {
        for act in ACTS {
            let _said = OnPanic(format!("{place}, {act:?}"));
            let world = World::new();
            let waker = cloned::waker(world.hook(act));
            run(&world, &waker, act);
            world.check();
        }
    }
}

/// What the clone does is seen by the poll that made it: no wake-up is lost to it.
#[test]
fn what_a_wakers_clone_changes_is_seen_by_the_poll_that_made_it() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let inside = manager.clone();
    let waker = cloned::waker(Arc::new(move || {
        assert!(inside.try_notify(Odd::plain(1)).is_ok());
    }));
    let next = reader.next().poll_unpin(&mut Context::from_waker(&waker));
    assert!(matches!(next, Poll::Ready(Some(Odd { n: 1, .. }))));

    assert!(manager.try_notify(Odd::plain(2)).is_ok());
    let reader = Arc::new(Mutex::new(reader));
    let inside = Arc::clone(&reader);
    let waker = cloned::waker(Arc::new(move || {
        assert_eq!(read(&mut inside.lock().unwrap()), Some(2));
    }));
    let stored = manager
        .notify(Odd::plain(3))
        .poll_unpin(&mut Context::from_waker(&waker));
    assert!(stored.is_ready(), "the clone made room");

    let inside = Arc::clone(&reader);
    let waker = cloned::waker(Arc::new(move || {
        let mut reader = inside.lock().unwrap();
        assert_eq!(read(&mut reader), Some(3));
        reader.ack();
    }));
    let settled = manager.flush().poll_unpin(&mut Context::from_waker(&waker));
    assert!(settled.is_ready(), "the clone finished with it");
}

// ---- Values of the registry ---------------------------------------------------------------------

#[cfg(feature = "rt")]
mod kv {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use futures::FutureExt;
    use genevent::EventManager;
    use genevent::kv::{Bucket, ExitReason, Registry};

    use super::{Odd, silent_panic};

    /// A value whose `Clone` and `Drop` use the bucket that it is in.
    struct Curious(Bucket<Curious>);

    impl Curious {
        fn look(&self) {
            let Self(bucket) = self;
            let _ = format!("{bucket:?}");
            let _ = bucket.get("nothing").now_or_never();
        }
    }

    impl Clone for Curious {
        fn clone(&self) -> Self {
            self.look();
            Self(self.0.clone())
        }
    }

    impl Drop for Curious {
        fn drop(&mut self) {
            self.look();
        }
    }

    /// Every call of the bucket, alive or ended.
    async fn use_all(bucket: &Bucket<Curious>) {
        let value = || Curious(bucket.clone());
        for _ in 0..2 {
            bucket.put("key", value()).await;
            bucket.get("key").await;
            let _ = bucket.update("key", |_| Some(value())).await;
            let _ = bucket.update("key", |old| old).await;
            let _ = bucket.update("new", |_| Some(value())).await;
            let _ = bucket.update("new", |_| None).await;
        }
        bucket.delete("key").await;
        bucket.put("key", value()).await;
    }

    #[tokio::test]
    async fn a_value_may_use_its_bucket_wherever_it_is_cloned_or_dropped() {
        let registry = Registry::new(EventManager::default());
        let bucket = registry.create("stopped").await.unwrap();
        use_all(&bucket).await;
        bucket.stop();
        use_all(&bucket).await;

        let bucket = registry.create("stopped inside").await.unwrap();
        let stops = |_| {
            bucket.stop();
            Some(Curious(bucket.clone()))
        };
        assert!(bucket.update("key", stops).await.is_err());

        let bucket = registry.create("panicked").await.unwrap();
        use_all(&bucket).await;
        let panics = |_| {
            silent_panic();
            None
        };
        assert!(bucket.update("key", panics).await.is_err());

        let bucket = registry.create("gone").await.unwrap();
        use_all(&bucket).await;
        drop(registry);
        use_all(&bucket).await;
        assert_eq!(bucket.stopped().await, ExitReason::RegistryGone);
    }

    #[tokio::test]
    async fn a_value_whose_drop_panics_harms_neither_the_bucket_nor_its_end() {
        let registry = Registry::new(EventManager::default());
        let bucket = registry.create("main").await.unwrap();
        let fragile = |n| Odd {
            n,
            on_clone: None,
            on_drop: Some(Arc::new(silent_panic)),
        };
        bucket.put("a", fragile(1)).await;
        bucket.put("b", fragile(2)).await;
        bucket.stop();
        assert_eq!(bucket.stopped().await, ExitReason::Stopped);
        assert!(registry.create("main").await.is_ok());
    }

    #[tokio::test]
    async fn a_value_whose_clone_panics_harms_only_who_asked_for_it() {
        let registry = Registry::new(EventManager::default());
        let bucket = registry.create("main").await.unwrap();
        let mut odd = Odd::plain(1);
        odd.on_clone = Some(Arc::new(silent_panic));
        bucket.put("key", odd).await;
        let get = catch_unwind(AssertUnwindSafe(|| bucket.get("key").now_or_never()));
        assert!(get.is_err());
        bucket.put("other", Odd::plain(2)).await;
        assert_eq!(bucket.get("other").await.map(|odd| odd.n), Some(2));
        assert!(registry.lookup("main").is_some());
    }
}
