//! Stalled grants: places granted to publishers that are kept without being polled.
//!
//! A publishing future may be kept and not polled, for example by `select!` in a loop, or by a sink
//! whose `send` timed out. Its granted place must not delay publishers that sleep, once there is no
//! other place: then the granted publisher gets a turn of the scheduler, and after that the place is
//! granted to a sleeping publisher:
//!
//! - in a tokio runtime, a task that the channel spawns for this time
//!   ([`Observer`](super::observer::Observer));
//! - outside of a runtime, a reader with nothing to read, which yields before it parks;
//! - any publisher that is polled ([`State::try_admit`]).

use std::sync::Weak;

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::wait_queue::GrantNumber;
#[cfg(feature = "rt")]
use crate::{
    channel::effects::Effect,
    channel::observer::{ObserveGrants, Observer},
    util::spawn::Spawner,
};

/// The search for stalled grants.
pub(super) struct StalledGrants {
    /// The number of the next grant when stalled grants were last searched for.
    searched: GrantNumber,
    /// Whether the task of the observer runs.
    is_observed: bool,
    #[cfg(feature = "rt")]
    channel: Weak<dyn ObserveGrants>,
}

impl StalledGrants {
    pub(super) fn new<E: Send + Sync + 'static>(channel: &Weak<Channel<E>>) -> Self {
        #[cfg(not(feature = "rt"))]
        let _ = channel;
        Self {
            searched: GrantNumber::default(),
            is_observed: false,
            #[cfg(feature = "rt")]
            channel: Weak::clone(channel) as _,
        }
    }
}

impl<E> State<E> {
    /// Returns whether publishers wait for granted places, which no task observes.
    #[inline]
    pub(super) fn must_observe_grants(&mut self) -> bool {
        !self.stalled.is_observed && self.may_stall()
    }

    #[inline]
    fn may_stall(&mut self) -> bool {
        self.queue.has_sleepers() && self.finds_only_granted()
    }

    /// Grants the places that were granted before the last call, and have not been taken since, to
    /// sleeping publishers. Called after another turn of the scheduler. Returns whether there is
    /// more to observe.
    pub(super) fn reassign_stalled(&mut self, effects: &mut Effects<E>) -> bool {
        let next_grant = self.queue.next_grant();
        let searched = std::mem::replace(&mut self.stalled.searched, next_grant);
        while self.may_stall() && self.queue.displace(searched) {
            self.machine.release_grant();
            self.serve_queue(effects);
        }
        self.may_stall()
    }

    /// Spawns the observer, if the caller runs in a runtime.
    #[cfg(feature = "rt")]
    pub(super) fn observe_grants(&mut self, effects: &mut Effects<E>) {
        if !self.must_observe_grants() || seeded_bug!("stalled-grants-unobserved") {
            return;
        }
        if let Some(spawner) = Spawner::try_current() {
            self.stalled.is_observed = true;
            self.stalled.searched = self.queue.next_grant();
            let observer = Observer::new(&self.stalled.channel);
            effects.push(Effect::ObserveGrants(spawner, observer));
        }
    }
}

#[cfg(feature = "rt")]
impl<E: Send + Sync> ObserveGrants for Channel<E> {
    fn reassign_stalled(&self) -> bool {
        self.run(State::reassign_stalled)
    }

    fn observer_ended(&self) {
        self.run(|state, effects| {
            state.stalled.is_observed = false;
            // More grants may have been made since the task looked last.
            state.observe_grants(effects);
        });
    }
}
