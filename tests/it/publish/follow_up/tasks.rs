//! Readers in tasks, which publish to their own manager under load.

use std::time::Duration;

use futures::{StreamExt, future};
use genevent::{EventManager, EventStreamExt, FollowUps};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Events below this number are orders; each leads to a step, numbered from here.
const ORDERS: u32 = 300;

/// Publishes the next step of an order.
fn step(follow_ups: &FollowUps<u32>, event: u32) {
    if event < ORDERS {
        assert!(follow_ups.notify(event + ORDERS).is_ok());
    }
}

type Work = future::BoxFuture<'static, ()>;
type Reads = fn(&EventManager<u32>) -> Work;

/// The publishing readers, each behind another combinator.
const READERS: [(&str, Reads); 6] = [
    ("while let", |manager| {
        let mut reader = manager.subscribe();
        Box::pin(async move {
            while let Some(event) = reader.next().await {
                if event < ORDERS {
                    assert!(reader.follow_up(event + ORDERS).is_ok());
                }
            }
        })
    }),
    ("for_each", |manager| {
        let reader = manager.subscribe();
        let follow_ups = reader.follow_ups();
        let work = move |event| {
            step(&follow_ups, event);
            future::ready(())
        };
        Box::pin(reader.for_each(work))
    }),
    ("filtered", |manager| {
        let mut reader = manager.subscribe_filter(|event| *event < ORDERS);
        Box::pin(async move {
            while let Some(event) = reader.next().await {
                tokio::task::yield_now().await;
                assert!(reader.follow_up(event + ORDERS).is_ok());
            }
        })
    }),
    ("for_each_concurrent", |manager| {
        let jobs = manager.subscribe().deliveries();
        Box::pin(jobs.for_each_concurrent(4, async |job| {
            tokio::task::yield_now().await;
            if *job < ORDERS {
                assert!(job.follow_up(*job + ORDERS).is_ok());
            }
            job.ack();
        }))
    }),
    ("for_each_acked", |manager| {
        let jobs = manager.subscribe().deliveries();
        let follow_ups = jobs.follow_ups();
        Box::pin(jobs.for_each_acked(1, move |event| {
            let follow_ups = follow_ups.clone();
            async move {
                tokio::task::yield_now().await;
                step(&follow_ups, event);
            }
        }))
    }),
    ("batches", |manager| {
        let batches = manager.subscribe().deliveries().ready_batches(3);
        Box::pin(batches.for_each(async |batch| {
            for event in &batch {
                if *event < ORDERS {
                    assert!(batch.follow_up(*event + ORDERS).is_ok());
                }
            }
            batch.ack();
        }))
    }),
];

/// Several producers keep the windows full. All orders and all steps are stored, and no task hangs.
#[tokio::test(start_paused = true)]
async fn a_reader_publishes_all_that_follows_under_load() {
    for (reader, work) in READERS {
        for capacity in [1, 8] {
            let manager = EventManager::<u32>::new(capacity);
            let seen = tokio::spawn(manager.subscribe().collect::<Vec<_>>());
            let reading = tokio::spawn(work(&manager));
            let mut producers = JoinSet::new();
            for producer in 0..4 {
                let manager = manager.clone();
                producers.spawn(async move {
                    for order in (producer..ORDERS).step_by(4) {
                        assert_eq!(manager.notify(order).await, Ok(2));
                    }
                });
            }
            let all = async {
                producers.join_all().await;
                manager.quiet().await.unwrap();
                manager.stop().await.unwrap();
                reading.await.unwrap();
                seen.await.unwrap()
            };
            let hour = Duration::from_secs(3_600);
            let mut seen = timeout(hour, all)
                .await
                .unwrap_or_else(|_| panic!("{reader} hangs"));
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..2 * ORDERS), "{reader}, {capacity}");
        }
    }
}
