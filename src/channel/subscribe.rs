//! Subscribers: attaching, source, parking and leaving.
//!
//! A subscriber reads the events of its [`Source`] without the lock. When the source is empty, it calls
//! [`Channel::next`], which loads the next segment of the log, or parks the subscriber. Both happen
//! under the lock that storing an event takes as well, so an event is either in the segment, or finds
//! the subscriber parked and wakes it.

use std::any::Any;
use std::panic::Location;
use std::task::{Poll, Waker};

use super::{Channel, State};
use crate::channel::condition::{Condition, ConditionKey};
use crate::channel::effects::{Effect, Effects};
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::any_channel::AnyChannel;
use crate::channel::subscriber::cursor::CursorState;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::options::{Replay, SubscribeOptions};
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::{Arc, Ordering};

/// The result of asking for the next events.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// The source has the next events.
    More,
    /// The channel is complete, and the subscriber has read everything.
    Closed,
    /// The subscriber is parked and will be woken.
    Parked,
    /// There is nothing to read, and parking needs an owned waker.
    NeedWaker,
}

impl<E> State<E> {
    /// Wakes all parked subscribers. Called after storing an event, and when the channel is complete.
    pub(super) fn wake_readers(&mut self, effects: &mut Effects<E>) {
        if self.parked.len() > 0 {
            effects.push(Effect::WakeReaders(self.parked.unpark_all()));
        }
    }

    /// Takes out the waker of a parked reader of the log.
    #[inline]
    fn unpark(&mut self, reader: &SubscriberState) -> Option<Waker> {
        let machine = &self.machine;
        self.parked.unpark(reader, |key| machine.subscriber(key))
    }

    /// Takes out the waker of a subscriber that was disconnected and reads the log. The waker of a filtered
    /// subscriber is in its queue, or in the log of its key.
    fn unpark_disconnected(&mut self, key: u64) -> Option<Waker> {
        let reader = self.machine.log_reader(key).map(Arc::clone)?;
        self.unpark(&reader)
    }

    /// Finishes the event in flight, then loads the next events into `source`, or parks the subscriber.
    ///
    /// `source` and `spare` are passed by reference and not returned: moving them out of the lock in a
    /// result costs as much as the lock itself.
    #[inline]
    fn next(
        &mut self,
        subscriber: &SubscriberState,
        source: &mut Source<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        effects: &mut Effects<E>,
    ) -> Next {
        let key = subscriber.id.number;
        let word = subscriber.cursor.finish_locked();
        // Report before loading: finishing may settle events or make room.
        if word.must_report() {
            self.machine.report_finished(key, effects);
            if subscriber.stage().is_some() {
                if let Some(next) = self.next_stage(subscriber, source, waker, spare, effects) {
                    return next;
                }
            }
        }
        // A disconnected subscriber reads the events that it had not read.
        if word.is_detached() {
            let backlog = self.machine.take_backlog(key);
            *source = Source::Backlog(backlog.expect("a stream takes its backlog only once"));
            return Next::More;
        }
        // Check again with every waker: an event may have been stored while the waker was cloned.
        let check = !(seeded_bug!("parks-without-checking") && spare.is_some());
        if check {
            if let Some(batch) = self
                .machine
                .next_segment(subscriber, word.position(), effects)
            {
                *source = Source::Segment(batch.clone());
                return Next::More;
            }
        }
        if self.machine.is_complete() {
            return Next::Closed;
        }
        // Nothing to read: park, unless the subscriber is parked with an equal waker already.
        if self.parked.would_wake(subscriber, waker) {
            return Next::Parked;
        }
        let Some(waker) = spare.take() else {
            return Next::NeedWaker;
        };
        let replaced = self.parked.park(subscriber, waker);
        effects.drop_waker(replaced);
        // The last subscriber that parks frees all events; any other only moves to the log's end.
        if !self.release_if_all_parked(effects) {
            self.machine.park_caught_up(subscriber, effects);
        }
        Next::Parked
    }

    /// Frees all events if every log reader is parked. Returns `false` if any is not, or if events are
    /// retained.
    pub(super) fn release_if_all_parked(&mut self, effects: &mut Effects<E>) -> bool {
        if self.parked.len() != self.machine.readers() {
            return false;
        }
        self.machine.release(effects)
    }

    /// Removes a subscriber whose stream was dropped or has ended. Returns whether the subscriber was attached.
    fn leave(&mut self, key: u64, effects: &mut Effects<E>) -> bool {
        let was_attached = self.machine.leave(key, effects);
        self.after_leave(effects);
        was_attached
    }

    /// Frees the memory and the room of a subscriber that was detached or removed.
    fn after_leave(&mut self, effects: &mut Effects<E>) {
        self.notify_detached(effects);
        self.parked.give_back(self.machine.readers());
        self.release_if_all_parked(effects);
        self.serve_queue(effects);
    }
}

impl<E> Channel<E> {
    /// Checks the options of a new subscriber.
    ///
    /// # Panics
    /// If the subscriber is to come after one of another channel, or after an observer, or is to begin
    /// with a replay of a channel that retains nothing.
    #[track_caller]
    pub(crate) fn check_options(&self, options: &SubscribeOptions) {
        assert!(
            self.owns(&options.after),
            "a subscription comes after others of its own manager"
        );
        assert!(
            !self.has_observer(&options.after),
            "a subscription cannot come after an observer, for which nothing waits"
        );
        assert!(
            self.retains() || options.replay == Replay::Nothing,
            "a manager replays events only if it is built with `retain`"
        );
    }

    /// Attaches a subscriber. Returns its state, its cursor, its first source, and how many events it
    /// has missed before, which are not retained any more. The runner of a
    /// handler or a group counts as running from now until [`task_ended`](Self::task_ended).
    pub(crate) fn subscribe(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<SubscriberState>, CursorState, Source<E>, u64) {
        self.run(|state, effects| {
            let (subscriber, replayed) = state.machine.join(options, created_at);
            // Read the cursor under the lock: events overwritten later count as missed.
            let word = subscriber.cursor.load();
            if state.machine.is_closed() {
                state.machine.leave(subscriber.id.number, effects);
                return (subscriber, word, Source::Ended(EndReason::Closed), 0);
            }
            // Add the runner under the lock that attaches the subscriber: `stop` waits for the runner of
            // every handler attached before the manager was closed, observers excepted.
            if subscriber.kind.has_task() && !seeded_bug!("task-counted-late") {
                state.running.insert(subscriber.id, Arc::clone(&subscriber));
            }
            state.notify_conditions(effects);
            // While places are reserved, the new subscriber may be full at once.
            state.revoke_grants(&subscriber);
            if !seeded_bug!("joiner-not-checked") {
                state.serve_queue(effects);
            }
            let source = replayed.backlog.map_or(Source::Channel, Source::Backlog);
            (subscriber, word, source, replayed.missed)
        })
    }

    /// Finishes the event in flight, then loads the next events into `source`, or parks the subscriber.
    /// Parking needs an owned clone of `waker`: pass a clone as `spare`, or get [`Next::NeedWaker`].
    #[inline]
    pub(crate) fn next(
        &self,
        subscriber: &SubscriberState,
        source: &mut Source<E>,
        waker: &Waker,
        mut spare: Option<Waker>,
    ) -> Next {
        let mut effects = Effects::new();
        let next = (self.state.lock()).next(subscriber, source, waker, &mut spare, &mut effects);
        effects.run();
        if let Some(unneeded) = spare {
            drop_caught(unneeded);
        }
        next
    }

    /// Returns whether a subscriber at `position` had nothing to read a moment ago. The result is a hint,
    /// found without the lock.
    #[inline]
    pub(crate) fn seems_caught_up(&self, position: u64) -> bool {
        self.tail_hint.load(Ordering::Acquire) <= position
    }

    /// Reports that a subscriber claimed the event `in_flight`, or finished an event (`None`). Called if the
    /// channel requested reports.
    pub(crate) fn report(&self, key: u64, in_flight: Option<u64>) {
        self.run(|state, effects| match in_flight {
            Some(seq) => {
                if state.machine.report_claimed(key, seq, effects) {
                    state.serve_queue(effects);
                }
            }
            None => state.machine.report_finished(key, effects),
        });
    }

    /// Drops the waker of a parked subscriber, whose poll is ready with something else than an event.
    #[cold]
    pub(crate) fn unpark_reader(&self, reader: &SubscriberState) {
        self.run(|state, effects| effects.drop_waker(state.unpark(reader)));
    }

    /// Removes the subscriber of a dropped subscription, which has settled its event in flight.
    /// Returns whether the subscriber was attached.
    pub(crate) fn leave(&self, reader: &SubscriberState) -> bool {
        self.run(|state, effects| {
            effects.drop_waker(state.unpark(reader));
            state.leave(reader.id.number, effects)
        })
    }

    /// Disconnects a subscriber on request of the user. Returns whether the subscriber was attached.
    pub(crate) fn disconnect(&self, id: SubscriberId) -> bool {
        self.disconnect_for(DisconnectCause::Requested, id)
    }

    /// Disconnects a filtered subscriber whose predicate has panicked for a retained event.
    pub(crate) fn disconnect_panicked(&self, id: SubscriberId) {
        self.disconnect_for(DisconnectCause::Panicked, id);
    }

    fn disconnect_for(&self, cause: DisconnectCause, id: SubscriberId) -> bool {
        self.run(|state, effects| {
            let was_attached = state.machine.disconnect(id, cause, effects);
            if was_attached {
                effects.wake(state.unpark_disconnected(id.number));
                state.after_leave(effects);
            }
            was_attached
        })
    }

    /// Disconnects the subscription of a runner without handlers, on request of the runner itself: the
    /// runner is awake, so its waker is dropped and not woken.
    #[cfg(feature = "rt")]
    pub(crate) fn disconnect_handler(&self, id: SubscriberId) {
        self.run(|state, effects| {
            if state.machine.withdraw(id, effects) {
                effects.drop_waker(state.unpark_disconnected(id.number));
                state.after_leave(effects);
            }
        });
    }
}

impl<E: Send + Sync + 'static> AnyChannel for Channel<E> {
    fn report_settled(&self, subscriber: SubscriberId) {
        self.run(|state, effects| state.machine.report_settled(subscriber, effects));
    }

    fn report_queue(&self, subscriber: SubscriberId, took: bool) {
        self.run(|state, effects| {
            if state.machine.report_queue(subscriber, took, effects) {
                state.serve_queue(effects);
            }
        });
    }

    fn report_gone(&self, subscriber: SubscriberId) -> bool {
        self.run(|state, effects| state.leave(subscriber.number, effects))
    }

    fn disconnect_panicked(&self, subscriber: SubscriberId) {
        self.disconnect_panicked(subscriber);
    }

    fn poll_detached(
        &self,
        subscriber: SubscriberId,
        key: &mut Option<ConditionKey>,
        waker: &Waker,
    ) -> Poll<()> {
        let detached = Condition::Detached(subscriber.number);
        self.poll_condition(detached, key, waker).map(|_| ())
    }

    fn leave_condition(&self, key: ConditionKey) {
        self.leave_condition(key);
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
