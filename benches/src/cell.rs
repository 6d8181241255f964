//! One workload, at one number of subscribers, on one runtime.

use std::time::Duration;

use crate::args::Args;
use crate::runtime::Flavor;
use crate::workloads::{self, Load, Peer, Sample, Workload};

pub(crate) struct Cell {
    pub(crate) workload: &'static Workload,
    pub(crate) subscribers: usize,
    pub(crate) flavor: Flavor,
}

/// What was measured in a cell: one series for each peer, ours first.
pub(crate) struct Measured {
    pub(crate) workload: &'static Workload,
    pub(crate) name: String,
    pub(crate) series: Vec<Series>,
}

/// The samples of one peer, in the order in which they were taken.
pub(crate) struct Series {
    pub(crate) peer: &'static str,
    /// Per second.
    pub(crate) rates: Vec<f64>,
    /// Of all samples together, in nanoseconds.
    pub(crate) latencies: Vec<f64>,
}

pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &workload in workloads::ALL {
        for &subscribers in workload.subscribers {
            for flavor in Flavor::ALL {
                cells.push(Cell {
                    workload,
                    subscribers,
                    flavor,
                });
            }
        }
    }
    cells
}

impl Cell {
    /// As `--only` takes it: `W1-64-current`.
    pub(crate) fn name(&self) -> String {
        format!(
            "{}-{}-{}",
            self.workload.name, self.subscribers, self.flavor
        )
    }

    pub(crate) fn peer_names(&self) -> Vec<&'static str> {
        self.workload.peers.iter().map(|peer| peer.name).collect()
    }

    pub(crate) fn measure(&self, args: &Args) -> Measured {
        let peers = self.workload.peers.iter();
        let peers: Vec<_> = peers.filter(|peer| args.wants_peer(peer.name)).collect();
        let sizes: Vec<_> = peers
            .iter()
            .map(|peer| self.size(peer, args.sample))
            .collect();
        let mut series: Vec<_> = peers
            .iter()
            .map(|peer| Series {
                peer: peer.name,
                rates: Vec::with_capacity(args.rounds),
                latencies: Vec::new(),
            })
            .collect();
        for _ in 0..args.rounds {
            // A B C A B C: a pair for a ratio is never far apart in time.
            for ((peer, &events), series) in peers.iter().zip(&sizes).zip(&mut series) {
                let sample = self.sample(peer, events);
                series.rates.push(sample.rate());
                series
                    .latencies
                    .extend(sample.latencies.iter().map(|d| d.as_nanos() as f64));
            }
        }
        Measured {
            workload: self.workload,
            name: self.name(),
            series,
        }
    }

    /// With how many events a sample takes about as long as `target`. Warms up, too.
    fn size(&self, peer: &Peer, target: Duration) -> u64 {
        let mut events = 256;
        loop {
            let elapsed = self.sample(peer, events).elapsed;
            if elapsed > target / 8 {
                let scale = target.as_secs_f64() / elapsed.as_secs_f64();
                return (events as f64 * scale).ceil() as u64;
            }
            events *= 4;
        }
    }

    fn sample(&self, peer: &Peer, events: u64) -> Sample {
        (peer.run)(Load {
            subscribers: self.subscribers,
            flavor: self.flavor,
            events,
        })
    }
}
