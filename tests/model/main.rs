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
//! Time is tokio's, paused, and passes only by `Op::Advance`. What wakes by the clock may do so
//! once too often: after time has passed, a future must still have been woken, but may have been
//! for nothing.
//!
//! 4,000 sequences of each kind unless `PROPTEST_CASES` says otherwise. What once failed is in
//! `proptest-regressions`, and is tried first.

mod driven;
mod ops;
mod reference;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use genevent::error::TryNotifyError;
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, Permit, SubscribeOptions, SubscriberId,
    SubscriberInfo, SubscriberKind,
};
use proptest::prelude::*;
use proptest::test_runner::{
    Config, FailurePersistence, FileFailurePersistence, TestCaseError, TestRunner,
};
use tokio::runtime::{self, Runtime};

use driven::{Called, EitherSink, Events, Held, Wakers, with_steps};
pub(crate) use ops::{Bounded, Ending, Kind, Op, Sequence};
use ops::{Pick, Which, sequences, sequences_in_time};
use reference::{CallId, End, Out, Question, Reader, Reference, Sees, State, Who};

pub(crate) type Checked = Result<(), TestCaseError>;

#[test]
fn every_step_agrees_with_the_reference() {
    agree("tests/model/proptest-regressions", &sequences());
}

#[test]
fn every_step_agrees_with_the_reference_in_time() {
    agree(
        "tests/model/proptest-regressions-in-time",
        &sequences_in_time(),
    );
}

fn agree(regressions: &'static str, sequences: &impl Strategy<Value = Sequence>) {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 4_000;
    }
    let regressions = FileFailurePersistence::Direct(regressions);
    config.failure_persistence = Some(Box::new(regressions) as Box<dyn FailurePersistence>);
    if cfg!(genevent_planted) {
        // It is enough that it fails, and it must find the bug by itself.
        config.failure_persistence = None;
        config.max_shrink_iters = 0;
    }
    let mut builder = runtime::Builder::new_current_thread();
    let runtime = Rc::new(builder.enable_time().start_paused(true).build().unwrap());
    let _inside = runtime.enter();
    TestRunner::new(config)
        .run(sequences, |sequence| run(&sequence, &runtime))
        .unwrap_or_else(|failure| {
            if cfg!(genevent_planted) {
                eprintln!("{failure}");
                // One test has found it: the other need not go on.
                std::process::exit(101);
            }
            panic!("{failure}")
        });
}

pub(crate) fn run(sequence: &Sequence, runtime: &Rc<Runtime>) -> Checked {
    let manager = EventManager::builder()
        .capacity(sequence.capacity)
        .retain(sequence.retain)
        .default_overflow(sequence.default_overflow)
        .build();
    let mut world = World::new(&manager, sequence, Rc::clone(runtime));
    for &op in &sequence.ops {
        world.apply(op)?;
    }
    match sequence.ending {
        Ending::Close => {
            world.apply(Op::Close)?;
            world.drop_sinks()?;
            world.finish_permits()?;
            world.read_to_the_end()?;
            world.resolve_calls()
        }
        Ending::Leave => {
            while !world.streams.is_empty() {
                world.apply(Op::Leave(0))?;
            }
            world.settle_all()?;
            world.drop_sinks()?;
            world.finish_permits()?;
            // Publishers that were in line go ahead, each called by the one before.
            while world.has_woken() {
                world.apply(Op::Run(0))?;
                world.finish_permits()?;
            }
            world.apply(Op::Close)?;
            world.resolve_calls()
        }
        Ending::DropManagers => {
            while !world.calls.is_empty() {
                world.apply(Op::Cancel(0))?;
            }
            world.drop_sinks()?;
            let mut world = world.without_its_manager();
            drop(manager);
            world.note_end_of_managers();
            world.check()?;
            while !world.handles.is_empty() {
                world.apply(Op::DropHandle)?;
            }
            world.finish_permits()?;
            world.read_to_the_end()
        }
    }
}

/// The crate and the reference, side by side.
struct World<'a> {
    reference: Reference,
    default_overflow: Overflow,
    runtime: Rc<Runtime>,
    manager: Option<&'a EventManager<u64>>,
    /// More handles to the same manager.
    handles: Vec<EventManager<u64>>,
    streams: Vec<Reading>,
    calls: Vec<Calling<'a>>,
    /// Deliveries that are out, also those that owe nothing.
    held: Vec<Holding>,
    permits: Vec<Permit<u64>>,
    sinks: Vec<Sinking>,
    /// Of all subscribers there ever were.
    ids: Vec<SubscriberId>,
    payload: u64,
}

struct Reading {
    who: Who,
    stream: Events,
    wakers: Wakers,
}

struct Holding {
    who: Who,
    seq: u64,
    held: Held,
}

struct Sinking {
    /// Its index in the reference.
    id: usize,
    sink: EitherSink,
    ready: Wakers,
    flush: Wakers,
}

struct Calling<'a> {
    id: CallId,
    future: Called<'a>,
    wakers: Wakers,
}

const MAX_ATTACHED: usize = 5;
const MAX_STREAMS: usize = 8;
const MAX_CALLS: usize = 10;
const MAX_SINKS: usize = 3;

impl<'a> World<'a> {
    fn new(manager: &'a EventManager<u64>, sequence: &Sequence, runtime: Rc<Runtime>) -> Self {
        World {
            reference: Reference::new(sequence.capacity, sequence.retain),
            default_overflow: sequence.default_overflow,
            runtime,
            manager: Some(manager),
            handles: Vec::new(),
            streams: Vec::new(),
            calls: Vec::new(),
            held: Vec::new(),
            permits: Vec::new(),
            sinks: Vec::new(),
            ids: Vec::new(),
            payload: 0,
        }
    }

    /// Its first manager may go now; there are no futures that would need it.
    fn without_its_manager(self) -> World<'static> {
        World {
            reference: self.reference,
            default_overflow: self.default_overflow,
            runtime: self.runtime,
            manager: None,
            handles: self.handles,
            streams: self.streams,
            calls: Vec::new(),
            held: self.held,
            permits: self.permits,
            sinks: self.sinks,
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
            Op::Subscribe(overflow, window, replay) => {
                let sees = Sees::default();
                self.subscribe(overflow, window.into(), replay.into(), sees)?;
            }
            Op::SubscribeWhere(overflow, window, n) => {
                let sees = Sees {
                    wants: Some(n.into()),
                    ..Sees::default()
                };
                self.subscribe(overflow, window.into(), 0, sees)?;
            }
            Op::SubscribeAfter(overflow, window, pick) => {
                let sees = Sees {
                    after: choose(pick, self.reference.readers.len()),
                    ..Sees::default()
                };
                self.subscribe(overflow, window.into(), 0, sees)?;
            }
            Op::Next(pick, which) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.next(index, which)?;
                }
            }
            Op::Ack(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = &mut self.streams[index];
                    if !reading.stream.is_deliveries() {
                        reading.stream.ack();
                        self.reference.ack(reading.who);
                    }
                }
            }
            Op::Convert(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let mut reading = self.streams.remove(index);
                    reading.stream = reading.stream.convert();
                    self.streams.insert(index, reading);
                }
            }
            Op::Deliver(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.deliver(index);
                }
            }
            Op::Settle(pick, ack) => {
                if let Some(index) = choose(pick, self.held.len()) {
                    self.settle(index, ack);
                }
            }
            Op::Transform(pick, map) => {
                if let Some(index) = choose(pick, self.held.len()) {
                    let mut holding = self.held.remove(index);
                    holding.held = holding.held.transform(map);
                    self.held.insert(index, holding);
                }
            }
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
            Op::Advance(ms) => {
                let time = Duration::from_millis(ms.into());
                self.runtime.block_on(tokio::time::advance(time));
                self.reference.now += u64::from(ms);
            }
            op => self.operate_on_room(op)?,
        }
        Ok(())
    }

    /// Those on permits and sinks.
    fn operate_on_room(&mut self, op: Op) -> Checked {
        match op {
            Op::UsePermit(pick) => {
                if let Some(index) = choose(pick, self.permits.len()) {
                    let payload = self.next_payload();
                    let stored = self.permits.remove(index).notify(payload);
                    prop_assert_eq!(stored, self.reference.use_permit(payload));
                }
            }
            Op::DropPermit(pick) => {
                if let Some(index) = choose(pick, self.permits.len()) {
                    drop(self.permits.remove(index));
                    self.reference.reserved -= 1;
                }
            }
            Op::Sink(sync) => self.new_sink(sync),
            Op::PollReady(pick, which) => {
                if let Some(index) = choose(pick, self.sinks.len()) {
                    self.poll_ready(index, which)?;
                }
            }
            Op::Send(pick) => {
                if let Some(index) = choose(pick, self.sinks.len()) {
                    self.send(index);
                }
            }
            Op::PollFlush(pick, which) => {
                if let Some(index) = choose(pick, self.sinks.len()) {
                    self.poll_flush(index, which, false)?;
                }
            }
            Op::PollClose(pick, which) => {
                if let Some(index) = choose(pick, self.sinks.len()) {
                    self.poll_flush(index, which, true)?;
                }
            }
            Op::DropSink(pick) => {
                if let Some(index) = choose(pick, self.sinks.len()) {
                    let sinking = self.sinks.remove(index);
                    self.reference.drop_sink(sinking.id);
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
            op => unreachable!("{op:?}"),
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
        let mut limit = None;
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
            Kind::Reserve => (Question::Reserve, Called::Reserve(manager.reserve())),
            Kind::Within(bounded, ms) => {
                limit = Some(u64::from(ms));
                let time = Duration::from_millis(ms.into());
                match bounded {
                    Bounded::AckNotify => (
                        Question::AckNotify(payload),
                        Called::AckNotifyWithin(Box::pin(manager.ack_notify(payload).within(time))),
                    ),
                    Bounded::SyncNotify => (
                        Question::SyncNotify(payload),
                        Called::SyncNotifyWithin(Box::pin(
                            manager.sync_notify(payload).within(time),
                        )),
                    ),
                    Bounded::Flush => (
                        Question::Flush,
                        Called::FlushWithin(Box::pin(manager.flush().within(time))),
                    ),
                    Bounded::Stop => (
                        Question::Stop,
                        Called::StopWithin(Box::pin(manager.stop().within(time))),
                    ),
                }
            }
            Kind::Flush => (Question::Flush, Called::Flush(manager.flush())),
            Kind::Stop => (Question::Stop, Called::Stop(manager.stop())),
            Kind::Closed => (Question::Closed, Called::Closed(manager.closed())),
            Kind::WaitForSubscribers(n) => (
                Question::WaitForSubscribers(n.into()),
                Called::WaitForSubscribers(manager.wait_for_subscribers(n.into())),
            ),
        };
        self.calls.push(Calling {
            id: self.reference.call(question, limit),
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
        let mut cx = Context::from_waker(&waker);
        let answer = future.poll(&mut cx, &self.ids, &mut self.permits);
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
        let all = self.woken();
        match choose(pick, all.len()).map(|index| all[index]) {
            None => Ok(()),
            Some(Woken::Call(index)) => self.poll(index, self.calls[index].wakers.last),
            Some(Woken::Stream(index)) => self.next(index, self.streams[index].wakers.last),
            Some(Woken::Ready(index)) => self.poll_ready(index, self.sinks[index].ready.last),
            Some(Woken::Flush(index)) => {
                self.poll_flush(index, self.sinks[index].flush.last, false)
            }
        }
    }

    fn woken(&self) -> Vec<Woken> {
        let mut woken = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            woken.extend(
                self.reference.calls[call.id]
                    .woken
                    .then_some(Woken::Call(index)),
            );
        }
        for (index, reading) in self.streams.iter().enumerate() {
            let reader = &self.reference.readers[reading.who];
            woken.extend(reader.woken.then_some(Woken::Stream(index)));
        }
        for (index, sinking) in self.sinks.iter().enumerate() {
            let (ready, _) = self.ready_woken(sinking);
            woken.extend(ready.then_some(Woken::Ready(index)));
            let flush = self.reference.sinks[sinking.id].flush_woken;
            woken.extend(flush.then_some(Woken::Flush(index)));
        }
        woken
    }

    fn has_woken(&self) -> bool {
        !self.woken().is_empty()
    }

    // ---- Deliveries -------------------------------------------------------------------------

    fn deliver(&mut self, index: usize) {
        let mut reading = self.streams.remove(index);
        if !reading.stream.is_deliveries() {
            self.reference
                .deliver(reading.who, max_unacked(reading.who));
            reading.stream = reading.stream.deliver();
        }
        self.streams.insert(index, reading);
    }

    fn settle(&mut self, index: usize, ack: bool) {
        let Holding { who, seq, held } = self.held.remove(index);
        self.reference.settle(who, seq, ack);
        match held {
            Held::Delivery(delivery) if ack => drop(delivery.ack()),
            Held::Ack(due) if ack => due.ack(),
            Held::Delivery(_) | Held::Ack(_) => {}
        }
    }

    fn settle_all(&mut self) -> Checked {
        while !self.held.is_empty() {
            self.apply(Op::Settle(0, true))?;
        }
        Ok(())
    }

    // ---- Permits and sinks ------------------------------------------------------------------

    /// Uses every second one, and drops the others.
    fn finish_permits(&mut self) -> Checked {
        while !self.permits.is_empty() {
            let is_even = self.permits.len() % 2 == 0;
            self.apply(if is_even {
                Op::UsePermit(0)
            } else {
                Op::DropPermit(0)
            })?;
        }
        Ok(())
    }

    fn new_sink(&mut self, sync: bool) {
        let Some(manager) = self.manager() else {
            return;
        };
        if self.sinks.len() == MAX_SINKS {
            return;
        }
        let sink = if sync {
            EitherSink::Sync(manager.sync_sink())
        } else {
            EitherSink::Plain(manager.sink())
        };
        self.sinks.push(Sinking {
            id: self.reference.sink(sync),
            sink,
            ready: Wakers::default(),
            flush: Wakers::default(),
        });
    }

    fn drop_sinks(&mut self) -> Checked {
        while !self.sinks.is_empty() {
            self.apply(Op::DropSink(0))?;
        }
        Ok(())
    }

    fn poll_ready(&mut self, index: usize, which: Which) -> Checked {
        let Sinking {
            id, sink, ready, ..
        } = &mut self.sinks[index];
        let waker = ready.set(which);
        let is_ready = sink.poll_ready(&mut Context::from_waker(&waker));
        prop_assert_eq!(is_ready, self.reference.poll_ready(*id), "poll_ready");
        Ok(())
    }

    fn send(&mut self, index: usize) {
        let payload = self.next_payload();
        let Sinking { id, sink, .. } = &mut self.sinks[index];
        if self.reference.sinks[*id].has_permit {
            self.reference.send(*id, payload);
            sink.send(payload);
        }
    }

    fn poll_flush(&mut self, index: usize, which: Which, close: bool) -> Checked {
        let Sinking {
            id, sink, flush, ..
        } = &mut self.sinks[index];
        let waker = flush.set(which);
        let mut cx = Context::from_waker(&waker);
        let flushed = if close {
            self.reference.let_go(*id);
            sink.poll_close(&mut cx)
        } else {
            sink.poll_flush(&mut cx)
        };
        prop_assert_eq!(flushed, self.reference.poll_flush(*id), "poll_flush");
        Ok(())
    }

    /// Whether the sink's `poll_ready` must have been woken, and whether that is exact.
    fn ready_woken(&self, sinking: &Sinking) -> (bool, bool) {
        let call = self.reference.sinks[sinking.id].ready;
        let call = call.map(|id| &self.reference.calls[id]);
        call.map_or((false, false), |call| {
            (call.woken, call.polled_at == self.reference.now)
        })
    }

    // ---- Subscribers ------------------------------------------------------------------------

    fn subscribe(
        &mut self,
        overflow: Option<Overflow>,
        window: usize,
        replay: usize,
        sees: Sees,
    ) -> Checked {
        if self.streams.len() == MAX_STREAMS || self.reference.attached().len() == MAX_ATTACHED {
            return Ok(());
        }
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let max_unacked = max_unacked(self.reference.readers.len());
        let mut options = SubscribeOptions::new()
            .window(window)
            .replay(replay)
            .max_unacked(max_unacked);
        if let Some(overflow) = overflow {
            options = options.overflow(overflow);
        }
        if let Some(other) = sees.after {
            options = options.after(self.ids[other]);
        }
        let stream = match sees.wants {
            None => Events::Plain(manager.subscribe_with(options)),
            Some(n) => Events::Filtered(
                manager.subscribe_where_with(options, move |payload| payload % n == 0),
            ),
        };
        let id = stream.known().id;
        prop_assert!(!self.ids.contains(&id), "{id} was given out before");
        self.ids.push(id);
        let overflow = overflow.unwrap_or(self.default_overflow);
        let window = window.min(self.reference.capacity);
        self.streams.push(Reading {
            who: self.reference.subscribe(overflow, window, replay, sees),
            stream,
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
        let tell_missed = stream.tells_missed();
        let (item, delivery) = stream.poll_next(&mut Context::from_waker(&waker));
        prop_assert_eq!(item, self.reference.next(*who, tell_missed));
        self.held.extend(delivery.map(|delivery| Holding {
            who: *who,
            seq: delivery.seq(),
            held: Held::Delivery(delivery),
        }));
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

    /// Everybody reads until `None`, and answers for all deliveries.
    fn read_to_the_end(&mut self) -> Checked {
        for index in 0..self.streams.len() {
            let who = self.streams[index].who;
            while !matches!(self.reference.readers[who].state, State::Ended(_)) {
                let out = &self.reference.readers[who].out;
                if out.as_ref().is_some_and(Out::is_full) || self.reference.is_held_back(who) {
                    self.settle_all()?;
                }
                self.next(index, false)?;
                self.check()?;
            }
        }
        self.settle_all()
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
            let exactly = expected.polled_at == self.reference.now;
            call.wakers
                .check_in_time(expected.woken, exactly)
                .map_err(|error| within(format_args!("{expected:?}"), &error))?;
        }
        for sinking in &self.sinks {
            let expected = &self.reference.sinks[sinking.id];
            let (woken, exactly) = self.ready_woken(sinking);
            sinking
                .ready
                .check_in_time(woken, exactly)
                .and_then(|()| sinking.flush.check(expected.flush_woken))
                .map_err(|error| within(format_args!("a sink"), &error))?;
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
        let unread = expected.pending();
        let end = match expected.state {
            State::Ended(end) => Some(end),
            _ => None,
        };
        let known = stream.known();
        prop_assert_eq!(known.id, self.ids[*who]);
        prop_assert_eq!(known.pending, unread, "pending");
        prop_assert_eq!(known.missed, expected.missed, "missed");
        let is_last = self.reference.is_complete() || expected.state != State::Attached;
        let hint = if stream.tells_missed() {
            (unread, None)
        } else {
            (unread, is_last.then_some(unread))
        };
        prop_assert_eq!(known.size_hint, hint, "size_hint");
        prop_assert_eq!(known.end_reason.map(end_of), end, "end_reason");
        prop_assert_eq!(known.is_terminated, end.is_some());
        if let Some(unacked) = stream.unacked() {
            prop_assert_eq!(unacked, expected.unacked(), "unacked");
        }
        Ok(())
    }

    fn check_manager(&self) -> Checked {
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        prop_assert_eq!(manager.is_closed(), self.reference.closed);
        let attached = self.reference.attached();
        prop_assert_eq!(manager.subscriber_count(), attached.len());
        let stats = manager.stats();
        prop_assert_eq!(stats.is_closed(), self.reference.closed);
        prop_assert_eq!(stats.published(), self.reference.published() as u64);
        prop_assert_eq!(stats.permits(), self.reference.reserved, "permits out");
        prop_assert_eq!(stats.waiting(), self.reference.waiting(), "in line");
        let leaving: Vec<_> = stats.leaving().iter().map(SubscriberInfo::id).collect();
        let expected = self.reference.leaving().into_iter();
        let expected: Vec<_> = expected.map(|who| self.ids[who]).collect();
        prop_assert_eq!(leaving, expected, "those that are leaving");
        let infos = stats.subscribers();
        prop_assert_eq!(infos.len(), attached.len());
        for (info, who) in infos.iter().zip(attached) {
            let expected = &self.reference.readers[who];
            prop_assert_eq!(info.id(), self.ids[who]);
            prop_assert_eq!(info.overflow(), expected.overflow);
            prop_assert_eq!(info.window(), expected.window);
            prop_assert_eq!(info.pending(), expected.unread.len());
            prop_assert_eq!(info.unacked(), expected.unacked(), "unacked of {}", info);
            prop_assert_eq!(info.missed(), expected.missed);
            // Whether a filtered one is in its way, the first in line finds out when it is polled.
            if info.kind() != SubscriberKind::Filtered || info.holding().is_some() {
                let holding = self.reference.holding(who);
                prop_assert_eq!(info.holding(), holding, "holding of {}", info);
            }
        }
        Ok(())
    }
}

/// What has been woken.
#[derive(Clone, Copy)]
enum Woken {
    Call(usize),
    Stream(usize),
    Ready(usize),
    Flush(usize),
}

/// Says where the error happened.
fn within(place: fmt::Arguments<'_>, error: &TestCaseError) -> TestCaseError {
    match error {
        TestCaseError::Fail(reason) => TestCaseError::fail(format!("{place}: {reason}")),
        TestCaseError::Reject(reason) => TestCaseError::reject(format!("{place}: {reason}")),
    }
}

fn end_of(reason: EndReason) -> End {
    match reason {
        EndReason::Closed => End::Closed,
        EndReason::Disconnected { cause, .. } => End::Disconnected(cause),
        _ => unreachable!("there are no other reasons"),
    }
}

/// How many deliveries of each subscriber may be out.
fn max_unacked(who: Who) -> usize {
    1 + who % 4
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
