//! Removal, swap and the end of an owner during a stream of events: no schedule loses or repeats an
//! event.
//!
//! Each run takes its schedule from a seed: publishers, and tasks that remove, swap, call and end
//! owners, each step delayed by a random number of polls on a single thread. `GENEVENT_SEEDS` sets
//! the number of runs.

mod groups;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// A small random generator, so that a seed always gives the same schedule.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn fork(&mut self) -> Self {
        let seed = self.below(u64::MAX - 1) + 1;
        Self(seed)
    }

    async fn dawdle(&mut self) {
        for _ in 0..self.below(6) {
            yield_now().await;
        }
    }
}

/// The seen events, each with the life that saw the event.
type Seen = Arc<Mutex<Vec<(u32, u64)>>>;

struct Witness {
    life: u32,
    seen: Seen,
    dice: Dice,
    ended: Arc<AtomicU64>,
    /// Panics at every fifth event.
    fragile: bool,
}

impl Handler<u64> for Witness {
    async fn handle_event(&mut self, n: &u64) -> Handled {
        self.seen.lock().unwrap().push((self.life, *n));
        self.dice.dawdle().await;
        if self.fragile && self.dice.below(5) == 0 {
            std::panic::resume_unwind(Box::new("fragile"));
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.dice.dawdle().await;
    }
}

const EVENTS: u64 = 24;

struct Run {
    manager: EventManager<u64>,
    dice: Dice,
    seen: Seen,
    ended: Arc<AtomicU64>,
}

impl Run {
    fn witness(&mut self, life: u32) -> Witness {
        Witness {
            life,
            seen: Arc::clone(&self.seen),
            dice: self.dice.fork(),
            ended: Arc::clone(&self.ended),
            fragile: false,
        }
    }

    /// Publishes all events, in its own time, by any of the calls.
    fn publish(&mut self) -> tokio::task::JoinHandle<()> {
        let (manager, mut dice) = (self.manager.clone(), self.dice.fork());
        tokio::spawn(async move {
            for n in 1..=EVENTS {
                dice.dawdle().await;
                match dice.below(3) {
                    0 => drop(manager.notify(n).await.unwrap()),
                    1 => drop(manager.ack_notify(n).await.unwrap()),
                    _ => {
                        let receipt = manager.sync_notify(n).await.unwrap();
                        assert!(receipt.acked() + receipt.dropped() <= 2);
                    }
                }
            }
        })
    }

    fn seen(&self) -> Vec<u64> {
        self.seen.lock().unwrap().iter().map(|(_, n)| *n).collect()
    }
}

fn model<F: Future<Output = ()>>(story: impl Fn(Run) -> F) {
    let seeds = std::env::var("GENEVENT_SEEDS").map_or(3_000, |n| n.parse().unwrap());
    for seed in 1..=seeds {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15) | 1);
        let capacity = usize::try_from(1 + dice.below(4)).unwrap();
        let run = Run {
            manager: EventManager::new(capacity),
            dice,
            seen: Seen::default(),
            ended: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let story = story(run);
        let in_time = async { tokio::time::timeout(Duration::from_secs(60), story).await };
        assert!(runtime.block_on(in_time).is_ok(), "seed {seed} hangs");
    }
}

/// Adds a witness alone, also with a filter that wants every event, or into a group with another
/// member.
fn add(run: &mut Run, owner: Option<oneshot::Receiver<()>>) -> HandlerRef<u64, Witness> {
    let witness = run.witness(1);
    let owner = async move {
        match owner {
            Some(owner) => drop(owner.await),
            None => std::future::pending().await,
        }
    };
    let options = HandlerOptions::new("witness").owner(owner);
    match run.dice.below(4) {
        0 => return run.manager.add_handler_with(options, witness).unwrap(),
        1 => {
            let options = options.filter(|_| true);
            return run.manager.add_handler_with(options, witness).unwrap();
        }
        _ => {}
    }
    let group = run.manager.handler_group("group").unwrap();
    group.add_handler("other", |_: &u64| yield_now()).unwrap();
    group.add_handler_with(options, witness).unwrap()
}

// GenEvent cases 71, 73.
#[test]
fn a_removal_sees_exactly_the_earlier_events() {
    model(async |mut run| {
        let handler = add(&mut run, None);
        let publisher = run.publish();
        for _ in 0..run.dice.below(60) {
            yield_now().await;
        }
        let stopped = handler.stopped();
        let mut removal = Box::pin(handler.remove());
        let patient = run.dice.below(2) == 0;
        if futures::poll!(&mut removal).is_pending() && patient {
            assert!(removal.await.is_ok());
        } else {
            drop(removal); // the removal still happens
        }
        assert_eq!(stopped.await, StopReason::Removed);
        let seen = run.seen();
        assert!(seen.iter().copied().eq(1..=seen.len() as u64), "{seen:?}");
        publisher.await.unwrap();
        assert_eq!(run.seen(), seen, "nothing after the end");
        assert_eq!(run.ended.load(Ordering::SeqCst), 1);
        run.manager.stop().await.unwrap();
    });
}

// GenEvent case 79.
#[test]
fn a_swap_separates_two_events() {
    model(async |mut run| {
        let mut handler = add(&mut run, None);
        let publisher = run.publish();
        let swaps = 1 + u32::try_from(run.dice.below(4)).unwrap();
        for life in 2..=swaps + 1 {
            let mut dice = run.dice.fork();
            dice.dawdle().await;
            let new = run.witness(life);
            handler = if dice.below(3) == 0 {
                let swapped = handler.try_swap(move |_| Ok::<_, Witness>(new)).await;
                run.ended.fetch_add(1, Ordering::SeqCst);
                swapped.unwrap()
            } else {
                handler.swap(move |_| new).await.unwrap()
            };
        }
        publisher.await.unwrap();
        run.manager.stop().await.unwrap();
        assert!(run.seen().into_iter().eq(1..=EVENTS), "{:?}", run.seen());
        let lives = run.seen.lock().unwrap().clone();
        assert!(lives.is_sorted(), "{lives:?}");
        assert_eq!(run.ended.load(Ordering::SeqCst), u64::from(swaps) + 1);
        assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
    });
}

// GenEvent case 85.
#[test]
fn an_owner_ends_its_handler_between_two_events() {
    model(async |mut run| {
        let (owner, gone) = oneshot::channel();
        let handler = add(&mut run, Some(gone));
        // Stores the events itself, and so knows their number.
        let mut stored = 0;
        let (mut dice, manager) = (run.dice.fork(), run.manager.clone());
        let last = dice.below(EVENTS);
        while stored < last {
            dice.dawdle().await;
            manager.notify(stored + 1).await.unwrap();
            stored += 1;
        }
        drop(owner);
        for n in last + 1..=EVENTS {
            manager.notify(n).await.unwrap();
            dice.dawdle().await;
        }
        assert_eq!(handler.stopped().await, StopReason::OwnerGone);
        assert!(
            run.seen().into_iter().eq(1..=last),
            "{last}: {:?}",
            run.seen()
        );
        run.manager.stop().await.unwrap();
    });
}

#[test]
fn restarts_see_every_event_once() {
    model(async |mut run| {
        let (mut life, mut dice) = (0, run.dice.fork());
        let (seen, ended) = (Arc::clone(&run.seen), Arc::clone(&run.ended));
        let make = move || {
            life += 1;
            Witness {
                life,
                seen: Arc::clone(&seen),
                dice: dice.fork(),
                ended: Arc::clone(&ended),
                fragile: true,
            }
        };
        let always = Restart::on_failure(1_000, Duration::from_secs(1));
        let options = HandlerOptions::new("a").restart(always);
        let options = match run.dice.below(2) {
            0 => options,
            _ => options.filter(|_| true),
        };
        let handler = run.manager.add_handler_with(options, make).unwrap();
        run.publish().await.unwrap();
        let lives = handler.call(|witness| witness.life).await.unwrap();
        assert!(run.seen().into_iter().eq(1..=EVENTS), "{:?}", run.seen());
        assert!(run.seen.lock().unwrap().is_sorted());
        run.manager.stop().await.unwrap();
        assert_eq!(run.ended.load(Ordering::SeqCst), u64::from(lives));
    });
}

#[test]
fn calls_see_exactly_the_earlier_events() {
    model(async |mut run| {
        let handler = add(&mut run, None);
        let aside = handler_fn(|_: &u64| ());
        run.manager.add_handler("aside", aside).unwrap();
        let (mut dice, manager) = (run.dice.fork(), run.manager.clone());
        let mut calls = Vec::new();
        for n in 1..=EVENTS {
            manager.notify(n).await.unwrap();
            if dice.below(4) == 0 {
                let seen = Arc::clone(&run.seen);
                let mut call = Box::pin(handler.call(move |_| seen.lock().unwrap().len()));
                assert!(futures::poll!(&mut call).is_pending());
                calls.push((n, call));
            }
            dice.dawdle().await;
        }
        for (n, call) in calls {
            assert_eq!(call.await, Ok(usize::try_from(n).unwrap()));
        }
        manager.stop().await.unwrap();
    });
}
