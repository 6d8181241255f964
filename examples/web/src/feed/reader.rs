//! Reading the feed from any order on: first from the database, then live.

use std::collections::VecDeque;
use std::sync::Arc;

use genevent::{EndReason, Subscription, future::Disconnected};

use super::{EventId, Feed};
use crate::database::DatabaseError;
use crate::order::Stored;

/// The largest number of rows in the result of a query, and in memory for a stuck browser.
const PAGE: u32 = 256;

/// The orders after a certain order, without gap or duplicate.
#[derive(Debug)]
pub(crate) struct Reader {
    feed: Feed,
    name: String,
    /// The id of the last returned order.
    last: i64,
    resumes: bool,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Database(VecDeque<Stored>),
    Live(Subscription<Arc<Stored>>),
}

/// A step of a reader.
#[derive(Debug)]
pub(crate) enum Received {
    Order(Arc<Stored>),
    /// The reader has caught up. The future resolves when the reader is cut off.
    Live(Disconnected),
    End(Option<EndReason>),
}

impl Reader {
    pub(super) fn new(feed: Feed, last: i64, resumes: bool, name: &str) -> Self {
        Self {
            feed,
            name: name.to_owned(),
            last,
            resumes,
            source: Source::Database(VecDeque::new()),
        }
    }

    /// Returns the id of the last returned order, or of the order before the first.
    pub(crate) fn id(&self) -> EventId {
        self.feed.id(self.last)
    }

    /// Returns whether the reader continues the browser's last id. `false`: the browser starts over.
    pub(crate) fn resumes(&self) -> bool {
        self.resumes
    }

    pub(crate) async fn next(&mut self) -> Result<Received, DatabaseError> {
        loop {
            match &mut self.source {
                Source::Database(page) => {
                    if let Some(stored) = page.pop_front() {
                        self.last = stored.id;
                        return Ok(Received::Order(Arc::new(stored)));
                    }
                    if let Some(gone) = self.go_on().await? {
                        return Ok(Received::Live(gone));
                    }
                }
                Source::Live(events) => {
                    let Some(stored) = events.next().await else {
                        return Ok(Received::End(events.end_reason()));
                    };
                    // A row is in the database a moment before its publication, and a reader may have
                    // read the row there already.
                    if stored.id > self.last {
                        self.last = stored.id;
                        return Ok(Received::Order(stored));
                    }
                }
            }
        }
    }

    /// Subscribes, if the manager still retains all following orders; otherwise reads a page of them
    /// from the database.
    ///
    /// A reader that is behind does not subscribe: live orders would fill the window while the reader
    /// returns old orders.
    async fn go_on(&mut self) -> Result<Option<Disconnected>, DatabaseError> {
        if self.last >= self.feed.newest_at_start {
            let since = self.feed.seq(self.last);
            let options = self.feed.options(&self.name).replay_since(since);
            let events = self.feed.manager.subscribe_with(options);
            if events.missed() == 0 {
                let gone = events.disconnected();
                self.source = Source::Live(events);
                return Ok(Some(gone));
            }
        }
        let page = self.feed.database.after(self.last, PAGE).await?;
        if page.is_empty() {
            // Every event of the feed was a row before. Without this check, missing rows would keep this
            // loop busy for ever.
            return Err(DatabaseError::lost_after(self.last));
        }
        self.source = Source::Database(page.into());
        Ok(None)
    }
}
