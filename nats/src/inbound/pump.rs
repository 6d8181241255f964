//! The task of an inbound bridge.

use std::collections::hash_map::Entry;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Client, Message, Subject};
use bytes::Bytes;
use futures_util::FutureExt;
use genevent::EventManager;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Settings;
use super::attempt::{Attempt, End, Incoming, NoEvent, Outcome, Verdict, event};
use super::attempts::Attempts;
use super::counts::InboundCounts;
use super::message_info::Numbers;
use super::source::Source;
use crate::codec::Codec;
use crate::connection;
use crate::error::InboundError;
use crate::running::{Counter, Stop};

/// The longest wait for the last acknowledgements to leave the process.
const FLUSH: Duration = Duration::from_secs(5);
/// How often a new connection is looked for.
const CONNECTION_CHECK: Duration = Duration::from_millis(250);

/// The state of the task.
pub(super) struct Pump<'a, E, T, C> {
    settings: &'a Settings<E, T, C>,
    manager: &'a EventManager<T>,
    counts: Counter<InboundCounts>,
    stop: Stop,
    /// Tells the attempts that the consumer is gone.
    gone: watch::Sender<bool>,
    source: Source,
    /// The messages under way, by their number in the stream. A duplicate of such a message replaces
    /// the message, because an acknowledgement answers the last delivery.
    ///
    /// # Invariants
    /// 1. A message is held if and only if it has an attempt.
    held: FxHashMap<u64, Held>,
    attempts: Attempts<Attempt<'a, T>>,
}

struct Held {
    message: Message,
    numbers: Numbers,
    /// When the broker last heard of the message, or before.
    told: Instant,
}

impl<'a, E, T, C> Pump<'a, E, T, C>
where
    E: Send + 'static,
    T: Send + Sync + 'static,
    C: Codec<E>,
{
    pub(super) fn new(
        settings: &'a Settings<E, T, C>,
        source: Source,
        manager: &'a EventManager<T>,
        counts: Counter<InboundCounts>,
        stop: Stop,
    ) -> Self {
        Self {
            settings,
            manager,
            counts,
            stop,
            gone: watch::Sender::new(false),
            source,
            held: FxHashMap::default(),
            attempts: Attempts::new(),
        }
    }

    /// Runs until the request to stop, the end of the manager, or the end of the consumer.
    pub(super) async fn run(mut self, ack_wait: Duration) -> Result<(), InboundError> {
        // A third of the time leaves room for a late timer and a slow network.
        let progress = ack_wait / 3;
        let mut tick = interval(progress.clamp(Duration::from_millis(1), CONNECTION_CHECK));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closed = pin!(self.manager.closed());
        let mut stop = self.stop.clone();
        let mut stopped = pin!(stop.requested());
        let end = loop {
            let free = self.free();
            tokio::select! {
                biased;
                () = &mut stopped => break Ok(()),
                () = &mut closed => break Ok(()),
                _ = tick.tick() => self.tick(progress).await,
                Some((number, outcome)) = self.attempts.next() => {
                    self.settle(number, outcome).await;
                    // Without a turn of the whole loop for each of the other outcomes.
                    while let Some(Some((number, outcome))) = self.attempts.next().now_or_never() {
                        self.settle(number, outcome).await;
                    }
                }
                message = self.source.next(free), if free > 0 => {
                    match message {
                        Ok(message) => self.begin_arrived(message),
                        Err(error) => break Err(error),
                    }
                }
            }
        };
        self.gone.send_replace(end.is_err());
        self.drain(progress).await;
        end
    }

    /// Returns how many more messages may be under way.
    fn free(&self) -> usize {
        self.settings.places().saturating_sub(self.held.len())
    }

    /// Begins with a message, and with all other arrived messages for which there are places.
    fn begin_arrived(&mut self, first: Message) {
        let now = Instant::now();
        self.begin(first, now);
        while self.free() > 0
            && let Some(message) = self.source.arrived()
        {
            self.begin(message, now);
        }
    }

    /// Begins with a message, which arrived at `now` or later.
    fn begin(&mut self, message: Message, now: Instant) {
        let Some(numbers) = Numbers::of(&message) else {
            tracing::warn!("a message without numbers cannot be acknowledged");
            return;
        };
        let number = numbers.stream_sequence;
        if numbers.delivered > 1 {
            self.counts.lock().redelivered += 1;
        }
        let told = now;
        let held = Held {
            message,
            numbers,
            told,
        };
        let held = match self.held.entry(number) {
            Entry::Vacant(entry) => entry.insert(held),
            Entry::Occupied(mut entry) => {
                entry.insert(held);
                return; // the first delivery is still under way
            }
        };
        let attempt = match event(self.settings, &held.message, numbers) {
            Ok(event) => Attempt::published(number, self.manager.sync_notify(event)),
            Err(NoEvent::Own) => Attempt::judged(number, Verdict::Own),
            Err(NoEvent::Dead(reason)) => {
                let burying = self.incoming(number).bury(reason);
                Attempt::judging(number, burying.map(Outcome::Verdict))
            }
        };
        self.attempts.push(attempt);
    }

    /// Returns a held message for the rarer ways.
    fn incoming(&self, number: u64) -> Incoming<'a, E, T, C> {
        let held = self.held.get(&number).expect(HELD);
        Incoming {
            settings: self.settings,
            manager: self.manager,
            message: held.message.clone(),
            numbers: held.numbers,
            end: End {
                stop: self.stop.clone(),
                gone: Stop::new(self.gone.subscribe()),
            },
        }
    }

    /// Goes on after an attempt: mostly, by telling the broker the verdict.
    async fn settle(&mut self, number: u64, outcome: Outcome) {
        let verdict = match outcome {
            Outcome::Verdict(verdict) => verdict,
            Outcome::Unfinished(receipt) => {
                let judging = self.incoming(number).judge(receipt);
                self.attempts.push(Attempt::judging(number, judging));
                return;
            }
        };
        let held = self.held.remove(&number).expect(HELD);
        let kind = {
            let mut counts = self.counts.lock();
            let (count, kind) = match verdict {
                Verdict::Ack => (&mut counts.acked, AckKind::Ack),
                Verdict::Own => (&mut counts.own, AckKind::Ack),
                Verdict::Nak(pause) => (&mut counts.nacked, AckKind::Nak(pause)),
                Verdict::Term => (&mut counts.dead, AckKind::Term),
            };
            *count += 1;
            kind
        };
        answer(self.source.client(), held.message.reply, kind).await;
    }

    /// Reports messages still under way to the broker, and follows a new connection.
    async fn tick(&mut self, progress: Duration) {
        let now = Instant::now();
        let client = self.source.client();
        for held in self.held.values_mut() {
            if now.duration_since(held.told) >= progress {
                held.told = now;
                answer(client, held.message.reply.clone(), AckKind::Progress).await;
            }
        }
        if let Some(client) = client {
            let connects = connection::count(client);
            for message in self.source.follow_connection(connects) {
                self.begin(message, now);
            }
        }
    }

    /// Takes no more messages, and waits for the messages under way.
    async fn drain(&mut self, progress: Duration) {
        for message in self.source.close() {
            self.counts.lock().nacked += 1;
            answer(self.source.client(), message.reply, AckKind::Nak(None)).await;
        }
        let mut tick = interval(progress.max(Duration::from_millis(1)));
        while !self.attempts.is_empty() {
            tokio::select! {
                Some((number, outcome)) = self.attempts.next() => self.settle(number, outcome).await,
                _ = tick.tick() => self.tick(progress).await,
            }
        }
        if let Some(client) = self.source.client() {
            let _ = timeout(FLUSH, client.flush()).await;
        }
    }
}

/// Invariant 1.
const HELD: &str = "a message is held until its attempt has ended";

/// Answers a delivery. A lost answer leads to another delivery.
async fn answer(client: Option<&Client>, reply: Option<Subject>, kind: AckKind) {
    let Some((client, reply)) = client.zip(reply) else {
        return; // no message of a consumer: nobody waits for an answer
    };
    let payload = match kind {
        AckKind::Ack => Bytes::new(), // means the same, in fewer bytes
        kind => kind.into(),
    };
    if let Err(error) = client.publish(reply, payload).await {
        tracing::warn!(%error, "an acknowledgement could not be sent");
    }
}
