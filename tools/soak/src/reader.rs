//! Subscribers of every kind: those that keep up, and those that do not behave.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use fastrand::Rng;
use futures::future::Shared;
use futures::{Stream, StreamExt, poll};
use genevent::{
    Delivery, EventManager, Overflow, Received, SubscribeOptions, SubscriberId, WithMissed,
};

use crate::book::{Book, Fate, Record};
use crate::event::{Event, with_slow_clones};
use crate::executor::{Executor, IntendedPanic, Job, Outcome, others};
use crate::stages::Before;

pub(crate) type Over = Shared<futures::channel::oneshot::Receiver<()>>;

/// What readers share with the rest of their round.
#[derive(Clone)]
pub(crate) struct Hall {
    pub(crate) executor: Executor,
    pub(crate) manager: genevent::WeakEventManager<Event>,
    pub(crate) book: Arc<Book>,
    /// Those that stand still until the round is over, or somebody disconnects them.
    pub(crate) stalled: Arc<Mutex<Vec<SubscriberId>>>,
    pub(crate) over: Over,
}

impl Hall {
    /// Subscribes somebody; who it is, is left to chance.
    pub(crate) fn invite(&self, manager: &EventManager<Event>, rng: &mut Rng) -> Job {
        let lifetime = rng.usize(0..200);
        let own = Rng::with_seed(rng.u64(..));
        match rng.u8(0..14) {
            0 => self.lossless(manager, own, usize::MAX),
            1 => self.lossless(manager, own, lifetime),
            2 => self.panics(manager, own, lifetime),
            3 => self.aborted(manager, own, lifetime),
            4 => self.stalls(manager, lifetime),
            5 => self.lossy(manager, own),
            6 => self.impatient(manager, own, Overflow::Disconnect),
            7 if self.executor.is_tokio() => {
                let patience = Duration::from_micros(rng.u64(1..2_000));
                self.impatient(manager, own, Overflow::WaitAtMost(patience))
            }
            8 | 9 => self.stages(manager, own, lifetime),
            10 | 11 => self.filtered(manager, own, lifetime),
            12 => self.filtered_deliveries(manager, own, lifetime),
            _ => self.deliveries(manager, own, lifetime),
        }
    }

    /// Reads to the end, or leaves after so many events.
    pub(crate) fn lossless(
        &self,
        manager: &EventManager<Event>,
        mut rng: Rng,
        lifetime: usize,
    ) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), false);
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                let Some(event) = reader.next().await else {
                    record.finish_last();
                    record.read_to_the_end();
                    return;
                };
                record.finish_last();
                record.see(event.id);
                match rng.u8(0..32) {
                    0 => reader.ack(),
                    1..=4 => others().await,
                    _ => {}
                }
            }
        })
    }

    fn panics(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), false);
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                let Some(event) = reader.next().await else {
                    record.finish_last();
                    return;
                };
                record.finish_last();
                record.see(event.id);
                if rng.u8(0..8) == 0 {
                    others().await;
                }
            }
            record.panicked();
            // Owned by the task: dropped while it panics.
            let _reader = reader;
            std::panic::panic_any(IntendedPanic);
        })
    }

    fn aborted(&self, manager: &EventManager<Event>, rng: Rng, after: usize) -> Job {
        let job = self.lossless(manager, rng, usize::MAX);
        let abort = job.abort.clone();
        drop(self.executor.spawn(async move {
            for _ in 0..after {
                others().await;
            }
            abort.abort();
        }));
        job
    }

    /// Stands still over what it has not read, until the round is over. (With an event in hand, it
    /// would still owe that when it is disconnected.)
    fn stalls(&self, manager: &EventManager<Event>, lifetime: usize) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), true);
        let (stalled, over) = (Arc::clone(&self.stalled), self.over.clone());
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                let Some(event) = reader.next().await else {
                    record.finish_last();
                    return;
                };
                record.finish_last();
                record.see(event.id);
            }
            reader.ack();
            stalled.lock().unwrap().push(reader.id());
            over.await.ok();
            while let Some(event) = reader.next().await {
                record.finish_last();
                record.see(event.id);
            }
            record.finish_last();
        })
    }

    fn lossy(&self, manager: &EventManager<Event>, mut rng: Rng) -> Job {
        let options = SubscribeOptions::new()
            .overflow(Overflow::DropOldest)
            .window(*rng.choice(&[1, 1, 2, 5, 20]).expect("there are some"));
        let mut reader = manager.subscribe_with(options).with_missed();
        let record = self.book.record(reader.get_ref().id(), false);
        self.executor.spawn(async move {
            let mut lost = 0;
            while let Some(received) = poll_fn(|cx| poll_slowly(&mut reader, cx)).await {
                record.finish_last();
                match received {
                    Received::Event(event) => record.see(event.id),
                    Received::Missed(events) => {
                        record.lost(events);
                        lost += events;
                    }
                    _ => unreachable!("an event, or a loss"),
                }
                if rng.u8(0..4) == 0 {
                    others().await;
                }
            }
            record.finish_last();
            record.read_to_the_end();
            assert_eq!(lost, reader.get_ref().missed(), "every loss was told of");
        })
    }

    /// One that is cut off when it does not keep up.
    fn impatient(&self, manager: &EventManager<Event>, mut rng: Rng, overflow: Overflow) -> Job {
        let options = SubscribeOptions::new()
            .overflow(overflow)
            .window(rng.usize(1..50));
        let mut reader = manager.subscribe_with(options);
        let record = self.book.record(reader.id(), true);
        self.executor.spawn(async move {
            while let Some(event) = reader.next().await {
                record.finish_last();
                record.see(event.id);
                if rng.u8(0..8) == 0 {
                    others().await;
                }
            }
            record.finish_last();
            record.read_to_the_end();
        })
    }

    /// One that may leave, and one that comes after it; each may be lossy.
    fn stages(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let first_is_lossy = rng.bool();
        let mut options = |lossy: bool| {
            let policy = if lossy {
                Overflow::DropOldest
            } else {
                Overflow::Wait
            };
            let window = rng.usize(1..20);
            SubscribeOptions::new().overflow(policy).window(window)
        };
        let mut first = manager
            .subscribe_with(options(first_is_lossy))
            .with_missed();
        let second_is_lossy = lifetime % 2 == 0;
        let after = options(second_is_lossy).after(first.get_ref().id());
        let mut second = manager.subscribe_with(after).with_missed();
        let before = Arc::new(Before::default());
        let record = self.book.record(first.get_ref().id(), false);
        let known = Arc::clone(&before);
        let mut own = rng.fork();
        let job = self.executor.spawn(async move {
            for _ in 0..lifetime {
                before.finish();
                let Some(received) = first.next().await else {
                    break;
                };
                record.finish_last();
                match received {
                    Received::Event(event) => {
                        record.see(event.id);
                        before.take(event.id);
                    }
                    Received::Missed(events) => record.lost(events),
                    _ => unreachable!("an event, or a loss"),
                }
                if own.u8(0..4) == 0 {
                    others().await;
                }
            }
            before.leave();
        });
        let record = self.book.record(second.get_ref().id(), false);
        self.executor.spawn(async move {
            while let Some(received) = second.next().await {
                record.finish_last();
                match received {
                    Received::Event(event) => {
                        known.check(event.id, first_is_lossy);
                        record.see(event.id);
                    }
                    Received::Missed(events) => record.lost(events),
                    _ => unreachable!("an event, or a loss"),
                }
                if rng.u8(0..8) == 0 {
                    others().await;
                }
            }
            record.finish_last();
            record.read_to_the_end();
            assert_eq!(job.outcome().await, Outcome::Done, "the one before");
        })
    }

    /// Acknowledges in any order, and drops some. It may be cut off.
    fn deliveries(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let most = rng.usize(1..10);
        let (options, is_cuttable) = work_options(&mut rng, most);
        let jobs = manager.subscribe_with(options).deliveries();
        let record = self.book.record(jobs.id(), is_cuttable);
        self.executor.spawn(work(jobs, record, rng, lifetime, most))
    }
}

/// Those of a stream of deliveries, and whether it may be cut off.
pub(crate) fn work_options(rng: &mut Rng, most: usize) -> (SubscribeOptions, bool) {
    let options = SubscribeOptions::new().max_unacked(most);
    if rng.bool() {
        return (options, false);
    }
    let window = rng.usize(1..20);
    let options = options.overflow(Overflow::Disconnect).window(window);
    (options, true)
}

/// The reader is slower than its publishers, and has its share all the same: what it clones, it
/// yields.
fn poll_slowly(
    reader: &mut WithMissed<Event>,
    cx: &mut Context<'_>,
) -> Poll<Option<Received<Event>>> {
    let (polled, clones) = with_slow_clones(|| reader.poll_next_unpin(cx));
    let is_event = matches!(polled, Poll::Ready(Some(Received::Event(_))));
    assert_eq!(clones, u32::from(is_event), "clones of one poll");
    polled
}

/// Acknowledges so many deliveries in any order, and drops some; at most `most` are out at once, also
/// once it is cut off.
pub(crate) async fn work(
    mut jobs: impl Stream<Item = Delivery<Event>> + Unpin,
    record: Arc<Record>,
    mut rng: Rng,
    lifetime: usize,
    most: usize,
) {
    let mut held: Vec<Delivery<Event>> = Vec::new();
    for _ in 0..lifetime {
        // Whoever waits for what is held publishes nothing: it is not held for ever.
        let next = loop {
            match poll!(jobs.next()) {
                Poll::Ready(next) => break next,
                Poll::Pending if held.is_empty() => break jobs.next().await,
                Poll::Pending => settle(&record, pick(&mut held, &mut rng), &mut rng),
            }
        };
        let Some(delivery) = next else {
            record.read_to_the_end();
            break;
        };
        record.see(delivery.id);
        held.push(delivery);
        assert!(held.len() <= most, "more are out than may be");
        if rng.bool() {
            settle(&record, pick(&mut held, &mut rng), &mut rng);
        }
    }
    // They answer for themselves, also after the stream is gone.
    drop(jobs);
    rng.shuffle(&mut held);
    for delivery in held {
        others().await;
        settle(&record, delivery, &mut rng);
    }
}

fn pick(held: &mut Vec<Delivery<Event>>, rng: &mut Rng) -> Delivery<Event> {
    held.swap_remove(rng.usize(..held.len()))
}

fn settle(record: &Record, delivery: Delivery<Event>, rng: &mut Rng) {
    if rng.u8(0..4) == 0 {
        record.decide(delivery.id, Fate::GivenUp);
    } else {
        record.decide(delivery.id, Fate::Finished);
        delivery.ack();
    }
}
