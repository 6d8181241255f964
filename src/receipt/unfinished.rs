//! The subscribers that did not finish an event, and why.

use std::fmt;
use std::panic::Location;

use crate::end_reason::DisconnectCause;
use crate::subscriber_id::{Identity, SubscriberId, SubscriberKind};
use crate::util::sync::Arc;

/// A subscriber that did not finish an event: an entry of [`Receipt::unfinished`].
///
/// The entry stays valid when the subscriber no longer exists. `Display` writes one line.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{Cause, EventManager, SubscribeOptions, SubscriberKind};
///
/// let manager = EventManager::new(8);
/// let mut jobs = manager.subscribe_with(SubscribeOptions::new().name("mailer")).deliveries();
/// let mut sent = manager.sync_notify("hello");
/// assert!((&mut sent).now_or_never().is_none());
/// jobs.next().now_or_never().flatten().unwrap().nack("no such mailbox");
///
/// let receipt = sent.now_or_never().unwrap().unwrap();
/// let mailer = &receipt.unfinished()[0];
/// assert_eq!((mailer.id(), mailer.name()), (jobs.id(), Some("mailer")));
/// assert_eq!(mailer.kind(), SubscriberKind::Stream);
/// assert_eq!(*mailer.cause(), Cause::Failed("no such mailbox".into()));
/// assert!(mailer.to_string().starts_with("#1 \"mailer\" from "));
/// assert!(mailer.to_string().ends_with(": failed: no such mailbox"));
/// ```
///
/// [`Receipt::unfinished`]: crate::Receipt::unfinished
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unfinished {
    #[cfg_attr(feature = "serde", serde(flatten))]
    subscriber: Identity,
    cause: Cause,
}

impl Unfinished {
    pub(crate) fn new(subscriber: Identity, cause: Cause) -> Self {
        Self { subscriber, cause }
    }

    /// Returns the subscription's id.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscriber.id
    }

    /// Returns the subscription's name, if it has a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.subscriber.name.as_deref()
    }

    /// Returns the kind of reader.
    #[must_use]
    pub fn kind(&self) -> SubscriberKind {
        self.subscriber.kind
    }

    /// Returns the name of the group, if the subscriber is a handler of a group.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.subscriber.group()
    }

    /// Returns the source line that called `subscribe` or added the handler.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.subscriber.created_at
    }

    /// Returns why the subscriber did not finish the event.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from {}: {}",
            self.subscriber,
            self.created_at(),
            self.cause
        )
    }
}

#[expect(
    clippy::missing_fields_in_debug,
    reason = "each part of the identity is a field here"
)]
impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("kind", &self.kind())
            .field("group", &self.group())
            .field("created_at", &format_args!("{}", self.created_at()))
            .field("cause", &self.cause)
            .finish()
    }
}

/// The entries of a receipt, shared by its clones. Mostly there are none: `None` costs little to move
/// and to drop, which every acknowledged publish does several times.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entries(Option<Arc<Vec<Unfinished>>>);

impl Entries {
    #[cold]
    pub(crate) fn push(&mut self, entry: Unfinished) {
        // Mostly a single subscriber fails: room for more would be wasted in every receipt.
        let entries = (self.0).get_or_insert_with(|| Arc::new(Vec::with_capacity(1)));
        Arc::make_mut(entries).push(entry);
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Unfinished] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Entries {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The reason why a subscriber did not finish an event.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{Cause, EventManager};
///
/// let manager = EventManager::new(8);
/// let (reader, mut jobs) = (manager.subscribe(), manager.subscribe().deliveries());
/// let mut done = manager.sync_notify("event");
/// assert!((&mut done).now_or_never().is_none());
/// drop(reader);
/// drop(jobs.next().now_or_never().flatten());
///
/// let receipt = done.now_or_never().unwrap().unwrap();
/// let causes: Vec<_> = receipt.unfinished().iter().map(|entry| entry.cause()).collect();
/// assert_eq!(causes, [&Cause::Left, &Cause::Discarded]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Cause {
    /// The subscriber dropped its stream, or its task was aborted, with the event unread or
    /// unacknowledged.
    Left,
    /// A delivery of the event was dropped.
    Discarded,
    /// The subscriber reported the event as failed, with this reason: by
    /// [`Delivery::nack`](crate::Delivery::nack) or a sibling.
    Failed(Arc<str>),
    /// A handler panicked over the event, with this message.
    Panicked(Arc<str>),
    /// Newer events overwrote the event before the subscriber read it
    /// ([`Overflow::DropOldest`](crate::Overflow::DropOldest)).
    Overwritten,
    /// The subscriber was disconnected before it read the event.
    Disconnected(DisconnectCause),
}

/// A text of users, with its control characters escaped: it may have several lines.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            let text = part.trim_end_matches(char::is_control);
            write!(f, "{text}{}", part[text.len()..].escape_debug())?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left before finishing"),
            Self::Discarded => f.write_str("dropped its delivery"),
            Self::Failed(reason) => write!(f, "failed: {}", OneLine(reason)),
            Self::Panicked(message) => write!(f, "panicked: {}", OneLine(message)),
            Self::Overwritten => f.write_str("overwritten before it was read"),
            Self::Disconnected(cause) => cause.fmt(f),
        }
    }
}
