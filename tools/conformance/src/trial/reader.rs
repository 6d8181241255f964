//! A subscriber as a task.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::REPOLLS;
use super::wakes::Wakes;
use crate::Subscriber;
use crate::outcome::{Verdict, ensure};

/// The most events read by `drain`.
const MOST: usize = 1_000;

pub(crate) struct Reader {
    subscriber: Box<dyn Subscriber>,
    wakes: Arc<Wakes>,
    run_tasks: fn(),
    /// Whether the last event is not finished with.
    in_flight: bool,
    /// All events read.
    pub(crate) read: Vec<u64>,
}

impl Reader {
    pub(super) fn new(subscriber: Box<dyn Subscriber>, run_tasks: fn()) -> Self {
        Self {
            subscriber,
            wakes: Arc::default(),
            run_tasks,
            in_flight: false,
            read: Vec::new(),
        }
    }

    /// Finishes with the last event and reads the next; polls again as long as the subscriber wakes itself.
    pub(crate) fn poll(&mut self) -> Poll<Option<u64>> {
        for _ in 0..REPOLLS {
            let polled = self.poll_once();
            if polled.is_ready() || !self.is_woken() {
                return polled;
            }
        }
        Poll::Pending
    }

    pub(crate) fn poll_once(&mut self) -> Poll<Option<u64>> {
        self.finish();
        self.wakes.take();
        let waker = self.wakes.waker();
        let polled = self.subscriber.poll_next(&mut Context::from_waker(&waker));
        // The waker is dropped before tasks run: the channel's clone alone keeps the waker.
        drop(waker);
        self.in_flight = matches!(polled, Poll::Ready(Some(_)));
        let polled = polled.map(|event| event.map(|event| event.number()));
        if let Poll::Ready(Some(number)) = polled {
            self.read.push(number);
        }
        (self.run_tasks)();
        polled
    }

    /// Finishes with the last event.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.in_flight) {
            self.subscriber.finish();
            (self.run_tasks)();
        }
    }

    /// Reads an event and finishes with the event.
    pub(crate) fn take(&mut self) -> Poll<Option<u64>> {
        let polled = self.poll();
        self.finish();
        polled
    }

    /// Takes every unread event. The subscriber sleeps or has ended afterwards.
    pub(crate) fn drain(&mut self) -> Verdict<Vec<u64>> {
        let mut read = Vec::new();
        while let Poll::Ready(Some(number)) = self.take() {
            read.push(number);
            ensure!(
                read.len() < MOST,
                "a subscriber read {MOST} events, more than were published"
            );
        }
        Ok(read)
    }

    /// Polls until nothing is there, which must be the case.
    pub(crate) fn sleep(&mut self) -> Verdict {
        match self.take() {
            Poll::Pending => Ok(()),
            Poll::Ready(Some(number)) => {
                ensure!(false, "a subscriber read event {number}, and none was left");
                Ok(())
            }
            Poll::Ready(None) => {
                ensure!(false, "a subscriber ended, though the channel is in use");
                Ok(())
            }
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.poll() == Poll::Ready(None)
    }

    /// Moves the subscriber to another task: the next poll has another waker.
    pub(crate) fn move_to_another_task(&mut self) -> impl Fn() -> bool + use<> {
        let before = std::mem::take(&mut self.wakes);
        move || before.count() > 0
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.wakes.count() > 0
    }

    /// The calls of the waker since the last poll.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.count()
    }

    pub(crate) fn leave(self) {
        let run_tasks = self.run_tasks;
        drop(self);
        run_tasks();
    }
}
