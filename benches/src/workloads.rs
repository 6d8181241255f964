//! What is measured.
//!
//! A workload is one generic function over the traits in [`peers`](crate::peers), and a table of
//! who takes part. To add one: write its file, and list it in [`ALL`].

mod w1;
mod w3;

use std::time::Duration;

use crate::runtime::Flavor;

pub(crate) static ALL: &[&Workload] = &[&w1::WORKLOAD, &w3::WORKLOAD];

/// How many events a subscriber may have unread.
const CAPACITY: usize = 1024;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// What the figure is, with its unit.
    pub(crate) figure: &'static str,
    /// So many per second make 1.0 in the table.
    pub(crate) unit: f64,
    pub(crate) has_latency: bool,
    pub(crate) subscribers: &'static [usize],
    /// Ours first: the ratios are ours to each of the others.
    pub(crate) peers: &'static [Peer],
}

/// Who takes part, and how.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Load) -> Sample,
}

/// How much, and where.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    pub(crate) flavor: Flavor,
    pub(crate) events: u64,
}

/// What came of it.
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    /// How many of what the workload counts were done.
    pub(crate) done: u64,
    /// How long single ones took, if the workload looks at that.
    pub(crate) latencies: Vec<Duration>,
}

impl Sample {
    /// Per second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }
}
