//! The one lock around the ring, and everybody who waits on it.
//!
//! Deciding is the ring's part; here is the waiting. Every operation has the same shape: lock,
//! decide, unlock, and only then run the [`Effects`]. Where a future must leave its waker, the
//! waker is cloned without the lock, and the question is asked again under it: what happened in
//! between is seen.

use std::collections::BTreeMap;
use std::panic::Location;
use std::task::{Poll, Waker};

use crate::ack::Ticket;
use crate::clock::Instant;
use crate::cursor::Word;
use crate::effects::{Effect, Effects};
use crate::end::{DisconnectCause, EndReason};
use crate::foreign::discard;
use crate::held::Report;
use crate::inspect::SubscriberId;
use crate::judging::Judged;
use crate::line::{Line, Turn};
use crate::options::{Overflow, SubscribeOptions};
use crate::parking::Parking;
use crate::place::Place;
use crate::reading::Reading;
use crate::ring::{Claim, Ring, Room, Stored};
use crate::roster::Roster;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::watchers::{Event, Watch, Watchers};

mod filtering;
mod handlers;
mod publishing;
mod seeing;
mod stages;

pub(crate) use publishing::{Refusal, Wait};

pub(crate) struct Channel<E> {
    /// Which of the process's managers it belongs to.
    id: u64,
    state: Mutex<State<E>>,
    /// The number of the newest event, to look at without the lock.
    newest: AtomicU64,
    /// Managers that keep it open.
    handles: AtomicUsize,
    name: Option<Arc<str>>,
    capacity: usize,
    /// The names of its handlers, and of their groups.
    roster: Arc<Roster>,
}

struct State<E> {
    ring: Ring<E>,
    /// The handlers and groups whose tasks run.
    running: BTreeMap<SubscriberId, Arc<Place>>,
    line: Line,
    parking: Parking,
    watchers: Watchers,
}

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
    Empty,
}

impl<E> State<E> {
    /// Whether there is room; if not, handlers that hold it do not wait for themselves.
    fn room(&mut self, claim: Claim, effects: &mut Effects<E>) -> Room {
        let room = self.ring.room(claim, Instant::now);
        if self.line.has_inside() {
            let Self { ring, line, .. } = self;
            effects.wake(line.call_inside(|handler| ring.is_blocking(handler)));
        }
        room
    }

    /// A publisher waits in line. `None`: not without a waker to spare.
    fn stand<R>(
        &mut self,
        claim: Claim,
        turn: &mut Option<Turn>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        inside: Option<SubscriberId>,
        effects: &mut Effects<E>,
    ) -> Option<Result<R, Wait>> {
        let Self { ring, line, .. } = self;
        let place = match *turn {
            Some(turn) if line.would_wake(turn, waker) => {
                effects.discard(spare.take());
                turn
            }
            Some(turn) => {
                effects.discard(line.stay(turn, spare.take()?));
                turn
            }
            None => line.join(claim, spare.take()?),
        };
        *turn = Some(place);
        if inside.is_some() || line.has_inside() {
            line.set_inside(place, inside);
        }
        if !line.is_head(place) {
            return Some(Err(Wait { until: None }));
        }
        let until = ring.hold(Instant::now);
        #[cfg(all(feature = "tracing", feature = "rt"))]
        let until = until.and_then(|_| ring.warn(line.len(), Instant::now, effects));
        line.set_alarm(until);
        Some(Err(Wait { until }))
    }

    /// Tells the publisher at the head of the line that there is room, if there is, or that it
    /// must look at the clock at another time.
    fn call_line(&mut self, effects: &mut Effects<E>) {
        if self.line.is_empty() {
            return;
        }
        // Also if the head has been called: those now in the way are waited for from now on.
        let Some(head) = self.line.head() else { return };
        let look = self.room(head.claim, effects) != Room::Full
            || (self.ring.hold(Instant::now)).is_some_and(|time| !self.line.has_alarm(time));
        if look {
            effects.wake(self.line.call_head());
        }
    }

    /// A publisher leaves the line; gives its waker back.
    fn leave_line(&mut self, turn: Turn) -> Option<Waker> {
        if self.line.is_head(turn) {
            self.ring.step_aside();
        }
        self.line.leave(turn)
    }

    /// After something was stored: everybody that sleeps has something to read.
    fn wake_readers(&mut self, effects: &mut Effects<E>) {
        if self.parking.len() > 0 {
            effects.push(Effect::WakeReaders(self.parking.unpark_all()));
        }
    }

    #[inline]
    fn next(
        &mut self,
        place: &Place,
        reading: &mut Reading<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        effects: &mut Effects<E>,
    ) -> Next {
        let key = place.id.key;
        let word = place.cursor.finish_locked();
        if word.is_watched() {
            self.ring.report(key, None, effects);
            if place.stage().is_some() {
                if let Some(next) = self.next_stage(place, reading, waker, spare, effects) {
                    return next;
                }
            }
        }
        if word.is_detached() {
            let rest = self.ring.take_rest(key);
            *reading = Reading::Rest(rest.expect("a stream takes its rest once"));
            return Next::More;
        }
        let look = !(planted!("parks-blindly") && spare.is_some());
        if look {
            if let Some(batch) = self.ring.take(key, word.position(), effects) {
                *reading = Reading::Batch(batch.clone());
                return Next::More;
            }
        }
        if self.ring.is_complete() {
            return Next::Closed;
        }
        if self.parking.would_wake(key, waker) {
            return Next::Parked;
        }
        let Some(waker) = spare.take() else {
            return Next::Empty;
        };
        let replaced = self.parking.park(key, waker);
        effects.extend(replaced.map(Effect::Forget));
        self.release_if_idle(effects);
        Next::Parked
    }

    /// Keeps nothing that everybody has read, once everybody waits for more.
    fn release_if_idle(&mut self, effects: &mut Effects<E>) {
        if self.parking.len() == self.ring.readers() {
            self.ring.release(effects);
        }
    }

    fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let stored = self.ring.store(event, ticket, judged, effects);
        self.wake_readers(effects);
        self.call_line(effects);
        stored
    }

    fn has_come(&self, event: Event) -> bool {
        match event {
            Event::Closed => self.ring.is_closed(),
            Event::Complete => self.ring.is_complete(),
            Event::Idle => self.running.is_empty(),
            Event::Subscribers(n) => self.ring.is_closed() || n <= self.ring.attached(),
        }
    }

    /// After something that futures or streams may wait for: that it closes, that nothing more
    /// can come, that subscribers do.
    fn tell_watchers(&mut self, effects: &mut Effects<E>) {
        if self.ring.is_complete() && !planted!("closed-asleep") {
            self.wake_readers(effects);
            self.ring.complete_lanes(effects);
        }
        if self.watchers.is_empty() {
            return;
        }
        let here = if self.ring.is_closed() {
            effects.wake(self.watchers.call(Event::Closed..=Event::Closed));
            usize::MAX
        } else {
            self.ring.attached()
        };
        let come = Event::Subscribers(0)..=Event::Subscribers(here);
        effects.wake(self.watchers.call(come));
        if self.ring.is_complete() {
            effects.wake(self.watchers.call(Event::Complete..=Event::Complete));
        }
        if self.running.is_empty() {
            effects.wake(self.watchers.call(Event::Idle..=Event::Idle));
        }
    }
}

impl<E> Channel<E> {
    pub(crate) fn new(
        capacity: usize,
        default_overflow: Overflow,
        name: Option<Arc<str>>,
        retain: usize,
    ) -> Arc<Self> {
        #[cfg_attr(
            not(feature = "tracing"),
            expect(unused_mut, reason = "it needs no name")
        )]
        let mut ring = Ring::new(capacity, default_overflow, retain);
        #[cfg(feature = "tracing")]
        ring.name.clone_from(&name);
        Arc::new(Self {
            id: ring.id(),
            state: Mutex::new(State {
                ring,
                running: BTreeMap::new(),
                line: Line::default(),
                parking: Parking::new(),
                watchers: Watchers::default(),
            }),
            newest: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            name,
            capacity,
            roster: Arc::default(),
        })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Decides under the lock, then does what was decided.
    fn run<R>(&self, decide: impl FnOnce(&mut State<E>, &mut Effects<E>) -> R) -> R {
        let mut effects = Effects::new();
        let result = decide(&mut self.state.lock(), &mut effects);
        effects.run();
        result
    }

    /// `ticket` waits until every event stored so far is settled.
    pub(crate) fn flush(&self, ticket: &Arc<Ticket>) {
        self.state.lock().ring.flush(ticket);
    }

    // ---- Subscribers ------------------------------------------------------------------------

    /// A new subscriber, where it begins, and what it reads first.
    pub(crate) fn subscribe(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<Place>, Word, Reading<E>) {
        self.run(|state, effects| {
            let (place, replayed) = state.ring.join(options, created_at);
            // Before the lock is free: what is overwritten from then on is lost to it.
            let word = place.cursor.load();
            if state.ring.is_closed() {
                state.ring.leave(place.id.key, effects);
                return (place, word, Reading::Ended(EndReason::Closed));
            }
            state.tell_watchers(effects);
            // While permits are out, it may be in the way at once.
            if !planted!("joiner-unseen") {
                state.call_line(effects);
            }
            (place, word, replayed.map_or(Reading::Ask, Reading::Rest))
        })
    }

    /// What the subscriber reads next, into `reading`; if there is nothing, it is parked, with
    /// `spare` if that is at hand and needed. It has finished with the event in hand.
    #[inline]
    pub(crate) fn next(
        &self,
        place: &Place,
        reading: &mut Reading<E>,
        waker: &Waker,
        mut spare: Option<Waker>,
    ) -> Next {
        let mut effects = Effects::new();
        let next = (self.state.lock()).next(place, reading, waker, &mut spare, &mut effects);
        effects.run();
        if let Some(unneeded) = spare {
            discard(unneeded);
        }
        next
    }

    /// Whether there was nothing to read for the subscriber a moment ago: a hint, without the
    /// lock.
    #[inline]
    pub(crate) fn seems_read(&self, position: u64) -> bool {
        self.newest.load(Ordering::Acquire) <= position
    }

    /// A watched subscriber has claimed an event (`in_hand`) or finished with it (`None`).
    pub(crate) fn report(&self, key: usize, in_hand: Option<u64>) {
        self.run(|state, effects| {
            if state.ring.report(key, in_hand, effects) {
                state.call_line(effects);
            }
        });
    }

    /// The subscriber is gone, and has answered for the event in hand. True if it counted.
    pub(crate) fn leave(&self, key: usize) -> bool {
        self.run(|state, effects| {
            let parked = state.parking.unpark(key);
            effects.extend(parked.map(Effect::Forget));
            let counted = state.ring.leave(key, effects);
            state.release_if_idle(effects);
            state.call_line(effects);
            counted
        })
    }

    pub(crate) fn disconnect(&self, id: SubscriberId) -> bool {
        self.take_out(id, "disconnected on request")
    }

    /// A handler's subscription, which has no handler any more.
    #[cfg(feature = "rt")]
    pub(crate) fn withdraw(&self, id: SubscriberId) {
        self.take_out(id, "no handler reads it any more");
    }

    #[cfg_attr(
        not(feature = "tracing"),
        expect(unused_variables, reason = "nobody is told why")
    )]
    fn take_out(&self, id: SubscriberId, why: &'static str) -> bool {
        self.run(|state, effects| {
            let cause = DisconnectCause::Requested;
            let counted = state.ring.disconnect(id, cause, effects);
            if counted {
                #[cfg(feature = "tracing")]
                state.ring.tell_left(id, why, effects);
                let parked = state.parking.unpark(id.key);
                effects.extend(parked.map(Effect::WakeReader));
                state.release_if_idle(effects);
                state.call_line(effects);
            }
            counted
        })
    }

    // ---- The manager itself -----------------------------------------------------------------

    pub(crate) fn close(&self) {
        self.run(|state, effects| {
            state.ring.close(effects);
            // Before those that sleep are woken: what was retained goes.
            state.release_if_idle(effects);
            state.tell_watchers(effects);
            effects.wake(state.line.call_all());
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().ring.is_closed()
    }

    /// Ready with the number of subscribers when `event` has come.
    pub(crate) fn poll_event(
        &self,
        event: Event,
        watch: &mut Option<Watch>,
        waker: &Waker,
    ) -> Poll<usize> {
        let mut spare = None;
        loop {
            let decided = self.run(|state, effects| {
                let come = state.has_come(event);
                let here = state.ring.attached();
                let watchers = &mut state.watchers;
                if come {
                    let known = watch.take().and_then(|watch| watchers.leave(watch));
                    effects.discard(known);
                    effects.discard(spare.take());
                    return Some(Poll::Ready(here));
                }
                if watch.is_some_and(|watch| watchers.would_wake(watch, waker)) {
                    effects.discard(spare.take());
                    return Some(Poll::Pending);
                }
                let (entry, old) = watchers.wait(*watch, event, spare.take()?);
                *watch = Some(entry);
                effects.discard(old);
                Some(Poll::Pending)
            });
            if let Some(decided) = decided {
                return decided;
            }
            spare = Some(waker.clone());
        }
    }

    pub(crate) fn leave_watch(&self, watch: Watch) {
        self.run(|state, effects| effects.discard(state.watchers.leave(watch)));
    }

    /// One more manager keeps it open, unless none does any more.
    pub(crate) fn retain(&self) -> bool {
        let mut handles = self.handles.load(Ordering::Acquire);
        while handles > 0 {
            let swap = self.handles.compare_exchange(
                handles,
                handles + 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match swap {
                Ok(_) => return true,
                Err(now) => handles = now,
            }
        }
        false
    }

    /// One manager less; the last one closes.
    pub(crate) fn release(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}

impl<E: Send + Sync> Report for Channel<E> {
    fn report_settled(&self, subscriber: SubscriberId) {
        self.run(|state, effects| state.ring.report_settled(subscriber, effects));
    }

    fn report_lane(&self, subscriber: SubscriberId, took: bool) {
        self.run(|state, effects| {
            if state.ring.report_lane(subscriber, took, effects) {
                state.call_line(effects);
            }
        });
    }

    fn report_gone(&self, subscriber: SubscriberId) -> bool {
        self.leave(subscriber.key)
    }
}
