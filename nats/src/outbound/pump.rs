//! The task of an outbound bridge.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use async_nats::header::{NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_STREAM};
use async_nats::{Client, HeaderMap, Subject};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};
use genevent::{Ack, Delivery};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::answers::{Answer, Answers};
use super::counts::OutboundCounts;
use super::last_ids::LastIds;
use super::pace::Pace;
use super::refusal::{Failure, is_message_id};
use super::subject::{self, is_publishable};
use super::target::Target;
use super::{Settings, numbered};
use crate::codec::Codec;
use crate::connection;
use crate::error::OutboundError;
use crate::headers::{MESSAGE_ID, ORIGIN};
use crate::running::{Counter, Stop};

/// The state of the task.
pub(super) struct Pump<E, C> {
    settings: Settings<E, C>,
    client: Client,
    answers: Answers,
    target: Option<Target>,
    deliveries: Option<BoxStream<'static, Delivery<E>>>,
    counts: Counter<OutboundCounts>,
    stop: Stop,
    /// The unconfirmed events in order.
    ///
    /// # Invariants
    /// 1. The first `sent` events have an answer to wait for, by the numbers from `first` on; the later
    ///    events have none.
    /// 2. An event with a predecessor in the window is sent with the id of the predecessor.
    window: VecDeque<Entry>,
    /// The number of events sent since the bridge last began again.
    sent: usize,
    /// The number by which the first event is answered. No number is used twice, because an answer to an
    /// earlier attempt may still come.
    first: u64,
    /// Since when the first event waits for its answer, if an event is sent.
    waits_since: Instant,
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
    /// An answer that came before the answers about the events before.
    answer: Option<Answer>,
}

impl<E, C> Pump<E, C>
where
    E: Send + Sync + 'static,
    C: Codec<E>,
{
    pub(super) fn new(
        settings: Settings<E, C>,
        answers: Answers,
        target: Option<Target>,
        deliveries: BoxStream<'static, Delivery<E>>,
        counts: Counter<OutboundCounts>,
        stop: Stop,
    ) -> Self {
        Self {
            pace: Pace::new(settings.max_in_flight),
            client: settings.jetstream.client(),
            settings,
            answers,
            target,
            deliveries: Some(deliveries),
            counts,
            stop,
            window: VecDeque::new(),
            sent: 0,
            first: 0,
            waits_since: Instant::now(),
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
        let mut overdue = pin!(sleep(self.settings.confirm_within));
        self.connects = connection::count(&self.client);
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
                Some((number, answer)) = self.answers.next() => {
                    let now = Instant::now();
                    self.receive(number, answer, now);
                    // Without a turn of the whole loop for each of the other answers.
                    while let Some(Some((number, answer))) = self.answers.next().now_or_never() {
                        self.receive(number, answer, now);
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
                // Set for the time of the first event only when it fires: most events are answered before.
                () = &mut overdue, if self.sent > 0 => {
                    let rest = self.settings.confirm_within.saturating_sub(self.waits_since.elapsed());
                    if rest.is_zero() {
                        self.miss_answer();
                    }
                    let next = if rest.is_zero() { self.settings.confirm_within } else { rest };
                    overdue.as_mut().reset(Instant::now() + next);
                }
                _ = tick.tick() => self.follow_connection(),
            }
        }
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
            let id = message_id(&delivery);
            if !is_message_id(&id) {
                self.refuse(delivery.into_parts().1, format!("no message id: {id:?}"));
                return Ok(());
            }
            id
        } else {
            // Not the event's own number: events of several managers may have the same.
            self.taken += 1;
            numbered(&self.settings.run, self.taken)
        };
        let (event, ack) = delivery.into_parts();
        drop(event);
        self.window.push_back(Entry {
            ack,
            id,
            subject,
            payload,
            first_sent: None,
            sent_again: false,
            answer: None,
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
        if self.sent >= self.window.len().min(allowed) {
            return;
        }
        // One time for all: the age of an event may be a little more than its true age, never less.
        let now = Instant::now();
        while self.sent < self.window.len().min(allowed) {
            let Some(headers) = self.headers() else {
                return; // until the predecessor is confirmed
            };
            if self.sent == 0 {
                self.waits_since = now;
            }
            self.window[self.sent].first_sent.get_or_insert(now);
            match self.send(headers).await {
                Ok(()) => self.sent += 1,
                Err(failure) if failure.is_permanent() => {
                    let entry = self
                        .window
                        .remove(self.sent)
                        .expect("the entry was just sent");
                    self.refuse(entry.ack, failure.to_string());
                }
                Err(failure) => {
                    self.fail(&failure);
                    return;
                }
            }
        }
    }

    /// Hands the next event to the client.
    async fn send(&mut self, headers: HeaderMap) -> Result<(), Failure> {
        let entry = &self.window[self.sent];
        let (subject, payload) = (entry.subject.clone(), entry.payload.clone());
        let answer = self.answers.subject(self.first + self.sent as u64);
        let sending =
            (self.client).publish_with_reply_and_headers(subject, answer, headers, payload);
        let mut sending = pin!(sending);
        // A timer only for the rare wait.
        let result = if let Some(result) = (&mut sending).now_or_never() {
            result
        } else {
            // The client has no room: without a connection, until there is one again.
            let result = timeout(self.settings.confirm_within, sending).await;
            self.waits_since = Instant::now();
            result.map_err(|_| Failure::NoAnswer)?
        };
        result.map_err(Failure::NotSent)
    }

    /// Returns the headers of the next event to send, or `None` while the event cannot name its
    /// predecessor.
    fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(MESSAGE_ID, self.window[self.sent].id.as_str());
        if let Some(origin) = &self.settings.origin {
            headers.insert(ORIGIN, origin.as_str());
        }
        if let (subject::Subject::ByEvent(_), Some(target)) = (&self.settings.subject, &self.target)
        {
            headers.insert(NATS_EXPECTED_STREAM, target.stream.as_str());
        }
        if let Some(predecessor) = self.sent.checked_sub(1) {
            if !self.is_link(predecessor) {
                return None;
            }
            let id = self.window[predecessor].id.as_str();
            headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, id);
        }
        Some(headers)
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

    /// Takes an answer of the broker, and goes on with the first event while its answer is there. `now`:
    /// when the answers of this turn arrived, or before.
    fn receive(&mut self, number: u64, answer: Answer, now: Instant) {
        // An answer about an attempt before the bridge began again is outdated.
        let index = number.checked_sub(self.first).map(usize::try_from);
        let Some(Ok(index)) = index else { return };
        if index >= self.sent {
            return;
        }
        self.window[index].answer = Some(answer);
        while self.sent > 0
            && let Some(answer) = self.window[0].answer.take()
        {
            self.answered(answer, now);
        }
    }

    /// Takes the broker's answer about the first event.
    fn answered(&mut self, answer: Answer, now: Instant) {
        match answer {
            Ok(confirmation) => {
                let entry = self.pop_front(now);
                let age = entry
                    .first_sent
                    .map_or(Duration::ZERO, |sent| now.duration_since(sent));
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
            Err(failure) if failure.breaks_chain() => {
                // Another publisher was in between, or an earlier event was lost.
                self.pace.broken();
                self.begin_again();
            }
            Err(failure) if failure.is_permanent() => {
                let entry = self.pop_front(now);
                // The events behind this event name this event as their predecessor.
                self.begin_again();
                self.refuse(entry.ack, failure.to_string());
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// Goes on without an answer about the first event.
    fn miss_answer(&mut self) {
        if self.window.iter().any(|entry| entry.answer.is_some()) {
            // Answers about later events came: the client has dropped answers for which its subscription
            // had no room, and would do so again.
            self.pace.broken();
        }
        self.fail(&Failure::NoAnswer);
    }

    fn pop_front(&mut self, now: Instant) -> Entry {
        self.sent -= 1;
        self.first += 1;
        self.waits_since = now;
        self.window
            .pop_front()
            .expect("the first event was answered")
    }

    /// Pauses after a failure; the first unconfirmed event is sent next.
    fn fail(&mut self, failure: &Failure) {
        self.failures += 1;
        let pause = self.settings.backoff.after(self.failures);
        tracing::warn!(
            error = %failure,
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
            entry.answer = None;
            entry.sent_again = true;
        }
        if self.sent > 0 {
            self.counts.lock().retries += 1;
        }
        self.first += self.sent as u64;
        self.sent = 0;
    }

    /// Goes back to the first unconfirmed event if the connection is new: answers may have been lost with
    /// the old connection.
    fn follow_connection(&mut self) {
        let connects = connection::count(&self.client);
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
