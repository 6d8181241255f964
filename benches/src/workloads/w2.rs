//! W2: several producers, and subscribers that read every event.
//!
//! genevent and the broadcast channels give all subscribers the same order. A channel per reader does
//! not: every producer sends to every channel by itself, as a user without that need would write it.

use std::time::Instant;

use async_broadcast::Sender;
use genevent::EventManager;

use super::{Beside, Cell, DELIVERIES, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{CrossfireMany, Flume, Kanal, PerReader, Tokio};
use crate::peers::{Fanout, Reader, broadcast, genevent::TryFirst, postage};
use crate::runtime::{Flavor, joined, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W2",
    title: "several producers",
    what: "four producers, S subscribers read everything; u64, capacity 1,024 (c64 and c16: that \
           capacity; p16: sixteen producers)",
    figure: DELIVERIES,
    beside: Beside::Nothing,
    cells,
};

/// The bits above the number of an event hold its producer, one of at most sixteen.
const PRODUCER: u32 = 60;

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for subscribers in [4, 16, 64] {
            let cell = Cell::new("W2", subscribers, flavor, peers::<4>());
            cells.push(cell.headline(subscribers == 64));
        }
        for capacity in [64, 16] {
            let cell = Cell::new(&format!("W2-c{capacity}"), 64, flavor, peers::<4>());
            cells.push(cell.with_capacity(capacity));
        }
        cells.push(Cell::new("W2-p16", 64, flavor, peers::<16>()));
    }
    cells
}

fn peers<const PRODUCERS: usize>() -> Vec<Peer> {
    vec![
        peer::<EventManager<u64>, PRODUCERS>(Kind::Ours),
        peer::<TryFirst<u64>, PRODUCERS>(Kind::Ours),
        peer::<broadcast::Shared<broadcast::Lossless<u64>>, PRODUCERS>(Kind::Peer),
        peer::<broadcast::Shared<broadcast::LosslessStream<u64>>, PRODUCERS>(Kind::Peer),
        peer::<broadcast::NeverLags<u64>, PRODUCERS>(Kind::Peer),
        peer::<Sender<u64>, PRODUCERS>(Kind::Peer),
        peer::<postage::Broadcast<u64>, PRODUCERS>(Kind::Peer),
        peer::<PerReader<Tokio, u64>, PRODUCERS>(Kind::Peer),
        peer::<PerReader<Flume, u64>, PRODUCERS>(Kind::Peer),
        peer::<PerReader<Kanal, u64>, PRODUCERS>(Kind::Peer),
        peer::<PerReader<CrossfireMany, u64>, PRODUCERS>(Kind::Peer),
    ]
}

fn peer<F: Fanout<u64> + Clone, const PRODUCERS: usize>(kind: Kind) -> Peer {
    Peer::new(kind, F::NAME, sample::<F, PRODUCERS>)
}

fn sample<F: Fanout<u64> + Clone, const PRODUCERS: usize>(load: Load) -> Sample {
    load.flavor.run(deliver_all::<F, PRODUCERS>(load))
}

async fn deliver_all<F: Fanout<u64> + Clone, const PRODUCERS: usize>(load: Load) -> Sample {
    let each = load.events.div_ceil(PRODUCERS as u64);
    let (fanout, readers) = F::open(&Load {
        events: each * PRODUCERS as u64,
        ..load
    });
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let mut tallies = [Tally::default(); PRODUCERS];
                while let Some(event) = reader.next().await {
                    let (producer, number) = (event >> PRODUCER, event & ((1 << PRODUCER) - 1));
                    tallies[producer as usize].see(number);
                }
                tallies
            })
        })
        .collect();
    let producers = (0..PRODUCERS as u64).map(|producer| {
        let mut fanout = fanout.clone();
        spawn(async move {
            for number in 0..each {
                fanout.send(producer << PRODUCER | number).await;
            }
        })
    });
    let producers: Vec<_> = producers.collect();
    drop(fanout);
    joined(producers).await;
    let tallies = joined(readers).await;
    let elapsed = began.elapsed();
    for tally in tallies.into_iter().flatten() {
        tally.check(each);
    }
    Sample::per_second(each * PRODUCERS as u64 * load.subscribers as u64, elapsed)
}
