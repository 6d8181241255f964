//! The manager, subscribers and publishers around the future under test.

use std::future::poll_fn;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use genevent::{EndReason, EventManager, SubscribeOptions};

use super::clock;
use super::rows::{Call, MINE, Outcome, Row, Taken, answered, done};
use super::streams::InFlight;
use super::tasks::{Reader, Task};

/// A sudden change at some point of the future's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    Close,
    /// The first reader is dropped, with its events in flight and unread.
    ReaderLeaves,
    ReaderIsDisconnected,
    /// Every reader polls again.
    RoomComesFree,
    /// The publisher queued before the future is cancelled.
    FirstInLineLeaves,
    /// The publisher queued before the future is not polled any more, and its future is kept.
    FirstInLineIsKept,
}

pub(crate) const TROUBLES: [Trouble; 7] = [
    Trouble::Nothing,
    Trouble::Close,
    Trouble::ReaderLeaves,
    Trouble::ReaderIsDisconnected,
    Trouble::RoomComesFree,
    Trouble::FirstInLineLeaves,
    Trouble::FirstInLineIsKept,
];

/// The reader beside the future, or the future's own reader.
fn make_mine(manager: &EventManager<u32>, call: &Call) -> Reader {
    let options = SubscribeOptions::new().max_unacked(2);
    if let Call::Filtered(make) = call {
        return Reader::new(make(manager.subscribe_filter_with(options, |_| true)));
    }
    let mine = manager.subscribe_with(options);
    Reader::new(match call {
        Call::Manager(_) | Call::Filtered(_) => Box::new(mine),
        Call::Next(make) => make(mine),
        Call::Work(_) => Box::new(InFlight::of(mine.deliveries())),
    })
}

/// The future of `row`. A reading future reads from `mine`.
pub(crate) fn call<'a>(
    row: &Row,
    manager: &'a EventManager<u32>,
    mine: &'a mut Option<Reader>,
    taken: &'a Taken,
) -> LocalBoxFuture<'a, Outcome> {
    match row.call {
        Call::Manager(call) => call(manager),
        Call::Next(_) | Call::Filtered(_) => {
            let source = &mut mine.as_mut().expect("it was taken").source;
            let next = poll_fn(|cx| source.poll_events(cx));
            next.map(|next| {
                taken.borrow_mut().extend(next.into_iter().flatten());
                Outcome::Read
            })
            .boxed_local()
        }
        Call::Work(call) => {
            let source = &mut mine.as_mut().expect("it was taken").source;
            call(source.as_deliveries().expect("they are"), taken)
        }
    }
}

/// Two events are stored for `first` and `second`, which fills the manager; the task `ahead` is
/// queued with a third event. `mine` subscribed after the two events.
pub(crate) struct World<'a> {
    manager: &'a EventManager<u32>,
    first: Option<Reader>,
    /// The events received by `first` before its drop.
    left_with: Vec<u32>,
    second: Reader,
    /// Borrowed by the future under test if the future is the reader's `next`.
    pub(crate) mine: Option<Reader>,
    late: Option<Reader>,
    ahead: Task<'a>,
    pub(crate) behind: Option<Task<'a>>,
    others: Vec<Task<'a>>,
    trouble: Trouble,
}

/// A step of the world, after each poll of the future.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    First,
    Second,
    Mine,
    Ahead,
    Subscribe,
    Close,
}

/// Enough steps for every function to become ready.
pub(crate) fn script(step: usize) -> Option<Step> {
    // `first`, the target of the trouble, is the slowest: all publishers wait for it.
    const ROUND: [Step; 4] = [Step::Second, Step::Mine, Step::Ahead, Step::First];
    match step {
        0..20 | 22..40 => Some(ROUND[step % 4]),
        20 => Some(Step::Subscribe),
        21 => Some(Step::Close),
        _ => None,
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(manager: &'a EventManager<u32>, trouble: Trouble, call: &Call) -> Self {
        let (first, second) = (Reader::of(manager), Reader::of(manager));
        assert_eq!(
            (manager.try_notify(1), manager.try_notify(2)),
            (Ok(2), Ok(2))
        );
        let mine = make_mine(manager, call);
        let mut ahead = Task::new("ahead", manager.sync_notify(3).map(answered).boxed_local());
        let mut others = vec![
            Task::new("flush", manager.flush().map(done).boxed_local()),
            Task::new("closed", manager.closed().map(done).boxed_local()),
            Task::new(
                "wait",
                manager.wait_for_subscribers(9).map(done).boxed_local(),
            ),
        ];
        for task in std::iter::once(&mut ahead).chain(&mut others) {
            assert!(task.run());
        }
        Self {
            manager,
            first: Some(first),
            left_with: Vec::new(),
            second,
            mine: Some(mine),
            late: None,
            ahead,
            behind: None,
            others,
            trouble,
        }
    }

    /// Queues a publisher behind the future.
    pub(crate) fn queue_behind(&mut self) {
        let behind = self.manager.ack_notify(4).map(answered).boxed_local();
        self.behind.insert(Task::new("behind", behind)).run();
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::First => _ = self.first.as_mut().is_some_and(Reader::run),
            Step::Second => _ = self.second.run(),
            Step::Mine => _ = self.mine.as_mut().is_some_and(Reader::run),
            Step::Ahead => _ = self.ahead.run(),
            Step::Subscribe => self.late = Some(Reader::of(self.manager)),
            Step::Close => self.manager.close(),
        }
    }

    pub(crate) fn strike(&mut self) {
        match self.trouble {
            Trouble::Nothing => {}
            Trouble::Close => self.manager.close(),
            Trouble::ReaderLeaves => {
                let leaver = self.first.take().expect("trouble strikes once");
                self.left_with = leaver.got;
            }
            Trouble::ReaderIsDisconnected => {
                let first = self.first.as_ref().expect("`first` stays");
                self.manager.disconnect(first.source.subscription().0);
            }
            Trouble::RoomComesFree => {
                for step in [Step::First, Step::Second, Step::Mine] {
                    self.step(step);
                }
            }
            Trouble::FirstInLineLeaves => self.ahead.future = None,
            Trouble::FirstInLineIsKept => self.ahead.is_kept = true,
        }
    }

    /// Runs every task until all of them are done or wait. None may wait in vain: see
    /// [`check`](Self::check). A place granted to a kept publisher takes time to pass on.
    pub(crate) fn settle(&mut self) {
        if self.ahead.is_kept {
            self.settle_with_time();
        } else {
            self.run_all();
        }
    }

    fn run_all(&mut self) {
        loop {
            let mut busy = false;
            let Self {
                first,
                second,
                mine,
                late,
                ahead,
                behind,
                others,
                ..
            } = self;
            for reader in [first.as_mut(), Some(second), mine.as_mut(), late.as_mut()] {
                busy |= reader.is_some_and(Reader::run);
            }
            for task in std::iter::once(ahead).chain(behind).chain(others) {
                busy |= task.run();
            }
            if !busy {
                return;
            }
        }
    }

    /// The same as [`run_all`](Self::run_all), and lets time pass, too.
    fn settle_with_time(&mut self) {
        for _ in 0..8 {
            self.run_all();
            clock::advance();
        }
        self.run_all();
    }

    fn tasks(&self) -> impl Iterator<Item = &Task<'a>> {
        std::iter::once(&self.ahead)
            .chain(&self.behind)
            .chain(&self.others)
    }

    /// Lets all tasks continue, and then checks their progress, and whether all of them saw the same
    /// events.
    pub(crate) fn check(mut self, mine_is_stored: Option<bool>, takes_time: bool) {
        let settle = if takes_time {
            Self::settle_with_time
        } else {
            Self::settle
        };
        settle(&mut self);
        if !self.manager.is_closed() {
            for task in self
                .tasks()
                .filter(|task| !task.is_kept && !["closed", "wait"].contains(&task.name))
            {
                assert!(task.future.is_none(), "{} hangs", task.name);
            }
            let probe = self.manager.sync_notify(5).map(answered).boxed_local();
            self.others.push(Task::new("probe", probe));
            settle(&mut self);
            let probe = self.others.last().expect("the probe was just added");
            assert_eq!(probe.outcome, Some(Outcome::Stored), "nobody can publish");
            self.manager.close();
        }
        self.ahead.is_kept = false;
        settle(&mut self);
        for task in self.tasks() {
            assert!(task.future.is_none(), "{} hangs at the close", task.name);
        }

        let all = &self.second.got;
        let is_in = |event| all.contains(&event);
        // Woken publishers store in the order of their polls.
        let stored = [1, 2, 3, MINE, 4, 5];
        let stored = stored.into_iter().filter(|&event| is_in(event));
        let (mut stored, mut read): (Vec<_>, _) = (stored.collect(), all.clone());
        stored.sort_unstable();
        read.sort_unstable();
        assert_eq!(read, stored, "each once");
        let is_first = all.starts_with(&[1, 2]);
        assert!(is_first, "{all:?}: in order");
        assert!(is_in(1) && is_in(2), "what was stored is read");
        if let Some(stored) = mine_is_stored {
            assert_eq!(is_in(MINE), stored);
        }
        for (task, event) in [(&self.ahead, 3), (self.behind.as_ref().expect("queued"), 4)] {
            if let Some(outcome) = task.outcome {
                assert_eq!(is_in(event), outcome == Outcome::Stored, "{}", task.name);
            }
        }

        let mine = self.mine.as_ref().expect("the future gave `mine` back");
        assert_eq!(mine.got, all[2..], "delivered to some");
        if let Some(late) = &self.late {
            assert!(all.ends_with(&late.got), "delivered to some");
        }
        let Some(first) = &self.first else {
            assert!(all.starts_with(&self.left_with));
            return;
        };
        if first.source.subscription().1 == Some(EndReason::Closed) {
            assert_eq!(&first.got, all, "delivered to some");
        } else {
            assert_eq!(self.trouble, Trouble::ReaderIsDisconnected);
            assert!(
                all.starts_with(&first.got),
                "what it had not read is still yielded"
            );
        }
        let readers = [
            Some(first),
            Some(&self.second),
            Some(mine),
            self.late.as_ref(),
        ];
        assert!(
            readers.into_iter().flatten().all(Reader::has_ended),
            "a reader hangs"
        );
    }
}
