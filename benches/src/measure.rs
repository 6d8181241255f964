//! Takes the samples of a cell.

use serde::Serialize;

use crate::args::Args;
use crate::load::Sample;
use crate::process::{self, Started};
use crate::stats::{median, paired};
use crate::workloads::{Better, Cell, Kind, Peer, Workload};

/// The measurements of a cell: a series for each peer, genevent first.
pub(crate) struct Measured {
    pub(crate) workload: &'static Workload,
    pub(crate) cell: String,
    pub(crate) headline: bool,
    pub(crate) series: Vec<Series>,
}

/// The samples of a peer, in the order of their measurement.
pub(crate) struct Series {
    pub(crate) peer: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
    /// The reason for missing samples.
    pub(crate) failure: Option<String>,
}

/// A line of the JSON file.
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
            // In the order A B C A B C: the two samples of a ratio are close in time.
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

    /// Returns the ratios of genevent to `other`, pair by pair: above 1, genevent is better.
    pub(crate) fn ratios(&self, other: &Series) -> Vec<f64> {
        let ours = self.series[0].figures();
        match self.workload.figure.better {
            Better::More => paired(&ours, &other.figures()),
            Better::Less => paired(&other.figures(), &ours),
        }
    }

    /// The measured peers with a minimum.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Series> {
        let peers = self.series.iter();
        peers.filter(|s| s.kind == Kind::Peer && s.failure.is_none() && !s.samples.is_empty())
    }

    /// The peer with the worst ratio for genevent.
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

    /// Returns the median of `field` over the samples.
    pub(crate) fn median(&self, field: impl Fn(&Sample) -> Option<f64>) -> f64 {
        let values: Vec<_> = self.samples.iter().filter_map(field).collect();
        median(&values)
    }
}
