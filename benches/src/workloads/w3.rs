//! W3: the acknowledged round trip. The next event is sent after all workers processed the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_broadcast::Sender;
use genevent::EventManager;

use super::{Beside, Better, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::peers::each::{Crossfire, Flume, Kanal, PerReader, Tokio};
use crate::peers::floor::WakeAndAck;
use crate::peers::hand_ack::{CounterInEach, HandAcked};
use crate::peers::{Acked, Reader, Worker, broadcast, postage};
use crate::runtime::{Flavor, joined, spawn};
use crate::stats::quantile;
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W3",
    title: "acknowledged round trips",
    what: "acknowledged round trip to S subscribers; u64, capacity 1,024; peers with the cheapest \
           acknowledgement by hand, where nothing else is said",
    figure: Figure {
        name: "k round trips/s",
        unit: 1e3,
        better: Better::More,
    },
    beside: Beside::Latency,
    cells,
};

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for subscribers in [1, 4, 16, 64, 256] {
            let cell = Cell::new("W3", subscribers, flavor, peers());
            cells.push(cell.headline([1, 16, 64].contains(&subscribers)));
        }
    }
    cells
}

fn peers() -> Vec<Peer> {
    vec![
        peer::<EventManager<u64>>(Kind::Ours),
        peer::<HandAcked<broadcast::Lossless<u64>>>(Kind::Peer),
        peer::<HandAcked<broadcast::LosslessStream<u64>>>(Kind::Peer),
        peer::<HandAcked<Sender<u64>>>(Kind::Peer),
        peer::<HandAcked<postage::Broadcast<u64>>>(Kind::Peer),
        peer::<HandAcked<PerReader<Tokio, u64>>>(Kind::Peer),
        peer::<HandAcked<PerReader<Flume, u64>>>(Kind::Peer),
        peer::<HandAcked<PerReader<Kanal, u64>>>(Kind::Peer),
        peer::<HandAcked<PerReader<Crossfire, u64>>>(Kind::Peer),
        peer::<CounterInEach<u64>>(Kind::Peer),
        peer::<WakeAndAck>(Kind::Floor),
    ]
}

fn peer<A: Acked<u64>>(kind: Kind) -> Peer {
    Peer::new(kind, A::NAME, sample::<A>)
}

/// The interval of timed round trips: reading a clock costs a good part of a short round trip.
const TIMED: u64 = 7;

/// The interval of round trips that check all subscribers; the rest check a single subscriber each.
const ALL_CHECKED: u64 = 1024;

/// The number of events a subscriber has processed, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Processed(AtomicU64);

impl Processed {
    pub(super) fn by_each(subscribers: usize) -> Arc<[Self]> {
        (0..subscribers).map(|_| Self::default()).collect()
    }

    pub(super) fn note(&self, number: u64) {
        // Relaxed: the acknowledgement itself must make this store visible to the producer.
        self.0.store(number + 1, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) fn sample<A: Acked<u64>>(load: Load) -> Sample {
    load.flavor.run(round_trips::<A>(load))
}

async fn round_trips<A: Acked<u64>>(load: Load) -> Sample {
    let (acked, workers) = A::open(&load);
    let processed = Processed::by_each(load.subscribers);
    let workers: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(index, mut worker)| {
            let processed = Arc::clone(&processed);
            tokio::spawn(async move {
                let mut tally = Tally::default();
                while let Some(number) = worker.next().await {
                    tally.see(number);
                    processed[index].note(number);
                    worker.done();
                }
                tally
            })
        })
        .collect();
    let producer = spawn(send_all(acked, load.events, processed));
    let sample = producer
        .await
        .expect("every acknowledgement follows its work");
    for tally in joined(workers).await {
        tally.check(load.events);
    }
    sample
}

/// # Panics
/// If an acknowledgement precedes its work.
pub(super) async fn send_all<A: Acked<u64>>(
    mut acked: A,
    events: u64,
    processed: Arc<[Processed]>,
) -> Sample {
    let mut latencies = Vec::with_capacity((events / TIMED + 1) as usize);
    let mut looked_at = processed.iter().cycle();
    let began = Instant::now();
    for number in 0..events {
        let sent = (number % TIMED == 0).then(Instant::now);
        acked.round_trip(number).await;
        latencies.extend(sent.map(|sent| sent.elapsed().as_nanos() as f64));
        let all = if number % ALL_CHECKED == 0 {
            processed.len()
        } else {
            1
        };
        for processed in looked_at.by_ref().take(all) {
            assert_eq!(
                processed.count(),
                number + 1,
                "the answer came after the work"
            );
        }
    }
    Sample {
        p50: Some(quantile(&latencies, 0.5)),
        p99: Some(quantile(&latencies, 0.99)),
        ..Sample::per_second(events, began.elapsed())
    }
}
