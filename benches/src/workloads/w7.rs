//! W7: ten thousand subscribers, each wanting 1 event in 100.

use std::time::Instant;

use async_broadcast::Sender;

use super::{Beside, Better, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{Crossfire, Flume, Kanal, Tokio};
use crate::peers::filtered::{self, BeforeSend, ByReaders, ONE_IN};
use crate::peers::{Fanout, Reader, broadcast, postage};
use crate::runtime::{Flavor, joined, spawn};

pub(super) static WORKLOAD: Workload = Workload {
    name: "W7",
    title: "one event in a hundred is wanted",
    what: "10,000 subscribers, each wants one event in a hundred; u64, capacity 1,024. A channel \
           each is asked by a predicate before the send, and so is ours with `subscribe_filter`; the \
           others filter as they read",
    figure: Figure {
        name: "µs per publish",
        unit: 1e-6,
        better: Better::Less,
    },
    beside: Beside::Nothing,
    cells,
};

fn cells() -> Vec<Cell> {
    let cell = |flavor| Cell::new("W7", 10_000, flavor, peers()).headline(true);
    Flavor::ALL.map(cell).into()
}

fn peers() -> Vec<Peer> {
    vec![
        peer::<filtered::OursBefore>(Kind::Ours),
        peer::<filtered::Ours>(Kind::Ours),
        peer::<ByReaders<broadcast::Lossless<u64>>>(Kind::Peer),
        peer::<ByReaders<broadcast::LosslessStream<u64>>>(Kind::Peer),
        peer::<ByReaders<Sender<u64>>>(Kind::Peer),
        peer::<ByReaders<postage::Broadcast<u64>>>(Kind::Peer),
        peer::<BeforeSend<Tokio>>(Kind::Peer),
        peer::<BeforeSend<Flume>>(Kind::Peer),
        peer::<BeforeSend<Kanal>>(Kind::Peer),
        peer::<BeforeSend<Crossfire>>(Kind::Peer),
    ]
}

fn peer<F: Fanout<u64>>(kind: Kind) -> Peer {
    // Opening takes as long as the publishes, so the time of a sample cannot set the number of events.
    Peer::new(kind, F::NAME, sample::<F>).with_events(300)
}

fn sample<F: Fanout<u64>>(load: Load) -> Sample {
    load.flavor.run(deliver_wanted::<F>(load))
}

async fn deliver_wanted<F: Fanout<u64>>(load: Load) -> Sample {
    // Multiples of 100, so all readers want the same number of events.
    let wanted = load.events.div_ceil(ONE_IN);
    let events = wanted * ONE_IN;
    let (mut fanout, readers) = F::open(&Load { events, ..load });
    let readers: Vec<_> = readers
        .into_iter()
        .enumerate()
        .map(|(index, mut reader)| {
            tokio::spawn(async move {
                let mut count = 0;
                let mut in_order = true;
                while let Some(event) = reader.next().await {
                    in_order &= event == count * ONE_IN + index as u64 % ONE_IN;
                    count += 1;
                }
                (count, in_order)
            })
        })
        .collect();
    // Measure the publishes alone: all readers are parked already.
    tokio::task::yield_now().await;
    let began = Instant::now();
    let producer = spawn(async move {
        for number in 0..events {
            fanout.send(number).await;
        }
    });
    producer.await.expect("the producer never fails");
    let seen = joined(readers).await;
    let elapsed = began.elapsed();
    assert!(seen.into_iter().all(|seen| seen == (wanted, true)));
    Sample::seconds_each(elapsed, events)
}
