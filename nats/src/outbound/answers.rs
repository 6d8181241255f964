//! The broker's answers about the messages sent.

use async_nats::client::SubscribeError;
use async_nats::jetstream;
use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use futures_util::StreamExt;
use serde::Deserialize;

use super::numbered;
use super::refusal::Failure;

/// The broker's answer about a message. The box keeps the common answer small.
pub(super) type Answer = Result<Confirmation, Box<Failure>>;

/// The message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// The message was stored before: the broker has dropped this copy.
    pub(super) duplicate: bool,
}

/// The broker's answers about the messages sent, each with the number given to its message.
///
/// All answers arrive at one subscription. With `Context::send_publish`, each message would have a random
/// subject, a channel and a timer of its own.
pub(super) struct Answers {
    subscriber: Subscriber,
    /// The beginning of the subjects for answers, which the number follows.
    prefix: String,
}

impl Answers {
    pub(super) async fn subscribe(client: &Client) -> Result<Self, SubscribeError> {
        let prefix = client.new_inbox() + ".";
        let subscriber = client.subscribe(format!("{prefix}*")).await?;
        Ok(Self { subscriber, prefix })
    }

    /// Returns the subject for the answer about a message.
    pub(super) fn subject(&self, number: u64) -> Subject {
        numbered(&self.prefix, number).into()
    }

    /// Waits for the next answer. `None`: the client is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses no answer.
    pub(super) async fn next(&mut self) -> Option<(u64, Answer)> {
        loop {
            let message = self.subscriber.next().await?;
            let number = message.subject.strip_prefix(&self.prefix);
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                return Some((number, parse(&message)));
            }
        }
    }
}

/// The parts of an answer that matter here.
#[derive(Deserialize)]
struct Payload {
    error: Option<jetstream::Error>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}

fn parse(message: &Message) -> Answer {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(Box::new(Failure::NoStream));
    }
    match serde_json::from_slice(&message.payload) {
        Ok(Payload {
            error: Some(error), ..
        }) => Err(Box::new(Failure::Refused(error))),
        Ok(Payload {
            seq: Some(_),
            duplicate,
            ..
        }) => Ok(Confirmation { duplicate }),
        _ => Err(Box::new(Failure::NoJetStream)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: Option<StatusCode>, payload: &'static str) -> Answer {
        parse(&Message {
            subject: "_INBOX.a.1".into(),
            reply: None,
            payload: payload.into(),
            headers: None,
            status,
            description: None,
            length: payload.len(),
        })
    }

    #[test]
    fn an_answer_confirms_a_message_or_says_why_not() {
        let stored = |payload| answer(None, payload).unwrap().duplicate;
        assert!(!stored(r#"{"stream":"ORDERS","seq":7}"#));
        assert!(stored(
            r#"{"stream":"ORDERS","domain":"hub","seq":7,"duplicate":true}"#
        ));
        let failure = |status, payload| answer(status, payload).unwrap_err();
        let refused = r#"{"error":{"code":400,"err_code":10070,"description":"wrong last msg ID: a"},"stream":"ORDERS","seq":0}"#;
        let refused = failure(None, refused);
        assert!(refused.breaks_chain() && !refused.is_permanent());
        for payload in ["", "+OK", "[]", "{}", r#"{"stream":"ORDERS"}"#] {
            let failure = failure(None, payload);
            assert!(matches!(*failure, Failure::NoJetStream), "{payload}");
        }
        let nobody = failure(Some(StatusCode::NO_RESPONDERS), "");
        assert!(matches!(*nobody, Failure::NoStream));
    }
}
