//! Where the messages come from: pull requests, made again after each failure.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::{Batch, Stream};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::{Client, Message};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::InboundError;

/// The lifetime of a pull request. A request lost in a restart of the broker is made again after
/// this time at the latest.
const EXPIRES: Duration = Duration::from_secs(5);
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The messages of a standing request. The broker stops at the consumer's `max_ack_pending` before.
const STANDING_BATCH: usize = 256;
/// The most messages requested at once; a larger request is no number for the broker.
const LARGEST_BATCH: usize = 1024;
/// How often a missing consumer is looked up before the source ends.
const LOOK_UPS: u64 = 5;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// The messages of a consumer.
///
/// Every message waiting on our side must get progress acknowledgements, so no more messages may
/// arrive than the caller has places for.
pub(super) struct Source {
    consumer: PullConsumer,
    /// The most messages to request.
    places: usize,
    pulls: Pulls,
    /// The client of the messages, known from the first message on.
    client: Option<Client>,
    /// How often the connection had been made when the pull requests were made.
    connects: Option<u64>,
    /// The failures since the last message.
    failures: u64,
    /// The end of the pause after a failure. The consumer is then looked up before the next request.
    paused_until: Option<Instant>,
}

enum Pulls {
    /// The broker itself keeps the number of messages within the places: one standing request.
    Standing(Option<Box<Stream>>),
    /// Requests for the free places, each of which ends.
    Counted(SelectAll<Request>),
}

impl Source {
    /// Creates the source of a caller with `places`.
    pub(super) fn new(consumer: PullConsumer, places: usize) -> Self {
        let pending = consumer.cached_info().config.max_ack_pending;
        let bounded = usize::try_from(pending).is_ok_and(|pending| (1..=places).contains(&pending));
        let pulls = if bounded {
            Pulls::Standing(None)
        } else {
            Pulls::Counted(SelectAll::new())
        };
        Self {
            consumer,
            places: places.min(LARGEST_BATCH),
            pulls,
            client: None,
            connects: None,
            failures: 0,
            paused_until: None,
        }
    }

    /// Returns the client of the messages, or `None` before the first message.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Waits for the next message, with `free` places left.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    pub(super) async fn next(&mut self, free: usize) -> Result<Message, InboundError> {
        loop {
            self.recover().await?;
            match self.pull(free).await {
                Ok(Some(message)) => return Ok(self.open(message)),
                Ok(None) => {}
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Returns the next message, if it has arrived already: [`next`](Self::next) without its futures.
    pub(super) fn arrived(&mut self) -> Option<Message> {
        match self.take_arrived()? {
            Ok(message) => Some(message),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    fn take_arrived(&mut self) -> Option<Result<Message, String>> {
        let message = match &mut self.pulls {
            Pulls::Standing(stream) => {
                let message = stream.as_mut()?.next().now_or_never()??;
                message.map_err(|error| error.to_string())
            }
            Pulls::Counted(requests) => {
                let message = requests.next().now_or_never()??;
                message.map_err(|error| error.to_string())
            }
        };
        Some(message.map(|message| self.open(message)))
    }

    /// Takes the message out of the context that each message brings.
    fn open(&mut self, message: jetstream::Message) -> Message {
        self.failures = 0;
        self.client.get_or_insert_with(|| message.context.client());
        message.message
    }

    /// Drops the requests, and pauses before the next.
    fn fail(&mut self, error: &str) {
        self.forget_requests();
        self.failures += 1;
        self.paused_until = Some(Instant::now() + BACKOFF.after(self.failures));
        tracing::warn!(error, failures = self.failures, "pulling messages failed");
    }

    /// Waits for a message, or `None` when the requests are used up.
    async fn pull(&mut self, free: usize) -> Result<Option<jetstream::Message>, String> {
        match &mut self.pulls {
            Pulls::Standing(stream) => {
                if stream.is_none() {
                    let pull = self.consumer.stream();
                    let pull = pull.max_messages_per_batch(STANDING_BATCH);
                    let pull = pull.expires(EXPIRES * 6).heartbeat(HEARTBEAT);
                    let messages = pull.messages().await.map_err(|error| error.to_string())?;
                    *stream = Some(Box::new(messages));
                }
                let messages = stream.as_mut().expect("a missing stream was just made");
                match messages.next().await {
                    Some(message) => message.map(Some).map_err(|error| error.to_string()),
                    None => Err("the stream of messages ended".to_owned()),
                }
            }
            Pulls::Counted(requests) => {
                let requested: usize = requests.iter().map(|request| request.missing).sum();
                let missing = free.min(self.places).saturating_sub(requested);
                // A request for each single place would cost a round trip for each message.
                if missing >= self.places.div_ceil(2) || (missing > 0 && requests.is_empty()) {
                    let pull = self.consumer.batch().max_messages(missing).expires(EXPIRES);
                    let batch = pull.messages().await.map_err(|error| error.to_string())?;
                    requests.push(Request { batch, missing });
                }
                match requests.next().await {
                    Some(message) => message.map(Some).map_err(|error| error.to_string()),
                    None => Ok(None),
                }
            }
        }
    }

    /// Pauses after a failure, and then looks the consumer up.
    async fn recover(&mut self) -> Result<(), InboundError> {
        let Some(paused_until) = self.paused_until else {
            return Ok(());
        };
        tokio::time::sleep_until(paused_until).await;
        if let Err(error) = self.consumer.get_info().await
            && error.kind() == ConsumerInfoErrorKind::NotFound
            && self.failures >= LOOK_UPS
        {
            let info = self.consumer.cached_info();
            return Err(InboundError::NoConsumer {
                consumer: info.name.clone(),
                stream: info.stream_name.clone(),
            });
        }
        self.paused_until = None;
        Ok(())
    }

    fn forget_requests(&mut self) {
        match &mut self.pulls {
            Pulls::Standing(stream) => *stream = None,
            Pulls::Counted(requests) => *requests = SelectAll::new(),
        }
    }

    /// Drops the pull requests if the connection is new, because the broker has forgotten the requests.
    /// Returns the messages that had arrived.
    pub(super) fn follow_connection(&mut self, connects: u64) -> Vec<Message> {
        match self.connects.replace(connects) {
            Some(before) if before != connects => self.close(),
            _ => Vec::new(),
        }
    }

    /// Drops the pull requests, and returns the messages that had arrived.
    pub(super) fn close(&mut self) -> Vec<Message> {
        let mut arrived = Vec::new();
        match &mut self.pulls {
            Pulls::Standing(stream) => {
                if let Some(mut stream) = stream.take() {
                    arrived = arrived_in(&mut stream);
                }
            }
            Pulls::Counted(requests) => {
                // One by one: the set polls a request only after its wake-up, which may still be on its way.
                for mut request in std::mem::take(requests) {
                    arrived.append(&mut arrived_in(&mut request));
                }
            }
        }
        arrived
            .into_iter()
            .map(|message| self.open(message))
            .collect()
    }
}

/// Takes the messages that have arrived, up to an error.
fn arrived_in<S, X>(request: &mut S) -> Vec<jetstream::Message>
where
    S: futures_util::Stream<Item = Result<jetstream::Message, X>> + Unpin,
{
    let mut arrived = Vec::new();
    let taking = async {
        while let Some(Some(Ok(message))) = request.next().now_or_never() {
            arrived.push(message);
        }
    };
    // Beyond the task's budget: once it is used up, arrived messages look as if they had not arrived, and
    // would be dropped with their request.
    unconstrained(taking).now_or_never();
    arrived
}

/// A pull request and the number of messages still to come.
struct Request {
    batch: Batch,
    missing: usize,
}

impl futures_util::Stream for Request {
    type Item = <Batch as futures_util::Stream>::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.batch.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(_))) = &message {
            self.missing = self.missing.saturating_sub(1);
        }
        message
    }
}
