//! W1: one producer, and subscribers that read everything.

use std::time::Instant;

use genevent::EventManager;

use super::{CAPACITY, Load, Peer, Sample, Workload};
use crate::event::Event;
use crate::peers::{Fanout, Reader, broadcast, genevent::TryFirst, kanal};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W1",
    what: "one producer, S subscribers read everything; u64, capacity 1,024",
    figure: "M deliveries/s",
    unit: 1e6,
    has_latency: false,
    subscribers: &[1, 64],
    peers: &[
        Peer {
            name: "genevent",
            run: sample::<u64, EventManager<u64>>,
        },
        Peer {
            name: "genevent, try_notify first",
            run: sample::<u64, TryFirst<u64>>,
        },
        Peer {
            name: "tokio broadcast, recv()",
            run: sample::<u64, broadcast::Lossless<u64>>,
        },
        Peer {
            name: "tokio broadcast, BroadcastStream",
            run: sample::<u64, broadcast::LosslessStream<u64>>,
        },
        Peer {
            name: "kanal, one channel each",
            run: sample::<u64, kanal::OneEach<u64>>,
        },
    ],
};

fn sample<E: Event, F: Fanout<E>>(load: Load) -> Sample {
    load.flavor.run(deliver_all::<E, F>(load))
}

async fn deliver_all<E: Event, F: Fanout<E>>(load: Load) -> Sample {
    let (mut fanout, readers) = F::open(CAPACITY, load.subscribers);
    let began = Instant::now();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let mut tally = Tally::new();
                while let Some(event) = reader.next().await {
                    tally.see(event.number());
                }
                tally
            })
        })
        .collect();
    let producer = tokio::spawn(async move {
        for number in 0..load.events {
            fanout.send(E::numbered(number)).await;
        }
        // Dropped here: the readers come to their end.
    });
    producer.await.expect("the producer never fails");
    let mut tallies = Vec::with_capacity(load.subscribers);
    for reader in readers {
        tallies.push(reader.await.expect("a reader never fails"));
    }
    let elapsed = began.elapsed();
    for tally in tallies {
        tally.check(load.events);
    }
    Sample {
        elapsed,
        done: load.events * load.subscribers as u64,
        latencies: Vec::new(),
    }
}
