//! From a subscription to a stream of the broker.

mod answers;
mod counts;
mod last_ids;
mod pace;
mod pump;
mod refusal;
mod subject;
mod target;

use std::fmt::{self, Write as _};
use std::time::Duration;

use async_nats::jetstream::Context;
use futures_util::{Stream, StreamExt};
use genevent::Delivery;

pub use counts::OutboundCounts;
#[cfg(test)]
pub(crate) use subject::is_publishable;
pub use subject::{ByEvent, Fixed, IntoSubject};

use crate::backoff::Backoff;
use crate::codec::{Codec, Json};
use crate::error::OutboundError;
use crate::running::Running;

/// Publishes the deliveries of a subscription to a stream of the broker.
///
/// A delivery is acknowledged when the broker has confirmed the event as stored. So
/// [`sync_notify`](genevent::EventManager::sync_notify) on the manager waits for the broker, and its
/// receipt names this bridge with the reason if an event cannot be published.
///
/// **In order**: the events of a bridge are stored in the order of the deliveries, also when a
/// connection breaks and with several events unconfirmed. Each event under way names its predecessor,
/// and the broker refuses an event whose predecessor is not the stream's last message. Other
/// publishers of the same stream break the chain: the bridge then falls back to a single unconfirmed
/// event at a time.
///
/// **At least once**: after a failure the bridge goes on from the first unconfirmed event, and the
/// broker drops duplicates by their message ids. A duplicate remains only if the broker was away for longer
/// than the stream's `duplicate_window`; both have the same id.
///
/// # Examples
/// ```no_run
/// use genevent::EventManager;
/// use genevent_nats::Outbound;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = async_nats::connect("localhost").await?;
/// let jetstream = async_nats::jetstream::new(client);
/// let manager = EventManager::<String>::new(64);
///
/// let outbound = Outbound::new(jetstream, "orders.new").max_in_flight(64);
/// let outbound = outbound.run(manager.subscribe().deliveries()).await?;
/// let receipt = manager.sync_notify("tea".to_owned()).await?;
/// assert!(receipt.all_acked(), "the stream has the order");
/// outbound.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an outbound bridge does nothing until `run`"]
pub struct Outbound<E, C = Json> {
    settings: Settings<E, C>,
}

/// The options of a bridge.
struct Settings<E, C> {
    jetstream: Context,
    subject: subject::Subject<E>,
    codec: C,
    max_in_flight: usize,
    backoff: Backoff,
    confirm_within: Duration,
    origin: Option<String>,
    /// The beginning of the default message ids, different in each run: the numbers begin at 1 in each
    /// run, and the broker would drop new events as duplicates of old events.
    run: String,
    message_id: Option<Box<MessageId<E>>>,
}

type MessageId<E> = dyn Fn(&E) -> String + Send + Sync;

impl<E, C> Settings<E, C> {
    /// Returns the shortest dedup window for a single repetition.
    fn needed_window(&self) -> Duration {
        self.confirm_within.saturating_mul(2)
    }
}

impl<E> Outbound<E> {
    /// Creates a bridge to `subject`, a string or a closure from the event to a string, for events as
    /// JSON. All subjects must be of a single stream.
    pub fn new<Kind>(jetstream: Context, subject: impl IntoSubject<E, Kind>) -> Self {
        let run = unique(&jetstream) + ".";
        let settings = Settings {
            subject: subject.into_subject(),
            codec: Json,
            max_in_flight: 1,
            backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(2)),
            confirm_within: Duration::from_secs(5),
            origin: None,
            run,
            message_id: None,
            jetstream,
        };
        Self { settings }
    }
}

/// Returns `prefix` with a number behind it, in decimal digits, without room for more.
fn numbered(prefix: &str, number: u64) -> String {
    let digits = number
        .checked_ilog10()
        .map_or(1, |zeros| zeros as usize + 1);
    let mut numbered = String::with_capacity(prefix.len() + digits);
    numbered.push_str(prefix);
    write!(numbered, "{number}").expect("a string takes any text");
    numbered
}

/// Returns a unique name.
pub(crate) fn unique(jetstream: &Context) -> String {
    let inbox = jetstream.client().new_inbox();
    inbox.rsplit('.').next().unwrap_or(&inbox).to_owned()
}

impl<E, C> Outbound<E, C> {
    /// Sets how events become bytes.
    pub fn codec<D: Codec<E>>(self, codec: D) -> Outbound<E, D> {
        let settings = self.settings;
        Outbound {
            settings: Settings {
                codec,
                jetstream: settings.jetstream,
                subject: settings.subject,
                max_in_flight: settings.max_in_flight,
                backoff: settings.backoff,
                confirm_within: settings.confirm_within,
                origin: settings.origin,
                run: settings.run,
                message_id: settings.message_id,
            },
        }
    }

    /// Allows `events` to be unconfirmed at once; by default, a single event.
    ///
    /// The client needs room for as many answers in a subscription: its `subscription_capacity`, by default
    /// 65,536. An answer without room is lost, and its event is sent again after
    /// [`confirm_within`](Self::confirm_within).
    ///
    /// # Panics
    /// If `events` is 0.
    pub fn max_in_flight(mut self, events: usize) -> Self {
        assert!(events > 0, "a bridge needs at least one event in flight");
        self.settings.max_in_flight = events;
        self
    }

    /// Names this node in header [`ORIGIN`](crate::ORIGIN), so that an
    /// [`Inbound`](crate::Inbound) of the same node does not hear the node's own events. By default, there is
    /// no such header.
    ///
    /// # Panics
    /// If `node` has a line break, which would end the header.
    pub fn origin(mut self, node: impl Into<String>) -> Self {
        let node = node.into();
        assert!(!node.contains(['\r', '\n']), "a node's name is one line");
        self.settings.origin = Some(node);
        self
    }

    /// Sets the message id of each event. The default is a name of this run and the number of the
    /// delivery in this run.
    ///
    /// The broker drops an event with an id stored within the `duplicate_window`, so the ids of
    /// different events must differ, also across processes and restarts. An event with an id which
    /// is empty, has a line break, or begins or ends with white space is refused.
    ///
    /// The first event of a run, and an event with the id of a recent event, are confirmed before the next
    /// event is sent.
    pub fn message_id(mut self, id: impl Fn(&E) -> String + Send + Sync + 'static) -> Self {
        self.settings.message_id = Some(Box::new(id));
        self
    }

    /// Sets the pauses after failures.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets after which time without an answer an event is sent again: by default, five seconds. The
    /// stream's `duplicate_window` must be at least twice as long.
    ///
    /// # Panics
    /// If `time` is zero: no event would ever be confirmed.
    pub fn confirm_within(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a confirmation takes time");
        self.settings.confirm_within = time;
        self
    }
}

impl<E, C> Outbound<E, C>
where
    E: Send + Sync + 'static,
    C: Codec<E>,
{
    /// Looks the stream up, and starts a task, which publishes `deliveries`.
    ///
    /// The task ends when the deliveries end, after the last confirmation, and survives restarts of the
    /// broker. With a closure as the subject, the stream is looked up for the first event, and the
    /// task ends with the error if the stream has no dedup window.
    ///
    /// # Errors
    /// [`OutboundError`], if no stream stores the subject, if the stream's dedup window is missing or
    /// too short, or if the broker cannot be reached.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future starts nothing, and drops the deliveries.
    pub async fn run(
        mut self,
        deliveries: impl Stream<Item = Delivery<E>> + Send + 'static,
    ) -> Result<Running<OutboundCounts, OutboundError>, OutboundError> {
        let confirm_within = self.settings.confirm_within;
        self.settings.jetstream.set_timeout(confirm_within);
        let target = match &self.settings.subject {
            subject::Subject::Fixed(subject) => {
                let needed = self.settings.needed_window();
                Some(target::Target::find(&self.settings.jetstream, subject, needed).await?)
            }
            subject::Subject::ByEvent(_) => None,
        };
        let answers = answers::Answers::subscribe(&self.settings.jetstream.client()).await;
        let answers = answers.map_err(|error| OutboundError::Unreachable(Box::new(error)))?;
        let (settings, deliveries) = (self.settings, deliveries.boxed());
        Ok(Running::spawn(|counts, stop| {
            pump::Pump::new(settings, answers, target, deliveries, counts, stop).run()
        }))
    }
}

impl<E, C> fmt::Debug for Outbound<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("max_in_flight", &self.settings.max_in_flight)
            .field("origin", &self.settings.origin)
            .finish_non_exhaustive()
    }
}
