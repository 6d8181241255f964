//! Counts the instructions of an operation, which do not depend on the load of the machine.
//!
//! `.ci/counts` runs each row under valgrind, which counts the instructions inside of
//! `counted_section`, and compares the quotient with `benches/counts.txt`. All futures are polled by
//! hand on a single thread, so two runs execute the same instructions.

use std::future::ready;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::{Stream, StreamExt};
use genevent::{EventManager, Subscription, handler_fn};

/// The number of events in a round of several, equal to a reader's events per lock.
const BATCH: u64 = 64;
const WARM_UP: u64 = 4;

struct Row {
    name: &'static str,
    /// Returns the number of counted operations.
    run: fn() -> u64,
}

static ROWS: &[Row] = &[
    // An event stored at once, in a series of 64, whose first event wakes the subscribers.
    row("publish/0", || publish(0)),
    row("publish/1", || publish(1)),
    row("publish/64", || publish(64)),
    // An event stored by a future.
    row("notify/1", notify),
    // A subscription made and dropped.
    row("subscribe", subscribe),
    // An event yielded, which also acknowledges the previous event.
    row("take", take),
    // An acknowledgement for `sync_notify`; every 64th wakes the publisher.
    row("acknowledge", acknowledge),
    // A reader parks, is woken by an event, and takes the event.
    row("park-and-wake", park_and_wake),
    // A publisher is queued, is woken when an event is read, and stores its own.
    row("wait-for-room", wait_for_room),
    // A whole round trip: parked subscribers take the event and poll again.
    row("sync_notify/1", || sync_notify(1)),
    row("sync_notify/64", || sync_notify(64)),
    // A delivery yielded and acknowledged.
    row("delivery", delivery),
    // An event passed through `filter`, which lets 1 in 8 through.
    row("filter", filter),
    // An event wanted by a single filter among several: all are evaluated, and the parked reader is
    // woken, takes the event, and polls again.
    row("filtered/1", || filtered(1)),
    row("filtered/64", || filtered(64)),
    // A whole round trip through the callbacks of a group, including tokio's instructions.
    row("group/1", || group(1)),
    row("group/64", || group(64)),
];

const fn row(name: &'static str, run: fn() -> u64) -> Row {
    Row { name, run }
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        ROWS.iter().for_each(|row| println!("{}", row.name));
        return ExitCode::SUCCESS;
    };
    let Some(row) = ROWS.iter().find(|row| row.name == name) else {
        eprintln!("no row {name}; without an argument, this lists them");
        return ExitCode::FAILURE;
    };
    println!("{}", (row.run)());
    ExitCode::SUCCESS
}

// ---- Counting ------- ----------------------------------------------------------------------------

/// `.ci/counts` refers to this name.
#[inline(never)]
fn counted_section(work: impl FnOnce()) {
    work();
}

#[derive(Clone, Copy)]
enum Section {
    WarmUp,
    Counted,
}

impl Section {
    fn run(self, work: impl FnOnce()) {
        match self {
            Self::WarmUp => work(),
            Self::Counted => counted_section(work),
        }
    }
}

/// Runs `round` for `rounds` counted rounds, after a few warm-up rounds.
fn each_round(rounds: u64, mut round: impl FnMut(Section)) -> u64 {
    for n in 0..WARM_UP + rounds {
        round(if n < WARM_UP {
            Section::WarmUp
        } else {
            Section::Counted
        });
    }
    rounds
}

// ---- By hand ------------------------------------------------------------------------------------

/// A waker in place of a task, which counts the wake-ups.
#[derive(Default)]
struct Task {
    woken: AtomicU64,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }
}

fn task() -> (Arc<Task>, Waker) {
    let task = Arc::new(Task::default());
    (Arc::clone(&task), Waker::from(task))
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

fn next<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(waker))
}

/// Takes `events` events without polling for more.
fn read<S: Stream + Unpin>(stream: &mut S, waker: &Waker, events: u64) {
    for _ in 0..events {
        match next(stream, waker) {
            Poll::Ready(Some(event)) => drop(black_box(event)),
            _ => panic!("there is an event"),
        }
    }
}

fn publish_batch(manager: &EventManager<u64>) {
    for n in 0..BATCH {
        manager.try_notify(n).expect("there is room");
    }
}

/// Returns the subscribers, all parked.
fn asleep(
    manager: &EventManager<u64>,
    subscribers: usize,
    waker: &Waker,
) -> Vec<Subscription<u64>> {
    let readers = (0..subscribers).map(|_| {
        let mut reader = manager.subscribe();
        assert!(next(&mut reader, waker).is_pending());
        reader
    });
    readers.collect()
}

/// Returns fewer rounds for more work per round.
fn rounds(subscribers: usize) -> u64 {
    if subscribers > 1 { 40 } else { 1_000 }
}

// ---- The rows -----------------------------------------------------------------------------------

fn publish(subscribers: usize) -> u64 {
    let manager = EventManager::new(1_024);
    let (task, waker) = task();
    let mut readers = asleep(&manager, subscribers, &waker);
    let rounds = each_round(rounds(subscribers), |section| {
        section.run(|| publish_batch(&manager));
        for reader in &mut readers {
            read(reader, &waker, BATCH);
            assert!(next(reader, &waker).is_pending());
        }
    });
    let wakes = (WARM_UP + rounds) * subscribers as u64;
    assert_eq!(task.woken.load(Ordering::Relaxed), wakes);
    rounds * BATCH
}

fn notify() -> u64 {
    let manager = EventManager::new(1_024);
    let (_, waker) = task();
    let mut reader = asleep(&manager, 1, &waker).remove(0);
    let rounds = each_round(rounds(1), |section| {
        section.run(|| {
            for n in 0..BATCH {
                let done = poll(pin!(manager.notify(n)), &waker);
                assert!(done.is_ready());
            }
        });
        read(&mut reader, &waker, BATCH);
        assert!(next(&mut reader, &waker).is_pending());
    });
    rounds * BATCH
}

fn subscribe() -> u64 {
    let manager = EventManager::new(1_024);
    let (_, waker) = task();
    let mut reader = asleep(&manager, 1, &waker).remove(0);
    let rounds = each_round(rounds(1), |section| {
        publish_batch(&manager);
        section.run(|| {
            for _ in 0..BATCH {
                drop(black_box(manager.subscribe()));
            }
        });
        read(&mut reader, &waker, BATCH);
        assert!(next(&mut reader, &waker).is_pending());
    });
    rounds * BATCH
}

fn take() -> u64 {
    let manager = EventManager::new(1_024);
    let (_, waker) = task();
    let mut reader = asleep(&manager, 1, &waker).remove(0);
    let rounds = each_round(rounds(1), |section| {
        publish_batch(&manager);
        section.run(|| read(&mut reader, &waker, BATCH));
        assert!(next(&mut reader, &waker).is_pending());
    });
    rounds * BATCH
}

fn acknowledge() -> u64 {
    let manager = EventManager::new(1_024);
    let (task, waker) = task();
    let mut readers = asleep(&manager, 64, &Waker::noop().clone());
    let rounds = each_round(rounds(64), |section| {
        let mut done = pin!(manager.sync_notify(0));
        assert!(poll(done.as_mut(), &waker).is_pending());
        for reader in &mut readers {
            read(reader, Waker::noop(), 1);
        }
        section.run(|| readers.iter_mut().for_each(Subscription::ack));
        assert!(poll(done, &waker).is_ready());
    });
    assert_eq!(task.woken.load(Ordering::Relaxed), WARM_UP + rounds);
    rounds * 64
}

fn park_and_wake() -> u64 {
    let manager = EventManager::new(1_024);
    let (task, waker) = task();
    let mut reader = manager.subscribe();
    let rounds = each_round(rounds(1), |section| {
        section.run(|| {
            assert!(next(&mut reader, &waker).is_pending());
            manager.try_notify(0).expect("there is room");
            read(&mut reader, &waker, 1);
        });
    });
    assert_eq!(task.woken.load(Ordering::Relaxed), WARM_UP + rounds);
    rounds
}

fn wait_for_room() -> u64 {
    let manager = EventManager::new(1);
    let (task, waker) = task();
    let mut reader = manager.subscribe();
    manager.try_notify(0).expect("there is room");
    let rounds = each_round(rounds(1), |section| {
        section.run(|| {
            let mut stored = pin!(manager.notify(0));
            assert!(poll(stored.as_mut(), &waker).is_pending());
            read(&mut reader, Waker::noop(), 1);
            assert!(poll(stored, &waker).is_ready());
        });
    });
    assert_eq!(task.woken.load(Ordering::Relaxed), WARM_UP + rounds);
    rounds
}

fn sync_notify(subscribers: usize) -> u64 {
    let manager = EventManager::new(1_024);
    let (task, waker) = task();
    let (_, sleeper) = self::task();
    let mut readers = asleep(&manager, subscribers, &sleeper);
    let rounds = each_round(rounds(subscribers), |section| {
        section.run(|| {
            let mut done = pin!(manager.sync_notify(0));
            assert!(poll(done.as_mut(), &waker).is_pending());
            for reader in &mut readers {
                read(reader, &sleeper, 1);
                assert!(next(reader, &sleeper).is_pending());
            }
            assert!(poll(done, &waker).is_ready());
        });
    });
    assert_eq!(task.woken.load(Ordering::Relaxed), WARM_UP + rounds);
    rounds
}

fn delivery() -> u64 {
    let manager = EventManager::new(1_024);
    let (_, waker) = task();
    let mut deliveries = manager.subscribe().deliveries();
    let rounds = each_round(rounds(1), |section| {
        publish_batch(&manager);
        section.run(|| {
            for _ in 0..BATCH {
                match next(&mut deliveries, &waker) {
                    Poll::Ready(Some(delivery)) => black_box(delivery.ack()),
                    _ => panic!("there is an event"),
                };
            }
        });
        assert!(next(&mut deliveries, &waker).is_pending());
    });
    rounds * BATCH
}

fn filter() -> u64 {
    let manager = EventManager::new(1_024);
    let (_, waker) = task();
    let mut wanted = manager.subscribe().filter(|n| ready(n % 8 == 0));
    let rounds = each_round(rounds(1), |section| {
        publish_batch(&manager);
        section.run(|| {
            read(&mut wanted, &waker, BATCH / 8);
            assert!(next(&mut wanted, &waker).is_pending());
        });
    });
    rounds * BATCH
}

/// Uses another event type, so the code of the remaining rows is compiled as before.
fn filtered(subscribers: u32) -> u64 {
    let manager = EventManager::<u32>::new(1_024);
    let (task, waker) = task();
    let readers = (0..subscribers).map(|index| {
        let mut reader = manager.subscribe_filter(move |n| n % subscribers == index);
        assert!(next(&mut reader, &waker).is_pending());
        reader
    });
    let mut readers: Vec<_> = readers.collect();
    let rounds = each_round(u64::from(1_000 / subscribers), |section| {
        section.run(|| {
            for (n, reader) in (0..).zip(&mut readers) {
                manager.try_notify(n).expect("there is room");
                read(reader, &waker, 1);
                assert!(next(reader, &waker).is_pending());
            }
        });
    });
    let wakes = (WARM_UP + rounds) * u64::from(subscribers);
    assert_eq!(task.woken.load(Ordering::Relaxed), wakes);
    rounds * u64::from(subscribers)
}

/// Uses a third event type, for the same reason.
fn group(callbacks: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be built");
    let manager = EventManager::<u16>::new(1_024);
    let handled = Arc::new(AtomicU64::new(0));
    let notify_batch = async || {
        for n in 0..BATCH as u16 {
            let receipt = manager.sync_notify(n).await.expect("the manager is open");
            assert!(receipt.all_acked());
        }
    };
    let _group = {
        let _inside = runtime.enter();
        let group = manager
            .handler_group("callbacks")
            .expect("the name is not in use");
        for name in 0..callbacks {
            let handled = Arc::clone(&handled);
            let callback = handler_fn(move |_: &u16| {
                handled.fetch_add(1, Ordering::Relaxed);
            });
            let added = group.add_handler(name.to_string(), callback);
            assert!(added.is_ok(), "the names differ");
        }
        group
    };
    let rounds = each_round(10, |section| {
        section.run(|| runtime.block_on(notify_batch()));
    });
    let all = (WARM_UP + rounds) * BATCH * callbacks;
    assert_eq!(handled.load(Ordering::Relaxed), all);
    rounds * BATCH
}
