//! The task that tells what is in line, one event at a time.

use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio::task::yield_now;

use super::event::RegistryEvent;
use super::table::Table;
use crate::EventManager;

/// After so many events, other tasks have their turn: if nobody listens, nothing else makes the
/// announcer pause.
const PAUSE: usize = 32;

pub(super) struct Announcer<V: Send + Sync + 'static> {
    table: Arc<Table<V>>,
    events: EventManager<RegistryEvent<V>>,
    /// How many events observers have finished with.
    told: watch::Sender<u64>,
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
            told,
        };
        (announcer, heard)
    }

    /// Tells events until there will be no more, or nobody to hear them.
    pub(super) async fn run(self) {
        let mut in_a_row = 0_usize;
        loop {
            match self.table.next_in_line() {
                Poll::Ready(Some(event)) => {
                    if self.events.sync_notify(event).await.is_err() {
                        return; // The manager is closed: nobody will hear any more.
                    }
                    self.told.send_modify(|told| *told += 1);
                    in_a_row += 1;
                    if in_a_row % PAUSE == 0 {
                        yield_now().await;
                    }
                }
                Poll::Ready(None) => return,
                Poll::Pending => self.table.rung().await,
            }
        }
    }
}

/// However the task ends, also with its runtime: nobody waits for it.
impl<V: Send + Sync + 'static> Drop for Announcer<V> {
    fn drop(&mut self) {
        self.table.fall_silent();
    }
}
