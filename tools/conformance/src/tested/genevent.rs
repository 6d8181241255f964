//! The kinds of subscription of genevent.

mod deliveries;
mod filtered;
mod handler;
mod keyed;
mod plain;

use std::sync::Arc;

use ::genevent::error::NotifyError;
use ::genevent::{EventManager, Receipt as Acked};

use crate::runtime;
use crate::{Channel, Closed, Event, Kit, Promise, Publishing, Receipt, Subscriber};

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

type Subscribe<E, S> = dyn Fn(&EventManager<E>) -> S + Send + Sync;

/// A manager, and how the kit publishes to it and subscribes.
struct Adapter<E, S> {
    manager: EventManager<E>,
    /// Runs before each publish.
    before: fn(&EventManager<E>),
    /// Makes an event of the manager.
    wrap: fn(Event) -> E,
    subscribe: Arc<Subscribe<E, S>>,
    /// The number of subscribers unknown to the kit.
    others: usize,
}

impl<E, S> Adapter<E, S> {
    fn new(
        manager: EventManager<E>,
        wrap: fn(Event) -> E,
        subscribe: impl Fn(&EventManager<E>) -> S + Send + Sync + 'static,
    ) -> Self {
        Self {
            manager,
            before: |_| (),
            wrap,
            subscribe: Arc::new(subscribe),
            others: 0,
        }
    }
}

impl<E, S> Clone for Adapter<E, S> {
    fn clone(&self) -> Self {
        Self {
            manager: self.manager.clone(),
            subscribe: Arc::clone(&self.subscribe),
            ..*self
        }
    }
}

impl<E: Send + Sync + 'static, S: Subscriber + 'static> Channel for Adapter<E, S> {
    type Subscriber = S;

    fn subscribe(&self) -> S {
        (self.subscribe)(&self.manager)
    }

    fn publish(&self, event: Event) -> Publishing {
        (self.before)(&self.manager);
        let stored = self.manager.notify_owned((self.wrap)(event));
        Box::pin(async { stored.await.map(drop).map_err(closed) })
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        (self.before)(&self.manager);
        let finished = self.manager.sync_notify_owned((self.wrap)(event));
        let others = self.others;
        Some(Box::pin(async move {
            let receipt = finished.await.map_err(closed)?;
            Ok(Some(counts(&receipt, others)))
        }))
    }

    fn close(&self) -> bool {
        self.manager.close();
        true
    }
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
