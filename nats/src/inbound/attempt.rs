//! The way of a single message through the manager.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_nats::Message;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use genevent::future::SyncNotify;
use genevent::{EventManager, Receipt};

use super::message_info::{MessageInfo, Numbers};
use super::{Settings, WhenUnheard};
use crate::codec::Codec;
use crate::dead_letter::{DeadLetter, DeadReason};
use crate::running::Stop;

/// The answer to the broker about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Finished.
    Ack,
    /// Not an event for this node, which published the message itself.
    Own,
    /// To be delivered again, after the pause.
    Nak(Option<Duration>),
    /// Given up.
    Term,
}

/// An attempt to have a message processed: the future of its number and [`Outcome`].
///
/// The common case, an event that every subscriber finishes, needs no more than the future of
/// `sync_notify`. The rest goes on in a boxed future, so that not every message carries its size.
pub(super) struct Attempt<'a, T> {
    number: u64,
    stage: Stage<'a, T>,
}

enum Stage<'a, T> {
    Published(SyncNotify<'a, T>),
    Judging(BoxFuture<'a, Outcome>),
    Judged(Verdict),
}

/// The result of an attempt.
pub(super) enum Outcome {
    Verdict(Verdict),
    /// Not every subscriber finished the event, or none heard it: to be judged by
    /// [`Incoming::judge`].
    Unfinished(Receipt),
}

impl<'a, T> Attempt<'a, T> {
    /// Creates the attempt for a message whose verdict is known.
    pub(super) fn judged(number: u64, verdict: Verdict) -> Self {
        let stage = Stage::Judged(verdict);
        Self { number, stage }
    }

    /// Creates the attempt that waits for the subscribers.
    pub(super) fn published(number: u64, published: SyncNotify<'a, T>) -> Self {
        let stage = Stage::Published(published);
        Self { number, stage }
    }

    /// Creates the attempt that waits for an outcome.
    pub(super) fn judging(number: u64, outcome: impl Future<Output = Outcome> + Send + 'a) -> Self {
        let stage = Stage::Judging(outcome.boxed());
        Self { number, stage }
    }
}

impl<T> Future for Attempt<'_, T> {
    type Output = (u64, Outcome);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.stage {
            Stage::Published(published) => match ready!(published.poll_unpin(cx)) {
                Ok(receipt) if receipt.all_acked() && !receipt.is_unheard() => {
                    Outcome::Verdict(Verdict::Ack)
                }
                Ok(receipt) => Outcome::Unfinished(receipt),
                // Closed: another process may have room.
                Err(_) => Outcome::Verdict(Verdict::Nak(None)),
            },
            Stage::Judging(outcome) => ready!(outcome.poll_unpin(cx)),
            Stage::Judged(verdict) => Outcome::Verdict(*verdict),
        };
        Poll::Ready((self.number, outcome))
    }
}

/// The reason why a message does not become an event.
pub(super) enum NoEvent {
    Own,
    Dead(DeadReason),
}

/// Makes the event of a message.
pub(super) fn event<E, T, C: Codec<E>>(
    settings: &Settings<E, T, C>,
    message: &Message,
    numbers: Numbers,
) -> Result<T, NoEvent> {
    let info = MessageInfo::new(message, numbers);
    if settings.origin.is_some() && info.origin() == settings.origin.as_deref() {
        return Err(NoEvent::Own);
    }
    if info.delivered() > limit(settings) {
        return Err(NoEvent::Dead(DeadReason::Exhausted(String::new())));
    }
    match settings.codec.decode(message.payload.clone()) {
        Ok(event) => Ok((settings.map)(event, &info)),
        Err(error) => Err(NoEvent::Dead(DeadReason::Undecodable(Arc::new(error)))),
    }
}

/// Returns after how many deliveries a message is given up.
fn limit<E, T, C>(settings: &Settings<E, T, C>) -> u64 {
    settings.max_deliver.unwrap_or(u64::MAX)
}

/// A message that needs more than a receipt of all subscribers.
pub(super) struct Incoming<'a, E, T, C> {
    pub(super) settings: &'a Settings<E, T, C>,
    pub(super) manager: &'a EventManager<T>,
    pub(super) message: Message,
    pub(super) numbers: Numbers,
    pub(super) end: End,
}

/// The end of the tries of messages under way.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) stop: Stop,
    /// Requested when the consumer is gone: nobody waits for an answer any more.
    pub(super) gone: Stop,
}

impl End {
    /// Waits for the end.
    async fn requested(&mut self) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = self.gone.requested() => {}
        }
    }
}

impl<E, T, C> Incoming<'_, E, T, C>
where
    E: Send + 'static,
    T: Send + Sync + 'static,
    C: Codec<E>,
{
    /// Returns the outcome after a receipt, for which an unheard event may be published again.
    pub(super) async fn judge(mut self, mut receipt: Receipt) -> Outcome {
        let mut tries = 0;
        while receipt.is_unheard() {
            match self.settings.when_unheard {
                WhenUnheard::Ack => return Outcome::Verdict(Verdict::Ack),
                WhenUnheard::Nak => {
                    let verdict = self.unfinished("no subscriber".to_owned()).await;
                    return Outcome::Verdict(verdict);
                }
                WhenUnheard::Wait => {}
            }
            tries += 1;
            let pause = self.settings.backoff.after(tries);
            tokio::select! {
                () = hearers(self.manager, pause) => {}
                () = self.manager.closed() => return Outcome::Verdict(Verdict::Nak(None)),
                () = self.end.requested() => return Outcome::Verdict(Verdict::Nak(None)),
            }
            let event = match event(self.settings, &self.message, self.numbers) {
                Ok(event) => event,
                Err(NoEvent::Own) => return Outcome::Verdict(Verdict::Own),
                Err(NoEvent::Dead(reason)) => return Outcome::Verdict(self.bury(reason).await),
            };
            match self.manager.sync_notify(event).await {
                Ok(next) => receipt = next,
                Err(_) => return Outcome::Verdict(Verdict::Nak(None)), // closed
            }
        }
        if receipt.all_acked() {
            return Outcome::Verdict(Verdict::Ack);
        }
        if tries > 0 {
            // The message may have been delivered again in the meantime, for the last time even.
            return Outcome::Unfinished(receipt);
        }
        Outcome::Verdict(self.unfinished(causes(&receipt)).await)
    }

    /// Gives the message back to the broker, or gives it up.
    async fn unfinished(self, causes: String) -> Verdict {
        let info = MessageInfo::new(&self.message, self.numbers);
        tracing::warn!(
            subject = info.subject(),
            stream_sequence = info.stream_sequence(),
            delivered = info.delivered(),
            causes,
            "not every subscriber finished the event",
        );
        if info.delivered() >= limit(self.settings) {
            return self.bury(DeadReason::Exhausted(causes)).await;
        }
        Verdict::Nak(Some(self.settings.backoff.after(info.delivered())))
    }

    /// Hands the message to the dead-letter hook, again and again until the hook takes it.
    pub(super) async fn bury(mut self, reason: DeadReason) -> Verdict {
        let info = MessageInfo::new(&self.message, self.numbers);
        let letter = DeadLetter {
            subject: info.subject().to_owned(),
            payload: self.message.payload.clone(),
            headers: self.message.headers.clone().unwrap_or_default(),
            stream_sequence: info.stream_sequence(),
            delivered: info.delivered(),
            reason,
        };
        let mut tries = 0;
        // The broker would not deliver the message again after its last time, so the hook is tried here.
        while let Err(error) = self.settings.dead_letters.bury(letter.clone()).await {
            tries += 1;
            tracing::error!(
                stream_sequence = letter.stream_sequence,
                error,
                "the dead-letter hook failed",
            );
            tokio::select! {
                () = tokio::time::sleep(self.settings.backoff.after(tries)) => {}
                () = self.end.requested() => return Verdict::Nak(None),
            }
        }
        Verdict::Term
    }
}

/// Waits until a subscriber is there. A subscriber may be an observer, or filter the event out, so
/// the event needs a pause as well before its next try.
async fn hearers<T: Send + Sync + 'static>(manager: &EventManager<T>, pause: Duration) {
    if manager.subscriber_count() > 0 {
        tokio::time::sleep(pause).await;
    }
    manager.wait_for_subscribers(1).await;
}

fn causes(receipt: &Receipt) -> String {
    let causes: Vec<_> = receipt
        .unfinished()
        .iter()
        .map(ToString::to_string)
        .collect();
    causes.join("; ")
}
