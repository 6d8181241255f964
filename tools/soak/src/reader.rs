//! Subscribers of every kind, well-behaved and not.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use fastrand::Rng;
use futures::future::Shared;
use futures::{Stream, StreamExt, poll};
use genevent::error::FollowUpError;
use genevent::{
    Delivery, EventManager, Overflow, Received, SubscribeOptions, SubscriberId, Subscription,
    Topics, WithMissed,
};

use crate::book::{Book, EventOutcome, Record, Sent};
use crate::event::{Event, with_slow_clones};
use crate::executor::{Executor, IntendedPanic, Job, Outcome, yield_now};
use crate::stages::Before;

pub(crate) type Over = Shared<futures::channel::oneshot::Receiver<()>>;

/// The state readers share with the rest of their round.
#[derive(Clone)]
pub(crate) struct RoundContext {
    pub(crate) executor: Executor,
    pub(crate) manager: genevent::WeakEventManager<Event>,
    pub(crate) book: Arc<Book>,
    /// The subscribers stalling until the round is over or until they are disconnected.
    pub(crate) stalled: Arc<Mutex<Vec<SubscriberId>>>,
    pub(crate) over: Over,
    /// Topics by the remainder of a division by 1, by 2, and so on.
    pub(crate) topics: Vec<Topics<Event, u64>>,
}

impl RoundContext {
    /// Subscribes a reader of a random kind.
    pub(crate) fn subscribe_random(&self, manager: &EventManager<Event>, rng: &mut Rng) -> Job {
        let lifetime = rng.usize(0..200);
        let own = Rng::with_seed(rng.u64(..));
        match rng.u8(0..17) {
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
            13 => self.observes(manager, own, lifetime),
            14 | 15 => self.follows_up(manager, own, lifetime),
            _ => self.deliveries(manager, own, lifetime),
        }
    }

    /// Reads to the end, or leaves after `lifetime` events.
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
                let Some(event) = next(&mut reader, &record).await else {
                    record.read_to_the_end();
                    return;
                };
                match rng.u8(0..32) {
                    0 => {
                        reader.ack();
                        record.finish_last();
                    }
                    1 => {
                        reader.nack("by chance");
                        record.decide(event.id, EventOutcome::GivenUp);
                    }
                    2..=4 => yield_now().await,
                    _ => {}
                }
            }
            record.leave();
        })
    }

    /// Reads slowly, and leaves in the middle of an event.
    fn observes(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let mut reader = manager.subscribe_with(SubscribeOptions::new().observer());
        let record = self.book.observer(reader.id());
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                let Some(event) = reader.next().await else {
                    record.read_to_the_end();
                    return;
                };
                record.see(event.id);
                if rng.bool() {
                    yield_now().await;
                }
            }
            record.leave();
        })
    }

    /// Publishes a follow-up of some events, past full windows.
    fn follows_up(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), false);
        let book = Arc::clone(&self.book);
        let me = Event::FOLLOWER + u32::try_from(reader.id().number()).expect("few subscribe");
        self.executor.spawn(async move {
            for number in 0..u32::try_from(lifetime).expect("a short life") {
                let Some(event) = next(&mut reader, &record).await else {
                    record.read_to_the_end();
                    return;
                };
                // Follow-ups of follow-ups would never end.
                if !event.is_follow_up() && rng.u8(0..8) == 0 {
                    let next = Event::new(me, number);
                    let id = next.id;
                    let sent = match reader.follow_up(next) {
                        Ok(_) => Sent::Stored,
                        Err(FollowUpError::Closed(_)) => Sent::NotStored,
                        Err(error) => unreachable!("{error}"),
                    };
                    book.sent(id, sent);
                }
                if rng.u8(0..8) == 0 {
                    yield_now().await;
                }
            }
            record.leave();
        })
    }

    fn panics(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), false);
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                if next(&mut reader, &record).await.is_none() {
                    return;
                }
                if rng.u8(0..8) == 0 {
                    yield_now().await;
                }
            }
            record.panicked();
            // The task owns the reader, which is dropped while the task panics.
            let _reader = reader;
            std::panic::panic_any(IntendedPanic);
        })
    }

    fn aborted(&self, manager: &EventManager<Event>, rng: Rng, after: usize) -> Job {
        let job = self.lossless(manager, rng, usize::MAX);
        let abort = job.abort.clone();
        drop(self.executor.spawn(async move {
            for _ in 0..after {
                yield_now().await;
            }
            abort.abort();
        }));
        job
    }

    /// Stalls with unread events until the round is over. (With an event in flight, the reader would still
    /// owe an acknowledgement after a disconnect.)
    fn stalls(&self, manager: &EventManager<Event>, lifetime: usize) -> Job {
        let mut reader = manager.subscribe();
        let record = self.book.record(reader.id(), true);
        let (stalled, over) = (Arc::clone(&self.stalled), self.over.clone());
        self.executor.spawn(async move {
            for _ in 0..lifetime {
                if next(&mut reader, &record).await.is_none() {
                    return;
                }
            }
            reader.ack();
            stalled.lock().unwrap().push(reader.id());
            over.await.ok();
            while next(&mut reader, &record).await.is_some() {}
        })
    }

    fn lossy(&self, manager: &EventManager<Event>, mut rng: Rng) -> Job {
        let options = SubscribeOptions::new()
            .overflow(Overflow::DropOldest)
            .window(
                *rng.choice(&[1, 1, 2, 5, 20])
                    .expect("the list is not empty"),
            );
        let mut reader = manager.subscribe_with(options).with_missed();
        let record = self.book.record(reader.get_ref().id(), false);
        self.executor.spawn(async move {
            let mut lost = 0;
            while let Some(received) = poll_fn(|cx| poll_slowly(&mut reader, cx)).await {
                if let Received::Missed(events) = &received {
                    lost += events;
                }
                note(&received, &record);
                if rng.u8(0..4) == 0 {
                    yield_now().await;
                }
            }
            record.finish_last();
            record.read_to_the_end();
            assert_eq!(lost, reader.get_ref().missed(), "every loss was told of");
        })
    }

    /// A reader disconnected on falling behind.
    fn impatient(&self, manager: &EventManager<Event>, mut rng: Rng, overflow: Overflow) -> Job {
        let options = SubscribeOptions::new()
            .overflow(overflow)
            .window(rng.usize(1..50));
        let mut reader = manager.subscribe_with(options);
        let record = self.book.record(reader.id(), true);
        self.executor.spawn(async move {
            while next(&mut reader, &record).await.is_some() {
                if rng.u8(0..8) == 0 {
                    yield_now().await;
                }
            }
            record.read_to_the_end();
        })
    }

    /// A reader, which may leave, and a stage after the reader; each may be lossy.
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
                note(&received, &record);
                if let Received::Event(event) = received {
                    before.take(event.id);
                }
                if own.u8(0..4) == 0 {
                    yield_now().await;
                }
            }
            before.leave();
        });
        let record = self.book.record(second.get_ref().id(), false);
        self.executor.spawn(async move {
            while let Some(received) = second.next().await {
                if let Received::Event(event) = &received {
                    known.check(event.id, first_is_lossy);
                }
                note(&received, &record);
                if rng.u8(0..8) == 0 {
                    yield_now().await;
                }
            }
            record.finish_last();
            record.read_to_the_end();
            assert_eq!(job.outcome().await, Outcome::Done, "the one before");
        })
    }

    /// Acknowledges in any order and discards some deliveries. May be disconnected.
    fn deliveries(&self, manager: &EventManager<Event>, mut rng: Rng, lifetime: usize) -> Job {
        let most = rng.usize(1..10);
        let (options, is_cuttable) = work_options(&mut rng, most);
        let jobs = manager.subscribe_with(options).deliveries();
        let record = self.book.record(jobs.id(), is_cuttable);
        self.executor.spawn(work(jobs, record, rng, lifetime, most))
    }
}

/// Reads the next event, which finishes the last, and records both.
async fn next(reader: &mut Subscription<Event>, record: &Record) -> Option<Event> {
    let next = reader.next().await;
    record.finish_last();
    if let Some(event) = &next {
        record.see(event.id);
    }
    next
}

/// Records an event or a loss, and that the last event is finished.
pub(crate) fn note(received: &Received<Event>, record: &Record) {
    record.finish_last();
    match received {
        Received::Event(event) => record.see(event.id),
        Received::Missed(events) => record.lost(*events),
        _ => unreachable!("an event, or a loss"),
    }
}

/// The options of a stream of deliveries, and whether they may disconnect the stream.
pub(crate) fn work_options(rng: &mut Rng, most: usize) -> (SubscribeOptions, bool) {
    let options = SubscribeOptions::new().max_unacked(most);
    if rng.bool() {
        return (options, false);
    }
    let window = rng.usize(1..20);
    let options = options.overflow(Overflow::Disconnect).window(window);
    (options, true)
}

/// Checks that a reader slower than its publishers gets events: its stream yields every cloned event.
fn poll_slowly(
    reader: &mut WithMissed<Event>,
    cx: &mut Context<'_>,
) -> Poll<Option<Received<Event>>> {
    let (polled, clones) = with_slow_clones(|| reader.poll_next_unpin(cx));
    let is_event = matches!(polled, Poll::Ready(Some(Received::Event(_))));
    assert_eq!(clones, u32::from(is_event), "clones of one poll");
    polled
}

/// Acknowledges `lifetime` deliveries in any order and discards some; at most `most` are unacked, also
/// after a disconnect.
pub(crate) async fn work(
    mut jobs: impl Stream<Item = Delivery<Event>> + Unpin,
    record: Arc<Record>,
    mut rng: Rng,
    lifetime: usize,
    most: usize,
) {
    let mut unacked: Vec<Delivery<Event>> = Vec::new();
    for _ in 0..lifetime {
        // Publishers may wait for the unacked deliveries, so they must be settled at some time.
        let next = loop {
            match poll!(jobs.next()) {
                Poll::Ready(next) => break next,
                Poll::Pending if unacked.is_empty() => break jobs.next().await,
                Poll::Pending => settle(&record, pick(&mut unacked, &mut rng), &mut rng),
            }
        };
        let Some(delivery) = next else {
            record.read_to_the_end();
            break;
        };
        record.see(delivery.id);
        unacked.push(delivery);
        assert!(unacked.len() <= most, "more are out than may be");
        if rng.bool() {
            settle(&record, pick(&mut unacked, &mut rng), &mut rng);
        }
    }
    // Deliveries can be acknowledged after their stream is gone.
    drop(jobs);
    rng.shuffle(&mut unacked);
    for delivery in unacked {
        yield_now().await;
        settle(&record, delivery, &mut rng);
    }
}

fn pick(unacked: &mut Vec<Delivery<Event>>, rng: &mut Rng) -> Delivery<Event> {
    unacked.swap_remove(rng.usize(..unacked.len()))
}

fn settle(record: &Record, delivery: Delivery<Event>, rng: &mut Rng) {
    if rng.u8(0..4) == 0 {
        record.decide(delivery.id, EventOutcome::GivenUp);
        if rng.bool() {
            delivery.nack("by chance");
        }
    } else {
        record.decide(delivery.id, EventOutcome::Finished);
        delivery.ack();
    }
}
