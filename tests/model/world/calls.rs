//! Calls of publishing or waiting functions, and their wake-ups.

use std::task::{Context, Poll};
use std::time::Duration;

use genevent::EventManager;
use genevent::error::TryNotifyError;
use proptest::prelude::*;

use super::super::driven::{Called, Wakers, with_steps};
use super::super::ops::{Owned, Pick, Which};
use super::super::payload::Payload;
use super::super::reference::{Answer, Question, goes_on};
use super::super::{Bounded, Checked, Kind, Op};
use super::{Calling, World, choose};

pub(super) const MAX_CALLS: usize = 10;

impl World<'_> {
    pub(crate) fn try_notify(&mut self) -> Checked {
        let payload = self.next_payload();
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let result = manager.try_notify(Payload::new(payload));
        self.check_published(payload, &result)
    }

    /// The reference does the same, and has the same to say.
    pub(crate) fn check_published(
        &mut self,
        payload: u64,
        result: &Result<usize, TryNotifyError<Payload>>,
    ) -> Checked {
        let expected = match self.reference.try_notify(payload) {
            Some(audience) => Ok(audience),
            None if self.reference.closed => Err(TryNotifyError::Closed(Payload::new(payload))),
            None => Err(TryNotifyError::Full(Payload::new(payload))),
        };
        prop_assert!(
            *result == expected,
            "{result:?} instead of {expected:?}, for {payload}"
        );
        Ok(())
    }

    pub(crate) fn start(&mut self, kind: Kind, poll: bool) -> Checked {
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
                Called::Notify(manager.notify(Payload::new(payload))),
            ),
            Kind::AckNotify => (
                Question::AckNotify(payload),
                Called::AckNotify(manager.ack_notify(Payload::new(payload))),
            ),
            Kind::SyncNotify => (
                Question::SyncNotify(payload),
                Called::SyncNotify(manager.sync_notify(Payload::new(payload))),
            ),
            Kind::Reserve => (Question::Reserve, Called::Reserve(manager.reserve())),
            Kind::Within(bounded, ms) => {
                limit = Some(u64::from(ms));
                let time = Duration::from_millis(ms.into());
                match bounded {
                    Bounded::Notify => (
                        Question::Notify(payload),
                        Called::NotifyWithin(Box::pin(
                            manager.notify(Payload::new(payload)).within(time),
                        )),
                    ),
                    Bounded::Reserve => (
                        Question::Reserve,
                        Called::ReserveWithin(Box::pin(manager.reserve().within(time))),
                    ),
                    Bounded::AckNotify => (
                        Question::AckNotify(payload),
                        Called::AckNotifyWithin(Box::pin(
                            manager.ack_notify(Payload::new(payload)).within(time),
                        )),
                    ),
                    Bounded::SyncNotify => (
                        Question::SyncNotify(payload),
                        Called::SyncNotifyWithin(Box::pin(
                            manager.sync_notify(Payload::new(payload)).within(time),
                        )),
                    ),
                    Bounded::Flush => (
                        Question::Flush,
                        Called::FlushWithin(Box::pin(manager.flush().within(time))),
                    ),
                    Bounded::Quiet => (
                        Question::Quiet,
                        Called::QuietWithin(Box::pin(manager.quiet().within(time))),
                    ),
                    Bounded::Stop => (
                        Question::Stop,
                        Called::StopWithin(Box::pin(manager.stop().within(time))),
                    ),
                }
            }
            Kind::Owned(owned) => owned_call(manager, owned, payload),
            Kind::OwnedWithin(owned, ms) => {
                limit = Some(u64::from(ms));
                let time = Duration::from_millis(ms.into());
                let (question, future) = owned_call(manager, owned, payload);
                (question, future.within(time))
            }
            Kind::Flush => (Question::Flush, Called::Flush(manager.flush())),
            Kind::Quiet => (Question::Quiet, Called::Quiet(manager.quiet())),
            Kind::Stop => (Question::Stop, Called::Stop(manager.stop())),
            Kind::Closed => (Question::Closed, Called::Closed(manager.closed())),
            Kind::WaitForSubscribers(n) => (
                Question::WaitForSubscribers(n.into()),
                Called::WaitForSubscribers(manager.wait_for_subscribers(n.into())),
            ),
            Kind::Unsubscribed => (
                Question::Unsubscribed,
                Called::Unsubscribed(manager.unsubscribed()),
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

    pub(crate) fn cancel(&mut self, index: usize) {
        let call = self.calls.remove(index);
        self.reference.cancel(call.id);
        drop(call);
        self.note_end_of_managers();
    }

    pub(crate) fn cancel_borrowing_calls(&mut self) -> Checked {
        let is_borrowing = |call: &Calling<'_>| !call.future.is_owned();
        while let Some(index) = self.calls.iter().position(is_borrowing) {
            let pick = index.try_into().expect("few calls");
            self.apply(Op::Cancel(pick))?;
        }
        Ok(())
    }

    pub(crate) fn poll(&mut self, index: usize, which: Which) -> Checked {
        let Calling { future, wakers, .. } = &mut self.calls[index];
        let waker = wakers.set(which);
        let mut cx = Context::from_waker(&waker);
        let answer = future.poll(&mut cx, &self.ids, &mut self.permits);
        self.check_answer(index, answer)
    }

    /// The reference has the same answer.
    pub(super) fn check_answer(&mut self, index: usize, answer: Poll<Answer>) -> Checked {
        let id = self.calls[index].id;
        let expected = self.reference.poll(id);
        prop_assert_eq!(&with_steps(answer, &expected), &expected);
        if goes_on(&expected) {
            // A late future has let go of the manager.
            self.note_end_of_managers();
            let wakers = &mut self.calls[index].wakers;
            let which = wakers.last;
            let late = std::mem::take(wakers);
            late.check(self.reference.calls[id].woken)?;
            return self.poll(index, which);
        }
        if self.reference.calls[id].is_over() {
            // A late call that yields is polled again at once.
            let call = self.calls.remove(index);
            call.wakers.check(self.reference.calls[call.id].woken)?;
            drop(call);
            self.note_end_of_managers();
        }
        Ok(())
    }
}

impl World<'_> {
    /// Advances the clock, a millisecond at a time, so the tasks of the runtime can set new timers.
    pub(crate) fn advance(&mut self, ms: u8) -> Checked {
        let Some(runtime) = self.runtime.clone() else {
            return Ok(());
        };
        for _ in 0..ms {
            runtime.block_on(async {
                run_tasks().await;
                tokio::time::advance(Duration::from_millis(1)).await;
                run_tasks().await;
            });
            self.reference.advance();
        }
        // All sleepers have been woken in turn within this time, unless they wait for readers.
        prop_assert!(
            ms < 100 || !self.reference.in_runtime || !self.reference.is_held_up(),
            "a publisher waits for publishers that are not polled"
        );
        Ok(())
    }

    /// Polls a woken future or stream.
    pub(crate) fn run(&mut self, pick: Pick) -> Checked {
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

    pub(crate) fn has_woken(&self) -> bool {
        !self.woken().is_empty()
    }
}

/// Lets the tasks of the runtime run: polls them, fires their timers, and polls them again.
pub(super) async fn run_tasks() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

/// A call by a future that borrows nothing.
pub(super) fn owned_call<'a>(
    manager: &EventManager<Payload>,
    owned: Owned,
    payload: u64,
) -> (Question, Called<'a>) {
    let event = Payload::new(payload);
    match owned {
        Owned::Notify => (
            Question::Notify(payload),
            Called::NotifyOwned(manager.notify_owned(event)),
        ),
        Owned::AckNotify => (
            Question::AckNotify(payload),
            Called::AckNotifyOwned(manager.ack_notify_owned(event)),
        ),
        Owned::SyncNotify => (
            Question::SyncNotify(payload),
            Called::SyncNotifyOwned(manager.sync_notify_owned(event)),
        ),
        Owned::Reserve => (
            Question::Reserve,
            Called::ReserveOwned(manager.reserve_owned()),
        ),
    }
}

/// A woken future or stream.
#[derive(Clone, Copy)]
enum Woken {
    Call(usize),
    Stream(usize),
    Ready(usize),
    Flush(usize),
}
