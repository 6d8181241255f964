//! W3: the acknowledged round trip. The next event is sent when all have processed the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use genevent::EventManager;

use super::{CAPACITY, Load, Peer, Sample, Workload};
use crate::event::Event;
use crate::peers::hand_ack::HandAcked;
use crate::peers::{Acked, Reader, Worker, broadcast, kanal};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W3",
    what: "acknowledged round trip to S subscribers; u64, capacity 1,024",
    figure: "k round trips/s",
    unit: 1e3,
    has_latency: true,
    subscribers: &[1, 64],
    peers: &[
        Peer {
            name: "genevent, sync_notify",
            run: sample::<u64, EventManager<u64>>,
        },
        Peer {
            name: "tokio broadcast, recv() + hand ack",
            run: sample::<u64, HandAcked<broadcast::Lossless<u64>>>,
        },
        Peer {
            name: "tokio broadcast, BroadcastStream + hand ack",
            run: sample::<u64, HandAcked<broadcast::LosslessStream<u64>>>,
        },
        Peer {
            name: "kanal, one channel each + hand ack",
            run: sample::<u64, HandAcked<kanal::OneEach<u64>>>,
        },
    ],
};

/// Every so manyth round trip is timed: a clock costs a good part of the shortest ones.
const TIMED: u64 = 7;

/// Every so manyth round trip, all subscribers are looked at; otherwise one, in turn.
const ALL_CHECKED: u64 = 1024;

/// How many events a subscriber has processed; on a cache line of its own.
#[repr(align(128))]
struct Processed(AtomicU64);

fn sample<E: Event, A: Acked<E>>(load: Load) -> Sample {
    load.flavor.run(round_trips::<E, A>(load))
}

async fn round_trips<E: Event, A: Acked<E>>(load: Load) -> Sample {
    let (mut acked, workers) = A::open(CAPACITY, load.subscribers);
    let processed: Arc<[_]> = (0..load.subscribers)
        .map(|_| Processed(AtomicU64::new(0)))
        .collect();
    let workers: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(index, mut worker)| {
            let processed = Arc::clone(&processed);
            tokio::spawn(async move {
                let mut tally = Tally::new();
                while let Some(event) = worker.next().await {
                    let number = event.number();
                    tally.see(number);
                    // Relaxed: it is the answer that must carry this over to the producer.
                    processed[index].0.store(number + 1, Ordering::Relaxed);
                    worker.done();
                }
                tally
            })
        })
        .collect();
    let producer = tokio::spawn(async move {
        let mut latencies = Vec::with_capacity((load.events / TIMED + 1) as usize);
        let mut looked_at = processed.iter().cycle();
        let began = Instant::now();
        for number in 0..load.events {
            let sent = (number % TIMED == 0).then(Instant::now);
            acked.round_trip(E::numbered(number)).await;
            latencies.extend(sent.map(|sent| sent.elapsed()));
            let all = if number % ALL_CHECKED == 0 {
                load.subscribers
            } else {
                1
            };
            for processed in looked_at.by_ref().take(all) {
                let processed = processed.0.load(Ordering::Relaxed);
                assert_eq!(processed, number + 1, "the answer came after the work");
            }
        }
        (began.elapsed(), latencies)
    });
    let (elapsed, latencies) = producer.await.expect("every answer comes after the work");
    for worker in workers {
        let tally = worker.await.expect("a worker never fails");
        tally.check(load.events);
    }
    Sample {
        elapsed,
        done: load.events,
        latencies,
    }
}
