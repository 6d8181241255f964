//! The task that delivers the events of the outbox, one at a time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::coop::consume_budget;

use super::event::RegistryEvent;
use super::table::Table;
use crate::error::NotifyError;
use crate::future::SyncNotify;
use crate::util::clock::Instant;
use crate::util::timer::Deadline;
use crate::{EventManager, Overflow, Receipt, SubscriberInfo};

/// The interval for checking the remaining subscribers, once a disconnected subscriber may hold its
/// event for ever.
const RECHECK_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Announcer<V: Send + Sync + 'static> {
    table: Arc<Table<V>>,
    events: EventManager<RegistryEvent<V>>,
    /// The number of delivered events: the subscribers have finished with these events.
    delivered: watch::Sender<u64>,
}

impl<V: Send + Sync + 'static> Announcer<V> {
    /// Returns the announcer and a receiver of the number of delivered events. The receiver's
    /// channel closes when the task ends.
    pub(super) fn new(
        table: Arc<Table<V>>,
        events: EventManager<RegistryEvent<V>>,
    ) -> (Self, watch::Receiver<u64>) {
        let (delivered, delivered_rx) = watch::channel(0);
        let announcer = Self {
            table,
            events,
            delivered,
        };
        (announcer, delivered_rx)
    }

    /// Delivers events until no more events can follow, or the manager is closed.
    pub(super) async fn run(self) {
        loop {
            match self.table.pop() {
                Poll::Ready(Some(event)) => {
                    let Ok(()) = self.deliver(event).await else {
                        return;
                    };
                    self.delivered.send_modify(|count| *count += 1);
                    // Without subscribers, no other await of this loop ever yields to the runtime.
                    consume_budget().await;
                }
                Poll::Ready(None) => return,
                Poll::Pending => self.table.woken().await,
            }
        }
    }

    /// Delivers an event, and waits until each subscriber has finished with the event or has exceeded
    /// the time of its `WaitAtMost` policy.
    ///
    /// This task enforces `WaitAtMost` because the manager cannot: a subscriber with at most one
    /// unread event never has a full window.
    ///
    /// # Errors
    /// The manager is closed: no later event can be delivered.
    async fn deliver(&self, event: RegistryEvent<V>) -> Result<(), NotifyError<RegistryEvent<V>>> {
        let mut delivery = self.events.sync_notify(event);
        // Wait until the event is stored. Other publishers' events may fill the windows until then;
        // the manager resolves that, and the time does not count for any subscriber of this event.
        let stored = poll_fn(|cx| {
            let result = Pin::new(&mut delivery).poll(cx);
            match delivery.waiting_for() {
                None if result.is_pending() => Poll::Pending,
                waiting_for => Poll::Ready((result, waiting_for.unwrap_or_default())),
            }
        });
        let (result, mut waiting_for) = stored.await;
        if let Poll::Ready(result) = result {
            return result.map(drop);
        }
        let start = Instant::now();
        loop {
            let waited = start.elapsed();
            // Disconnect each subscriber over its limit.
            let is_overdue = |subscriber: &SubscriberInfo| {
                limit(subscriber).is_some_and(|limit| limit <= waited)
            };
            let (overdue, in_time): (Vec<_>, Vec<_>) = waiting_for
                .iter()
                .partition(|subscriber| is_overdue(subscriber));
            for subscriber in &overdue {
                self.events.disconnect(subscriber.id());
            }
            if in_time.is_empty() && !overdue.is_empty() {
                return Ok(());
            }
            // Wait until the next limit. A disconnected subscriber may hold its event for ever, and then
            // `delivery` stays pending: check the remaining subscribers again at intervals.
            let limits = in_time.into_iter().filter_map(limit);
            let next = limits.map(|limit| limit.saturating_sub(waited));
            let next = next
                .chain((!overdue.is_empty()).then_some(RECHECK_INTERVAL))
                .min();
            let Some(next) = next else {
                return delivery.await.map(drop);
            };
            if let Some(result) = finish_in_time(&mut delivery, next).await {
                return result.map(drop);
            }
            waiting_for = delivery.waiting_for().unwrap_or_default();
        }
    }
}

/// Returns the result of the delivery, or `None` once `time` is up.
async fn finish_in_time<E>(
    delivery: &mut SyncNotify<'_, E>,
    time: Duration,
) -> Option<Result<Receipt, NotifyError<E>>> {
    let mut deadline = Deadline::after(time);
    poll_fn(|cx| match Pin::new(&mut *delivery).poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => deadline.poll(cx).map(|()| None),
    })
    .await
}

/// Returns how long this subscriber may delay the next event.
fn limit(subscriber: &SubscriberInfo) -> Option<Duration> {
    match subscriber.overflow() {
        Overflow::WaitAtMost(limit) => Some(limit),
        _ => None,
    }
}

/// Stops delivery however the task ends, also with its runtime, so that `flush` never waits for a
/// task that is gone.
impl<V: Send + Sync + 'static> Drop for Announcer<V> {
    fn drop(&mut self) {
        self.table.stop_delivery();
    }
}
