//! W10: a lossy reader that is slower than its publisher.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use super::{Beside, Better, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::event::Event;
use crate::peers::{Fanout, Reader, broadcast, genevent::FirstLoses};
use crate::runtime::{Flavor, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W10",
    title: "slower than the publisher",
    what: "a lossy reader of events that take 100 µs to clone and come every 20 µs; capacity 1. \
           Events read, and what was lost",
    figure: Figure {
        name: "k events/s",
        unit: 1e3,
        better: Better::More,
    },
    beside: Beside::Lost,
    cells,
};

const CLONE: Duration = Duration::from_micros(100);
const GAP: Duration = Duration::from_micros(20);

fn cells() -> Vec<Cell> {
    // On a single thread, no event is published during a clone.
    let cell = Cell::new("W10", 1, Flavor::Multi, peers());
    vec![cell.with_capacity(1).headline(true)]
}

fn peers() -> Vec<Peer> {
    vec![
        peer::<FirstLoses<Slow>>(Kind::Ours, "genevent, DropOldest"),
        peer::<broadcast::Lossy<Slow>>(Kind::Peer, "tokio broadcast"),
    ]
}

fn peer<F: Fanout<Slow>>(kind: Kind, name: &'static str) -> Peer {
    Peer::new(kind, name, |load| load.flavor.run(read_some::<F>(load)))
}

/// An event with a slow `Clone`.
struct Slow(u64);

impl Clone for Slow {
    fn clone(&self) -> Self {
        spin_for(CLONE);
        Self(self.0)
    }
}

impl Event for Slow {
    fn numbered(number: u64) -> Self {
        Self(number)
    }

    fn number(&self) -> u64 {
        self.0
    }
}

fn spin_for(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        spin_loop();
    }
}

async fn read_some<F: Fanout<Slow>>(load: Load) -> Sample {
    let (mut fanout, mut readers) = F::open(&load);
    let mut reader = readers.pop().expect("the load has one reader");
    let began = Instant::now();
    let reads = spawn(async move {
        let mut tally = Tally::default();
        while let Some(event) = reader.next().await {
            tally.see(event.number());
        }
        tally
    });
    let producer = spawn(async move {
        for number in 0..load.events {
            fanout.send(Slow::numbered(number)).await;
            spin_for(GAP);
        }
    });
    producer.await.expect("the producer never fails");
    let tally = reads.await.expect("the reader never fails");
    let elapsed = began.elapsed();
    Sample {
        lost: Some(tally.check_some(load.events)),
        ..Sample::per_second(tally.count(), elapsed)
    }
}
