//! W5: subscribers that come and leave at once, while a producer runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Beside, CAPACITY, Cell, Load, NANOSECONDS, Run, Sample, Workload};
use crate::peers::{Open, Reader};
use crate::runtime::{Flavor, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W5",
    title: "subscribe and drop",
    what: "subscribe and drop, while a producer runs for one other subscriber; u64, capacity 1,024",
    figure: NANOSECONDS,
    beside: Beside::Nothing,
    cells,
};

/// The number of subscribers that come and leave before the task yields.
const AT_ONCE: u64 = 64;

fn cells() -> Vec<Cell> {
    let cell = |flavor| Cell::new("W5", 1, flavor, super::all_open::<W5>()).headline(true);
    Flavor::ALL.map(cell).into()
}

struct W5;

impl Run for W5 {
    fn run<O: Open<u64>>(load: Load) -> Sample {
        load.flavor.run(come_and_leave::<O>(load))
    }
}

async fn come_and_leave<O: Open<u64>>(load: Load) -> Sample {
    let open = O::open(CAPACITY);
    let mut reader = open.subscribe();
    let stays = spawn(async move {
        let mut tally = Tally::default();
        while let Some(event) = reader.next().await {
            tally.see(event);
        }
        tally
    });
    let over = Arc::new(AtomicBool::new(false));
    let producer = spawn({
        let (mut open, over) = (open.clone(), Arc::clone(&over));
        async move {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                for _ in 0..32 {
                    open.publish(number).await;
                    number += 1;
                }
                tokio::task::yield_now().await;
            }
            number
        }
    });
    let comers = spawn(async move {
        let mut elapsed = Duration::ZERO;
        let mut left = load.events;
        while left > 0 {
            let at_once = left.min(AT_ONCE);
            let began = Instant::now();
            for _ in 0..at_once {
                drop(open.subscribe());
            }
            elapsed += began.elapsed();
            left -= at_once;
            tokio::task::yield_now().await;
        }
        over.store(true, Ordering::Relaxed);
        elapsed
    });
    let elapsed = comers.await.expect("the subscribers come and leave");
    let published = producer.await.expect("the producer never fails");
    let tally = stays.await.expect("the remaining reader stays");
    tally.check_some(published);
    assert!(published == 0 || tally.count() > 0, "the other one reads");
    Sample::seconds_each(elapsed, load.events)
}
