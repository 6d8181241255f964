//! W2: four producers, and subscribers that read every event.
//!
//! genevent and the broadcast channels give all subscribers the same order. A channel per reader does
//! not: every producer sends to every channel by itself, as a user without that need would write it.

use std::time::Instant;

use async_broadcast::Sender;
use genevent::EventManager;

use super::{Beside, Cell, DELIVERIES, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{CrossfireMany, Flume, Kanal, OneEach, Tokio};
use crate::peers::{Fanout, Reader, broadcast, genevent::TryFirst, postage};
use crate::runtime::{Flavor, joined, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W2",
    title: "four producers",
    what: "four producers, S subscribers read everything; u64, capacity 1,024",
    figure: DELIVERIES,
    beside: Beside::Nothing,
    cells,
};

const PRODUCERS: u64 = 4;

/// The bits above the number of an event hold its producer.
const PRODUCER: u32 = 60;

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for subscribers in [4, 64] {
            let cell = Cell::new("W2", subscribers, flavor, peers());
            cells.push(cell.headline(subscribers == 64));
        }
    }
    cells
}

fn peers() -> Vec<Peer> {
    vec![
        peer::<EventManager<u64>>(Kind::Ours),
        peer::<TryFirst<u64>>(Kind::Ours),
        peer::<broadcast::Shared<broadcast::Lossless<u64>>>(Kind::Peer),
        peer::<broadcast::Shared<broadcast::LosslessStream<u64>>>(Kind::Peer),
        peer::<broadcast::NeverLags<u64>>(Kind::Peer),
        peer::<Sender<u64>>(Kind::Peer),
        peer::<postage::Broadcast<u64>>(Kind::Peer),
        peer::<OneEach<Tokio, u64>>(Kind::Peer),
        peer::<OneEach<Flume, u64>>(Kind::Peer),
        peer::<OneEach<Kanal, u64>>(Kind::Peer),
        peer::<OneEach<CrossfireMany, u64>>(Kind::Peer),
    ]
}

fn peer<F: Fanout<u64> + Clone>(kind: Kind) -> Peer {
    Peer::new(kind, F::NAME, sample::<F>)
}

fn sample<F: Fanout<u64> + Clone>(load: Load) -> Sample {
    load.flavor.run(deliver_all::<F>(load))
}

async fn deliver_all<F: Fanout<u64> + Clone>(load: Load) -> Sample {
    let each = load.events.div_ceil(PRODUCERS);
    let (fanout, readers) = F::open(&Load {
        events: each * PRODUCERS,
        ..load
    });
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let mut tallies = [Tally::default(); PRODUCERS as usize];
                while let Some(event) = reader.next().await {
                    let (producer, number) = (event >> PRODUCER, event & ((1 << PRODUCER) - 1));
                    tallies[producer as usize].see(number);
                }
                tallies
            })
        })
        .collect();
    let producers = (0..PRODUCERS).map(|producer| {
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
    Sample::per_second(each * PRODUCERS * load.subscribers as u64, elapsed)
}
