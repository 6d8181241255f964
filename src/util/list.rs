//! Lists in messages, shortened.

use std::fmt;

/// The number of entries that a list shows.
const SHOWN: usize = 8;

/// Writes the first entries of a list, and the number of the remaining entries.
pub(crate) fn list(entries: &[impl fmt::Display], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, entry) in entries.iter().take(SHOWN).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{entry}")?;
    }
    match entries.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
