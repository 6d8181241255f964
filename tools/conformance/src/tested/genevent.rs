//! The kinds of subscription of genevent.

mod deliveries;
mod filtered;
mod handler;
mod keyed;
mod plain;

use ::genevent::error::NotifyError;
use ::genevent::{EventManager, Receipt as Acked};

use crate::runtime;
use crate::{Closed, Kit, Promise, Publishing, Receipt};

pub(super) fn kinds() -> Vec<Kit> {
    let replays = "it begins with retained events";
    vec![
        Kit::new("plain", plain::plain),
        Kit::new("deliveries", deliveries::open),
        Kit::new("filtered", filtered::open),
        Kit::new("keyed", keyed::open),
        Kit::new("replaying", plain::replaying)
            .by_design(Promise::Nobody, replays)
            .by_design(Promise::Freed, "the manager retains events"),
        Kit::new("staged", plain::staged).tasks(runtime::run_tasks),
        // A handler has taken an event from its window while it handles the event.
        Kit::new("handler", handler::open)
            .tasks(runtime::run_tasks)
            .slack(1),
    ]
}

pub(super) fn drop_oldest() -> Kit {
    Kit::new("genevent, `DropOldest`", plain::drop_oldest)
}

/// Publishes, once the event is stored.
fn stored<E: Send + Sync + 'static>(manager: &EventManager<E>, event: E) -> Publishing {
    let stored = manager.notify_owned(event);
    Box::pin(async { stored.await.map(drop).map_err(closed) })
}

/// Publishes, once the event is finished with. `others` are subscribers that the kit does not know.
fn finished<E: Send + Sync + 'static>(
    manager: &EventManager<E>,
    event: E,
    others: usize,
) -> Publishing<Option<Receipt>> {
    let finished = manager.sync_notify_owned(event);
    Box::pin(async move {
        let receipt = finished.await.map_err(closed)?;
        Ok(Some(counts(&receipt, others)))
    })
}

fn counts(receipt: &Acked, others: usize) -> Receipt {
    Receipt {
        finished: receipt.acked() - others,
        unfinished: receipt.dropped(),
    }
}

fn closed<E>(error: NotifyError<E>) -> Closed {
    match error {
        NotifyError::Closed(_) => Closed,
        error => panic!("outside of handlers there is no other error: {error}"),
    }
}
