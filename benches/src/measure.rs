//! Takes the samples of a cell.

use serde::Serialize;

use crate::args::Args;
use crate::load::Sample;
use crate::process::{self, Started};
use crate::stats::{median, paired};
use crate::workloads::{Better, Cell, Kind, Peer, Workload};

/// What was measured in a cell: one series for each peer, ours first.
pub(crate) struct Measured {
    pub(crate) workload: &'static Workload,
    pub(crate) cell: String,
    pub(crate) headline: bool,
    pub(crate) series: Vec<Series>,
}

/// The samples of one peer, in the order in which they were taken.
pub(crate) struct Series {
    pub(crate) peer: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
    /// Why there are no more of them.
    pub(crate) failure: Option<String>,
}

/// One line of the JSON.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    cell: &'a str,
    peer: &'a str,
    kind: Kind,
    round: usize,
    #[serde(flatten)]
    sample: &'a Sample,
}

impl Measured {
    pub(crate) fn of(workload: &'static Workload, cell: &Cell, args: &Args) -> Self {
        let wanted = |peer: &&Peer| peer.kind == Kind::Ours || args.wants_peer(peer.name);
        let mut series: Vec<_> = cell.peers.iter().filter(wanted).map(Series::of).collect();
        let rounds = if cell.counted { 1 } else { args.rounds };
        for _ in 0..rounds {
            // A B C A B C: a pair for a ratio is never far apart in time.
            let mut started = Vec::new();
            for (index, series) in series.iter_mut().enumerate() {
                if series.failure.is_none() {
                    match process::start(&cell.name, series.peer, args.sample) {
                        Ok(sample) if cell.sleeps => started.push((index, sample)),
                        Ok(sample) => series.finish(sample),
                        Err(error) => series.failure = Some(error.to_string()),
                    }
                }
            }
            for (index, sample) in started {
                series[index].finish(sample);
            }
        }
        Self {
            workload,
            cell: cell.name.clone(),
            headline: cell.headline,
            series,
        }
    }

    /// How many times as good ours was as `other`, pair by pair: above 1, ours is better.
    pub(crate) fn ratios(&self, other: &Series) -> Vec<f64> {
        let ours = self.series[0].figures();
        match self.workload.figure.better {
            Better::More => paired(&ours, &other.figures()),
            Better::Less => paired(&other.figures(), &ours),
        }
    }

    /// Those that ours is judged against, as far as they could be measured.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Series> {
        let peers = self.series.iter();
        peers.filter(|s| s.kind == Kind::Peer && s.failure.is_none() && !s.samples.is_empty())
    }

    /// The peer that ours does worst against.
    pub(crate) fn best_peer(&self) -> Option<&Series> {
        let ratio = |series: &&Series| median(&self.ratios(series));
        self.peers().min_by(|a, b| ratio(a).total_cmp(&ratio(b)))
    }

    pub(crate) fn ours_failed(&self) -> bool {
        let mut ours = self.series.iter().filter(|s| s.kind == Kind::Ours);
        ours.any(|series| series.failure.is_some())
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.series.iter().flat_map(|series| {
            let samples = series.samples.iter().enumerate();
            samples.map(|(round, sample)| Line {
                cell: &self.cell,
                peer: series.peer,
                kind: series.kind,
                round,
                sample,
            })
        })
    }
}

impl Series {
    fn of(peer: &Peer) -> Self {
        Self {
            peer: peer.name,
            kind: peer.kind,
            samples: Vec::new(),
            failure: None,
        }
    }

    fn finish(&mut self, sample: Started) {
        match sample.finish() {
            Ok(sample) => self.samples.push(sample),
            Err(failure) => self.failure = Some(failure),
        }
    }

    pub(crate) fn figures(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.figure).collect()
    }

    /// The median over the samples of `field`.
    pub(crate) fn median(&self, field: impl Fn(&Sample) -> Option<f64>) -> f64 {
        let values: Vec<_> = self.samples.iter().filter_map(field).collect();
        median(&values)
    }
}
