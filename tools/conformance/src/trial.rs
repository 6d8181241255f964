//! A channel under a check: publishes and subscribers as tasks, polled by hand.
//!
//! Every loop has a budget of polls, so a channel that never gets ready fails a check, and hangs none.

mod publish;
mod reader;
mod wakes;

pub(crate) use publish::{Publish, Waiting};
pub(crate) use reader::Reader;
#[cfg(feature = "table")]
pub(crate) use wakes::Wakes;

use crate::channel::AnyChannel;
use crate::outcome::{Stop, Verdict, ensure};
use crate::{Event, Publishing};

/// How often a task is polled again at once after being woken during its poll.
const REPOLLS: usize = 16;

/// Opens channels for a check.
pub(crate) struct Setup<'a> {
    pub(crate) open: &'a dyn Fn(usize) -> Box<dyn AnyChannel>,
    pub(crate) slack: usize,
    pub(crate) run_tasks: fn(),
    pub(crate) seeds: u64,
}

impl Setup<'_> {
    /// Opens a channel with `publishers` publishers. Capacities are powers of 2: some channels round up to a power of 2.
    pub(crate) fn trial(&self, capacity: usize, publishers: usize) -> Trial {
        let first = (self.open)(capacity);
        let mut publishers: Vec<_> = (1..publishers).map(|_| first.another()).collect();
        publishers.insert(0, first);
        Trial {
            publishers,
            room: capacity + self.slack,
            run_tasks: self.run_tasks,
            published: 0,
        }
    }
}

pub(crate) struct Trial {
    publishers: Vec<Box<dyn AnyChannel>>,
    /// The most unread events stored.
    pub(crate) room: usize,
    run_tasks: fn(),
    published: u64,
}

impl Trial {
    pub(crate) fn subscribe(&self) -> Reader {
        let reader = Reader::new(self.publishers[0].subscribe(), self.run_tasks);
        (self.run_tasks)();
        reader
    }

    /// The next event in the order of publishing.
    pub(crate) fn event(&mut self) -> Event {
        self.published += 1;
        Event::new(self.published)
    }

    /// Starts to publish the next event with the first publisher, without polling.
    pub(crate) fn publish(&mut self) -> Publish {
        self.publish_by(0)
    }

    pub(crate) fn publish_by(&mut self, publisher: usize) -> Publish {
        let event = self.event();
        let number = event.number();
        let future = self.publishing(publisher, event);
        Publish::new(number, future, self.run_tasks)
    }

    /// Starts to publish an event of [`Self::event`].
    pub(crate) fn publish_event(&self, event: Event) -> Publish {
        let number = event.number();
        Publish::new(number, self.publishers[0].publish(event), self.run_tasks)
    }

    pub(crate) fn run_tasks(&self) {
        (self.run_tasks)();
    }

    /// Returns the future of a publish, to be polled on any thread.
    pub(crate) fn publishing(&self, publisher: usize, event: Event) -> Publishing {
        self.publishers[publisher].publish(event)
    }

    /// Starts to publish the next event, to be acknowledged.
    pub(crate) fn publish_and_wait(&mut self) -> Verdict<Waiting> {
        self.publish_and_wait_by(0)
    }

    pub(crate) fn publish_and_wait_by(&mut self, publisher: usize) -> Verdict<Waiting> {
        let event = self.event();
        let number = event.number();
        let future = self.publishers[publisher].publish_and_wait(event);
        let future = future.ok_or(Stop::NotApplicable("the channel has no acknowledgement"))?;
        Ok(Waiting::new(number, future, self.run_tasks))
    }

    /// Publishes `count` events, which must find room, and returns their numbers.
    pub(crate) fn store(&mut self, count: usize) -> Verdict<Vec<u64>> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let mut publish = self.publish();
            ensure!(
                publish.poll().is_ready(),
                "event {} waited, though every subscriber had room",
                publish.number
            );
            numbers.push(publish.number);
        }
        Ok(numbers)
    }

    /// Publishes until an event waits, and returns the stored numbers and the waiting publish.
    pub(crate) fn fill(&mut self) -> Verdict<(Vec<u64>, Publish)> {
        let mut stored = Vec::new();
        for _ in 0..=self.room {
            let mut publish = self.publish();
            if publish.poll().is_pending() {
                return Ok((stored, publish));
            }
            stored.push(publish.number);
        }
        Err(Stop::NotApplicable("publishers never wait for room"))
    }

    /// Closes the channel explicitly.
    pub(crate) fn close(&self) -> Verdict {
        if !self.publishers[0].close() {
            return Err(Stop::NotApplicable("the channel has no explicit close"));
        }
        (self.run_tasks)();
        Ok(())
    }

    pub(crate) fn drop_publishers(&mut self) {
        self.publishers.clear();
        (self.run_tasks)();
    }
}
