//! The task of an inbound bridge.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{AckKind, Message};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use genevent::EventManager;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Settings;
use super::attempt::{Verdict, attempt};
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
pub(super) struct Pump<E, T, C> {
    settings: Arc<Settings<E, T, C>>,
    manager: EventManager<T>,
    counts: Counter<InboundCounts>,
    stop: Stop,
    source: Source,
    /// The messages under way, by their number in the stream. A duplicate of such a message replaces
    /// the message, because an acknowledgement answers the last delivery.
    held: HashMap<u64, Held>,
    attempts: FuturesUnordered<BoxFuture<'static, (u64, Verdict)>>,
    client: Option<Client>,
}

struct Held {
    message: Arc<Message>,
    /// When the broker last heard of the message.
    told: Instant,
}

impl<E, T, C> Pump<E, T, C>
where
    E: Send + 'static,
    T: Send + Sync + 'static,
    C: Codec<E>,
{
    pub(super) fn new(
        settings: Arc<Settings<E, T, C>>,
        source: Source,
        manager: EventManager<T>,
        counts: Counter<InboundCounts>,
        stop: Stop,
    ) -> Self {
        Self {
            settings,
            manager,
            counts,
            stop,
            source,
            held: HashMap::new(),
            attempts: FuturesUnordered::new(),
            client: None,
        }
    }

    /// Runs until the request to stop, the end of the manager, or the end of the consumer.
    pub(super) async fn run(mut self, ack_wait: Duration) -> Result<(), InboundError> {
        // A third of the time leaves room for a late timer and a slow network.
        let progress = ack_wait / 3;
        let mut tick = interval(progress.clamp(Duration::from_millis(1), CONNECTION_CHECK));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let manager = self.manager.clone();
        let mut closed = pin!(manager.closed());
        let mut stop = self.stop.clone();
        let mut stopped = pin!(stop.requested());
        let end = loop {
            let free = self.free();
            tokio::select! {
                biased;
                () = &mut stopped => break Ok(()),
                () = &mut closed => break Ok(()),
                _ = tick.tick() => self.tick(progress).await,
                Some((number, verdict)) = self.attempts.next() => {
                    self.settle(number, verdict).await;
                    // Without a turn of the whole loop for each of the other verdicts.
                    while let Some(Some((number, verdict))) = self.attempts.next().now_or_never() {
                        self.settle(number, verdict).await;
                    }
                }
                message = self.source.next(free), if free > 0 => {
                    let begun = message.and_then(|message| {
                        self.begin(message);
                        self.begin_arrived()
                    });
                    if let Err(error) = begun {
                        break Err(error);
                    }
                }
            }
        };
        self.drain(progress).await;
        end
    }

    /// Returns how many more messages may be under way.
    fn free(&self) -> usize {
        self.settings.places().saturating_sub(self.held.len())
    }

    /// Begins with all arrived messages for which there are places.
    fn begin_arrived(&mut self) -> Result<(), InboundError> {
        while self.free() > 0
            && let Some(message) = self.source.next(self.free()).now_or_never()
        {
            self.begin(message?);
        }
        Ok(())
    }

    /// Begins with a message.
    fn begin(&mut self, message: Message) {
        self.client.get_or_insert_with(|| message.context.client());
        let message = Arc::new(message);
        let Some(numbers) = Numbers::of(&message) else {
            tracing::warn!("a message without numbers cannot be acknowledged");
            return;
        };
        let number = numbers.stream_sequence;
        if numbers.delivered > 1 {
            self.counts.lock().redelivered += 1;
        }
        let held = Held {
            message: Arc::clone(&message),
            told: Instant::now(),
        };
        if self.held.insert(number, held).is_some() {
            return; // the first delivery is still under way
        }
        let (settings, manager) = (Arc::clone(&self.settings), self.manager.clone());
        let attempt = attempt(settings, manager, message, numbers, self.stop.clone());
        let attempt = attempt.map(move |verdict| (number, verdict));
        self.attempts.push(attempt.boxed());
    }

    /// Tells the broker the verdict about a message.
    async fn settle(&mut self, number: u64, verdict: Verdict) {
        let held = self.held.remove(&number);
        let held = held.expect("a message is held until its attempt has ended");
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
        answer(&held.message, kind).await;
    }

    /// Reports messages still under way to the broker, and follows a new connection.
    async fn tick(&mut self, progress: Duration) {
        for held in self.held.values_mut() {
            if held.told.elapsed() >= progress {
                held.told = Instant::now();
                answer(&held.message, AckKind::Progress).await;
            }
        }
        if let Some(client) = &self.client {
            let connects = connection::count(client);
            for message in self.source.follow_connection(connects) {
                self.begin(message);
            }
        }
    }

    /// Takes no more messages, and waits for the messages under way.
    async fn drain(&mut self, progress: Duration) {
        for message in self.source.close() {
            self.counts.lock().nacked += 1;
            answer(&message, AckKind::Nak(None)).await;
        }
        let mut tick = interval(progress.max(Duration::from_millis(1)));
        while !self.attempts.is_empty() {
            tokio::select! {
                Some((number, verdict)) = self.attempts.next() => self.settle(number, verdict).await,
                _ = tick.tick() => self.tick(progress).await,
            }
        }
        if let Some(client) = &self.client {
            let _ = timeout(FLUSH, client.flush()).await;
        }
    }
}

/// Answers a delivery. A lost answer leads to another delivery.
async fn answer(message: &Message, kind: AckKind) {
    if let Err(error) = message.ack_with(kind).await {
        tracing::warn!(error, "an acknowledgement could not be sent");
    }
}
