//! The task that observes granted places while publishers sleep.

use std::sync::Weak;

use crate::util::spawn::Spawner;

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
                pause().await;
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

/// How long a turn takes. In a runtime with several threads, yielding is no turn for the tasks that
/// wait for another thread.
#[cfg(not(genevent_shuttle))]
const TURN: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(not(genevent_shuttle))]
async fn pause() {
    let mut turn = crate::util::timer::Deadline::after(TURN);
    std::future::poll_fn(|cx| turn.poll(cx)).await;
}

/// A model has no time.
#[cfg(genevent_shuttle)]
async fn pause() {
    shuttle::future::yield_now().await;
}
