//! The task that observes granted places, while publishers sleep and no other place is left.

use std::sync::Weak;

use crate::util::spawn::{Spawner, yield_once};

/// A channel whose grants are observed, without the type of its events.
pub(crate) trait ObserveGrants: Send + Sync {
    /// Grants the stalled places to sleeping publishers. Returns whether there is more to observe.
    fn reassign_stalled(&self) -> bool;

    /// The task has ended.
    fn observer_ended(&self);
}

/// The task that observes granted places. Reports its end also when the runtime drops it.
pub(crate) struct Observer(Weak<dyn ObserveGrants>);

impl Observer {
    pub(super) fn new(channel: &Weak<dyn ObserveGrants>) -> Self {
        Self(Weak::clone(channel))
    }

    pub(super) fn spawn(self, spawner: &Spawner) {
        spawner.spawn(async move {
            loop {
                yield_once().await;
                let channel = self.0.upgrade();
                if !channel.is_some_and(|channel| channel.reassign_stalled()) {
                    break;
                }
            }
        });
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(channel) = self.0.upgrade() {
            channel.observer_ended();
        }
    }
}
