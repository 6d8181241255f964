//! The task that monitors granted places while publishers sleep.

use std::sync::Weak;

use crate::util::spawn::Spawner;

/// A channel whose grants are monitored, without the type of its events.
pub(crate) trait MonitorGrants: Send + Sync {
    /// Grants the stalled places to sleeping publishers. Returns whether there is more to monitor; if not,
    /// the channel takes the task for ended.
    fn check_grants(&self) -> bool;

    /// Records that a runtime has dropped the task before its end.
    fn monitor_lost(&self);
}

/// The task that monitors granted places. Tells the channel if a runtime drops the task before its end,
/// perhaps before its first poll: a runtime that shuts down drops new tasks at once.
pub(crate) struct GrantMonitor {
    channel: Weak<dyn MonitorGrants>,
    has_ended: bool,
}

impl GrantMonitor {
    pub(super) fn new(channel: &Weak<dyn MonitorGrants>) -> Self {
        Self {
            channel: Weak::clone(channel),
            has_ended: false,
        }
    }

    pub(super) fn spawn(mut self, spawner: Option<Spawner>) {
        let task = async move {
            while !self.has_ended {
                pause().await;
                let channel = self.channel.upgrade();
                self.has_ended = !channel.is_some_and(|channel| channel.check_grants());
            }
        };
        Spawner::spawn_driven(spawner, task);
    }
}

impl Drop for GrantMonitor {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if let Some(channel) = self.channel.upgrade() {
            channel.monitor_lost();
        }
    }
}

/// The time between two checks. In a runtime with several threads, a task that only yields may be polled
/// again before the tasks of another thread.
#[cfg(not(genevent_shuttle))]
const CHECK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(not(genevent_shuttle))]
async fn pause() {
    let mut next = crate::util::timer::Deadline::after(CHECK_INTERVAL);
    std::future::poll_fn(|cx| next.poll(cx)).await;
}

/// A model has no time.
#[cfg(genevent_shuttle)]
async fn pause() {
    shuttle::future::yield_now().await;
}
