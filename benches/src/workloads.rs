//! The workloads.
//!
//! A workload is a generic function over the traits in [`peers`](crate::peers), and a table of the
//! peers that take part. A new workload has its own file and an entry in [`ALL`].

mod w1;
mod w10;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;
mod w9;

use std::time::Duration;

use genevent::EventManager;
use serde::{Deserialize, Serialize};

use crate::load::{Load, Sample};
use crate::peers::each::{CrossfireMany, Flume, Kanal, Tokio};
use crate::peers::{Open, async_broadcast, broadcast, hub::Hub, postage};
use crate::runtime::Flavor;

pub(crate) static ALL: &[&Workload] = &[
    &w1::WORKLOAD,
    &w2::WORKLOAD,
    &w3::WORKLOAD,
    &w4::WORKLOAD,
    &w5::WORKLOAD,
    &w6::WORKLOAD,
    &w7::WORKLOAD,
    &w8::WORKLOAD,
    &w9::WORKLOAD,
    &w10::WORKLOAD,
];

/// The default number of events a subscriber may have unread.
const CAPACITY: usize = 1024;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// A short title for the chart.
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figure: Figure,
    /// A second figure in the table.
    pub(crate) beside: Beside,
    pub(crate) cells: fn() -> Vec<Cell>,
}

pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// The amount the table shows as 1.0.
    pub(crate) unit: f64,
    pub(crate) better: Better,
}

const DELIVERIES: Figure = Figure {
    name: "M deliveries/s",
    unit: 1e6,
    better: Better::More,
};

const NANOSECONDS: Figure = Figure {
    name: "ns",
    unit: 1e-9,
    better: Better::Less,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    Latency,
    Lost,
}

/// A workload with a size and a runtime.
pub(crate) struct Cell {
    /// The name for `--only`, such as `W1-u64-c1024-s64-multi`.
    pub(crate) name: String,
    pub(crate) load: Load,
    /// Set for cells of quick mode and of the chart.
    pub(crate) headline: bool,
    /// Set if the workload mostly sleeps; its peers are then measured in parallel.
    pub(crate) sleeps: bool,
    /// Set if the figures are counted and not timed; a single sample is enough.
    pub(crate) counted: bool,
    /// genevent first: the ratios compare it with each of the following peers.
    pub(crate) peers: Vec<Peer>,
}

/// A participant of a cell.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) run: fn(Load) -> Sample,
    /// The number of events; with `None`, the number that takes the time of a sample.
    pub(crate) events: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Ours,
    Peer,
    /// A peer with weaker promises, which no minimum refers to.
    Loses,
    /// A lower bound for the time of any channel.
    Floor,
}

impl Peer {
    fn new(kind: Kind, name: &'static str, run: fn(Load) -> Sample) -> Self {
        Self {
            name,
            kind,
            run,
            events: None,
        }
    }

    /// Sets the number of events, whatever their time.
    fn with_events(mut self, events: u64) -> Self {
        self.events = Some(events);
        self
    }
}

/// A workload for peers with readers joining and leaving at any time.
trait Run {
    fn run<O: Open<u64>>(load: Load) -> Sample;
}

fn peer<W: Run, O: Open<u64>>(kind: Kind) -> Peer {
    Peer::new(kind, O::NAME, W::run::<O>)
}

/// Returns genevent and every peer that implements [`Open`].
fn all_open<W: Run>() -> Vec<Peer> {
    vec![
        peer::<W, EventManager<u64>>(Kind::Ours),
        peer::<W, broadcast::Lossy<u64>>(Kind::Peer),
        peer::<W, async_broadcast::KeptOpen<u64>>(Kind::Peer),
        peer::<W, postage::Broadcast<u64>>(Kind::Peer),
        peer::<W, Hub<Tokio, u64>>(Kind::Peer),
        peer::<W, Hub<Flume, u64>>(Kind::Peer),
        peer::<W, Hub<Kanal, u64>>(Kind::Peer),
        peer::<W, Hub<CrossfireMany, u64>>(Kind::Peer),
    ]
}

impl Cell {
    /// Makes a cell from the name of its workload, its size and its runtime, with [`CAPACITY`].
    fn new(name: &str, subscribers: usize, flavor: Flavor, peers: Vec<Peer>) -> Self {
        Self {
            name: format!("{name}-s{subscribers}-{flavor}"),
            load: Load {
                subscribers,
                capacity: CAPACITY,
                flavor,
                events: 0,
                time: Duration::ZERO,
            },
            headline: false,
            sleeps: false,
            counted: false,
            peers,
        }
    }

    fn headline(mut self, is: bool) -> Self {
        self.headline = is;
        self
    }

    fn with_capacity(mut self, capacity: usize) -> Self {
        self.load.capacity = capacity;
        self
    }
}
