//! Subscribers: joining and leaving, what each reads next, and who sleeps until there is more.

use std::panic::Location;
use std::task::Waker;

use super::{Channel, State};
use crate::channel::effects::{Effect, Effects};
use crate::channel::parked::ParkedReader;
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::subscriber::unacked::ChannelReports;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::{Arc, Ordering};

/// What a subscriber that has nothing left in its batch gets.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// More to read.
    More,
    /// Closed, and everything read.
    Closed,
    /// It will be woken.
    Parked,
    /// Nothing to read, and no waker to park with was given.
    NeedWaker,
}

impl<E> State<E> {
    /// After something was stored: everybody that sleeps has something to read.
    pub(super) fn wake_readers(&mut self, effects: &mut Effects<E>) {
        if self.parked.len() > 0 {
            effects.push(Effect::WakeReaders(self.parked.unpark_all()));
        }
    }

    /// Takes one out of those that sleep.
    fn unpark(&mut self, key: u64) -> Option<ParkedReader> {
        let machine = &self.machine;
        self.parked.unpark(key, |key| machine.subscriber(key))
    }

    #[inline]
    fn next(
        &mut self,
        place: &SubscriberState,
        reading: &mut Source<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        effects: &mut Effects<E>,
    ) -> Next {
        let key = place.id.number;
        let word = place.cursor.finish_locked();
        if word.must_report() {
            self.machine.report_finished(key, effects);
            if place.stage().is_some() {
                if let Some(next) = self.next_stage(place, reading, waker, spare, effects) {
                    return next;
                }
            }
        }
        if word.is_detached() {
            let rest = self.machine.take_backlog(key);
            *reading = Source::Backlog(rest.expect("a stream takes its rest once"));
            return Next::More;
        }
        let look = !(seeded_bug!("parks-without-checking") && spare.is_some());
        if look {
            if let Some(batch) = self.machine.next_batch(place, word.position(), effects) {
                *reading = Source::Segment(batch.clone());
                return Next::More;
            }
        }
        if self.machine.is_complete() {
            return Next::Closed;
        }
        if self.parked.would_wake(place, waker) {
            return Next::Parked;
        }
        let Some(waker) = spare.take() else {
            return Next::NeedWaker;
        };
        let replaced = self.parked.park(place, waker);
        effects.extend(replaced.map(Effect::DropParked));
        if !self.release_if_idle(effects) {
            self.machine.park_caught_up(place, effects);
        }
        Next::Parked
    }

    /// Keeps nothing that everybody has read, once everybody waits for more. False if somebody
    /// does not, or if events are retained.
    pub(super) fn release_if_idle(&mut self, effects: &mut Effects<E>) -> bool {
        if self.parked.len() != self.machine.readers() {
            return false;
        }
        self.machine.release(effects)
    }
}

impl<E> Channel<E> {
    /// A new subscriber, where it begins, and what it reads first. The task of a handler or a
    /// group counts as running from here on, until [`retire`](Self::retire).
    pub(crate) fn subscribe(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<SubscriberState>, CursorState, Source<E>) {
        self.run(|state, effects| {
            let (place, replayed) = state.machine.join(options, created_at);
            // Before the lock is free: what is overwritten from then on is lost to it.
            let word = place.cursor.load();
            if state.machine.is_closed() {
                state.machine.leave(place.id.number, effects);
                return (place, word, Source::Ended(EndReason::Closed));
            }
            // Under the same lock as joining: `stop` waits for the task of every handler that joined
            // before the manager was closed.
            if place.kind.has_task() && !seeded_bug!("task-counted-late") {
                state.running.insert(place.id, Arc::clone(&place));
            }
            state.notify_watchers(effects);
            // While permits are out, it may be in the way at once.
            if !seeded_bug!("joiner-not-checked") {
                state.notify_front(effects);
            }
            (
                place,
                word,
                replayed.map_or(Source::Channel, Source::Backlog),
            )
        })
    }

    /// What the subscriber reads next, into `reading`; if there is nothing, it is parked, with
    /// `spare` if that is at hand and needed. It has finished with the event in hand.
    #[inline]
    pub(crate) fn next(
        &self,
        place: &SubscriberState,
        reading: &mut Source<E>,
        waker: &Waker,
        mut spare: Option<Waker>,
    ) -> Next {
        let mut effects = Effects::new();
        let next = (self.state.lock()).next(place, reading, waker, &mut spare, &mut effects);
        effects.run();
        if let Some(unneeded) = spare {
            drop_caught(unneeded);
        }
        next
    }

    /// Whether there was nothing to read for the subscriber a moment ago: a hint, without the
    /// lock.
    #[inline]
    pub(crate) fn seems_caught_up(&self, position: u64) -> bool {
        self.newest.load(Ordering::Acquire) <= position
    }

    /// A watched subscriber has claimed an event (`in_hand`) or finished with it (`None`).
    pub(crate) fn report(&self, key: u64, in_hand: Option<u64>) {
        self.run(|state, effects| match in_hand {
            Some(seq) => {
                if state.machine.report_claimed(key, seq, effects) {
                    state.notify_front(effects);
                }
            }
            None => state.machine.report_finished(key, effects),
        });
    }

    /// The subscriber is gone, and has answered for the event in hand. True if it counted.
    pub(crate) fn leave(&self, key: u64) -> bool {
        self.run(|state, effects| {
            let parked = state.unpark(key);
            effects.extend(parked.map(Effect::DropParked));
            let counted = state.machine.leave(key, effects);
            state.parked.give_back(state.machine.readers());
            state.release_if_idle(effects);
            state.notify_front(effects);
            counted
        })
    }

    pub(crate) fn disconnect(&self, id: SubscriberId) -> bool {
        self.run(|state, effects| {
            let cause = DisconnectCause::Requested;
            let counted = state.machine.disconnect(id, cause, effects);
            if counted {
                #[cfg(feature = "tracing")]
                state.machine.trace_left(id, cause, effects);
                let parked = state.unpark(id.number);
                effects.extend(parked.map(Effect::WakeReader));
                state.parked.give_back(state.machine.readers());
                state.release_if_idle(effects);
                state.notify_front(effects);
            }
            counted
        })
    }

    /// A handler's subscription, which has no handler any more: asked for by the handler's task.
    #[cfg(feature = "rt")]
    pub(crate) fn disconnect_handler(&self, id: SubscriberId) {
        self.run(|state, effects| {
            if state.machine.withdraw(id, effects) {
                #[cfg(feature = "tracing")]
                state.machine.trace_left(
                    id,
                    crate::channel::trace::LeaveReason::NoHandler,
                    effects,
                );
                let parked = state.unpark(id.number);
                effects.extend(parked.map(Effect::DropParked));
                state.parked.give_back(state.machine.readers());
                state.release_if_idle(effects);
                state.notify_front(effects);
            }
        });
    }
}

impl<E: Send + Sync> ChannelReports for Channel<E> {
    fn report_settled(&self, subscriber: SubscriberId) {
        self.run(|state, effects| state.machine.report_settled(subscriber, effects));
    }

    fn report_queue(&self, subscriber: SubscriberId, took: bool) {
        self.run(|state, effects| {
            if state.machine.report_queue(subscriber, took, effects) {
                state.notify_front(effects);
            }
        });
    }

    fn report_gone(&self, subscriber: SubscriberId) -> bool {
        self.leave(subscriber.number)
    }
}
