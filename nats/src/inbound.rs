//! From a durable consumer of the broker to a manager.

mod attempt;
mod attempts;
mod counts;
mod message_info;
mod pump;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use genevent::EventManager;

pub use counts::InboundCounts;
pub use message_info::MessageInfo;

use crate::backoff::Backoff;
use crate::codec::{Codec, Json};
use crate::dead_letter::{Buried, DeadLetter, Hook};
use crate::error::InboundError;
use crate::running::Running;

/// The handling of an event without a subscriber to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenUnheard {
    /// Waits for a subscriber and publishes the event again, until the event is heard: the default.
    /// An event filtered out by every subscriber is never heard: `Ack` is for filters.
    #[default]
    Wait,
    /// Acknowledges the message.
    Ack,
    /// Gives the message back to the broker, which delivers it again after a pause.
    Nak,
}

/// Feeds a manager from a durable pull consumer.
///
/// A message is acknowledged if and only if every subscriber has finished its event: when the
/// receipt is [`all_acked`](genevent::Receipt::all_acked). Otherwise the broker gets the message back
/// and delivers it again after a pause, and the causes are logged by `tracing`. While subscribers
/// work, the broker gets a sign of progress before its `ack_wait` runs out. **At least once**: an event may come
/// again, in this process or another, whenever an acknowledgement did not reach the broker.
/// [`MessageInfo::stream_sequence`] and [`MessageInfo::id`] tell such duplicates apart.
///
/// By default, messages are processed in order, each after the last. This order needs a consumer with
/// `max_ack_pending: 1`: otherwise the broker delivers new messages while a failed message waits for
/// its next delivery. [`max_in_flight`](Self::max_in_flight) gives the order up.
///
/// # Examples
/// ```no_run
/// use async_nats::jetstream::consumer::{PullConsumer, pull};
/// use genevent::EventManager;
/// use genevent_nats::Inbound;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = async_nats::connect("localhost").await?;
/// let jetstream = async_nats::jetstream::new(client);
/// let orders = jetstream.get_stream("ORDERS").await?;
/// let consumer: PullConsumer = orders
///     .get_or_create_consumer(
///         "kitchen",
///         pull::Config {
///             durable_name: Some("kitchen".to_owned()),
///             max_ack_pending: 1, // in order
///             ..Default::default()
///         },
///     )
///     .await?;
///
/// let manager = EventManager::<String>::new(64);
/// let inbound = Inbound::new(consumer).run(&manager).await?;
/// // subscribers of `manager` work …
/// let counts = inbound.shutdown().await?;
/// println!("{} messages acknowledged", counts.acked);
/// # Ok(())
/// # }
/// ```
#[must_use = "an inbound bridge does nothing until `run`"]
pub struct Inbound<E, T = E, C = Json> {
    consumer: PullConsumer,
    settings: Settings<E, T, C>,
}

/// The options of a bridge.
struct Settings<E, T, C> {
    codec: C,
    map: Arc<Map<E, T>>,
    /// `None`: in order, each after the last.
    max_in_flight: Option<usize>,
    when_unheard: WhenUnheard,
    backoff: Backoff,
    max_deliver: Option<u64>,
    dead_letters: Hook,
    origin: Option<String>,
}

type Map<E, T> = dyn Fn(E, &MessageInfo<'_>) -> T + Send + Sync;

impl<E, T, C> Settings<E, T, C> {
    /// Returns how many messages may be under way at once.
    fn places(&self) -> usize {
        self.max_in_flight.unwrap_or(1)
    }
}

impl<E: 'static> Inbound<E> {
    /// Creates a bridge from `consumer`, for events as JSON, in order.
    pub fn new(consumer: PullConsumer) -> Self {
        let settings = Settings {
            codec: Json,
            map: Arc::new(|event, _: &MessageInfo<'_>| event) as Arc<Map<E, E>>,
            max_in_flight: None,
            when_unheard: WhenUnheard::default(),
            backoff: Backoff::default(),
            max_deliver: None,
            dead_letters: Hook::default(),
            origin: None,
        };
        Self { consumer, settings }
    }
}

impl<E, T, C> Inbound<E, T, C> {
    /// Sets how events become bytes.
    pub fn codec<D: Codec<E>>(self, codec: D) -> Inbound<E, T, D> {
        self.convert(|_, map| (codec, map))
    }

    /// Makes the manager's events from the decoded events and the [`MessageInfo`] of their messages,
    /// such as the id, by which duplicates are told apart. Replaces an earlier `map`.
    pub fn map<U>(
        self,
        map: impl Fn(E, &MessageInfo<'_>) -> U + Send + Sync + 'static,
    ) -> Inbound<E, U, C> {
        self.convert(|codec, _| (codec, Arc::new(map)))
    }

    /// Replaces the codec and the function of `map`, whose types may change.
    fn convert<U, D>(
        self,
        replace: impl FnOnce(C, Arc<Map<E, T>>) -> (D, Arc<Map<E, U>>),
    ) -> Inbound<E, U, D> {
        let settings = self.settings;
        let (codec, map) = replace(settings.codec, settings.map);
        Inbound {
            consumer: self.consumer,
            settings: Settings {
                codec,
                map,
                max_in_flight: settings.max_in_flight,
                when_unheard: settings.when_unheard,
                backoff: settings.backoff,
                max_deliver: settings.max_deliver,
                dead_letters: settings.dead_letters,
                origin: settings.origin,
            },
        }
    }

    /// Allows `messages` to be under way at once, in any order.
    ///
    /// # Panics
    /// If `messages` is 0.
    pub fn max_in_flight(mut self, messages: usize) -> Self {
        assert!(
            messages > 0,
            "a bridge needs at least one message in flight"
        );
        self.settings.max_in_flight = Some(messages);
        self
    }

    /// Sets the handling of an event without subscribers.
    pub fn when_unheard(mut self, choice: WhenUnheard) -> Self {
        self.settings.when_unheard = choice;
        self
    }

    /// Sets the pauses before a message is delivered again.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets after how many deliveries a message is given up, instead of the consumer's
    /// `max_deliver`.
    ///
    /// Best together with a consumer whose own `max_deliver` is unlimited. With a limit, the broker forgets a
    /// message whose last delivery went to a process that died or shut down; without a limit, this bridge
    /// gives such a message to the dead-letter hook.
    ///
    /// # Panics
    /// If `deliveries` is 0.
    pub fn max_deliver(mut self, deliveries: u64) -> Self {
        assert!(deliveries > 0, "a message needs at least one delivery");
        self.settings.max_deliver = Some(deliveries);
        self
    }

    /// Sets the hook for messages given up: undecodable, or delivered too often. The default
    /// logs them. A message is terminated once the hook has returned `Ok`, and the hook is called
    /// again after an error, with pauses.
    pub fn dead_letters<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Buried> + Send + 'static,
    {
        self.settings.dead_letters = Hook::new(hook);
        self
    }

    /// Names this node: messages that an [`Outbound`](crate::Outbound) with the same name published
    /// are acknowledged and become no events.
    pub fn origin(mut self, node: impl Into<String>) -> Self {
        self.settings.origin = Some(node.into());
        self
    }
}

impl<E, T, C> Inbound<E, T, C>
where
    E: Send + 'static,
    T: Send + Sync + 'static,
    C: Codec<E>,
{
    /// Looks the consumer up, and starts a task, which feeds `manager` and keeps `manager` open.
    ///
    /// The task ends when the manager is closed, after the events under way, and when the consumer is
    /// gone. The task survives restarts of the broker.
    ///
    /// # Errors
    /// [`InboundError`], if the consumer is missing, cannot be reached, or has a configuration with which
    /// this bridge would break a promise.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future starts nothing.
    pub async fn run(
        mut self,
        manager: &EventManager<T>,
    ) -> Result<Running<InboundCounts, InboundError>, InboundError> {
        let info = self.consumer.get_info().await;
        let cached = self.consumer.cached_info();
        let config = match info {
            Ok(info) => info.config,
            Err(error) => {
                return Err(match error.kind() {
                    ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => {
                        InboundError::NoConsumer {
                            consumer: cached.name.clone(),
                            stream: cached.stream_name.clone(),
                        }
                    }
                    _ => InboundError::Unreachable(Box::new(error)),
                });
            }
        };
        let consumer = cached.name.clone();
        if config.ack_policy != AckPolicy::Explicit {
            return Err(InboundError::NotExplicit { consumer });
        }
        if self.settings.max_in_flight.is_none() && config.max_ack_pending != 1 {
            return Err(InboundError::NotInOrder {
                consumer,
                max_ack_pending: config.max_ack_pending,
            });
        }
        let theirs = u64::try_from(config.max_deliver)
            .ok()
            .filter(|deliveries| *deliveries > 0);
        if let (Some(consumer), Some(inbound)) = (theirs, self.settings.max_deliver)
            && consumer < inbound
        {
            return Err(InboundError::GivesUpFirst { consumer, inbound });
        }
        self.settings.max_deliver = self.settings.max_deliver.or(theirs);

        // The consumer's own backoff replaces its `ack_wait`.
        let waits = config.backoff.iter().copied().min();
        let ack_wait = waits.unwrap_or(config.ack_wait);
        let ack_wait = if ack_wait.is_zero() {
            Duration::from_secs(30) // the broker's default
        } else {
            ack_wait
        };
        let source = source::Source::new(self.consumer, self.settings.places());
        let (settings, manager) = (self.settings, manager.clone());
        Ok(Running::spawn(|counts, stop| async move {
            let pump = pump::Pump::new(&settings, source, &manager, counts, stop);
            pump.run(ack_wait).await
        }))
    }
}

impl<E, T, C> fmt::Debug for Inbound<E, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("consumer", &self.consumer.cached_info().name)
            .field("max_in_flight", &self.settings.max_in_flight)
            .field("when_unheard", &self.settings.when_unheard)
            .finish_non_exhaustive()
    }
}
