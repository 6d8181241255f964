//! The crate agrees with a plain reference after every step of random sequences.
//!
//! Everything runs on one thread and is polled by hand, so that each answer, each number and
//! each wake-up is exact. After every operation:
//!
//! - whatever was asked has the reference's answer: results, receipts, items, ends;
//! - the manager and each stream tell of themselves what the reference knows of them;
//! - whoever waits for something that is there has been woken, once, by the waker that it was
//!   last polled with; nobody else has been woken.
//!
//! 20,000 sequences unless `PROPTEST_CASES` says otherwise. What once failed is in
//! `proptest-regressions`, and is tried first.

mod ops;
mod reference;

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::Stream;
use futures::stream::FusedStream;
use genevent::error::{NotifyError, TryNotifyError, WouldDeadlock};
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, Received, SubscribeOptions, SubscriberId,
    Subscription, WithMissed, future,
};
use proptest::prelude::*;
use proptest::test_runner::{
    Config, FailurePersistence, FileFailurePersistence, TestCaseError, TestRunner,
};

use ops::{Ending, Kind, Op, Pick, Sequence, Which, sequences};
use reference::{Answer, CallId, End, Item, Question, Reader, Reference, State, Who};

type Checked = Result<(), TestCaseError>;

#[test]
fn every_step_agrees_with_the_reference() {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 20_000;
    }
    let regressions = FileFailurePersistence::Direct("tests/model/proptest-regressions");
    config.failure_persistence = Some(Box::new(regressions) as Box<dyn FailurePersistence>);
    if cfg!(genevent_planted) {
        // It is enough that it fails, and it must find the bug by itself.
        config.failure_persistence = None;
        config.max_shrink_iters = 0;
    }
    TestRunner::new(config)
        .run(&sequences(), |sequence| run(&sequence))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn run(sequence: &Sequence) -> Checked {
    let manager = EventManager::new(sequence.capacity);
    let mut world = World::new(&manager, sequence.capacity);
    for &op in &sequence.ops {
        world.apply(op)?;
    }
    match sequence.ending {
        Ending::Close => {
            world.apply(Op::Close)?;
            world.read_to_the_end()?;
            world.resolve_calls()
        }
        Ending::Leave => {
            while !world.streams.is_empty() {
                world.apply(Op::Leave(0))?;
            }
            // Publishers that were in line go ahead, each called by the one before.
            while world.has_woken() {
                world.apply(Op::Run(0))?;
            }
            world.apply(Op::Close)?;
            world.resolve_calls()
        }
        Ending::DropManagers => {
            while !world.calls.is_empty() {
                world.apply(Op::Cancel(0))?;
            }
            let mut world = world.without_its_manager();
            drop(manager);
            world.note_end_of_managers();
            world.check()?;
            while !world.handles.is_empty() {
                world.apply(Op::DropHandle)?;
            }
            world.read_to_the_end()
        }
    }
}

/// The crate and the reference, side by side.
struct World<'a> {
    reference: Reference,
    capacity: usize,
    manager: Option<&'a EventManager<u64>>,
    /// More handles to the same manager.
    handles: Vec<EventManager<u64>>,
    streams: Vec<Reading>,
    calls: Vec<Calling<'a>>,
    /// Of all subscribers there ever were.
    ids: Vec<SubscriberId>,
    payload: u64,
}

struct Reading {
    who: Who,
    stream: Events,
    wakers: Wakers,
}

enum Events {
    Plain(Subscription<u64>),
    WithMissed(WithMissed<u64>),
}

struct Calling<'a> {
    id: CallId,
    future: Called<'a>,
    wakers: Wakers,
}

enum Called<'a> {
    Notify(future::Notify<'a, u64>),
    AckNotify(future::AckNotify<'a, u64>),
    SyncNotify(future::SyncNotify<'a, u64>),
    Flush(future::Flush<'a, u64>),
    Stop(future::Stop<'a, u64>),
    Closed(future::Closed<'a, u64>),
    WaitForSubscribers(future::WaitForSubscribers<'a, u64>),
}

/// Counts how often it is called.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two wakers of one future or stream; it is to be woken by the one it was last polled with.
#[derive(Default)]
struct Wakers {
    alarms: [Arc<Alarm>; 2],
    last: Which,
}

impl Wakers {
    /// For a poll: from here on, wake-ups count anew.
    fn set(&mut self, which: Which) -> Waker {
        self.last = which;
        for alarm in &self.alarms {
            alarm.0.store(0, Ordering::Relaxed);
        }
        Waker::from(Arc::clone(&self.alarms[usize::from(which)]))
    }

    fn check(&self, woken: bool) -> Checked {
        let [first, second] = &self.alarms;
        let count = (
            first.0.load(Ordering::Relaxed),
            second.0.load(Ordering::Relaxed),
        );
        let woken = usize::from(woken);
        let expected = if self.last { (0, woken) } else { (woken, 0) };
        prop_assert_eq!(count, expected, "calls of its first and second waker");
        Ok(())
    }
}

const MAX_ATTACHED: usize = 5;
const MAX_STREAMS: usize = 8;
const MAX_CALLS: usize = 10;

impl<'a> World<'a> {
    fn new(manager: &'a EventManager<u64>, capacity: usize) -> Self {
        World {
            reference: Reference::default(),
            capacity,
            manager: Some(manager),
            handles: Vec::new(),
            streams: Vec::new(),
            calls: Vec::new(),
            ids: Vec::new(),
            payload: 0,
        }
    }

    /// Its first manager may go now; there are no futures that would need it.
    fn without_its_manager(self) -> World<'static> {
        World {
            reference: self.reference,
            capacity: self.capacity,
            manager: None,
            handles: self.handles,
            streams: self.streams,
            calls: Vec::new(),
            ids: self.ids,
            payload: self.payload,
        }
    }

    /// Any handle is as good as another.
    fn manager(&self) -> Option<&EventManager<u64>> {
        self.handles.last().or(self.manager)
    }

    fn next_payload(&mut self) -> u64 {
        self.payload += 1;
        // Not the number in the sequence, which it must not be taken for.
        1000 + self.payload
    }

    // ---- Operations -------------------------------------------------------------------------

    fn apply(&mut self, op: Op) -> Checked {
        let done = self.operate(op).and_then(|()| self.check());
        done.map_err(|error| within(format_args!("{op:?}"), &error))
    }

    fn operate(&mut self, op: Op) -> Checked {
        match op {
            Op::TryNotify => self.try_notify()?,
            Op::Flood(events) => {
                for _ in 1..events {
                    self.try_notify()?;
                    self.check()?;
                }
                self.try_notify()?;
            }
            Op::Start(kind, poll) => self.start(kind, poll)?,
            Op::Poll(pick, which) => {
                if let Some(index) = choose(pick, self.calls.len()) {
                    self.poll(index, which)?;
                }
            }
            Op::Run(pick) => self.run(pick)?,
            Op::Cancel(pick) => {
                if let Some(index) = choose(pick, self.calls.len()) {
                    let call = self.calls.remove(index);
                    self.reference.cancel(call.id);
                }
            }
            Op::Subscribe(overflow, window) => self.subscribe(overflow, window.into())?,
            Op::Next(pick, which) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.next(index, which)?;
                }
            }
            Op::Ack(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = &mut self.streams[index];
                    reading.stream.subscription_mut().ack();
                    self.reference.ack(reading.who);
                }
            }
            Op::Convert(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let mut reading = self.streams.remove(index);
                    reading.stream = reading.stream.convert();
                    self.streams.insert(index, reading);
                }
            }
            Op::Leave(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = self.streams.remove(index);
                    self.reference.leave(reading.who, false);
                }
            }
            Op::Crash(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = self.streams.remove(index);
                    self.reference.leave(reading.who, true);
                    crash_with(reading);
                }
            }
            Op::Disconnect(pick) => self.disconnect(pick)?,
            Op::CloneHandle => {
                if let Some(manager) = self.manager() {
                    let handle = manager.downgrade().upgrade();
                    self.handles
                        .push(handle.expect("a manager that exists can be upgraded to"));
                }
            }
            Op::DropHandle => self.drop_handle()?,
            Op::Close => {
                if let Some(manager) = self.manager() {
                    manager.close();
                    self.reference.closed = true;
                }
            }
        }
        Ok(())
    }

    fn try_notify(&mut self) -> Checked {
        let payload = self.next_payload();
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let result = manager.try_notify(payload);
        let expected = match self.reference.try_notify(payload) {
            Some(audience) => Ok(audience),
            None if self.reference.closed => Err(TryNotifyError::Closed(payload)),
            None => Err(TryNotifyError::Full(payload)),
        };
        prop_assert!(
            result == expected,
            "{result:?} instead of {expected:?}, for {payload}"
        );
        Ok(())
    }

    fn start(&mut self, kind: Kind, poll: bool) -> Checked {
        let Some(manager) = self.manager else {
            return Ok(());
        };
        if self.calls.len() == MAX_CALLS {
            return Ok(());
        }
        let payload = self.next_payload();
        let (question, future) = match kind {
            Kind::Notify => (
                Question::Notify(payload),
                Called::Notify(manager.notify(payload)),
            ),
            Kind::AckNotify => (
                Question::AckNotify(payload),
                Called::AckNotify(manager.ack_notify(payload)),
            ),
            Kind::SyncNotify => (
                Question::SyncNotify(payload),
                Called::SyncNotify(manager.sync_notify(payload)),
            ),
            Kind::Flush => (Question::Flush, Called::Flush(manager.flush())),
            Kind::Stop => (Question::Stop, Called::Stop(manager.stop())),
            Kind::Closed => (Question::Closed, Called::Closed(manager.closed())),
            Kind::WaitForSubscribers(n) => (
                Question::WaitForSubscribers(n.into()),
                Called::WaitForSubscribers(manager.wait_for_subscribers(n.into())),
            ),
        };
        self.calls.push(Calling {
            id: self.reference.call(question),
            future,
            wakers: Wakers::default(),
        });
        if poll {
            self.poll(self.calls.len() - 1, false)?;
        }
        Ok(())
    }

    fn poll(&mut self, index: usize, which: Which) -> Checked {
        let Calling { id, future, wakers } = &mut self.calls[index];
        let waker = wakers.set(which);
        let answer = future.poll(&mut Context::from_waker(&waker), &self.ids);
        let expected = self.reference.poll(*id);
        prop_assert_eq!(with_steps(answer, &expected), expected);
        if self.reference.calls[*id].is_over() {
            let call = self.calls.remove(index);
            call.wakers.check(false)?;
        }
        Ok(())
    }

    /// Polls one that has been woken.
    fn run(&mut self, pick: Pick) -> Checked {
        let calls = self.calls.iter().enumerate();
        let calls = calls.filter(|(_, call)| self.reference.calls[call.id].woken);
        let calls: Vec<_> = calls.map(|(index, _)| index).collect();
        let streams = self.streams.iter().enumerate();
        let streams = streams.filter(|(_, reading)| self.reference.readers[reading.who].woken);
        let streams: Vec<_> = streams.map(|(index, _)| index).collect();
        match choose(pick, calls.len() + streams.len()) {
            None => Ok(()),
            Some(index) if index < calls.len() => {
                let index = calls[index];
                self.poll(index, self.calls[index].wakers.last)
            }
            Some(index) => {
                let index = streams[index - calls.len()];
                self.next(index, self.streams[index].wakers.last)
            }
        }
    }

    fn has_woken(&self) -> bool {
        let mut calls = self.calls.iter();
        let mut streams = self.streams.iter();
        calls.any(|call| self.reference.calls[call.id].woken)
            || streams.any(|reading| self.reference.readers[reading.who].woken)
    }

    fn subscribe(&mut self, overflow: Overflow, window: usize) -> Checked {
        if self.streams.len() == MAX_STREAMS || self.reference.attached().len() == MAX_ATTACHED {
            return Ok(());
        }
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let options = SubscribeOptions::new().overflow(overflow).window(window);
        let stream = manager.subscribe_with(options);
        let id = stream.id();
        prop_assert!(!self.ids.contains(&id), "{id} was given out before");
        self.ids.push(id);
        self.streams.push(Reading {
            who: self
                .reference
                .subscribe(overflow, window.min(self.capacity)),
            stream: Events::Plain(stream),
            wakers: Wakers::default(),
        });
        Ok(())
    }

    fn next(&mut self, index: usize, which: Which) -> Checked {
        let Reading {
            who,
            stream,
            wakers,
        } = &mut self.streams[index];
        let waker = wakers.set(which);
        let item = stream.poll_next(&mut Context::from_waker(&waker));
        let tell_missed = matches!(stream, Events::WithMissed(_));
        prop_assert_eq!(item, self.reference.next(*who, tell_missed));
        Ok(())
    }

    fn disconnect(&mut self, pick: Pick) -> Checked {
        let (Some(who), Some(manager)) = (choose(pick, self.ids.len()), self.manager()) else {
            return Ok(());
        };
        let counted = manager.disconnect(self.ids[who]);
        let expected = self.reference.disconnect(who, DisconnectCause::Requested);
        prop_assert_eq!(counted, expected, "whether {} counted", self.ids[who]);
        Ok(())
    }

    fn drop_handle(&mut self) -> Checked {
        if let Some(handle) = self.handles.pop() {
            let weak = handle.downgrade();
            drop(handle);
            self.note_end_of_managers();
            let is_held = self.manager().is_some();
            prop_assert_eq!(weak.upgrade().is_some(), is_held, "whether one can upgrade");
        }
        Ok(())
    }

    /// The last manager that is dropped closes.
    fn note_end_of_managers(&mut self) {
        self.reference.closed |= self.manager().is_none();
    }

    // ---- Ending -----------------------------------------------------------------------------

    /// Everybody reads until `None`.
    fn read_to_the_end(&mut self) -> Checked {
        for index in 0..self.streams.len() {
            let who = self.streams[index].who;
            while !matches!(self.reference.readers[who].state, State::Ended(_)) {
                self.next(index, false)?;
                self.check()?;
            }
        }
        Ok(())
    }

    /// Nothing keeps any call waiting: all have been woken, and all are ready.
    fn resolve_calls(&mut self) -> Checked {
        while let Some(call) = self.calls.first() {
            let id = call.id;
            self.poll(0, false)?;
            prop_assert!(self.reference.calls[id].is_over(), "a call that hangs");
            self.check()?;
        }
        Ok(())
    }

    // ---- Checks -----------------------------------------------------------------------------

    /// What holds after every operation.
    fn check(&mut self) -> Checked {
        self.reference.end_step();
        for call in &self.calls {
            let expected = &self.reference.calls[call.id];
            call.wakers
                .check(expected.woken)
                .map_err(|error| within(format_args!("{expected:?}"), &error))?;
        }
        for reading in &self.streams {
            let expected = &self.reference.readers[reading.who];
            self.check_stream(reading, expected)
                .map_err(|error| within(format_args!("#{}", reading.who + 1), &error))?;
        }
        self.check_manager()
    }

    fn check_stream(&self, reading: &Reading, expected: &Reader) -> Checked {
        let Reading {
            who,
            stream,
            wakers,
        } = reading;
        wakers.check(expected.woken)?;
        let subscription = stream.subscription();
        let unread = expected.unread.len();
        prop_assert_eq!(subscription.id(), self.ids[*who]);
        prop_assert_eq!(subscription.pending(), unread, "pending");
        prop_assert_eq!(subscription.missed(), expected.missed, "missed");
        let is_last = self.reference.closed || expected.state != State::Attached;
        let hint = (unread, is_last.then_some(unread));
        prop_assert_eq!(subscription.size_hint(), hint, "size_hint");
        if let Events::WithMissed(stream) = stream {
            prop_assert_eq!(stream.size_hint(), (unread, None), "size_hint");
        }
        let end = match expected.state {
            State::Ended(end) => Some(end),
            _ => None,
        };
        prop_assert_eq!(subscription.end_reason().map(end_of), end, "end_reason");
        prop_assert_eq!(subscription.is_terminated(), end.is_some());
        Ok(())
    }

    fn check_manager(&self) -> Checked {
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        prop_assert_eq!(manager.is_closed(), self.reference.closed);
        let attached = self.reference.attached();
        prop_assert_eq!(manager.subscriber_count(), attached.len());
        let infos = manager.subscribers();
        prop_assert_eq!(infos.len(), attached.len());
        for (info, who) in infos.iter().zip(attached) {
            let expected = &self.reference.readers[who];
            prop_assert_eq!(info.id(), self.ids[who]);
            prop_assert_eq!(info.overflow(), expected.overflow);
            prop_assert_eq!(info.window(), expected.window);
            prop_assert_eq!(info.pending(), expected.unread.len());
            prop_assert_eq!(info.unacked(), usize::from(expected.in_hand.is_some()));
            prop_assert_eq!(info.missed(), expected.missed);
        }
        Ok(())
    }
}

impl Events {
    fn subscription(&self) -> &Subscription<u64> {
        match self {
            Self::Plain(stream) => stream,
            Self::WithMissed(stream) => stream.get_ref(),
        }
    }

    fn subscription_mut(&mut self) -> &mut Subscription<u64> {
        match self {
            Self::Plain(stream) => stream,
            Self::WithMissed(stream) => stream.get_mut(),
        }
    }

    fn convert(self) -> Self {
        match self {
            Self::Plain(stream) => Self::WithMissed(stream.with_missed()),
            Self::WithMissed(stream) => Self::Plain(stream.into_inner()),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_next(cx).map(|e| e.map(Item::Event)),
            Self::WithMissed(stream) => Pin::new(stream).poll_next(cx).map(|received| {
                received.map(|received| match received {
                    Received::Event(event) => Item::Event(event),
                    Received::Missed(missed) => Item::Missed(missed),
                })
            }),
        }
    }
}

impl Called<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, ids: &[SubscriberId]) -> Poll<Answer> {
        let receipt = |result: Result<genevent::Receipt, NotifyError<u64>>| {
            let receipt = match result {
                Ok(receipt) => receipt,
                Err(error) => return closed(error),
            };
            let who = |id| ids.iter().position(|known| known == id);
            let dropped = receipt.dropped_by().iter().map(who);
            assert_eq!(receipt.dropped(), receipt.dropped_by().len());
            assert_eq!(receipt.all_acked(), receipt.dropped() == 0);
            assert_eq!(
                receipt.is_unheard(),
                receipt.acked() + receipt.dropped() == 0
            );
            Answer::Receipt {
                seq: receipt.seq(),
                acked: receipt.acked(),
                dropped: dropped
                    .map(|who| (0, who.expect("it was given out")))
                    .collect(),
            }
        };
        let done = |()| Answer::Done;
        let waited = |result: Result<(), WouldDeadlock>| {
            result.expect("no handler asks");
            Answer::Done
        };
        match self {
            Self::Notify(future) => Pin::new(future)
                .poll(cx)
                .map(|result| result.map_or_else(closed, Answer::Stored)),
            Self::AckNotify(future) => Pin::new(future).poll(cx).map(receipt),
            Self::SyncNotify(future) => Pin::new(future).poll(cx).map(receipt),
            Self::Flush(future) => Pin::new(future).poll(cx).map(waited),
            Self::Stop(future) => Pin::new(future).poll(cx).map(waited),
            Self::Closed(future) => Pin::new(future).poll(cx).map(done),
            Self::WaitForSubscribers(future) => Pin::new(future).poll(cx).map(Answer::Here),
        }
    }
}

/// Says where the error happened.
fn within(place: fmt::Arguments<'_>, error: &TestCaseError) -> TestCaseError {
    match error {
        TestCaseError::Fail(reason) => TestCaseError::fail(format!("{place}: {reason}")),
        TestCaseError::Reject(reason) => TestCaseError::reject(format!("{place}: {reason}")),
    }
}

/// The event comes back.
fn closed(error: NotifyError<u64>) -> Answer {
    Answer::Closed(error.into_event())
}

fn end_of(reason: EndReason) -> End {
    match reason {
        EndReason::Closed => End::Closed,
        EndReason::Disconnected { cause, .. } => End::Disconnected(cause),
        _ => unreachable!("there are no other reasons"),
    }
}

fn choose(pick: Pick, len: usize) -> Option<usize> {
    (len > 0).then(|| usize::from(pick) % len)
}

/// Drops it as a panicking consumer does; no message is printed.
fn crash_with(reading: Reading) {
    let crash = catch_unwind(AssertUnwindSafe(move || {
        let _reading = reading;
        resume_unwind(Box::new("a crash"));
    }));
    assert!(crash.is_err());
}

/// Puts the steps of `expected` to the subscribers in the receipt, which alone does not tell
/// when each gave up; within one step, any order will do.
fn with_steps(answer: Poll<Answer>, expected: &Poll<Answer>) -> Poll<Answer> {
    match (answer, expected) {
        (
            Poll::Ready(Answer::Receipt {
                seq,
                acked,
                mut dropped,
            }),
            Poll::Ready(Answer::Receipt {
                dropped: expected, ..
            }),
        ) => {
            for (step, who) in &mut dropped {
                let known = expected.iter().find(|(_, known)| known == who);
                *step = known.map_or(usize::MAX, |&(step, _)| step);
            }
            for same_step in dropped.chunk_by_mut(|one, other| one.0 == other.0) {
                same_step.sort_unstable();
            }
            Poll::Ready(Answer::Receipt {
                seq,
                acked,
                dropped,
            })
        }
        (answer, _) => answer,
    }
}
