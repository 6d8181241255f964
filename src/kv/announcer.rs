//! The task that tells what is in line, one event at a time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout};

use super::event::RegistryEvent;
use super::table::Table;
use crate::error::NotifyError;
use crate::{EventManager, Overflow, SubscriberInfo};

/// How often to look who is still waited for, beside one that will never answer.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Announcer<V: Send + Sync + 'static> {
    table: Arc<Table<V>>,
    events: EventManager<RegistryEvent<V>>,
    /// How many events observers have finished with.
    delivered: watch::Sender<u64>,
}

impl<V: Send + Sync + 'static> Announcer<V> {
    /// With it, what to read to know how many events have been told: it closes with the task.
    pub(super) fn new(
        table: Arc<Table<V>>,
        events: EventManager<RegistryEvent<V>>,
    ) -> (Self, watch::Receiver<u64>) {
        let (told, heard) = watch::channel(0);
        let announcer = Self {
            table,
            events,
            delivered: told,
        };
        (announcer, heard)
    }

    /// Tells events until there will be no more, or nobody to hear them.
    pub(super) async fn run(self) {
        loop {
            match self.table.pop() {
                Poll::Ready(Some(event)) => {
                    let Ok(()) = self.tell(event).await else {
                        return;
                    };
                    self.delivered.send_modify(|told| *told += 1);
                    // If nobody listens, nothing else makes it pause.
                    consume_budget().await;
                }
                Poll::Ready(None) => return,
                Poll::Pending => self.table.woken().await,
            }
        }
    }

    /// Waits until every observer has finished with the event, or has had the time that it is
    /// given by its `WaitAtMost`. That would never act otherwise: who has at most one event to
    /// read is never short of room.
    ///
    /// An error means that the manager is closed: nobody will hear any more.
    async fn tell(&self, event: RegistryEvent<V>) -> Result<(), NotifyError<RegistryEvent<V>>> {
        let mut telling = self.events.sync_notify(event);
        // First it may wait for room that events of others take: that is for the manager to
        // settle, and nobody's time.
        let stored = poll_fn(|cx| {
            let told = Pin::new(&mut telling).poll(cx);
            match telling.waiting_for() {
                None if told.is_pending() => Poll::Pending,
                pending => Poll::Ready((told, pending.unwrap_or_default())),
            }
        });
        let (told, mut pending) = stored.await;
        if let Poll::Ready(told) = told {
            return told.map(drop);
        }
        let start = Instant::now();
        loop {
            let waited = start.elapsed();
            let is_late = |observer: &SubscriberInfo| limit(observer).is_some_and(|l| l <= waited);
            let (late, in_time): (Vec<_>, Vec<_>) = pending.iter().partition(|o| is_late(o));
            for observer in &late {
                self.events.disconnect(observer.id());
            }
            if in_time.is_empty() && !late.is_empty() {
                return Ok(());
            }
            let limits = in_time.into_iter().filter_map(limit);
            let next = limits.map(|limit| limit.saturating_sub(waited));
            // Who was disconnected may have the event in hand for ever, and it is not over then.
            let next = next.chain((!late.is_empty()).then_some(LOOK_AGAIN)).min();
            // Without a limit, without a clock.
            let Some(next) = next else {
                return telling.await.map(drop);
            };
            if let Ok(told) = timeout(next, &mut telling).await {
                return told.map(drop);
            }
            pending = telling.waiting_for().unwrap_or_default();
        }
    }
}

/// How long this observer may hold up the others.
fn limit(observer: &SubscriberInfo) -> Option<Duration> {
    match observer.overflow() {
        Overflow::WaitAtMost(limit) => Some(limit),
        _ => None,
    }
}

/// However the task ends, also with its runtime: nobody waits for it.
impl<V: Send + Sync + 'static> Drop for Announcer<V> {
    fn drop(&mut self) {
        self.table.stop_delivery();
    }
}
