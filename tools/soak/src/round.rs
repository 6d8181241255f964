//! The life of one manager, from its making to the last event's end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use futures::FutureExt;
use futures::channel::oneshot;
use genevent::EventManager;

use crate::book::{Book, Totals};
use crate::event::{Event, alive};
use crate::executor::{Executor, Job, Outcome, others};
use crate::handlers;
use crate::publisher::publish;
use crate::reader::Hall;
use crate::stops;

/// Plays one round, and checks what was noted.
pub(crate) fn play(executor: &Executor, seed: u64, totals: &mut Totals) {
    let book = Arc::new(Book::default());
    executor.block_on(life(executor, seed, &book));
    book.check(totals);
    // The tasks of handlers end in their own time; if one did not, this would never.
    while alive() > 0 {
        std::thread::sleep(Duration::from_micros(100));
        executor.block_on(others());
    }
}

async fn life(executor: &Executor, seed: u64, book: &Arc<Book>) {
    let mut rng = Rng::with_seed(seed);
    let guests = *rng
        .choice(&[2, 10, 50, 300, 2_000])
        .expect("there are some");
    let publishers = rng.u32(1..5);
    // About as much work in every round.
    let events = (40_000 / guests).clamp(20, 1_000) / publishers;
    let capacity = *rng.choice(&[1, 2, 16, 64, 1_024]).expect("there are some");
    let manager = EventManager::<Event>::new(capacity);
    let (end, over) = oneshot::channel();
    let hall = Hall {
        executor: executor.clone(),
        manager: manager.downgrade(),
        book: Arc::clone(book),
        stalled: Arc::new(Mutex::new(Vec::new())),
        over: over.shared(),
    };
    let mut jobs = vec![hall.lossless(&manager, rng.fork(), usize::MAX)];
    if executor.is_tokio() && rng.bool() {
        handlers::add(&manager, book, &mut rng);
    }
    for _ in 0..guests / 2 {
        jobs.push(hall.invite(&manager, &mut rng));
    }
    let published: Vec<Job> = (0..publishers)
        .map(|me| {
            let manager = manager.clone();
            executor.spawn(publish(manager, Arc::clone(book), me, events, rng.fork()))
        })
        .collect();
    let janitor = Janitor::start(&hall);
    for _ in 0..guests / 2 {
        if rng.u8(0..4) == 0 {
            others().await;
        }
        jobs.push(hall.invite(&manager, &mut rng));
    }
    if rng.u8(0..4) == 0 {
        for _ in 0..rng.usize(0..200) {
            others().await;
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
    if rng.bool() {
        manager.stop().await.expect("this is no handler");
    }
    drop(manager);
    janitor.stop().await;
    end.send(()).ok();
    stops::race(executor, &mut rng).await;
    for job in jobs {
        assert_ne!(job.outcome().await, Outcome::Failed);
    }
}

/// Disconnects those that stand still: nobody may wait for them for ever.
struct Janitor {
    job: Job,
    off: Arc<AtomicBool>,
}

impl Janitor {
    fn start(hall: &Hall) -> Self {
        let off = Arc::new(AtomicBool::new(false));
        let work = {
            let (hall, off) = (hall.clone(), Arc::clone(&off));
            async move {
                while !off.load(Ordering::Acquire) {
                    others().await;
                    let Some(manager) = hall.manager.upgrade() else {
                        return;
                    };
                    let stalled = std::mem::take(&mut *hall.stalled.lock().unwrap());
                    for id in stalled {
                        manager.disconnect(id);
                    }
                }
            }
        };
        let job = hall.executor.spawn(work);
        Self { job, off }
    }

    async fn stop(self) {
        self.off.store(true, Ordering::Release);
        self.job.outcome().await;
    }
}
