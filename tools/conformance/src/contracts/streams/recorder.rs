//! A subscriber that records its signals.

use std::sync::{Arc, Mutex};

use super::shim::{Event, Subscriber, Subscription};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Subscribed,
    Next(u32),
    Error,
    Complete,
}

/// The calls of a subscriber inside of `on_subscribe` and `on_next`.
type Reaction = Box<dyn FnMut(&Subscription) + Send>;

/// The signals, seen from outside.
#[derive(Clone, Default)]
pub(super) struct Signals(Arc<Mutex<Vec<Signal>>>);

impl Signals {
    pub(super) fn all(&self) -> Vec<Signal> {
        self.0.lock().unwrap().clone()
    }

    /// The events.
    pub(super) fn events(&self) -> Vec<u32> {
        let signals = self.all();
        let events = signals.iter().filter_map(|signal| match signal {
            Signal::Next(number) => Some(*number),
            _ => None,
        });
        events.collect()
    }

    pub(super) fn last(&self) -> Option<Signal> {
        self.all().last().copied()
    }

    /// Whether the subscriber was dropped: this handle is the last holder of the record.
    pub(super) fn subscriber_is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

pub(super) struct Recorder {
    signals: Signals,
    subscription: Option<Subscription>,
    at_start: Reaction,
    at_next: Reaction,
}

/// A subscriber without requests of its own.
pub(super) fn passive() -> (Box<Recorder>, Signals) {
    reacting(|_| (), |_| ())
}

/// A subscriber with a reaction to being subscribed, and to each event.
pub(super) fn reacting(
    at_start: impl FnMut(&Subscription) + Send + 'static,
    at_next: impl FnMut(&Subscription) + Send + 'static,
) -> (Box<Recorder>, Signals) {
    let signals = Signals::default();
    let recorder = Recorder {
        signals: signals.clone(),
        subscription: None,
        at_start: Box::new(at_start),
        at_next: Box::new(at_next),
    };
    (Box::new(recorder), signals)
}

impl Recorder {
    fn record(&self, signal: Signal) {
        self.signals.0.lock().unwrap().push(signal);
    }
}

impl Subscriber for Recorder {
    fn on_subscribe(&mut self, subscription: Subscription) {
        self.record(Signal::Subscribed);
        (self.at_start)(&subscription);
        self.subscription = Some(subscription);
    }

    fn on_next(&mut self, event: Event) {
        self.record(Signal::Next(*event));
        if let Some(subscription) = self.subscription.clone() {
            (self.at_next)(&subscription);
        }
    }

    fn on_error(&mut self, _error: &'static str) {
        self.record(Signal::Error);
    }

    fn on_complete(&mut self) {
        self.record(Signal::Complete);
    }
}
