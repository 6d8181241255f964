//! The state of the channel.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use genevent_conformance::{Event, Receipt};

use crate::fault::Fault;

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) fault: Option<Fault>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) capacity: usize,
    pub(crate) publishers: usize,
    pub(crate) closed: bool,
    pub(crate) joined: usize,
    pub(crate) subscribers: Vec<Sub>,
    /// Publishers in the order of waiting.
    pub(crate) queue: VecDeque<(usize, Option<Waker>)>,
    pub(crate) tickets: usize,
    pub(crate) acks: Vec<Acks>,
    pub(crate) stored: usize,
    /// Events without a reader, with some faults.
    pub(crate) kept: VecDeque<Event>,
}

pub(crate) struct Sub {
    pub(crate) id: usize,
    pub(crate) unread: VecDeque<Event>,
    pub(crate) waker: Option<Waker>,
    pub(crate) in_flight: Option<u64>,
}

/// The subscribers owing an acknowledgement for an event.
pub(crate) struct Acks {
    pub(crate) event: u64,
    pub(crate) owing: Vec<usize>,
    pub(crate) receipt: Receipt,
    pub(crate) waker: Option<Waker>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether the fault shows at this event: some faults show at each fifth event only.
    pub(crate) fn strikes(&self, state: &State, fault: Fault) -> bool {
        self.has(fault) && state.stored % 5 == 4
    }

    pub(crate) fn store(&self, state: &mut State, event: &Event, acked: bool) {
        let number = event.number();
        let mut owing = Vec::new();
        let strikes = |fault| self.strikes(state, fault);
        let (loses, duplicates, reorders, sleeps) = (
            strikes(Fault::LosesAnEvent),
            strikes(Fault::DeliversTwice),
            strikes(Fault::Reorders),
            strikes(Fault::LosesAWakeUp),
        );
        let last = state.subscribers.len().saturating_sub(1);
        for (at, sub) in state.subscribers.iter_mut().enumerate() {
            if self.has(Fault::Overwrites) && sub.unread.len() >= state.capacity {
                sub.unread.pop_front();
            }
            match (loses && at == last, reorders && at == last) {
                (true, _) => {}
                (_, true) => sub.unread.push_front(event.clone()),
                _ => sub.unread.push_back(event.clone()),
            }
            if duplicates && at == last {
                sub.unread.push_back(event.clone());
            }
            owing.push(sub.id);
            if !(sleeps && at == last) {
                if let Some(waker) = sub.waker.take() {
                    waker.wake();
                }
            }
        }
        state.stored += 1;
        if self.has(Fault::FreesNothing) || self.has(Fault::KeepsEventsForLater) && owing.is_empty()
        {
            state.kept.push_back(event.clone());
        }
        if acked {
            if self.has(Fault::WaitsForThoseWhoLeft) {
                owing.extend(0..state.joined);
                owing.sort_unstable();
                owing.dedup();
            }
            state.acks.push(Acks {
                event: number,
                owing,
                receipt: Receipt {
                    finished: 0,
                    unfinished: 0,
                },
                waker: None,
            });
        }
    }

    /// Unlocks between the subscribers.
    pub(crate) fn store_in_steps(&self, event: &Event) {
        let ids: Vec<_> = self.lock().subscribers.iter().map(|sub| sub.id).collect();
        for id in ids {
            let event = event.clone();
            let mut state = self.lock();
            let sub = state.sub(id);
            sub.unread.push_back(event);
            if let Some(waker) = sub.waker.take() {
                waker.wake();
            }
        }
    }

    pub(crate) fn settle(&self, state: &mut State, sub: usize, event: Option<u64>, finished: bool) {
        for acks in &mut state.acks {
            if event.is_none_or(|event| event == acks.event) {
                let before = acks.owing.len();
                acks.owing.retain(|owing| *owing != sub);
                let settled = before - acks.owing.len();
                if finished || self.has(Fault::CountsLeavingAsFinished) {
                    acks.receipt.finished += settled;
                } else {
                    acks.receipt.unfinished += settled;
                }
                if (acks.owing.is_empty() || self.has(Fault::AcknowledgesEarly))
                    && !self.has(Fault::AckWakesNobody)
                {
                    if let Some(waker) = acks.waker.take() {
                        waker.wake();
                    }
                }
            }
        }
    }
}

impl State {
    pub(crate) fn wake_publisher(&mut self, shared: &Shared) {
        let woken = if shared.has(Fault::LastComeFirst) {
            self.queue.back_mut()
        } else {
            self.queue.front_mut()
        };
        if let Some(waker) = woken.and_then(|(_, waker)| waker.take()) {
            waker.wake();
        }
    }

    pub(crate) fn wake_all(&mut self) {
        let publishers = self.queue.iter_mut().map(|(_, waker)| waker);
        let subscribers = self.subscribers.iter_mut().map(|sub| &mut sub.waker);
        for waker in publishers.chain(subscribers).filter_map(Option::take) {
            waker.wake();
        }
    }

    pub(crate) fn sub(&mut self, id: usize) -> &mut Sub {
        let mut subscribers = self.subscribers.iter_mut();
        subscribers
            .find(|sub| sub.id == id)
            .expect("the subscriber has not left")
    }
}
