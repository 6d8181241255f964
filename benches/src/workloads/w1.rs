//! W1: a producer, and subscribers that read every event.

use std::sync::Arc;
use std::time::Instant;

use async_broadcast::Sender;
use futures::StreamExt;
use genevent::EventManager;

use super::{Beside, CAPACITY, Cell, DELIVERIES, Kind, Load, Peer, Sample, Workload};
use crate::event::Event;
use crate::peers::each::{Crossfire, Flume, Kanal, PerReader, Tokio};
use crate::peers::floor::{self, AlwaysReady};
use crate::peers::{Fanout, Reader, broadcast, genevent::TryFirst, postage};
use crate::runtime::{Flavor, joined, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W1",
    title: "one producer",
    what: "one producer, S subscribers read everything",
    figure: DELIVERIES,
    beside: Beside::Nothing,
    cells,
};

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for subscribers in [1, 4, 16, 64, 256] {
            cells.push(cell::<u64>("u64", CAPACITY, subscribers, flavor));
        }
        for capacity in [64, 16] {
            for subscribers in [1, 16, 64] {
                cells.push(cell::<u64>("u64", capacity, subscribers, flavor));
            }
        }
        for subscribers in [4, 64] {
            cells.push(cell::<Arc<[u8; 256]>>("arc", CAPACITY, subscribers, flavor));
            cells.push(cell::<String>("string", CAPACITY, subscribers, flavor));
        }
    }
    cells
}

fn cell<E: Event>(payload: &str, capacity: usize, subscribers: usize, flavor: Flavor) -> Cell {
    let headline = match payload {
        "u64" => capacity == CAPACITY && [1, 16, 64].contains(&subscribers),
        _ => subscribers == 64,
    };
    let name = format!("W1-{payload}-c{capacity}");
    Cell::new(&name, subscribers, flavor, peers::<E>())
        .with_capacity(capacity)
        .headline(headline)
}

fn peers<E: Event>() -> Vec<Peer> {
    vec![
        peer::<E, EventManager<E>>(Kind::Ours),
        peer::<E, TryFirst<E>>(Kind::Ours),
        peer::<E, broadcast::Lossless<E>>(Kind::Peer),
        peer::<E, broadcast::LosslessStream<E>>(Kind::Peer),
        peer::<E, broadcast::NeverLags<E>>(Kind::Peer),
        peer::<E, Sender<E>>(Kind::Peer),
        peer::<E, postage::Broadcast<E>>(Kind::Peer),
        peer::<E, PerReader<Tokio, E>>(Kind::Peer),
        peer::<E, PerReader<Flume, E>>(Kind::Peer),
        peer::<E, PerReader<Kanal, E>>(Kind::Peer),
        peer::<E, PerReader<Crossfire, E>>(Kind::Peer),
        Peer::new(Kind::Floor, "floor: poll and clone, no channel", floor::<E>),
    ]
}

fn peer<E: Event, F: Fanout<E>>(kind: Kind) -> Peer {
    Peer::new(kind, F::NAME, sample::<E, F>)
}

fn sample<E: Event, F: Fanout<E>>(load: Load) -> Sample {
    load.flavor.run(deliver_all::<E, F>(load))
}

async fn deliver_all<E: Event, F: Fanout<E>>(load: Load) -> Sample {
    let (mut fanout, readers) = F::open(&load);
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let mut tally = Tally::default();
                while let Some(event) = reader.next().await {
                    tally.see(event.number());
                }
                tally
            })
        })
        .collect();
    let producer = spawn(async move {
        for number in 0..load.events {
            fanout.send(E::numbered(number)).await;
        }
        // The producer is dropped here, which ends the readers.
    });
    producer.await.expect("the producer never fails");
    let tallies = joined(readers).await;
    let elapsed = began.elapsed();
    for tally in tallies {
        tally.check(load.events);
    }
    Sample::per_second(load.events * load.subscribers as u64, elapsed)
}

fn floor<E: Event>(load: Load) -> Sample {
    load.flavor.run(poll_and_clone::<E>(load))
}

async fn poll_and_clone<E: Event>(load: Load) -> Sample {
    let readers = AlwaysReady::<E>::all_ready(&load);
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let mut count = 0;
                let mut in_order = true;
                while let Some(event) = reader.next().await {
                    in_order &= event.number() == count % floor::DIFFERENT;
                    count += 1;
                }
                (count, in_order)
            })
        })
        .collect();
    let seen = joined(readers).await;
    let elapsed = began.elapsed();
    assert!(seen.into_iter().all(|seen| seen == (load.events, true)));
    Sample::per_second(load.events * load.subscribers as u64, elapsed)
}
