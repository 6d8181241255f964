//! The way of a single message through the manager.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Message;
use genevent::{EventManager, Receipt};

use super::message_info::{MessageInfo, Numbers};
use super::{Settings, WhenUnheard};
use crate::codec::Codec;
use crate::dead_letter::{DeadLetter, DeadReason};
use crate::running::Stop;

/// The answer to the broker about a message.
#[derive(Debug, PartialEq, Eq)]
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

/// Takes a message through the manager, and returns the verdict.
///
/// Rare awaits are boxed: the future of every message has room for each future awaited inside.
pub(super) async fn attempt<E, T, C>(
    settings: Arc<Settings<E, T, C>>,
    manager: EventManager<T>,
    message: Arc<Message>,
    numbers: Numbers,
    mut stop: Stop,
) -> Verdict
where
    E: Send + 'static,
    T: Send + Sync + 'static,
    C: Codec<E>,
{
    let info = MessageInfo::new(&message, numbers);
    if settings.origin.is_some() && info.origin() == settings.origin.as_deref() {
        return Verdict::Own;
    }
    let limit = settings.max_deliver.unwrap_or(u64::MAX);
    if info.delivered() > limit {
        let reason = DeadReason::Exhausted(String::new());
        return Box::pin(bury(&settings, &message, info, reason, stop)).await;
    }
    let mut tries = 0;
    loop {
        let event = match settings.codec.decode(message.payload.clone()) {
            Ok(event) => (settings.map)(event, &info),
            Err(error) => {
                let reason = DeadReason::Undecodable(Arc::new(error));
                return Box::pin(bury(&settings, &message, info, reason, stop)).await;
            }
        };
        let Ok(receipt) = manager.sync_notify(event).await else {
            return Verdict::Nak(None); // closed: another process may have room
        };
        let causes = if receipt.is_unheard() {
            match settings.when_unheard {
                WhenUnheard::Ack => return Verdict::Ack,
                WhenUnheard::Nak => "no subscriber".to_owned(),
                WhenUnheard::Wait => {
                    tries += 1;
                    let pause = settings.backoff.after(tries);
                    let heard = Box::pin(async {
                        tokio::select! {
                            () = hearers(&manager, pause) => true,
                            () = manager.closed() => false,
                            () = stop.requested() => false,
                        }
                    });
                    if heard.await {
                        continue;
                    }
                    return Verdict::Nak(None);
                }
            }
        } else if receipt.all_acked() {
            return Verdict::Ack;
        } else {
            causes(&receipt)
        };
        tracing::warn!(
            subject = info.subject(),
            stream_sequence = info.stream_sequence(),
            delivered = info.delivered(),
            causes,
            "not every subscriber finished the event",
        );
        if info.delivered() >= limit {
            let reason = DeadReason::Exhausted(causes);
            return Box::pin(bury(&settings, &message, info, reason, stop)).await;
        }
        return Verdict::Nak(Some(settings.backoff.after(info.delivered())));
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

/// Hands a message to the dead-letter hook, again and again until the hook takes it.
async fn bury<E, T, C>(
    settings: &Settings<E, T, C>,
    message: &Message,
    info: MessageInfo<'_>,
    reason: DeadReason,
    mut stop: Stop,
) -> Verdict {
    let letter = DeadLetter {
        subject: info.subject().to_owned(),
        payload: message.payload.clone(),
        headers: message.headers.clone().unwrap_or_default(),
        stream_sequence: info.stream_sequence(),
        delivered: info.delivered(),
        reason,
    };
    let mut tries = 0;
    // The broker would not deliver the message again after its last time, so the hook is tried here.
    while let Err(error) = settings.dead_letters.bury(letter.clone()).await {
        tries += 1;
        tracing::error!(
            stream_sequence = letter.stream_sequence,
            error,
            "the dead-letter hook failed",
        );
        tokio::select! {
            () = tokio::time::sleep(settings.backoff.after(tries)) => {}
            () = stop.requested() => return Verdict::Nak(None),
        }
    }
    Verdict::Term
}

fn causes(receipt: &Receipt) -> String {
    let causes: Vec<_> = receipt
        .unfinished()
        .iter()
        .map(ToString::to_string)
        .collect();
    causes.join("; ")
}
