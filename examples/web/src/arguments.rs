//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: genevent-web [ADDRESS] [OPTION...]

ADDRESS             default 127.0.0.1:3000; port 0 is any free port
--database PATH     the orders; default: a temporary file, removed at the end
--within MS         how long a request waits for the consumers; default 2000
--window N          how many orders a browser may have unread; default 64
--retain N          how many orders a browser may be behind without a query to the database; default 256
--grace MS          how long a browser that is cut off may take for its last events; default 2000
--drain MS          how long the consumers may take to finish after ctrl-c; default 5000";

/// The settings of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) address: SocketAddr,
    pub(crate) database: PathBuf,
    /// Whether the database is removed at the end.
    pub(crate) is_temporary: bool,
    pub(crate) within: Duration,
    pub(crate) window: usize,
    pub(crate) retain: usize,
    pub(crate) grace: Duration,
    pub(crate) drain: Duration,
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let temporary = format!("genevent-web-{}.sqlite", std::process::id());
        let mut arguments = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 3000)),
            database: std::env::temp_dir().join(temporary),
            is_temporary: true,
            within: Duration::from_secs(2),
            window: 64,
            retain: 256,
            grace: Duration::from_secs(2),
            drain: Duration::from_secs(5),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                arguments.address = word.parse().map_err(|e| format!("{word}: {e}"))?;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word}: a value is missing, or unknown option"))?;
            let number = || match value.parse::<u32>() {
                // A number that fits everywhere: milliseconds and events.
                Ok(number @ 1..=1_000_000) => Ok(number),
                _ => Err(format!("{word} {value}: not a number from 1 to 1000000")),
            };
            let duration = || number().map(|ms| Duration::from_millis(ms.into()));
            let events = || number().map(|n| n as usize);
            match word.as_str() {
                "--database" => {
                    arguments.database = value.into();
                    arguments.is_temporary = false;
                }
                "--within" => arguments.within = duration()?,
                "--window" => arguments.window = events()?,
                "--retain" => arguments.retain = events()?,
                "--grace" => arguments.grace = duration()?,
                "--drain" => arguments.drain = duration()?,
                _ => return Err(format!("{word}: unknown option")),
            }
        }
        Ok(arguments)
    }
}
