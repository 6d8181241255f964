//! W8: publishing without subscribers.

use std::hint::black_box;
use std::time::Instant;

use super::{
    Beside, CAPACITY, Cell, Kind, Load, NANOSECONDS, Peer, Run, Sample, Workload, all_open, peer,
};
use crate::peers::{Open, Reader, genevent::Trying};
use crate::runtime::Flavor;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W8",
    title: "no subscriber",
    what: "publish without subscribers; u64, capacity 1,024",
    figure: NANOSECONDS,
    beside: Beside::Nothing,
    cells,
};

fn cells() -> Vec<Cell> {
    let cell = |flavor| Cell::new("W8", 0, flavor, peers()).headline(true);
    Flavor::ALL.map(cell).into()
}

fn peers() -> Vec<Peer> {
    // Without waiting, as for async-broadcast: there is always room here.
    let mut peers = vec![peer::<W8, Trying<u64>>(Kind::Ours)];
    peers.extend(all_open::<W8>());
    peers
}

struct W8;

impl Run for W8 {
    fn run<O: Open<u64>>(load: Load) -> Sample {
        load.flavor.run(publish::<O>(load))
    }
}

async fn publish<O: Open<u64>>(load: Load) -> Sample {
    let mut open = O::open(CAPACITY);
    let began = Instant::now();
    for number in 0..load.events {
        open.publish(black_box(number)).await;
    }
    let elapsed = began.elapsed();
    // A later reader must not receive the earlier events, but the next event.
    let mut reader = open.subscribe();
    open.publish(load.events).await;
    assert_eq!(reader.next().await, Some(load.events));
    Sample::seconds_each(elapsed, load.events)
}
