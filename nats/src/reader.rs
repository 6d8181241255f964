//! Reads a stream in order, over restarts of the broker.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::{Context, Message, stream::Stream};
use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::backoff::Backoff;
use crate::connection;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));

/// Reads a stream in order, each message once.
pub(crate) struct Reader {
    jetstream: Context,
    stream: Stream,
    /// The number of the next message, at least.
    next: u64,
    messages: Option<Box<Ordered>>,
    /// How often the connection had been made when the consumer was made.
    connects: u64,
    failures: u64,
    paused_until: Option<Instant>,
}

/// A message and its number in the stream.
pub(crate) struct Read {
    pub(crate) number: u64,
    pub(crate) message: Message,
}

impl Reader {
    /// Creates a reader of the messages after number `after`.
    pub(crate) fn new(jetstream: Context, stream: Stream, after: u64) -> Self {
        Self {
            jetstream,
            stream,
            next: after.saturating_add(1),
            messages: None,
            connects: 0,
            failures: 0,
            paused_until: None,
        }
    }

    /// Waits for the next message.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    pub(crate) async fn next(&mut self) -> Read {
        let mut tick = interval(connection::CHECK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(paused_until) = self.paused_until {
                tokio::time::sleep_until(paused_until).await;
                self.paused_until = None;
            }
            let connects = connection::count(&self.jetstream.client());
            if self.connects != connects {
                self.messages = None; // the broker keeps such a consumer for a connection only
            }
            let Some(messages) = &mut self.messages else {
                self.connects = connects;
                match self.open().await {
                    Ok(messages) => self.messages = Some(Box::new(messages)),
                    Err(error) => self.fail(&error),
                }
                continue;
            };
            let message = tokio::select! {
                biased;
                message = messages.next() => message,
                _ = tick.tick() => continue,
            };
            match message {
                Some(Ok(message)) => {
                    let Ok(info) = message.info() else { continue };
                    let number = info.stream_sequence;
                    if number >= self.next {
                        self.next = number + 1;
                        self.failures = 0;
                        return Read { number, message };
                    }
                }
                Some(Err(error)) => self.fail(&error.to_string()),
                None => self.fail("the messages ended"),
            }
        }
    }

    async fn open(&mut self) -> Result<Ordered, String> {
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.next,
            },
            ..Default::default()
        };
        let consumer = self.stream.create_consumer(config).await;
        let messages = consumer
            .map_err(|error| error.to_string())?
            .messages()
            .await;
        messages.map_err(|error| error.to_string())
    }

    fn fail(&mut self, error: &str) {
        self.messages = None;
        self.failures += 1;
        self.paused_until = Some(Instant::now() + BACKOFF.after(self.failures));
        tracing::warn!(error, failures = self.failures, "reading a stream failed");
    }
}
