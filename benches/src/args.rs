//! The choice of measurements on the command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::workloads::Cell;

pub(crate) const USAGE: &str = "\
usage: cargo run --release -p genevent-benches -- [growth | memory | fairness] [options]

  growth            how the cost of an operation of ours grows; --only NAME chooses a curve
  memory            what ours takes on the heap
  fairness          the shares of several producers, beside the peers'; --rounds N

  --full            every cell, 11 samples of 80 ms each (some 20 minutes), and judge by the lower
                    quartile of the ratios; without it the main cells, 5 samples of 25 ms
                    (under 2 minutes), and judge by the upper quartile
  --only NAME       only cells whose name contains NAME (W1, W3-s64, -current); may be repeated
  --peer NAME       only ours and the peers whose name contains NAME; may be repeated
  --rounds N        samples of each peer in each cell
  --sample-ms N     how long a sample should take, in milliseconds
  --out DIR         where tables, samples.jsonl and pictures go (default target/bench)
  --list            the cells and their peers, without measuring

It fails if a cell is below its minimum (src/minima.rs), a sample of ours is wrong, or a
cost grows faster than it may.";

pub(crate) struct Args {
    pub(crate) mode: Mode,
    pub(crate) full: bool,
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
    pub(crate) out: PathBuf,
    only: Vec<String>,
    peers: Vec<String>,
}

pub(crate) enum Mode {
    Measure,
    Growth,
    Memory,
    Fairness,
    List,
    Help,
    /// Takes a single sample in this process. The parent process starts itself with this argument.
    Sample {
        cell: String,
        peer: String,
    },
}

impl Args {
    pub(crate) fn wants_cell(&self, cell: &Cell) -> bool {
        if self.only.is_empty() {
            return self.full || cell.headline;
        }
        // Compare to the end of the part: `s1` must not select `s16`.
        let name = format!("{}-", cell.name);
        self.only.iter().any(|part| name.contains(part.as_str()))
    }

    pub(crate) fn wants_curve(&self, name: &str) -> bool {
        wants(&self.only, name)
    }

    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        wants(&self.peers, name)
    }
}

fn wants(parts: &[String], name: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
}

pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Args, String> {
    let words: Vec<_> = words.collect();
    let full = words.iter().any(|word| word == "--full");
    let mut args = Args {
        mode: Mode::Measure,
        full,
        rounds: if full { 11 } else { 5 },
        sample: Duration::from_millis(if full { 80 } else { 25 }),
        out: PathBuf::from("target/bench"),
        only: Vec::new(),
        peers: Vec::new(),
    };
    let mut words = words.into_iter();
    while let Some(option) = words.next() {
        let mut value = || words.next().ok_or(format!("{option} needs a value"));
        match option.as_str() {
            "growth" => args.mode = Mode::Growth,
            "memory" => args.mode = Mode::Memory,
            "fairness" => args.mode = Mode::Fairness,
            "--full" => {}
            "--only" => args.only.push(value()?),
            "--peer" => args.peers.push(value()?),
            "--rounds" => args.rounds = positive(&option, &value()?)?,
            "--sample-ms" => {
                args.sample = Duration::from_millis(positive(&option, &value()?)? as u64);
            }
            "--out" => args.out = value()?.into(),
            "--list" => args.mode = Mode::List,
            "--sample" => {
                let (cell, peer) = (value()?, value()?);
                args.mode = Mode::Sample { cell, peer };
            }
            "--help" | "-h" => args.mode = Mode::Help,
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
