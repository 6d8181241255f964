//! W8: publish, and nobody listens.

use std::hint::black_box;
use std::time::Instant;

use genevent::EventManager;

use super::{Beside, CAPACITY, Cell, Kind, Load, NANOSECONDS, Peer, Sample, Workload};
use crate::peers::each::{CrossfireMany, Flume, Kanal, Tokio};
use crate::peers::{Open, Reader, async_broadcast, broadcast, genevent::Trying, hub::Hub, postage};
use crate::runtime::Flavor;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W8",
    title: "nobody listens",
    what: "publish with no subscriber; u64, capacity 1,024",
    figure: NANOSECONDS,
    beside: Beside::Nothing,
    cells,
};

fn cells() -> Vec<Cell> {
    let cell = |flavor| Cell::new("W8", 0, flavor, peers()).headline(true);
    Flavor::ALL.map(cell).into()
}

fn peers() -> Vec<Peer> {
    vec![
        // As async-broadcast is asked: at once if there is room, and that is always so here.
        peer::<Trying<u64>>(Kind::Ours),
        peer::<EventManager<u64>>(Kind::Ours),
        peer::<broadcast::Lossy<u64>>(Kind::Peer),
        peer::<async_broadcast::KeptOpen<u64>>(Kind::Peer),
        peer::<postage::Broadcast<u64>>(Kind::Peer),
        peer::<Hub<Tokio, u64>>(Kind::Peer),
        peer::<Hub<Flume, u64>>(Kind::Peer),
        peer::<Hub<Kanal, u64>>(Kind::Peer),
        peer::<Hub<CrossfireMany, u64>>(Kind::Peer),
    ]
}

fn peer<O: Open<u64>>(kind: Kind) -> Peer {
    Peer::new(kind, O::NAME, sample::<O>)
}

fn sample<O: Open<u64>>(load: Load) -> Sample {
    load.flavor.run(publish::<O>(load))
}

async fn publish<O: Open<u64>>(load: Load) -> Sample {
    let mut open = O::open(CAPACITY);
    let began = Instant::now();
    for number in 0..load.events {
        open.publish(black_box(number)).await;
    }
    let elapsed = began.elapsed();
    // Whoever comes now finds nothing of it, and gets what is sent next.
    let mut reader = open.subscribe();
    open.publish(load.events).await;
    assert_eq!(reader.next().await, Some(load.events));
    Sample::seconds_each(elapsed, load.events)
}
