//! What is measured.
//!
//! A workload is one generic function over the traits in [`peers`](crate::peers), and a table of
//! who takes part. To add one: write its file, and list it in [`ALL`].

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

/// How many events a subscriber may have unread, where nothing else is said.
const CAPACITY: usize = 1024;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// In a few words, for the chart.
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figure: Figure,
    /// What else is told beside the figure.
    pub(crate) beside: Beside,
    pub(crate) cells: fn() -> Vec<Cell>,
}

pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// So many make 1.0 in the table.
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

/// One workload, at one size, on one runtime.
pub(crate) struct Cell {
    /// As `--only` takes it: `W1-u64-c1024-s64-multi`.
    pub(crate) name: String,
    pub(crate) load: Load,
    /// Also measured in quick mode, and drawn in the chart.
    pub(crate) headline: bool,
    /// It mostly sleeps: its peers are measured side by side.
    pub(crate) sleeps: bool,
    /// Its figures are counted, not timed: one sample says it all.
    pub(crate) counted: bool,
    /// Ours first: the ratios are ours to each of the others.
    pub(crate) peers: Vec<Peer>,
}

/// Who takes part, and how.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) run: fn(Load) -> Sample,
    /// With how many events; `None`: with as many as take the time of a sample.
    pub(crate) events: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Ours,
    Peer,
    /// Does less than we promise: not judged against.
    Loses,
    /// What no channel can be faster than.
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

    /// With just so many events, however long that takes.
    fn with_events(mut self, events: u64) -> Self {
        self.events = Some(events);
        self
    }
}

/// A workload for whoever subscribers come to and leave.
trait Run {
    fn run<O: Open<u64>>(load: Load) -> Sample;
}

fn peer<W: Run, O: Open<u64>>(kind: Kind) -> Peer {
    Peer::new(kind, O::NAME, W::run::<O>)
}

/// Ours, and everybody that has what it takes.
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
    /// With the name of the workload, the size and the runtime, and [`CAPACITY`].
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
