//! The kinds of subscription of genevent behind one interface.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::Stream;
use genevent::{
    EndReason, EventManager, Filtered, Overflow, Received, SubscribeOptions, SubscriberId,
    Subscription, Topics, WeakEventManager, WithMissed,
};

use crate::handler_stream::HandlerStream;
use crate::runtime;

/// A kind of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `subscribe_with`.
    Plain,
    /// `subscribe_filter_with`.
    Filtered,
    /// `topics`.
    Keyed,
    /// `replay`: begins with up to one past event.
    Replaying,
    /// `after` another subscription, which finishes with each event at once.
    Staged,
    /// `add_handler_with`.
    Handler,
}

impl Kind {
    /// All kinds, in the order of the columns.
    pub const ALL: [Self; 6] = [
        Self::Plain,
        Self::Filtered,
        Self::Keyed,
        Self::Replaying,
        Self::Staged,
        Self::Handler,
    ];

    /// The head of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Filtered => "filtered",
            Self::Keyed => "keyed",
            Self::Replaying => "replaying",
            Self::Staged => "staged",
            Self::Handler => "handler",
        }
    }
}

/// A manager whose subscriptions are of one kind.
pub(crate) struct Manager<E: Send + Sync + 'static> {
    pub(crate) events: EventManager<E>,
    kind: Kind,
    topics: Topics<E, ()>,
    /// The stage before, of kind `Staged`.
    before: Option<Arc<Mutex<Subscription<E>>>>,
}

impl<E: Clone + Send + Sync + 'static> Manager<E> {
    pub(crate) fn new(kind: Kind, capacity: usize) -> Self {
        let mut builder = EventManager::builder().capacity(capacity);
        if kind == Kind::Replaying {
            builder = builder.retain(1);
        }
        let events = builder.build();
        let topics = events.topics(|_| ());
        let before = (kind == Kind::Staged).then(|| events.subscribe());
        Self {
            kind,
            topics,
            before: before.map(|before| Arc::new(Mutex::new(before))),
            events,
        }
    }

    pub(crate) fn subscribe(&self, overflow: Overflow) -> Box<dyn Reader<E>> {
        let options = SubscribeOptions::new().overflow(overflow);
        match self.kind {
            Kind::Plain => Box::new(self.events.subscribe_with(options).with_missed()),
            Kind::Filtered => {
                let filtered = self.events.subscribe_filter_with(options, |_| true);
                Box::new(filtered.with_missed())
            }
            Kind::Keyed => Box::new(self.topics.subscribe_with((), options).with_missed()),
            Kind::Replaying => {
                let options = options.replay(1);
                Box::new(self.events.subscribe_with(options).with_missed())
            }
            Kind::Staged => {
                let before = self.before.as_ref().expect("made by `new`").lock().unwrap();
                let options = options.after(before.id());
                drop(before);
                Box::new(self.events.subscribe_with(options).with_missed())
            }
            Kind::Handler => Box::new(ByHandler {
                stream: HandlerStream::new(&self.events, options),
                manager: self.events.downgrade(),
            }),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The subscribers, without the stage before.
    pub(crate) fn subscriber_count(&self) -> usize {
        self.events.subscriber_count() - self.hidden()
    }

    /// 1 with a stage before, which is a subscriber as well.
    pub(crate) fn hidden(&self) -> usize {
        usize::from(self.before.is_some())
    }

    /// Lets the stage before finish with every event, and handlers run.
    pub(crate) fn settle(&self) {
        self.settle_before();
        if self.kind == Kind::Handler {
            runtime::run_tasks();
        }
    }

    /// Lets the stage before finish with every event.
    pub(crate) fn settle_before(&self) {
        if let Some(before) = &self.before {
            let mut before = before.lock().unwrap();
            while before.try_next().is_ok() {
                before.ack();
            }
        }
    }
}

impl<E: Send + Sync + 'static> Clone for Manager<E> {
    fn clone(&self) -> Self {
        Self {
            events: self.events.clone(),
            kind: self.kind,
            topics: self.topics.clone(),
            before: self.before.clone(),
        }
    }
}

/// A subscription of any kind.
pub(crate) trait Reader<E>: Send {
    fn id(&self) -> SubscriberId;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>>;

    /// Acknowledges the event that was read last.
    fn finish(&mut self);

    /// The unread events.
    fn unread(&self) -> usize;

    /// The missed events, in total.
    fn missed(&self) -> u64;

    /// Whether the channel disconnected it.
    fn is_disconnected(&self) -> bool;
}

impl<E: Clone + Send + Sync + 'static> Reader<E> for WithMissed<E> {
    fn id(&self) -> SubscriberId {
        self.get_ref().id()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        Stream::poll_next(Pin::new(self), cx)
    }

    fn finish(&mut self) {
        self.get_mut().ack();
    }

    fn unread(&self) -> usize {
        self.get_ref().len()
    }

    fn missed(&self) -> u64 {
        self.get_ref().missed()
    }

    fn is_disconnected(&self) -> bool {
        matches!(
            self.get_ref().end_reason(),
            Some(EndReason::Disconnected { .. })
        )
    }
}

impl<E: Clone + Send + Sync + 'static> Reader<E> for WithMissed<E, Filtered<E>> {
    fn id(&self) -> SubscriberId {
        self.get_ref().id()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        Stream::poll_next(Pin::new(self), cx)
    }

    fn finish(&mut self) {
        self.get_mut().ack();
    }

    fn unread(&self) -> usize {
        self.get_ref().len()
    }

    fn missed(&self) -> u64 {
        self.get_ref().missed()
    }

    fn is_disconnected(&self) -> bool {
        matches!(
            self.get_ref().end_reason(),
            Some(EndReason::Disconnected { .. })
        )
    }
}

struct ByHandler<E: Send + Sync + 'static> {
    stream: HandlerStream<E>,
    manager: WeakEventManager<E>,
}

impl<E: Clone + Send + Sync + 'static> Reader<E> for ByHandler<E> {
    fn id(&self) -> SubscriberId {
        self.stream.id()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        runtime::run_tasks();
        self.stream.poll_next(cx)
    }

    fn finish(&mut self) {
        self.stream.finish();
        runtime::run_tasks();
    }

    fn unread(&self) -> usize {
        let manager = self.manager.upgrade();
        let stored = manager.and_then(|manager| {
            let subscribers = manager.subscribers();
            let this = subscribers.iter().find(|info| info.id() == self.id());
            this.map(genevent::SubscriberInfo::unread)
        });
        stored.unwrap_or(0) + self.stream.passed_on()
    }

    fn missed(&self) -> u64 {
        self.stream.missed()
    }

    fn is_disconnected(&self) -> bool {
        self.stream.is_disconnected()
    }
}
