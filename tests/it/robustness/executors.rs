//! The same small pipeline under every available executor: no runtime is required.

use std::thread;

use futures::executor::{LocalPool, ThreadPool, block_on};
use futures::future::join_all;
use futures::join;
use futures::task::{LocalSpawnExt, SpawnExt};
use genevent::{EventManager, Subscription};

const EVENTS: u64 = 1_000;
const SUBSCRIBERS: usize = 4;
/// So small that the publisher waits for room nearly all the time.
const CAPACITY: usize = 3;

/// Publishes the numbers from 1 on, each tenth with `sync_notify`, each fifth with `ack_notify`,
/// and then drops the manager, which ends the streams.
async fn publish(manager: EventManager<u64>) {
    for n in 1..=EVENTS {
        if n % 5 > 0 {
            assert_eq!(manager.notify(n).await, Ok(SUBSCRIBERS));
            continue;
        }
        let receipt = if n % 10 == 0 {
            manager.sync_notify(n).await
        } else {
            manager.ack_notify(n).await
        };
        let receipt = receipt.expect("the manager is open");
        assert_eq!((receipt.seq(), receipt.acked()), (n, SUBSCRIBERS));
        assert!(receipt.all_acked());
    }
    manager.flush().await.unwrap();
}

/// Reads to the end: every event, once, in order. Gives their sum.
async fn consume(mut events: Subscription<u64>) -> u64 {
    let (mut count, mut sum) = (0, 0);
    while let Some(n) = events.next().await {
        count += 1;
        assert_eq!(n, count, "in order, without a gap");
        sum += n;
    }
    assert_eq!(count, EVENTS);
    sum
}

fn pipeline() -> (impl Future<Output = ()>, Vec<impl Future<Output = u64>>) {
    let manager = EventManager::new(CAPACITY);
    let consumers = std::iter::repeat_with(|| consume(manager.subscribe()));
    let consumers = consumers.take(SUBSCRIBERS).collect();
    (publish(manager), consumers)
}

#[track_caller]
fn assert_complete(sums: impl IntoIterator<Item = u64>) {
    let sums: Vec<u64> = sums.into_iter().collect();
    assert_eq!(sums, [EVENTS * (EVENTS + 1) / 2; SUBSCRIBERS]);
}

#[test]
fn one_task_under_block_on() {
    let (publisher, consumers) = pipeline();
    let ((), sums) = block_on(async { join!(publisher, join_all(consumers)) });
    assert_complete(sums);
}

#[test]
fn a_task_each_on_a_local_pool() {
    let (publisher, consumers) = pipeline();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let consumers: Vec<_> = consumers
        .into_iter()
        .map(|consumer| spawner.spawn_local_with_handle(consumer).unwrap())
        .collect();
    let publisher = spawner.spawn_local_with_handle(publisher).unwrap();
    let ((), sums) = pool.run_until(async { join!(publisher, join_all(consumers)) });
    assert_complete(sums);
}

#[test]
fn a_task_each_on_a_thread_pool() {
    let (publisher, consumers) = pipeline();
    let pool = ThreadPool::builder().pool_size(4).create().unwrap();
    let consumers: Vec<_> = consumers
        .into_iter()
        .map(|consumer| pool.spawn_with_handle(consumer).unwrap())
        .collect();
    let publisher = pool.spawn_with_handle(publisher).unwrap();
    let ((), sums) = block_on(async { join!(publisher, join_all(consumers)) });
    assert_complete(sums);
}

async fn on_tokio() {
    let (publisher, consumers) = pipeline();
    let consumers: Vec<_> = consumers.into_iter().map(tokio::spawn).collect();
    tokio::spawn(publisher).await.unwrap();
    let sums = join_all(consumers).await.into_iter();
    assert_complete(sums.map(Result::unwrap));
}

#[tokio::test(flavor = "current_thread")]
async fn a_task_each_on_current_thread_tokio() {
    on_tokio().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_each_on_multi_thread_tokio() {
    on_tokio().await;
}

#[test]
fn a_thread_each() {
    let (publisher, consumers) = pipeline();
    let sums = thread::scope(|scope| {
        let consumers: Vec<_> = consumers
            .into_iter()
            .map(|consumer| scope.spawn(|| block_on(consumer)))
            .collect();
        scope.spawn(|| block_on(publisher));
        let sums = consumers.into_iter().map(|thread| thread.join().unwrap());
        sums.collect::<Vec<_>>()
    });
    assert_complete(sums);
}

#[test]
fn each_side_under_an_executor_of_its_own() {
    let (publisher, mut consumers) = pipeline();
    let pool = ThreadPool::builder().pool_size(2).create().unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let on_pool = pool.spawn_with_handle(consumers.pop().unwrap()).unwrap();
    let on_tokio = tokio.spawn(consumers.pop().unwrap());
    let sums = thread::scope(|scope| {
        let on_thread = scope.spawn(|| block_on(join_all(consumers)));
        block_on(publisher);
        let mut sums = on_thread.join().unwrap();
        sums.push(block_on(on_pool));
        sums.push(block_on(on_tokio).unwrap());
        sums
    });
    assert_complete(sums);
}
