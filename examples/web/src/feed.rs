//! The feed: the stored orders, for browsers.
//!
//! The feed has a manager of its own. Its events are the rows of the database, in the order of their
//! ids. So browsers see stored orders only, and the id of an event outlives the process. Event n of the
//! manager is the row `newest_at_start + n`.
//!
//! All subscribers of the feed are observers, and slow observers are disconnected. So publishing to the
//! feed never waits, and closing the feed never waits either.

use std::sync::Arc;

use genevent::{EventManager, Filtered, Overflow, Stats, SubscribeOptions, Topics};

use crate::database::{Database, DatabaseError};
use crate::order::{Customer, Stored};

mod event_id;
mod reader;

pub(crate) use event_id::EventId;
pub(crate) use reader::{Reader, Received};

/// The number of orders that a browser without an id starts with.
const FIRST: i64 = 50;

#[derive(Debug, Clone)]
pub(crate) struct Feed {
    manager: EventManager<Arc<Stored>>,
    customers: Topics<Arc<Stored>, Customer>,
    database: Database,
    newest_at_start: i64,
    window: usize,
}

impl Feed {
    pub(crate) async fn new(
        database: Database,
        window: usize,
        retain: usize,
    ) -> Result<Self, DatabaseError> {
        let manager = EventManager::builder()
            .name("feed")
            .capacity(window)
            .retain(retain)
            .build();
        Ok(Self {
            customers: manager.topics(|stored: &Arc<Stored>| stored.order.customer.clone()),
            manager,
            newest_at_start: database.newest().await?,
            database,
            window,
        })
    }

    /// Publishes a row. Rows are published in the order of their ids, by a single task.
    ///
    /// # Panics
    /// If another program has added rows: browsers would resume after the wrong order.
    pub(crate) async fn publish(&self, stored: Stored) {
        let expected = self.seq(stored.id);
        // Observers acknowledge nothing, so the receipt is ready at once. An error means that the
        // feed is closed: the row is stored, and no browser is connected any more.
        if let Ok(receipt) = self.manager.ack_notify(Arc::new(stored)).await {
            assert_eq!(receipt.seq(), expected, "the service is the only writer");
        }
    }

    /// Returns a reader of the orders after `last`. If `last` names no order of this database, the reader
    /// begins with the newest orders.
    pub(crate) async fn read(
        &self,
        last: Option<EventId>,
        name: &str,
    ) -> Result<Reader, DatabaseError> {
        let newest = self.database.newest().await?;
        let known = last.filter(|last| last.mark == self.database.mark() && last.id <= newest);
        let resumes = known.is_some();
        let after = known.map_or((newest - FIRST).max(0), |last| last.id);
        Ok(Reader::new(self.clone(), after, resumes, name))
    }

    /// Subscribes to the orders of a customer, beginning with the newest retained orders.
    pub(crate) fn of_customer(&self, customer: Customer, peer: &str) -> Filtered<Arc<Stored>> {
        let name = format!("{} {peer}", customer.as_str());
        let options = self.options(&name).replay(10);
        self.customers.subscribe_with(customer, options)
    }

    /// Ends the streams of all browsers, after their unread events.
    pub(crate) fn close(&self) {
        self.manager.close();
    }

    pub(crate) fn stats(&self) -> Stats {
        self.manager.stats()
    }

    pub(crate) fn id(&self, id: i64) -> EventId {
        EventId {
            mark: self.database.mark().to_owned(),
            id,
        }
    }

    fn options(&self, name: &str) -> SubscribeOptions {
        SubscribeOptions::new()
            .name(name)
            .observer()
            .overflow(Overflow::Disconnect)
            .window(self.window)
    }

    /// Returns the sequence number of a row in the manager; 0 for rows before the start of the process.
    fn seq(&self, id: i64) -> u64 {
        u64::try_from(id - self.newest_at_start).unwrap_or(0)
    }
}
