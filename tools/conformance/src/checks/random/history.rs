//! The history of a sequence, and the naive reference: the histories allowed by the promises.

use crate::checks::list;
use crate::outcome::{Verdict, ensure};

/// A moment: the number of an operation.
pub(super) type Moment = u64;

/// How a publish ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The future was ready.
    Stored(Moment),
    /// The future was dropped.
    Cancelled(Moment),
    /// The channel was closed.
    Refused,
}

pub(super) struct Published {
    pub(super) number: u64,
    pub(super) started: Moment,
    pub(super) end: Option<End>,
}

pub(super) struct Subscribed {
    pub(super) joined: Moment,
    pub(super) read: Vec<u64>,
    pub(super) left: bool,
}

#[derive(Default)]
pub(super) struct History {
    pub(super) published: Vec<Published>,
    pub(super) subscribed: Vec<Subscribed>,
}

impl History {
    pub(super) fn event(&self, number: u64) -> Option<&Published> {
        self.published.iter().find(|event| event.number == number)
    }

    /// Records how the publish of an event ended.
    pub(super) fn end(&mut self, number: u64, end: End) {
        let mut newest = self.published.iter_mut().rev();
        let event = newest.find(|event| event.number == number);
        event.expect("recorded when it began").end = Some(end);
    }

    /// Checks the whole history at the end.
    pub(super) fn judge(&self) -> Verdict {
        for (at, subscriber) in self.subscribed.iter().enumerate() {
            let name = at + 1;
            self.each_once(name, subscriber)?;
            if !subscriber.left {
                self.complete(name, subscriber)?;
            }
        }
        self.all_or_nobody()?;
        self.same_order()
    }

    fn each_once(&self, name: usize, subscriber: &Subscribed) -> Verdict {
        let read = &subscriber.read;
        for (at, number) in read.iter().enumerate() {
            ensure!(
                !read[..at].contains(number),
                "subscriber {name} read event {number} twice"
            );
            let end = self.event(*number).map(|event| event.end);
            ensure!(
                end.is_some(),
                "subscriber {name} read event {number}, which nobody published"
            );
            ensure!(
                end != Some(Some(End::Refused)),
                "subscriber {name} read event {number}, which was refused"
            );
        }
        // A publish over before another began has the earlier event.
        for (at, number) in read.iter().enumerate() {
            for earlier in &read[..at] {
                let (Some(first), Some(second)) = (self.event(*earlier), self.event(*number))
                else {
                    continue;
                };
                let Some(End::Stored(over) | End::Cancelled(over)) = second.end else {
                    continue;
                };
                ensure!(
                    over >= first.started,
                    "subscriber {name} read event {earlier} before event {number}, which was stored earlier"
                );
            }
        }
        Ok(())
    }

    /// A subscriber that stays reads every event whose publish began after it joined, or after an event that it has
    /// read: a replay has no gap.
    fn complete(&self, name: usize, subscriber: &Subscribed) -> Verdict {
        let first = subscriber.read.first().and_then(|first| self.event(*first));
        let begins = match first.and_then(|first| first.end) {
            Some(End::Stored(over)) => subscriber.joined.min(over + 1),
            _ => subscriber.joined,
        };
        let owed = self
            .published
            .iter()
            .filter(|event| matches!(event.end, Some(End::Stored(_))) && event.started >= begins);
        for event in owed {
            ensure!(
                subscriber.read.contains(&event.number),
                "subscriber {name} never read event {}, and read {}",
                event.number,
                list(&subscriber.read)
            );
        }
        Ok(())
    }

    fn all_or_nobody(&self) -> Verdict {
        for event in &self.published {
            if !matches!(event.end, Some(End::Cancelled(_))) {
                continue;
            }
            let owed = self
                .subscribed
                .iter()
                .filter(|subscriber| !subscriber.left && subscriber.joined <= event.started);
            let (got, missed): (Vec<_>, Vec<_>) =
                owed.partition(|subscriber| subscriber.read.contains(&event.number));
            ensure!(
                got.is_empty() || missed.is_empty(),
                "event {}, cancelled, reached {} of {} subscribers",
                event.number,
                got.len(),
                got.len() + missed.len()
            );
        }
        Ok(())
    }

    fn same_order(&self) -> Verdict {
        for (at, one) in self.subscribed.iter().enumerate() {
            for (before, other) in self.subscribed[..at].iter().enumerate() {
                let both = |read: &[u64], other: &[u64]| -> Vec<u64> {
                    read.iter().copied().filter(|n| other.contains(n)).collect()
                };
                let (of_one, of_other) =
                    (both(&one.read, &other.read), both(&other.read, &one.read));
                ensure!(
                    of_one == of_other,
                    "subscriber {} read {}, and subscriber {} read {}",
                    at + 1,
                    list(&of_one),
                    before + 1,
                    list(&of_other)
                );
            }
        }
        Ok(())
    }
}
