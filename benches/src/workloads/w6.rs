//! W6: bytes on the heap, counted by the allocator.

use std::task::Poll;

use allocation_counter::measure;
use async_broadcast::Sender;
use genevent::EventManager;

use super::{Beside, Better, CAPACITY, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::by_hand::poll;
use crate::peers::each::{Crossfire, Flume, Kanal, PerReader, Tokio};
use crate::peers::{Fanout, Reader, broadcast, postage};
use crate::runtime::Flavor;
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W6",
    title: "heap",
    what: "heap for each subscriber that has read nothing yet (new) or 10,000 events (read) and \
           waits for the next one, and for each of 65,536 events that are buffered for one \
           subscriber, with the room for them; u64",
    figure: Figure {
        name: "bytes",
        unit: 1.0,
        better: Better::Less,
    },
    beside: Beside::Nothing,
    cells,
};

/// The number of events every subscriber reads before it parks.
const READ: u64 = 10_000;

fn cells() -> Vec<Cell> {
    // No task is spawned, so the runtime does not matter.
    let cell = |name, subscribers, events, sample| {
        let mut cell = Cell::new(name, subscribers, Flavor::Current, peers(sample, events));
        cell.counted = true;
        cell.headline(true)
    };
    vec![
        cell("W6-new", 100_000, 0, Measure::Subscriber),
        cell("W6-read", 1_000, READ, Measure::Subscriber),
        cell("W6-buffered", 1, 65_536, Measure::Event),
    ]
}

#[derive(Clone, Copy)]
enum Measure {
    Subscriber,
    Event,
}

fn peers(measure: Measure, events: u64) -> Vec<Peer> {
    let peers = [
        peer::<EventManager<u64>>(Kind::Ours, measure),
        peer::<broadcast::Lossless<u64>>(Kind::Peer, measure),
        peer::<broadcast::LosslessStream<u64>>(Kind::Peer, measure),
        peer::<Sender<u64>>(Kind::Peer, measure),
        peer::<postage::Broadcast<u64>>(Kind::Peer, measure),
        peer::<PerReader<Tokio, u64>>(Kind::Peer, measure),
        peer::<PerReader<Flume, u64>>(Kind::Peer, measure),
        peer::<PerReader<Kanal, u64>>(Kind::Peer, measure),
        peer::<PerReader<Crossfire, u64>>(Kind::Peer, measure),
    ];
    peers.map(|peer| peer.with_events(events)).into()
}

fn peer<F: Fanout<u64>>(kind: Kind, measure: Measure) -> Peer {
    let run = match measure {
        Measure::Subscriber => per_subscriber::<F>,
        Measure::Event => per_event::<F>,
    };
    Peer::new(kind, F::NAME, run)
}

/// The bytes of all subscribers, less those of the first.
fn per_subscriber<F: Fanout<u64>>(load: Load) -> Sample {
    let heap = |subscribers| {
        let load = Load {
            subscribers,
            capacity: CAPACITY,
            ..load
        };
        let mut kept = None;
        let info = measure(|| kept = Some(read_all::<F>(&load)));
        drop(kept);
        info.bytes_current as f64
    };
    let others = load.subscribers - 1;
    Sample::of((heap(load.subscribers) - heap(1)) / others as f64)
}

/// Lets every subscriber read every event and park.
fn read_all<F: Fanout<u64>>(load: &Load) -> (F, Vec<F::Reader>) {
    let (mut fanout, mut readers) = F::open(load);
    readers.shrink_to_fit();
    let mut number = 0;
    loop {
        let sent = (load.events - number).min(load.capacity as u64 / 2);
        for number in number..number + sent {
            assert!(poll(fanout.send(number)).is_ready(), "there is room");
        }
        for reader in &mut readers {
            let mut tally = Tally::default();
            while let Poll::Ready(event) = poll(reader.next()) {
                tally.see(event.expect("the channel is open") - number);
            }
            tally.check(sent);
        }
        number += sent;
        if sent == 0 {
            return (fanout, readers);
        }
    }
}

/// The bytes of a full channel with room for all events.
fn per_event<F: Fanout<u64>>(load: Load) -> Sample {
    let load = Load {
        capacity: load.events as usize,
        ..load
    };
    let mut kept = None;
    let info = measure(|| {
        let (mut fanout, readers) = F::open(&load);
        for number in 0..load.events {
            assert!(poll(fanout.send(number)).is_ready(), "there is room");
        }
        kept = Some((fanout, readers));
    });
    drop(kept);
    Sample::of(info.bytes_current as f64 / load.events as f64)
}
