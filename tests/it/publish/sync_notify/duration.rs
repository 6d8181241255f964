//! How long the publisher waits.

use std::time::Duration;

use futures::join;
use genevent::{EventManager, Subscription};
use tokio::time::{Instant, sleep, timeout};
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::read;

async fn work_for(mut reader: Subscription<u32>, millis: u64) -> Vec<u32> {
    let mut seen = Vec::new();
    while let Some(event) = reader.next().await {
        sleep(Duration::from_millis(millis)).await;
        seen.push(event);
    }
    seen
}

// GenEvent cases 38, 41, 42, 43
#[tokio::test(start_paused = true)]
async fn the_slowest_subscriber_determines_the_time() {
    for (one, two, together) in [(200, 0, 200), (100, 100, 100), (100, 150, 150)] {
        let manager = EventManager::new(8);
        let readers = (manager.subscribe(), manager.subscribe());
        let publish = async move {
            let begin = Instant::now();
            let receipt = manager.sync_notify(1).await.unwrap();
            assert_eq!(receipt.acked(), 2);
            begin.elapsed().as_millis()
        };
        let (took, _, _) = join!(publish, work_for(readers.0, one), work_for(readers.1, two));
        assert_eq!(took, together);
    }
}

// GenEvent case 117
#[tokio::test(start_paused = true)]
async fn each_rung_of_the_ladder_waits_longer() {
    async fn publish_ten(publish: impl AsyncFn(&EventManager<u32>, u32)) -> u128 {
        let manager = EventManager::new(16);
        let (slow, fast) = (manager.subscribe(), manager.subscribe());
        let producer = async move {
            let begin = Instant::now();
            for n in 1..=10 {
                publish(&manager, n).await;
            }
            begin.elapsed().as_millis()
        };
        let (took, slow, fast) = join!(producer, work_for(slow, 50), work_for(fast, 0));
        assert!(slow.iter().copied().eq(1..=10));
        assert!(fast.iter().copied().eq(1..=10));
        took
    }

    let notify = publish_ten(async |m, n| assert_eq!(m.notify(n).await, Ok(2))).await;
    let ack = publish_ten(async |m, n| assert!(m.ack_notify(n).await.unwrap().all_acked())).await;
    let sync = publish_ten(async |m, n| assert!(m.sync_notify(n).await.unwrap().all_acked())).await;
    assert_eq!((notify, ack, sync), (0, 450, 500));
}

// GenEvent case 115: the original accepts 1 event, and this channel has room for another
#[test]
fn every_publisher_waits_behind_a_stuck_reader() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe();
    let mut senders: Vec<_> = (1..=6)
        .map(|n| task::spawn(manager.sync_notify(n)))
        .collect();
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(read(&mut stuck), Some(1), "and gets stuck on it");
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(stuck.len(), 1, "one behind it, four wait in line");

    stuck.ack();
    assert_eq!(assert_ready_ok!(senders[0].poll()).seq(), 1);
    for sender in &mut senders[1..] {
        assert_pending!(sender.poll());
    }
}

// GenEvent case 138
#[tokio::test(start_paused = true)]
async fn a_timeout_frees_a_self_waiting_reader() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(reader.next().await, Some(1));
    let own = timeout(Duration::from_secs(1), manager.sync_notify(2)).await;
    own.unwrap_err();
    assert_eq!(
        reader.next().await,
        Some(2),
        "delivered, only not waited for"
    );
}
