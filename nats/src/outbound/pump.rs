//! The task of an outbound bridge.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::{Pin, pin};
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use genevent::{Ack, Delivery};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Settings;
use super::counts::OutboundCounts;
use super::last_ids::LastIds;
use super::pace::Pace;
use super::refusal::{describe, is_message_id, is_permanent};
use super::subject::{self, is_publishable};
use super::target::Target;
use crate::codec::Codec;
use crate::connection;
use crate::error::OutboundError;
use crate::headers::ORIGIN;
use crate::running::{Counter, Stop};

/// The pause when the client itself has no room for another unconfirmed message.
const CLIENT_FULL: Duration = Duration::from_millis(10);

type Confirmation = BoxFuture<'static, Result<PublishAck, PublishError>>;

/// The state of the task.
pub(super) struct Pump<E, C> {
    settings: Settings<E, C>,
    target: Option<Target>,
    deliveries: Option<BoxStream<'static, Delivery<E>>>,
    counts: Counter<OutboundCounts>,
    stop: Stop,
    /// The unconfirmed events in order.
    ///
    /// # Invariants
    /// 1. The first `sent` events have a confirmation to wait for; the later events have none.
    /// 2. An event with a predecessor in the window is sent with the id of the predecessor.
    window: VecDeque<Entry>,
    /// The number of events sent since the bridge last began again.
    sent: usize,
    /// With message ids of the user: the possible ids of the stream's last message.
    last_ids: LastIds,
    /// The number in the last default message id, which counts the events taken.
    taken: u64,
    pace: Pace,
    /// How often the connection had been made when the connection was last looked at.
    connects: u64,
    failures: u64,
    paused_until: Option<Instant>,
}

struct Entry {
    ack: Ack,
    id: String,
    subject: Subject,
    payload: Bytes,
    first_sent: Option<Instant>,
    sent_again: bool,
    confirmation: Option<Confirmation>,
}

impl<E, C> Pump<E, C>
where
    E: Send + Sync + 'static,
    C: Codec<E>,
{
    pub(super) fn new(
        settings: Settings<E, C>,
        target: Option<Target>,
        deliveries: BoxStream<'static, Delivery<E>>,
        counts: Counter<OutboundCounts>,
        stop: Stop,
    ) -> Self {
        Self {
            pace: Pace::new(settings.max_in_flight),
            settings,
            target,
            deliveries: Some(deliveries),
            counts,
            stop,
            window: VecDeque::new(),
            sent: 0,
            last_ids: LastIds::default(),
            taken: 0,
            connects: 0,
            failures: 0,
            paused_until: None,
        }
    }

    /// Runs until the deliveries end, or the request to stop, and until the broker has confirmed all
    /// taken events.
    pub(super) async fn run(mut self) -> Result<(), OutboundError> {
        let mut tick = interval(connection::CHECK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = self.stop.clone();
        let mut stopped = pin!(stop.requested());
        self.connects = self.connections();
        loop {
            if self.paused_until.is_none() {
                self.send_allowed().await;
            }
            if self.window.is_empty() && self.deliveries.is_none() {
                return Ok(());
            }
            let has_room = self.window.len() < self.settings.max_in_flight;
            tokio::select! {
                biased;
                () = &mut stopped, if self.deliveries.is_some() => self.deliveries = None,
                result = front(&mut self.window) => {
                    self.answered(result);
                    // Without a turn of the whole loop for each of the other answers.
                    while let Some(result) = front(&mut self.window).now_or_never() {
                        self.answered(result);
                    }
                }
                delivery = next(&mut self.deliveries), if has_room => {
                    let mut delivery = Some(delivery);
                    while let Some(taken) = delivery {
                        match taken {
                            Some(taken) => self.take(taken).await?,
                            None => self.deliveries = None,
                        }
                        let has_room = self.window.len() < self.settings.max_in_flight;
                        delivery = (has_room.then(|| next(&mut self.deliveries))).and_then(FutureExt::now_or_never);
                    }
                }
                () = until(self.paused_until) => self.paused_until = None,
                _ = tick.tick() => self.follow_connection(),
            }
        }
    }

    fn connections(&self) -> u64 {
        connection::count(&self.settings.jetstream.client())
    }

    /// Takes an event into the window, or refuses it.
    async fn take(&mut self, delivery: Delivery<E>) -> Result<(), OutboundError> {
        let subject = self.settings.subject.of(&delivery);
        if !is_publishable(&subject) {
            self.refuse(
                delivery.into_parts().1,
                format!("no subject: {:?}", subject.as_str()),
            );
            return Ok(());
        }
        if self.target.is_none() {
            match self.find_target(&subject).await {
                Ok(target) => self.target = Some(target),
                Err(error @ OutboundError::NoStream { .. }) => {
                    self.refuse(delivery.into_parts().1, error.to_string());
                    return Ok(());
                }
                Err(error) => {
                    self.refuse(delivery.into_parts().1, error.to_string());
                    return Err(error);
                }
            }
        }
        let payload = match self.settings.codec.encode(&delivery) {
            Ok(payload) => payload,
            Err(error) => {
                self.refuse(delivery.into_parts().1, format!("not encodable: {error}"));
                return Ok(());
            }
        };
        let id = if let Some(message_id) = &self.settings.message_id {
            message_id(&delivery)
        } else {
            // Not the event's own number: events of several managers may have the same.
            self.taken += 1;
            format!("{}.{}", self.settings.run, self.taken)
        };
        if !is_message_id(&id) {
            self.refuse(delivery.into_parts().1, format!("no message id: {id:?}"));
            return Ok(());
        }
        let (event, ack) = delivery.into_parts();
        drop(event);
        self.window.push_back(Entry {
            ack,
            id,
            subject,
            payload,
            first_sent: None,
            sent_again: false,
            confirmation: None,
        });
        Ok(())
    }

    /// Looks up the stream until the broker answers.
    async fn find_target(&mut self, subject: &str) -> Result<Target, OutboundError> {
        let mut failures = 0;
        loop {
            let needed = self.settings.needed_window();
            match Target::find(&self.settings.jetstream, subject, needed).await {
                Err(OutboundError::Unreachable(error)) => {
                    failures += 1;
                    tracing::warn!(subject, error, "the stream could not be looked up");
                    tokio::time::sleep(self.settings.backoff.after(failures)).await;
                }
                result => return result,
            }
        }
    }

    /// Sends events, up to the limit of unconfirmed events.
    async fn send_allowed(&mut self) {
        let allowed = self.pace.allowed();
        while self.sent < self.window.len().min(allowed) {
            let entry = &self.window[self.sent];
            let mut message = PublishMessage::build()
                .payload(entry.payload.clone())
                .message_id(&entry.id);
            if let Some(origin) = &self.settings.origin {
                message = message.header(ORIGIN, origin.as_str());
            }
            if let (subject::Subject::ByEvent(_), Some(target)) =
                (&self.settings.subject, &self.target)
            {
                message = message.expected_stream(&target.stream);
            }
            if let Some(predecessor) = self.sent.checked_sub(1) {
                if !self.is_link(predecessor) {
                    return; // until the predecessor is confirmed
                }
                message = message.expected_last_message_id(&self.window[predecessor].id);
            }
            let entry = &mut self.window[self.sent];
            entry.first_sent.get_or_insert_with(Instant::now);
            let subject = entry.subject.clone();
            match self.settings.jetstream.send_publish(subject, message).await {
                Ok(confirmation) => {
                    entry.confirmation = Some(confirmation.into_future());
                    self.sent += 1;
                }
                Err(error) if is_permanent(&error) => {
                    let entry = self
                        .window
                        .remove(self.sent)
                        .expect("the entry was just sent");
                    self.refuse(entry.ack, describe(&error));
                }
                Err(error) if error.kind() == PublishErrorKind::MaxAckPending => {
                    self.paused_until = Some(Instant::now() + CLIENT_FULL);
                    return;
                }
                Err(error) => {
                    self.fail(&error);
                    return;
                }
            }
        }
    }

    /// Returns whether the next event can name this event as its predecessor: the last message of the
    /// stream has the id of this event only once this event is stored.
    ///
    /// Ids of the user may repeat. Then the last message may have the id already, and the broker would
    /// store the next event although this event is missing.
    fn is_link(&self, index: usize) -> bool {
        let id = &self.window[index].id;
        let mut before = self.window.iter().take(index);
        self.settings.message_id.is_none()
            || (!self.last_ids.may_have(id) && !before.any(|entry| entry.id == *id))
    }

    /// Takes the broker's answer about the first event.
    fn answered(&mut self, result: Result<PublishAck, PublishError>) {
        match result {
            Ok(confirmation) => {
                let entry = self.pop_front();
                let age = entry
                    .first_sent
                    .map_or(Duration::ZERO, |sent| sent.elapsed());
                let unchecked = self
                    .target
                    .as_ref()
                    .is_some_and(|target| age > target.window);
                {
                    let mut counts = self.counts.lock();
                    counts.confirmed += 1;
                    counts.duplicates += u64::from(confirmation.duplicate);
                    counts.unchecked += u64::from(unchecked && !confirmation.duplicate);
                }
                self.failures = 0;
                self.pace.confirmed();
                if self.settings.message_id.is_some() {
                    self.last_ids
                        .note(entry.id, confirmation.duplicate, entry.sent_again);
                }
                entry.ack.ack();
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastMessageId => {
                // Another publisher was in between, or an earlier event was lost.
                self.pace.broken();
                self.begin_again();
            }
            Err(error) if is_permanent(&error) => {
                let entry = self.pop_front();
                // The events behind this event name this event as their predecessor.
                self.begin_again();
                self.refuse(entry.ack, describe(&error));
            }
            Err(error) => self.fail(&error),
        }
    }

    fn pop_front(&mut self) -> Entry {
        self.sent -= 1;
        self.window
            .pop_front()
            .expect("the first event was answered")
    }

    /// Pauses after a failure; the first unconfirmed event is sent next.
    fn fail(&mut self, error: &PublishError) {
        self.failures += 1;
        let pause = self.settings.backoff.after(self.failures);
        tracing::warn!(
            error = describe(error),
            failures = self.failures,
            unconfirmed = self.window.len(),
            "the broker did not confirm; trying again",
        );
        self.paused_until = Some(Instant::now() + pause);
        self.begin_again();
    }

    /// Goes back to the first unconfirmed event.
    fn begin_again(&mut self) {
        for entry in self.window.iter_mut().take(self.sent) {
            entry.confirmation = None;
            entry.sent_again = true;
        }
        if self.sent > 0 {
            self.counts.lock().retries += 1;
        }
        self.sent = 0;
    }

    /// Goes back to the first unconfirmed event if the connection is new: answers may have been lost with
    /// the old connection.
    fn follow_connection(&mut self) {
        let connects = self.connections();
        if std::mem::replace(&mut self.connects, connects) != connects {
            self.paused_until = None;
            self.begin_again();
        }
    }

    /// Settles an unpublishable event.
    fn refuse(&mut self, ack: Ack, reason: String) {
        tracing::error!(seq = ack.seq(), reason, "an event cannot be published");
        self.counts.lock().refused += 1;
        ack.nack(reason);
    }
}

/// Waits for the broker's answer about the first event.
async fn front(window: &mut VecDeque<Entry>) -> Result<PublishAck, PublishError> {
    match window
        .front_mut()
        .and_then(|entry| entry.confirmation.as_mut())
    {
        Some(confirmation) => Pin::new(confirmation).await,
        None => pending().await,
    }
}

async fn next<E>(deliveries: &mut Option<BoxStream<'static, Delivery<E>>>) -> Option<Delivery<E>> {
    match deliveries {
        Some(deliveries) => deliveries.next().await,
        None => pending().await,
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => pending().await,
    }
}
