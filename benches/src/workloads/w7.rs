//! W7: ten thousand subscribers, each wanting 1 event in 100; or 1 event in 10,000, so each event has one
//! subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_broadcast::Sender;
use tokio::sync::Notify;

use super::{Beside, Better, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{Crossfire, Flume, Kanal, Tokio};
use crate::peers::filtered::{self, BeforeSend, ByReaders};
use crate::peers::{Fanout, Reader, broadcast, postage};
use crate::runtime::{Flavor, joined, spawn};

pub(super) static WORKLOAD: Workload = Workload {
    name: "W7",
    title: "one event in a hundred is wanted",
    what: "10,000 subscribers, each wants one event in a hundred (or in 10,000: W7-one); u64, capacity 1,024. A channel \
           each is asked by a predicate before the send, and so is ours with `subscribe_filter`; with \
           topics, the key is looked up; the others filter as they read",
    figure: Figure {
        name: "µs per publish",
        unit: 1e-6,
        better: Better::Less,
    },
    beside: Beside::Nothing,
    cells,
};

fn cells() -> Vec<Cell> {
    let hundred = |flavor| Cell::new("W7", 10_000, flavor, peers::<100>()).headline(true);
    let each = |flavor| Cell::new("W7-one", 10_000, flavor, peers::<10_000>());
    let cells = Flavor::ALL.map(hundred).into_iter();
    cells.chain(Flavor::ALL.map(each)).collect()
}

fn peers<const ONE_IN: u64>() -> Vec<Peer> {
    vec![
        peer::<filtered::OursBefore<ONE_IN>, ONE_IN>(Kind::Ours),
        peer::<filtered::OurTopics<ONE_IN>, ONE_IN>(Kind::Ours),
        peer::<filtered::OurManagers<ONE_IN>, ONE_IN>(Kind::Ours),
        peer::<filtered::Ours<ONE_IN>, ONE_IN>(Kind::Ours),
        peer::<ByReaders<broadcast::Lossless<u64>, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<ByReaders<broadcast::LosslessStream<u64>, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<ByReaders<Sender<u64>, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<ByReaders<postage::Broadcast<u64>, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<BeforeSend<Tokio, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<BeforeSend<Flume, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<BeforeSend<Kanal, ONE_IN>, ONE_IN>(Kind::Peer),
        peer::<BeforeSend<Crossfire, ONE_IN>, ONE_IN>(Kind::Peer),
    ]
}

fn peer<F: Fanout<u64>, const ONE_IN: u64>(kind: Kind) -> Peer {
    // Opening takes as long as the publishes, so the time of a sample cannot set the number of events.
    let events = if ONE_IN == 100 { 1_000 } else { 3_000 };
    Peer::new(kind, F::NAME, sample::<F, ONE_IN>).with_events(events)
}

fn sample<F: Fanout<u64>, const ONE_IN: u64>(load: Load) -> Sample {
    load.flavor.run(deliver_wanted::<F, ONE_IN>(load))
}

async fn deliver_wanted<F: Fanout<u64>, const ONE_IN: u64>(load: Load) -> Sample {
    let events = load.events;
    let (mut fanout, readers) = F::open(&load);
    let wanted = |index: usize| {
        let first = index as u64 % ONE_IN;
        (first, events.saturating_sub(first).div_ceil(ONE_IN))
    };
    let expecting = (0..readers.len()).filter(|index| wanted(*index).1 > 0);
    let unfinished = Arc::new((AtomicUsize::new(expecting.count()), Notify::new()));
    let readers: Vec<_> = readers
        .into_iter()
        .enumerate()
        .map(|(index, mut reader)| {
            let (first, wanted) = wanted(index);
            let unfinished = Arc::clone(&unfinished);
            tokio::spawn(async move {
                let mut count = 0;
                let mut in_order = true;
                while let Some(event) = reader.next().await {
                    in_order &= event == count * ONE_IN + first;
                    count += 1;
                    if count == wanted && unfinished.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                        unfinished.1.notify_one();
                    }
                }
                in_order && count == wanted
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
        fanout
    });
    let fanout = producer.await.expect("the producer never fails");
    unfinished.1.notified().await;
    let elapsed = began.elapsed();
    // The end of ten thousand streams, which would outweigh the events, is not measured.
    drop(fanout);
    let seen = joined(readers).await;
    assert!(seen.into_iter().all(|is_complete| is_complete));
    Sample::seconds_each(elapsed, events)
}
