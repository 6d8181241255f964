//! The shares of several producers at a full channel: the least share, and the longest run of events
//! of the same producer.
//!
//! `cargo run --release -p genevent-benches -- fairness`

use std::time::Duration;

use async_broadcast::Sender;
use genevent::EventManager;

use crate::load::Load;
use crate::peers::each::{CrossfireMany, Flume, Kanal, PerReader, Tokio};
use crate::peers::{Fanout, Reader, broadcast, postage};
use crate::runtime::{Flavor, joined, spawn};
use crate::stats::median;

const PRODUCERS: usize = 4;
const SUBSCRIBERS: usize = 4;
const CAPACITY: usize = 1_024;
/// The number of events over which the shares are counted.
const EVENTS: usize = 10_000;
/// The number of first events left out of the count, since not all producers have begun.
const SKIPPED: usize = 2 * CAPACITY;
/// The number of events of each producer: enough to keep all of them running while events are counted.
const EACH: usize = EVENTS + SKIPPED;

/// The shares of the producers among the events of a subscriber.
#[derive(Clone, Copy)]
struct Shares {
    /// The share of the producer with the fewest events, divided by an equal share.
    least: f64,
    /// The greatest number of consecutive events of the same producer.
    longest_run: f64,
}

struct Row {
    name: &'static str,
    sample: fn(Flavor) -> Shares,
    samples: [Vec<Shares>; Flavor::ALL.len()],
}

/// Returns the medians of `rounds` samples, for which the peers take turns.
pub(crate) fn table(rounds: usize) -> String {
    let mut rows = [
        row::<EventManager<u64>>(),
        row::<broadcast::Shared<broadcast::Lossless<u64>>>(),
        row::<Sender<u64>>(),
        row::<postage::Broadcast<u64>>(),
        row::<PerReader<Tokio, u64>>(),
        row::<PerReader<Flume, u64>>(),
        row::<PerReader<Kanal, u64>>(),
        row::<PerReader<CrossfireMany, u64>>(),
    ];
    for _ in 0..rounds {
        for row in &mut rows {
            for (flavor, samples) in Flavor::ALL.into_iter().zip(&mut row.samples) {
                samples.push((row.sample)(flavor));
            }
        }
    }
    let mut text = format!(
        "{PRODUCERS} producers, {SUBSCRIBERS} subscribers, capacity {CAPACITY}, {EVENTS} events; medians of \
         {rounds} samples.\n\n| | least share, two threads | longest run | least share, one thread | longest run \
         |\n|---|---:|---:|---:|---:|\n"
    );
    for Row { name, samples, .. } in &rows {
        text += &format!("| {name} |");
        for samples in samples {
            let of = |figure: fn(&Shares) -> f64| {
                median(&samples.iter().map(figure).collect::<Vec<_>>())
            };
            let least = 100.0 * of(|shares| shares.least);
            text += &format!(" {least:.0} % | {:.0} |", of(|shares| shares.longest_run));
        }
        text.push('\n');
    }
    text
}

fn row<F: Fanout<u64> + Clone>() -> Row {
    Row {
        name: F::NAME,
        sample: |flavor| flavor.run(shares::<F>(flavor)),
        samples: Default::default(),
    }
}

async fn shares<F: Fanout<u64> + Clone>(flavor: Flavor) -> Shares {
    let (fanout, readers) = F::open(&Load {
        subscribers: SUBSCRIBERS,
        capacity: CAPACITY,
        flavor,
        events: (EACH * PRODUCERS) as u64,
        time: Duration::ZERO,
    });
    let readers: Vec<_> = (readers.into_iter())
        .map(|reader| spawn(count(reader)))
        .collect();
    let producers = (0..PRODUCERS as u64).map(|producer| {
        let mut fanout = fanout.clone();
        spawn(async move {
            for _ in 0..EACH {
                fanout.send(producer).await;
            }
        })
    });
    let producers: Vec<_> = producers.collect();
    drop(fanout);
    joined(producers).await;
    joined(readers).await[0]
}

/// Reads to the end, and returns the shares of the producers after the first events.
async fn count(mut reader: impl Reader<u64>) -> Shares {
    let mut seen = Vec::with_capacity(EACH * PRODUCERS);
    while let Some(producer) = reader.next().await {
        seen.push(producer);
    }
    let seen = &seen[SKIPPED..SKIPPED + EVENTS];
    let of = |name| seen.iter().filter(|&&producer| producer == name).count();
    let least = (0..PRODUCERS as u64).map(of).min();
    let runs = seen.chunk_by(|one, next| one == next).map(<[u64]>::len);
    Shares {
        least: least.expect("there are producers") as f64 * PRODUCERS as f64 / EVENTS as f64,
        longest_run: runs.max().expect("there are events") as f64,
    }
}
