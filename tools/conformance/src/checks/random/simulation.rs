//! Publishers and subscribers with random operations, and a record of the operations.

use std::task::Poll;

use super::history::{End, History, Moment, Published, Subscribed};
use crate::Receipt;
use crate::outcome::{Stop, Verdict, ensure};
use crate::trial::{Publish, Reader, Trial, Waiting};

pub(super) const PUBLISHERS: usize = 3;

/// The most subscribers at a time.
const SUBSCRIBERS: usize = 5;

/// The most rounds of all tasks: in each, a task ends or an event moves.
const ROUNDS: usize = 100;

pub(super) struct Simulation {
    trial: Trial,
    random: fastrand::Rng,
    now: Moment,
    publishing: [Option<Task>; PUBLISHERS],
    /// In the order of `history.subscribed`; `None` has left.
    readers: Vec<Option<Sub>>,
    history: History,
    /// Whether subscribers may end.
    closed: bool,
}

struct Sub {
    reader: Reader,
    /// Whether an executor would poll the subscriber, apart from wake-ups.
    ready: bool,
    ended: bool,
    /// How many of the subscriber's events are finished with.
    finished: usize,
}

enum Task {
    Publish(Publish),
    Waiting(Waiting),
}

impl Task {
    fn number(&self) -> u64 {
        match self {
            Self::Publish(task) => task.number,
            Self::Waiting(task) => task.number,
        }
    }

    fn is_woken(&self) -> bool {
        match self {
            Self::Publish(task) => task.is_woken(),
            Self::Waiting(task) => task.is_woken(),
        }
    }

    fn cancel(self) {
        match self {
            Self::Publish(task) => task.cancel(),
            Self::Waiting(task) => task.cancel(),
        }
    }
}

impl Simulation {
    pub(super) fn new(trial: Trial, random: fastrand::Rng) -> Self {
        let mut new = Self {
            trial,
            random,
            now: 0,
            publishing: [const { None }; PUBLISHERS],
            readers: Vec::new(),
            history: History::default(),
            closed: false,
        };
        new.join();
        new.join();
        new
    }

    /// Does a single operation, chosen at random. Each choice takes the same random numbers with every channel.
    pub(super) fn step(&mut self) -> Verdict {
        self.now += 1;
        let (choice, which, much) = (
            self.random.u8(0..100),
            self.random.usize(0..60),
            self.random.usize(1..6),
        );
        match choice {
            0..35 => self.publish(which % PUBLISHERS, which % 4 == 0)?,
            35..45 => self.run_publisher(which % PUBLISHERS)?,
            45..52 => self.cancel(which % PUBLISHERS),
            52..57 => {
                if self.readers.iter().flatten().count() < SUBSCRIBERS {
                    self.join();
                }
            }
            57..60 => self.leave(which),
            60..64 => self.move_to_another_task(which),
            _ => self.run_reader(which, much)?,
        }
        Ok(())
    }

    fn publish(&mut self, publisher: usize, acked: bool) -> Verdict {
        if self.publishing[publisher].is_some() {
            return self.run_publisher(publisher);
        }
        let waiting = acked.then(|| self.trial.publish_and_wait_by(publisher).ok());
        let task = match waiting.flatten() {
            Some(waiting) => Task::Waiting(waiting),
            None => Task::Publish(self.trial.publish_by(publisher)),
        };
        self.history.published.push(Published {
            number: task.number(),
            started: self.now,
            end: None,
        });
        self.publishing[publisher] = Some(task);
        self.poll_publisher(publisher)
    }

    fn run_publisher(&mut self, publisher: usize) -> Verdict {
        match &self.publishing[publisher] {
            Some(task) if task.is_woken() => self.poll_publisher(publisher),
            _ => Ok(()),
        }
    }

    fn poll_publisher(&mut self, publisher: usize) -> Verdict {
        let Some(task) = &mut self.publishing[publisher] else {
            return Ok(());
        };
        let number = task.number();
        let (end, receipt) = match task {
            Task::Publish(task) => match task.poll() {
                Poll::Pending => return Ok(()),
                Poll::Ready(stored) => (stored.map(|()| None), None),
            },
            Task::Waiting(task) => match task.poll() {
                Poll::Pending => return Ok(()),
                Poll::Ready(stored) => (stored, Some(())),
            },
        };
        self.publishing[publisher] = None;
        let ended = match end {
            Ok(_) => End::Stored(self.now),
            Err(_) => End::Refused,
        };
        self.history.end(number, ended);
        if let (Some(()), Ok(counted)) = (receipt, end) {
            self.answered(number, counted)?;
        }
        self.bounded(number)
    }

    /// An acknowledged publish is over: every subscriber has finished with its event.
    fn answered(&self, number: u64, receipt: Option<Receipt>) -> Verdict {
        let event = self.history.event(number).expect("recorded when it began");
        for (at, sub) in self.readers.iter().enumerate() {
            let Some(sub) = sub else { continue };
            let subscribed = &self.history.subscribed[at];
            let finished = subscribed.read[..sub.finished].contains(&number);
            ensure!(
                finished || subscribed.joined > event.started,
                "event {number} was reported as finished, and subscriber {} had not finished",
                at + 1
            );
        }
        let Some(receipt) = receipt else {
            return Ok(());
        };
        let finished = |joined: &dyn Fn(Moment) -> bool| {
            let subscribed = self.history.subscribed.iter().enumerate();
            let finished = subscribed.filter(|(at, subscribed)| {
                let finished = match &self.readers[*at] {
                    Some(sub) => sub.finished,
                    None => subscribed.read.len(),
                };
                joined(subscribed.joined) && subscribed.read[..finished].contains(&number)
            });
            finished.count()
        };
        // A subscriber that joined while the publish waited may count, and may have read the event as a replay.
        let (least, most) = (
            finished(&|joined| joined <= event.started),
            finished(&|_| true),
        );
        ensure!(
            (least..=most).contains(&receipt.finished),
            "the receipt of event {number} counts {} subscribers that finished, and {least} did",
            receipt.finished
        );
        Ok(())
    }

    /// No subscriber has more unread events than there is room.
    fn bounded(&self, number: u64) -> Verdict {
        for (at, sub) in self.readers.iter().enumerate() {
            let subscribed = &self.history.subscribed[at];
            let owed = self.history.published.iter().filter(|event| {
                matches!(event.end, Some(End::Stored(_)))
                    && event.started >= subscribed.joined
                    && !subscribed.read.contains(&event.number)
            });
            ensure!(
                sub.is_none() || owed.count() <= self.trial.room,
                "event {number} was stored, though subscriber {} had {} events unread",
                at + 1,
                self.trial.room
            );
        }
        Ok(())
    }

    fn cancel(&mut self, publisher: usize) {
        let Some(task) = self.publishing[publisher].take() else {
            return;
        };
        let number = task.number();
        task.cancel();
        self.history.end(number, End::Cancelled(self.now));
    }

    fn join(&mut self) {
        let reader = self.trial.subscribe();
        self.readers.push(Some(Sub {
            reader,
            ready: true,
            ended: false,
            finished: 0,
        }));
        self.history.subscribed.push(Subscribed {
            joined: self.now,
            read: Vec::new(),
            left: false,
        });
    }

    fn leave(&mut self, which: usize) {
        let at = which % self.readers.len();
        if let Some(sub) = self.readers[at].take() {
            let subscribed = &mut self.history.subscribed[at];
            subscribed.left = true;
            // For the count of a receipt: an event in flight is not finished.
            let left_in_flight = subscribed.read.len() > sub.finished;
            sub.reader.leave();
            if left_in_flight {
                subscribed.read.pop();
            }
        }
    }

    fn move_to_another_task(&mut self, which: usize) {
        let at = which % self.readers.len();
        if let Some(sub) = &mut self.readers[at] {
            let _ = sub.reader.move_to_another_task();
            sub.ready = true;
        }
    }

    /// Lets a subscriber read up to `much` events, if an executor would poll the subscriber.
    fn run_reader(&mut self, which: usize, much: usize) -> Verdict {
        let at = which % self.readers.len();
        let Some(sub) = &mut self.readers[at] else {
            return Ok(());
        };
        let read = &mut self.history.subscribed[at].read;
        for _ in 0..much {
            if sub.ended || !sub.ready && !sub.reader.is_woken() {
                break;
            }
            sub.finished = read.len();
            match sub.reader.poll() {
                Poll::Ready(Some(number)) => {
                    read.push(number);
                    sub.ready = true;
                }
                Poll::Ready(None) => {
                    ensure!(
                        self.closed,
                        "subscriber {} ended, though publishers are left",
                        at + 1
                    );
                    sub.ended = true;
                    sub.ready = false;
                    break;
                }
                Poll::Pending => {
                    sub.ready = false;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Ends the channel in any of three ways, lets all tasks run until none is woken, and returns the history.
    pub(super) fn finish(mut self) -> Verdict<History> {
        self.now += 1;
        match self.random.u8(0..3) {
            0 => self.closed = self.trial.close().is_ok(),
            1 => {
                for publisher in 0..PUBLISHERS {
                    self.cancel(publisher);
                }
                self.trial.drop_publishers();
                self.closed = true;
            }
            _ => {}
        }
        self.run_all()?;
        self.nobody_is_left()?;
        if !self.closed {
            self.trial.drop_publishers();
            self.closed = true;
            self.run_all()?;
        }
        for (at, sub) in self.readers.iter().enumerate() {
            ensure!(
                sub.as_ref().is_none_or(|sub| sub.ended),
                "subscriber {} slept, and the end of the channel did not wake it",
                at + 1
            );
        }
        Ok(self.history)
    }

    fn run_all(&mut self) -> Verdict {
        for _ in 0..ROUNDS {
            self.now += 1;
            for publisher in 0..PUBLISHERS {
                self.run_publisher(publisher)?;
            }
            for at in 0..self.readers.len() {
                self.run_reader(at, usize::MAX)?;
            }
            if !self.has_work() {
                return Ok(());
            }
        }
        Err(Stop::NotKept(
            "tasks wake each other without end".to_owned(),
        ))
    }

    fn has_work(&self) -> bool {
        let publishers = self.publishing.iter().flatten();
        let subs = self.readers.iter().flatten();
        publishers.into_iter().any(Task::is_woken)
            || subs
                .into_iter()
                .any(|sub| !sub.ended && (sub.ready || sub.reader.is_woken()))
    }

    /// Every subscriber sleeps, so every event is read and finished, and no publisher may be left.
    fn nobody_is_left(&mut self) -> Verdict {
        for (at, sub) in self.readers.iter_mut().enumerate() {
            let Some(sub) = sub else { continue };
            if sub.ended {
                continue;
            }
            if let Poll::Ready(Some(number)) = sub.reader.poll() {
                return Err(Stop::NotKept(format!(
                    "subscriber {} slept, and event {number} did not wake it",
                    at + 1
                )));
            }
        }
        let Some(task) = self.publishing.iter_mut().flatten().next() else {
            return Ok(());
        };
        let number = task.number();
        let goes_on = match task {
            Task::Publish(task) => task.poll().is_ready(),
            Task::Waiting(task) => task.poll().is_ready(),
        };
        ensure!(
            !goes_on,
            "the publisher of event {number} slept, and nothing woke it when it could go on"
        );
        Err(Stop::NotKept(format!(
            "the publisher of event {number} waits, though every event is read and finished"
        )))
    }
}
