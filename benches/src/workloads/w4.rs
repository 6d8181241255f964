//! W4: a slow subscriber among sixteen, and its cost for the fast subscribers.

use std::time::{Duration, Instant};

use async_broadcast::Sender;
use genevent::EventManager;

use super::{Beside, Better, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{Crossfire, Flume, Kanal, PerReader, Tokio};
use crate::peers::{
    Fanout, Reader, async_broadcast as lossy, broadcast, genevent::FirstLoses, postage,
};
use crate::runtime::{Flavor, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W4",
    title: "one slow subscriber",
    what: "16 subscribers, of which one sleeps 1 ms for each event (tokio's clock makes about 2 of \
           it); capacity 64. Until all are done, and what was lost of all deliveries",
    figure: Figure {
        name: "ms",
        unit: 1e-3,
        better: Better::Less,
    },
    beside: Beside::Lost,
    cells,
};

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for (events, headline) in [(200, true), (2_000, false)] {
            let name = format!("W4-e{events}");
            let mut cell = Cell::new(&name, 16, flavor, peers(events));
            cell.sleeps = true;
            cells.push(cell.with_capacity(64).headline(headline));
        }
    }
    cells
}

fn peers(events: u64) -> Vec<Peer> {
    let peers = [
        peer::<EventManager<u64>>(Kind::Ours),
        peer::<FirstLoses<u64>>(Kind::Loses),
        peer::<broadcast::Lossless<u64>>(Kind::Peer),
        peer::<broadcast::LosslessStream<u64>>(Kind::Peer),
        peer::<broadcast::NeverLags<u64>>(Kind::Peer),
        peer::<broadcast::Lossy<u64>>(Kind::Loses),
        peer::<Sender<u64>>(Kind::Peer),
        peer::<lossy::Overflowing<u64>>(Kind::Loses),
        peer::<postage::Broadcast<u64>>(Kind::Peer),
        peer::<PerReader<Tokio, u64>>(Kind::Peer),
        peer::<PerReader<Flume, u64>>(Kind::Peer),
        peer::<PerReader<Kanal, u64>>(Kind::Peer),
        peer::<PerReader<Crossfire, u64>>(Kind::Peer),
    ];
    peers.map(|peer| peer.with_events(events)).into()
}

fn peer<F: Fanout<u64>>(kind: Kind) -> Peer {
    let run = match kind {
        Kind::Loses => sample::<F, true>,
        _ => sample::<F, false>,
    };
    Peer::new(kind, F::NAME, run)
}

fn sample<F: Fanout<u64>, const LOSES: bool>(load: Load) -> Sample {
    load.flavor.run_with_clock(deliver_all::<F, LOSES>(load))
}

async fn deliver_all<F: Fanout<u64>, const LOSES: bool>(load: Load) -> Sample {
    let (mut fanout, readers) = F::open(&load);
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .enumerate()
        .map(|(index, mut reader)| {
            tokio::spawn(async move {
                let mut tally = Tally::default();
                while let Some(event) = reader.next().await {
                    if index == 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    tally.see(event);
                }
                tally
            })
        })
        .collect();
    let producer = spawn(async move {
        for number in 0..load.events {
            fanout.send(number).await;
        }
    });
    producer.await.expect("the producer never fails");
    let mut lost = 0;
    for reader in readers {
        let tally = reader.await.expect("a reader never fails");
        if LOSES {
            lost += tally.check_some(load.events);
        } else {
            tally.check(load.events);
        }
    }
    Sample {
        lost: Some(lost),
        ..Sample::seconds_each(began.elapsed(), 1)
    }
}
