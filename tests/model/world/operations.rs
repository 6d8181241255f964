//! Applies each operation to the crate and to the reference.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;

use super::super::payload::Payload;
use super::super::reference::Sees;
use super::super::{By, Checked, From, Op};
use super::streams::REASON;
use super::{Reading, World, choose, within};

impl World<'_> {
    pub(crate) fn apply(&mut self, op: Op) -> Checked {
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
                    self.cancel(index);
                }
            }
            Op::Subscribe(..)
            | Op::SubscribeFilter(..)
            | Op::SubscribeAfter(..)
            | Op::AddHandler(..) => {
                self.join(op)?;
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
                    self.deliver(index)?;
                }
            }
            Op::Settle(pick, how) => {
                if let Some(index) = choose(pick, self.held.len()) {
                    self.settle(index, how);
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
                    self.reference.close();
                }
            }
            Op::StopNow => {
                if let Some(manager) = self.manager() {
                    manager.stop_now();
                    self.reference.stop_now();
                }
            }
            Op::Advance(ms) => self.advance(ms)?,
            op => self.operate_further(op)?,
        }
        Ok(())
    }

    /// The operations on permits and sinks, and more on readers.
    fn operate_further(&mut self, op: Op) -> Checked {
        match op {
            Op::RemoveHandler(pick) => {
                if let Some(index) = choose(pick, self.handlers.len()) {
                    self.remove_handler(index);
                }
            }
            Op::PublishFailing(failing, publishing) => self.publish_failing(failing, publishing)?,
            Op::ClearRetained => {
                if let Some(manager) = self.manager() {
                    manager.clear_retained();
                    self.reference.clear_retained();
                }
            }
            Op::TryNext(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.try_next(index)?;
                }
            }
            Op::UsePermit(pick) => {
                if let Some(index) = choose(pick, self.permits.len()) {
                    let payload = self.next_payload();
                    let stored = self.permits.remove(index).notify(Payload::new(payload));
                    prop_assert_eq!(stored, self.reference.use_permit(payload));
                }
            }
            Op::DropPermit(pick) => {
                if let Some(index) = choose(pick, self.permits.len()) {
                    drop(self.permits.remove(index));
                    self.reference.drop_permit();
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
                    self.reference.leave(reading.who);
                }
            }
            Op::Crash(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = self.streams.remove(index);
                    self.reference.leave(reading.who);
                    crash_with(reading);
                }
            }
            Op::NextDuringClone(pick, which, during) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.next_during_clone(index, which, during)?;
                }
            }
            Op::Disconnect(pick) => self.disconnect(pick)?,
            Op::Nack(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    let reading = &mut self.streams[index];
                    if !reading.stream.is_deliveries() {
                        reading.stream.nack(REASON);
                        self.reference.nack(reading.who, REASON);
                    }
                }
            }
            Op::FollowUp(pick) => {
                if let Some(index) = choose(pick, self.streams.len()) {
                    self.follow_up(index)?;
                }
            }
            op => unreachable!("{op:?}"),
        }
        Ok(())
    }

    fn join(&mut self, op: Op) -> Checked {
        match op {
            Op::Subscribe(policy, window, from) => {
                let sees = Sees::default();
                self.subscribe(policy, window.into(), from, None, sees)
            }
            Op::SubscribeFilter(policy, window, by, from) => {
                let (By::Filter(n) | By::Key(n) | By::Keys(n) | By::Breaking(n)) = by;
                let sees = Sees {
                    wants: Some(n.into()),
                    keyed: matches!(by, By::Key(_) | By::Keys(_)),
                    single_key: matches!(by, By::Key(_)),
                    breaking: matches!(by, By::Breaking(_)),
                    ..Sees::default()
                };
                self.subscribe(policy, window.into(), from, Some(by), sees)
            }
            Op::SubscribeAfter(policy, window, pick) => {
                let sees = Sees {
                    after: choose(pick, self.reference.readers.len()),
                    ..Sees::default()
                };
                self.subscribe(policy, window.into(), From::Now, None, sees)
            }
            Op::AddHandler(policy, window, wants, from) => {
                let sees = Sees {
                    wants: wants.map(u64::from),
                    handler: true,
                    ..Sees::default()
                };
                self.add_handler(policy, window.into(), from, sees)
            }
            op => unreachable!("{op:?}"),
        }
    }
}

/// Drops a stream as a panicking consumer does; no message is printed.
fn crash_with(reading: Reading) {
    let crash = catch_unwind(AssertUnwindSafe(move || {
        let _reading = reading;
        resume_unwind(Box::new("a crash"));
    }));
    assert!(crash.is_err());
}
