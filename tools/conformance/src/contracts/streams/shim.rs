//! genevent with the interfaces of Reactive Streams. `request` reads the stream, and so does the stream's waker.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use genevent::{Overflow, Received};

use crate::contracts::kinds::{Kind, Manager, Reader};
use crate::runtime;

pub(super) type Event = Arc<u32>;

pub(super) trait Subscriber: Send {
    fn on_subscribe(&mut self, subscription: Subscription);
    fn on_next(&mut self, event: Event);
    fn on_error(&mut self, error: &'static str);
    fn on_complete(&mut self);
}

#[derive(Clone)]
pub(super) struct Publisher(Manager<Event>);

impl Publisher {
    pub(super) fn new(kind: Kind, capacity: usize) -> Self {
        Self(Manager::new(kind, capacity))
    }

    pub(super) fn manager(&self) -> &Manager<Event> {
        &self.0
    }

    pub(super) fn subscribe(&self, subscriber: Box<dyn Subscriber>) -> Subscription {
        self.subscribe_with(Overflow::Wait, subscriber)
    }

    pub(super) fn subscribe_with(
        &self,
        overflow: Overflow,
        mut subscriber: Box<dyn Subscriber>,
    ) -> Subscription {
        let reader = self.0.subscribe(overflow);
        let link = Arc::new(Link(Mutex::new(State {
            id: Some(reader.id()),
            run: Run::Running,
            ..State::default()
        })));
        let subscription = Subscription(Arc::clone(&link));
        subscriber.on_subscribe(subscription.clone());
        let mut state = link.lock();
        state.ends = Some(Ends {
            reader,
            subscriber,
            ahead: None,
        });
        state.run = Run::Not;
        drop(state);
        link.run();
        self.0.settle();
        subscription
    }

    /// Publishes without waiting. Returns whether there was room.
    pub(super) fn publish(&self, number: u32) -> bool {
        self.publish_event(Arc::new(number))
    }

    pub(super) fn publish_event(&self, event: Event) -> bool {
        let stored = self.0.events.try_notify(event).is_ok();
        self.0.settle();
        stored
    }

    pub(super) fn close(&self) {
        self.0.events.close();
        self.0.settle();
    }
}

#[derive(Clone)]
pub(super) struct Subscription(Arc<Link>);

impl Subscription {
    pub(super) fn request(&self, n: i64) {
        let mut state = self.0.lock();
        match u64::try_from(n) {
            Ok(n) if n > 0 => state.demand = state.demand.saturating_add(n),
            _ => state.invalid = true,
        }
        drop(state);
        self.0.run();
        runtime::run_tasks();
    }

    pub(super) fn cancel(&self) {
        let mut state = self.0.lock();
        state.cancelled = true;
        // Held by the running call, if there is one, which drops them.
        let ends = state.ends.take();
        drop(state);
        drop(ends);
        runtime::run_tasks();
    }

    pub(super) fn id(&self) -> genevent::SubscriberId {
        self.0.lock().id.expect("set by `subscribe`")
    }
}

struct Link(Mutex<State>);

#[derive(Default)]
struct State {
    id: Option<genevent::SubscriberId>,
    /// Taken while a call runs, and absent after the end.
    ends: Option<Ends>,
    demand: u64,
    cancelled: bool,
    /// A request was for 0 events, or negative.
    invalid: bool,
    run: Run,
}

/// The signalling call.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Run {
    #[default]
    Not,
    Running,
    /// Called again while running: the call goes on once more.
    Again,
}

struct Ends {
    reader: Box<dyn Reader<Event>>,
    subscriber: Box<dyn Subscriber>,
    /// An event found when the shim looked for the end.
    ahead: Option<Event>,
}

/// The next signal.
enum Step {
    Next(Event),
    Error(&'static str),
    Complete,
    Wait,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Signals as many events as were requested and published. A call during a call, perhaps from inside of a signal,
    /// only leaves a mark: signals do not overlap, and do not recurse.
    fn run(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut state = self.lock();
        if state.run != Run::Not {
            state.run = Run::Again;
            return;
        }
        state.run = Run::Running;
        while let Some(mut ends) = state.ends.take() {
            state.run = Run::Running;
            let (demand, invalid) = (state.demand, state.invalid);
            drop(state);
            let step = if invalid {
                Step::Error("fewer than one event was requested")
            } else {
                ends.step(demand, &waker)
            };
            let (signalled, over) = match step {
                Step::Next(event) => {
                    self.lock().demand -= 1;
                    ends.subscriber.on_next(event);
                    ends.reader.finish();
                    (true, false)
                }
                Step::Error(error) => {
                    ends.subscriber.on_error(error);
                    (true, true)
                }
                Step::Complete => {
                    ends.subscriber.on_complete();
                    (true, true)
                }
                Step::Wait => (false, false),
            };
            if over || self.lock().cancelled {
                drop(ends);
                state = self.lock();
                break;
            }
            state = self.lock();
            if state.cancelled {
                drop(state);
                drop(ends);
                state = self.lock();
                break;
            }
            state.ends = Some(ends);
            if !signalled && state.run != Run::Again {
                break;
            }
        }
        state.run = Run::Not;
    }
}

impl Ends {
    fn step(&mut self, demand: u64, waker: &Waker) -> Step {
        if demand > 0 {
            if let Some(event) = self.ahead.take() {
                return Step::Next(event);
            }
        } else if self.ahead.is_some() || self.reader.unread() > 0 {
            return Step::Wait; // without demand, nothing is read
        }
        match self.reader.poll_next(&mut Context::from_waker(waker)) {
            Poll::Ready(Some(Received::Event(event))) if demand > 0 => Step::Next(event),
            Poll::Ready(Some(Received::Event(event))) => {
                self.ahead = Some(event);
                Step::Wait
            }
            Poll::Ready(Some(_)) => Step::Error("events were missed"),
            Poll::Ready(None) if self.reader.is_disconnected() => Step::Error("disconnected"),
            Poll::Ready(None) => Step::Complete,
            Poll::Pending => Step::Wait,
        }
    }
}

impl Wake for Link {
    fn wake(self: Arc<Self>) {
        self.run();
    }
}
