//! The life of a manager, from its start to the last event's drop.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use futures::channel::oneshot;
use futures::{FutureExt, poll};
use genevent::EventManager;
use genevent::future::Reserve;

use crate::book::{Book, Totals, Wants};
use crate::event::{Event, alive};
use crate::executor::{Executor, Job, Outcome, yield_now};
use crate::handlers;
use crate::publisher::publish;
use crate::reader::RoundContext;
use crate::stops;

/// Runs a round and checks its records.
pub(crate) fn play(executor: &Executor, seed: u64, totals: &mut Totals) {
    let book = Arc::new(Book::default());
    executor.block_on(life(executor, seed, &book));
    book.check(totals);
    // The tasks of handlers end on their own; an endless task would hang the round here.
    while alive() > 0 {
        std::thread::sleep(Duration::from_micros(100));
        executor.block_on(yield_now());
    }
}

async fn life(executor: &Executor, seed: u64, book: &Arc<Book>) {
    let mut rng = Rng::with_seed(seed);
    let guests = *rng
        .choice(&[2, 10, 50, 300, 2_000])
        .expect("the list is not empty");
    let publishers = rng.u32(1..5);
    // Every round has about the same amount of work.
    let events = (40_000 / guests).clamp(20, 1_000) / publishers;
    let capacity = *rng
        .choice(&[1, 2, 16, 64, 1_024])
        .expect("the list is not empty");
    let manager = EventManager::<Event>::new(capacity);
    let (end, over) = oneshot::channel();
    let context = RoundContext {
        executor: executor.clone(),
        manager: manager.downgrade(),
        book: Arc::clone(book),
        stalled: Arc::new(Mutex::new(Vec::new())),
        over: over.shared(),
        topics: (1..=Wants::MOST)
            .map(|of| manager.topics(move |event: &Event| event.id % of))
            .collect(),
    };
    let mut jobs = vec![context.lossless(&manager, rng.fork(), usize::MAX)];
    if executor.is_tokio() && rng.bool() {
        handlers::add(&manager, book, &mut rng);
    }
    for _ in 0..guests / 2 {
        jobs.push(context.subscribe_random(&manager, &mut rng));
    }
    let published: Vec<Job> = (0..publishers)
        .map(|me| {
            let manager = manager.clone();
            executor.spawn(publish(manager, Arc::clone(book), me, events, rng.fork()))
        })
        .collect();
    let janitor = Janitor::start(&context);
    for _ in 0..guests / 2 {
        if rng.u8(0..4) == 0 {
            yield_now().await;
        }
        jobs.push(context.subscribe_random(&manager, &mut rng));
    }
    // Outside of a runtime, publishers may sleep behind kept publishers (page `deadlocks`).
    let count = if executor.is_tokio() { rng.u8(0..4) } else { 0 };
    let kept = keep(&manager, count, &mut rng).await;
    if rng.u8(0..4) == 0 {
        for _ in 0..rng.usize(0..200) {
            yield_now().await;
        }
        manager.close();
    }
    for publisher in published {
        assert_eq!(
            publisher.outcome().await,
            Outcome::Done,
            "publishers see no panic"
        );
    }
    drop(kept);
    if rng.bool() {
        let quiet = manager.quiet().await;
        quiet.expect("the call is outside of every handler");
    }
    if rng.bool() {
        manager
            .stop()
            .await
            .expect("the call is outside of every handler");
    }
    drop(manager);
    janitor.stop().await;
    end.send(()).ok();
    stops::race(executor, &mut rng).await;
    for job in jobs {
        assert_ne!(job.outcome().await, Outcome::Failed);
    }
}

/// Polls publishing futures once, and keeps the pending futures.
async fn keep<'a>(
    manager: &'a EventManager<Event>,
    count: u8,
    rng: &mut Rng,
) -> Vec<Pin<Box<Reserve<'a, Event>>>> {
    let mut kept = Vec::new();
    for _ in 0..count {
        for _ in 0..rng.usize(0..20) {
            yield_now().await;
        }
        let mut publisher = Box::pin(manager.reserve());
        if poll!(&mut publisher).is_pending() {
            kept.push(publisher);
        }
    }
    kept
}

/// Disconnects the stalled subscribers, so no publisher waits for ever.
struct Janitor {
    job: Job,
    off: Arc<AtomicBool>,
}

impl Janitor {
    fn start(context: &RoundContext) -> Self {
        let off = Arc::new(AtomicBool::new(false));
        let work = {
            let (context, off) = (context.clone(), Arc::clone(&off));
            async move {
                while !off.load(Ordering::Acquire) {
                    yield_now().await;
                    let Some(manager) = context.manager.upgrade() else {
                        return;
                    };
                    let stalled = std::mem::take(&mut *context.stalled.lock().unwrap());
                    for id in stalled {
                        manager.disconnect(id);
                    }
                }
            }
        };
        let job = context.executor.spawn(work);
        Self { job, off }
    }

    async fn stop(self) {
        self.off.store(true, Ordering::Release);
        self.job.outcome().await;
    }
}
