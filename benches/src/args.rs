//! What to measure, from the command line.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: cargo run --release -p genevent-benches -- [options]

  --only NAME       only cells whose name contains NAME (W1, W1-64, W1-64-current); may be repeated
  --peer NAME       only peers whose name contains NAME; may be repeated
  --rounds N        samples of each peer in each cell (default 7)
  --sample-ms N     how long a sample should take, in milliseconds (default 220)
  --list            the cells and their peers, without measuring";

pub(crate) struct Args {
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
    pub(crate) list: bool,
    pub(crate) help: bool,
    only: Vec<String>,
    peers: Vec<String>,
}

impl Args {
    pub(crate) fn wants_cell(&self, name: &str) -> bool {
        wants(&self.only, name)
    }

    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        wants(&self.peers, name)
    }
}

fn wants(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        rounds: 7,
        sample: Duration::from_millis(220),
        list: false,
        help: false,
        only: Vec::new(),
        peers: Vec::new(),
    };
    while let Some(option) = words.next() {
        let mut value = || words.next().ok_or(format!("{option} needs a value"));
        match option.as_str() {
            "--only" => args.only.push(value()?),
            "--peer" => args.peers.push(value()?),
            "--rounds" => args.rounds = positive(&option, &value()?)?,
            "--sample-ms" => {
                args.sample = Duration::from_millis(positive(&option, &value()?)? as u64);
            }
            "--list" => args.list = true,
            "--help" | "-h" => args.help = true,
            _ => return Err(format!("unknown option: {option}")),
        }
    }
    Ok(args)
}

fn positive(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} needs a number above 0, not {value}")),
    }
}
