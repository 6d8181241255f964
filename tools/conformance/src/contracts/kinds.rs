//! The kinds of subscription of genevent behind one interface.

mod reader;

use std::sync::{Arc, Mutex};

use genevent::{EventManager, HandlerGroup, Overflow, SubscribeOptions, Subscription, Topics};

use crate::handler_stream::HandlerStream;
use crate::runtime;
pub(crate) use reader::Reader;
use reader::{ByDeliveries, ByHandler};

/// A kind of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `subscribe_with`.
    Plain,
    /// `deliveries`: events with an acknowledgement of their own.
    Deliveries,
    /// `subscribe_filter_with`.
    Filtered,
    /// `topics`.
    Keyed,
    /// `replay`: begins with the last event, if any.
    Replaying,
    /// `after` another subscription, which finishes with each event at once.
    Staged,
    /// `add_handler_with`.
    Handler,
    /// `handler_group`: each subscription is a handler of the same group.
    Group,
}

impl Kind {
    /// All kinds, in the order of the columns.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Deliveries,
        Self::Filtered,
        Self::Keyed,
        Self::Replaying,
        Self::Staged,
        Self::Handler,
        Self::Group,
    ];

    /// The head of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Deliveries => "deliveries",
            Self::Filtered => "filtered",
            Self::Keyed => "keyed",
            Self::Replaying => "replaying",
            Self::Staged => "staged",
            Self::Handler => "handler",
            Self::Group => "group",
        }
    }

    /// Whether the kind takes a lossy policy.
    pub fn can_be_lossy(self) -> bool {
        self != Self::Group
    }

    /// Whether events pass through a task of the runtime.
    pub(crate) fn has_tasks(self) -> bool {
        matches!(self, Self::Handler | Self::Group)
    }
}

/// A manager with subscriptions of a single kind.
pub(crate) struct Manager<E: Send + Sync + 'static> {
    pub(crate) events: EventManager<E>,
    kind: Kind,
    topics: Topics<E, ()>,
    /// The stage before, of kind `Staged`.
    before: Option<Arc<Mutex<Subscription<E>>>>,
    /// The group of the handlers, of kind `Group`.
    group: Option<HandlerGroup<E>>,
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
        let group = (kind == Kind::Group).then(|| runtime::enter(|| events.handler_group("group")));
        Self {
            kind,
            topics,
            before: before.map(|before| Arc::new(Mutex::new(before))),
            group: group.map(|group| group.expect("the first name")),
            events,
        }
    }

    pub(crate) fn subscribe(&self, overflow: Overflow) -> Box<dyn Reader<E>> {
        let options = SubscribeOptions::new().overflow(overflow);
        match self.kind {
            Kind::Plain => Box::new(self.events.subscribe_with(options).with_missed()),
            Kind::Deliveries => {
                let deliveries = self.events.subscribe_with(options).deliveries();
                Box::new(ByDeliveries::new(deliveries))
            }
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
            Kind::Handler => {
                let stream = HandlerStream::new(&self.events, options);
                Box::new(ByHandler::new(stream, &self.events))
            }
            // Publishers wait for the handlers of a group: `handler_group` takes no policy.
            Kind::Group => {
                let stream = HandlerStream::in_group(self.group.as_ref().expect("made by `new`"));
                Box::new(ByHandler::new(stream, &self.events))
            }
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
        if self.kind.has_tasks() {
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
            group: self.group.clone(),
        }
    }
}
