//! The task that tells what is in line, one event at a time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::event::RegistryEvent;
use super::table::Table;
use crate::error::{DeadlineError, Unanswered};
use crate::{EventManager, Overflow, SubscriberInfo};

/// After so many events, other tasks have their turn: if nobody listens, nothing else makes the
/// announcer pause.
const PAUSE: usize = 32;

/// How often to look who is still waited for, beside one that will never answer.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Announcer<V: Send + Sync + 'static> {
    table: Arc<Table<V>>,
    events: EventManager<RegistryEvent<V>>,
    /// How many events observers have finished with.
    told: watch::Sender<u64>,
}

/// The manager is closed: nobody will hear any more.
struct Closed;

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
            told,
        };
        (announcer, heard)
    }

    /// Tells events until there will be no more, or nobody to hear them.
    pub(super) async fn run(self) {
        let mut events = 0_usize;
        loop {
            match self.table.next_in_line() {
                Poll::Ready(Some(event)) => {
                    let Ok(()) = self.tell(event).await else {
                        return;
                    };
                    self.told.send_modify(|told| *told += 1);
                    events += 1;
                    if events % PAUSE == 0 {
                        yield_now().await;
                    }
                }
                Poll::Ready(None) => return,
                Poll::Pending => self.table.rung().await,
            }
        }
    }

    /// Waits until every observer has finished with the event, or has had the time that it is
    /// given by its `WaitAtMost`. That would never act otherwise: who has at most one event to
    /// read is never short of room.
    async fn tell(&self, mut event: RegistryEvent<V>) -> Result<(), Closed> {
        loop {
            let mut telling = self.events.sync_notify(event);
            let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut telling).poll(cx))).await;
            if let Poll::Ready(told) = at_once {
                return told.map(drop).map_err(|_| Closed);
            }
            // Without a limit, without a clock.
            let Some(time) = self.events.subscribers().iter().filter_map(limit).min() else {
                return telling.await.map(drop).map_err(|_| Closed);
            };
            let start = Instant::now();
            match telling.within(time).await {
                Ok(_) => return Ok(()),
                Err(DeadlineError::Unanswered(unanswered)) => {
                    self.go_on_without(&unanswered, start).await;
                    return Ok(());
                }
                // Events of others take all the room: that is for the manager to settle.
                Err(DeadlineError::NotStored(not_stored)) => {
                    event = not_stored.into_event();
                    drop(self.events.reserve().await.map_err(|_| Closed)?);
                }
                Err(DeadlineError::Closed(_) | DeadlineError::WouldDeadlock(_)) => {
                    return Err(Closed);
                }
            }
        }
    }

    /// Disconnects those that have had their time, and waits for the others.
    async fn go_on_without(&self, unanswered: &Unanswered, start: Instant) {
        let mut waited_for = unanswered.pending().to_vec();
        let mut left_behind = false;
        loop {
            let waited = start.elapsed();
            waited_for.retain(|observer| {
                let is_late = limit(observer).is_some_and(|limit| limit <= waited);
                if is_late {
                    self.events.disconnect(observer.id());
                    left_behind = true;
                }
                !is_late
            });
            if waited_for.is_empty() {
                return;
            }
            // Who was disconnected may have an event in hand for ever, and a flush waits for that.
            let next = if left_behind {
                Some(LOOK_AGAIN)
            } else {
                let limits = waited_for.iter().filter_map(limit);
                limits.min().map(|limit| limit.saturating_sub(waited))
            };
            let flush = self.events.flush();
            let Some(next) = next else {
                let _ = flush.await; // It would only deadlock inside a handler.
                return;
            };
            let Err(unanswered) = flush.within(next).await else {
                return;
            };
            waited_for.retain(|observer| {
                let mut pending = unanswered.pending().iter();
                pending.any(|pending| pending.id() == observer.id())
            });
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
        self.table.fall_silent();
    }
}
