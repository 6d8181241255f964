//! The ids of server-sent events.

use std::fmt;
use std::str::FromStr;

/// The id of an event: the mark of the database, and the id of the order.
///
/// A browser sends the id of its last event, perhaps to another process with another database. The mark
/// tells the two apart: order 7 of another database is another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) mark: String,
    pub(crate) id: i64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.mark, self.id)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (mark, id) = text.split_once('-').ok_or(())?;
        match id.parse() {
            Ok(id @ 0..) => Ok(Self {
                mark: mark.to_owned(),
                id,
            }),
            _ => Err(()),
        }
    }
}
