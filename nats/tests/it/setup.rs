//! Streams, consumers and waiting.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::{self, Context, stream};

use crate::server::Server;

/// A server, a client and stream `EVENTS`, with subjects `events.>`.
pub(crate) struct Setup {
    // Dropped first: the client would otherwise report the end of the server.
    pub(crate) jetstream: Context,
    pub(crate) stream: stream::Stream,
    pub(crate) server: Server,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        let server = Server::start();
        let client = async_nats::connect(server.url()).await.unwrap();
        let jetstream = jetstream::new(client);
        let stream = jetstream.create_stream(events()).await.unwrap();
        Self {
            jetstream,
            stream,
            server,
        }
    }

    /// A server whose stream has `numbers`, with a consumer of [`in_order`].
    pub(crate) async fn in_order(numbers: impl IntoIterator<Item = u32>) -> (Self, PullConsumer) {
        let setup = Self::new().await;
        let consumer = setup.consumer(in_order()).await;
        setup.publish(numbers).await;
        (setup, consumer)
    }

    /// Publishes each number to `events.numbers`, and waits until the stream has them.
    pub(crate) async fn publish(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            loop {
                let message = PublishMessage::build().payload(number.to_string().into());
                let message = message.message_id(format!("test-{number}"));
                let ack = self.jetstream.send_publish("events.numbers", message).await;
                let ack = tokio::time::timeout(Duration::from_secs(1), ack.unwrap()).await;
                if matches!(ack, Ok(Ok(_))) {
                    break;
                }
            }
        }
    }

    pub(crate) async fn consumer(&self, config: pull::Config) -> PullConsumer {
        self.stream.create_consumer(config).await.unwrap()
    }

    /// Returns the stream's message with this number.
    pub(crate) async fn stored(&self, number: u64) -> StreamMessage {
        self.stream.get_raw_message(number).await.unwrap()
    }

    /// Asserts that the stream's first messages are the numbers from 0 up to `end`.
    pub(crate) async fn assert_stored_up_to(&self, end: u64) {
        for number in 0..end {
            assert_eq!(self.stored(number + 1).await.payload, number.to_string());
        }
    }

    /// Waits until the consumer owes nothing, and returns how many messages it never delivered.
    pub(crate) async fn settled(&self, consumer: &PullConsumer) -> u64 {
        let mut consumer = consumer.clone();
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let info = consumer.info().await.unwrap();
            if info.num_ack_pending == 0 {
                return info.num_pending;
            }
            assert!(Instant::now() < end, "unacknowledged: {info:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns how many messages the consumer has not acknowledged.
    pub(crate) async fn unacknowledged(&self, consumer: &PullConsumer) -> u64 {
        let info = consumer.get_info().await.unwrap();
        info.num_pending + info.num_ack_pending as u64
    }
}

pub(crate) fn events() -> stream::Config {
    stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    }
}

/// A durable consumer `work` for messages in order.
pub(crate) fn in_order() -> pull::Config {
    pull::Config {
        durable_name: Some("work".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(1),
        max_ack_pending: 1,
        ..Default::default()
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
