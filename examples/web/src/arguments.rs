//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: genevent-web [ADDRESS] [OPTION...]

ADDRESS             default 127.0.0.1:3000; port 0 is any free port
--database PATH     the orders; default: a temporary file, removed at the end in any case
--within MS         how long a request waits for the consumers; default 2000
--window N          how many orders a browser may have unread; default 64
--retain N          how many orders a browser may be behind without a query to the database; default 256
--grace MS          how long a browser that is cut off may take for its last events; default 2000
--alive MS          the pause between signs of life to a browser without events; default 15000
--life MS           how long a connection may last that is no stream of events; default 60000
--drain MS          how long the consumers may take to finish after ctrl-c; default 5000";

/// The settings of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) address: SocketAddr,
    /// `None`: a temporary file.
    pub(crate) database: Option<PathBuf>,
    pub(crate) within: Duration,
    pub(crate) window: usize,
    pub(crate) retain: usize,
    pub(crate) grace: Duration,
    pub(crate) alive: Duration,
    pub(crate) life: Duration,
    pub(crate) drain: Duration,
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 3000)),
            database: None,
            within: Duration::from_secs(2),
            window: 64,
            retain: 256,
            grace: Duration::from_secs(2),
            alive: Duration::from_secs(15),
            life: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy();
            if !word.starts_with('-') {
                arguments.address = word.parse().map_err(|e| format!("{word}: {e}"))?;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word}: a value is missing, or unknown option"))?;
            let text = value.to_string_lossy();
            let number = || match text.parse::<u32>() {
                // A number that fits everywhere: milliseconds and events.
                Ok(number @ 1..=1_000_000) => Ok(number),
                _ => Err(format!("{word} {text}: not a number from 1 to 1000000")),
            };
            let duration = || number().map(|ms| Duration::from_millis(ms.into()));
            let events = || number().map(|n| n as usize);
            match &*word {
                // An unset variable of a script, perhaps. SQLite would take a temporary file.
                "--database" if value.is_empty() => return Err(format!("{word}: empty path")),
                "--database" => arguments.database = Some(value.into()),
                "--within" => arguments.within = duration()?,
                "--window" => arguments.window = events()?,
                "--retain" => arguments.retain = events()?,
                "--grace" => arguments.grace = duration()?,
                "--alive" => arguments.alive = duration()?,
                "--life" => arguments.life = duration()?,
                "--drain" => arguments.drain = duration()?,
                _ => return Err(format!("{word}: unknown option")),
            }
        }
        Ok(arguments)
    }

    pub(crate) fn database_name(&self) -> String {
        match &self.database {
            Some(path) => path.display().to_string(),
            None => "temporary database".to_owned(),
        }
    }
}
