//! The state shared by a node's handles and tasks, and the work of the tasks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, Message, stream};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use genevent::EventManager;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::membership::{Membership, SILENT_BEATS};
use super::options::ClusterOptions;
use super::protocol::{Heartbeat, Names, Question, REPORT_TO, Report};
use super::reports::Reports;
use crate::backoff::Backoff;
use crate::connection;
use crate::error::{ClusterError, Source};
use crate::headers::ORIGIN;
use crate::kv_stream::{self, Change};
use crate::reader::Reader;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

/// The state shared by a node's handles and tasks.
pub(super) struct Node<E> {
    pub(super) name: String,
    pub(super) names: Names,
    pub(super) options: ClusterOptions<E>,
    pub(super) client: Client,
    pub(super) jetstream: Context,
    pub(super) stream: stream::Stream,
    pub(super) manager: EventManager<E>,
    pub(super) membership: Arc<Membership>,
    pub(super) reports: Reports,
    /// The number of the last message id.
    pub(super) published: AtomicU64,
    /// The beginning of the message ids, different in each run.
    pub(super) run: String,
    pub(super) since: u64,
}

impl<E: Send + Sync + 'static> Node<E> {
    pub(super) fn next_id(&self) -> String {
        let number = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}.{number}", self.run)
    }

    pub(super) fn encode(&self, event: &E) -> Result<Bytes, ClusterError> {
        (self.options.encode)(event).map_err(ClusterError::NotEncodable)
    }

    /// Returns the time between two beats; never zero, which no timer takes.
    pub(super) fn beat_interval(&self) -> Duration {
        (self.options.heartbeat / SILENT_BEATS).max(Duration::from_millis(1))
    }

    /// Publishes until the stream has the event, and returns the event's number.
    pub(super) async fn publish(
        &self,
        id: &str,
        payload: Bytes,
        report_to: Option<String>,
    ) -> Result<u64, ClusterError> {
        let mut failures = 0;
        loop {
            let mut message = PublishMessage::build()
                .payload(payload.clone())
                .message_id(id)
                .header(ORIGIN, self.name.as_str());
            if let Some(report_to) = &report_to {
                message = message.header(REPORT_TO, report_to.as_str());
            }
            let connects = connection::count(&self.client);
            let sent = self
                .jetstream
                .send_publish(self.names.events(), message)
                .await;
            let result = match sent {
                Ok(confirmation) => tokio::select! {
                    result = confirmation => Some(result),
                    () = connection::renewed(&self.client, connects) => None,
                },
                Err(error) => Some(Err(error)),
            };
            match result {
                None => {} // the confirmation may be lost with the connection
                Some(Ok(confirmation)) => return Ok(confirmation.sequence),
                Some(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                    return Err(ClusterError::TooLarge);
                }
                Some(Err(error)) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "the broker did not confirm; trying again");
                    tokio::time::sleep(BACKOFF.after(failures)).await;
                }
            }
        }
    }

    pub(super) async fn beat(&self) -> Result<u64, jetstream::context::PublishError> {
        let beat = Heartbeat { since: self.since };
        let beat = serde_json::to_vec(&beat).expect("a heartbeat is plain data");
        kv_stream::put(
            &self.jetstream,
            &self.names.members(),
            &self.name,
            beat.into(),
        )
        .await
    }

    /// Beats for as long as `delivery` runs. Then closes the manager and tells the other nodes, which
    /// would wait without end for a node that beats and delivers nothing.
    pub(super) async fn beat_during(self: Arc<Self>, delivery: impl Future<Output = ()> + Send) {
        let mut beats = JoinSet::new(); // a task of its own: decoding must not delay a beat
        beats.spawn(Arc::clone(&self).keep_beating());
        let ended = AssertUnwindSafe(delivery).catch_unwind().await;
        if ended.is_err() {
            tracing::error!(node = self.name, "the codec panicked; the node leaves");
        }
        self.manager.close();
        beats.shutdown().await;
        let members = self.names.members();
        let farewell = kv_stream::delete(&self.jetstream, &members, &self.name);
        if let Err(error) = farewell.await {
            tracing::warn!(%error, "the other nodes could not be told");
        }
    }

    async fn keep_beating(self: Arc<Self>) {
        let mut tick = interval(self.beat_interval());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let connects = connection::count(&self.client);
            let beat = timeout(self.beat_interval(), self.beat()).await;
            if !matches!(beat, Ok(Ok(_))) || connection::count(&self.client) != connects {
                self.membership.forgive();
                continue;
            }
            for node in self.membership.own_beat(&self.name) {
                tracing::warn!(node, "a node of the cluster is silent");
            }
        }
    }

    pub(super) async fn watch_members(self: Arc<Self>, mut changes: Reader) {
        loop {
            let read = changes.next().await;
            let Some(Change { key, value }) = Change::new(&read.message) else {
                continue;
            };
            match value.map(|beat| serde_json::from_slice::<Heartbeat>(beat)) {
                Some(Ok(beat)) => self.membership.beat(key, beat.since),
                Some(Err(error)) => tracing::error!(%error, key, "a heartbeat cannot be decoded"),
                None => self.membership.left(key),
            }
        }
    }

    /// Collects the reports to this node.
    pub(super) async fn collect(self: Arc<Self>, mut reports: Subscriber) {
        while let Some(message) = reports.next().await {
            match serde_json::from_slice::<Report>(&message.payload) {
                Ok(report) => self.membership.report(report),
                Err(error) => tracing::error!(%error, "a report cannot be decoded"),
            }
        }
    }

    /// Repeats reports on request.
    pub(super) async fn answer(self: Arc<Self>, mut questions: Subscriber) {
        while let Some(message) = questions.next().await {
            match serde_json::from_slice::<Question>(&message.payload) {
                Ok(question) => {
                    if let Some(report) = self.reports.find(&question.id) {
                        self.send(question.report_to, &report).await;
                    }
                }
                Err(error) => tracing::error!(%error, "a question cannot be decoded"),
            }
        }
    }

    pub(super) async fn send_report(&self, report_to: &str, report: Report) {
        self.reports.keep(report.clone());
        self.send(report_to.to_owned(), &report).await;
    }

    /// Sends a message that may get lost.
    pub(super) async fn send(&self, subject: String, message: &impl serde::Serialize) {
        let message = serde_json::to_vec(message).expect("messages between nodes are plain data");
        if let Err(error) = self.client.publish(subject, message.into()).await {
            tracing::warn!(%error, "a message to a node could not be sent");
        }
    }
}

/// Decodes an event of the stream.
pub(super) fn decode<E>(node: &Node<E>, message: &Message) -> Result<E, Source> {
    (node.options.decode)(message.payload.clone())
}
