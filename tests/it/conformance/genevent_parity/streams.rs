//! I. Streams: which events streams yield, and how far ahead of a stream publishers get.

use std::task::Poll;

use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::task::Spawn;
use tokio_test::{assert_pending, assert_ready, task};

use super::support::{MODES, Mode, at_once, ms, publish, reader, timed};

#[tokio::test]
async fn case_111_a_stream_yields_later_events() {
    let manager = EventManager::new(8);
    manager.notify(1).await.unwrap();
    let mut stream = manager.subscribe();
    manager.notify(2).await.unwrap();
    manager.notify(3).await.unwrap();
    assert_eq!(stream.next().await, Some(2), "before the first poll");
    assert_eq!(stream.next().await, Some(3));
}

#[tokio::test]
async fn case_112_taking_three_yields_three() {
    for mode in MODES {
        let manager = EventManager::new(8);
        let three = manager.subscribe().take(3);
        let taking = tokio::spawn(three.collect::<Vec<_>>());
        for n in 1..=3 {
            publish(&manager, mode, n).await;
        }
        assert_eq!(taking.await.unwrap(), [1, 2, 3], "{mode:?}");
        assert_eq!(manager.subscriber_count(), 0);
        assert!(manager.sync_notify(4).await.unwrap().is_unheard());
    }
}

#[tokio::test]
async fn case_113_a_leaving_stream_disturbs_no_other_stream() {
    for mode in MODES {
        let manager = EventManager::new(8);
        let [three, five] = [3, 5].map(|n| {
            let taken = manager.subscribe().take(n);
            tokio::spawn(taken.collect::<Vec<_>>())
        });
        for n in 1..=5 {
            publish(&manager, mode, n).await;
        }
        assert_eq!(three.await.unwrap(), [1, 2, 3], "{mode:?}");
        assert_eq!(five.await.unwrap(), [1, 2, 3, 4, 5], "{mode:?}");
        assert_eq!(manager.subscriber_count(), 0);
    }
}

#[test]
fn case_114_a_stuck_stream_admits_two_ack_notifies() {
    let manager = EventManager::new(1);
    let mut stream = manager.subscribe();
    let senders = (1..=6).map(|n| task::spawn(manager.ack_notify(n)));
    let mut senders: Vec<_> = senders.collect();
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(at_once(stream.next()), Some(1)); // the reader is stuck now
    assert!(assert_ready!(senders[0].poll()).is_ok());
    for sender in &mut senders[1..] {
        assert_pending!(sender.poll());
    }
    assert_eq!((stream.len(), senders.len()), (1, 6), "two are taken");

    // The other four events are not stored: a cancelled publisher keeps its event.
    senders.truncate(2);
    manager.close();
    assert_eq!(at_once(stream.collect::<Vec<_>>()), [2]);
    assert!(assert_ready!(senders[1].poll()).is_ok());
}

#[test]
fn case_115_a_stuck_stream_blocks_every_sync_notify() {
    let manager = EventManager::new(1);
    let mut stream = manager.subscribe();
    let senders = (1..=6).map(|n| task::spawn(manager.sync_notify(n)));
    let mut senders: Vec<_> = senders.collect();
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(at_once(stream.next()), Some(1)); // the reader is stuck now
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(stream.len(), 1, "stored ahead, as there is room for one");
    // When the first event is finished, one sender resolves; five wait.
    stream.ack();
    assert!(assert_ready!(senders[0].poll()).unwrap().all_acked());
    for sender in &mut senders[1..] {
        assert_pending!(sender.poll());
    }
    // Four publishers are queued: a cancelled publisher keeps its event.
    senders.truncate(2);
    assert_eq!(at_once(stream.next()), Some(2));
    stream.ack();
    assert!(assert_ready!(senders[1].poll()).unwrap().all_acked());
    assert_eq!(stream.len(), 0);
}

#[test]
fn case_116_the_policy_limits_unread_events() {
    // With `Wait`, publishers wait when the window is full.
    let manager = EventManager::new(2);
    let mut stuck = manager.subscribe();
    let senders = (1..=6).map(|n| task::spawn(manager.notify(n)));
    let mut senders: Vec<_> = senders.collect();
    let stored = senders.iter_mut().map(Spawn::poll);
    assert_eq!(stored.filter(Poll::is_ready).count(), 2);
    assert_eq!(at_once(stuck.next()), Some(1));
    assert!(assert_ready!(senders[2].poll()).is_ok());
    assert_pending!(senders[3].poll());

    // With `DropOldest` no publisher waits, and the oldest events are overwritten and counted.
    let manager = EventManager::new(2);
    let mut stuck = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=6 {
        assert_eq!(at_once(manager.notify(n)), Ok(1));
    }
    assert_eq!((stuck.len(), stuck.missed()), (2, 4));
    assert_eq!(at_once(stuck.next()), Some(5));

    // With another policy no publisher waits, and the stream is disconnected with its backlog.
    let manager = EventManager::new(2);
    let stuck = manager.subscribe_with(Overflow::Disconnect);
    for n in 1..=6 {
        at_once(manager.notify(n)).unwrap();
    }
    assert_eq!(at_once(stuck.collect::<Vec<_>>()), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn case_117_the_mode_determines_the_waiting_time() {
    for (mode, millis) in [(Mode::Async, 0), (Mode::Ack, 450), (Mode::Sync, 500)] {
        let manager = EventManager::new(16);
        let readers = [reader(&manager, 0), reader(&manager, 50)];
        let producing = async {
            for n in 1..=10 {
                publish(&manager, mode, n).await;
            }
        };
        let (took, ()) = timed(producing).await;
        assert_eq!(took, millis, "{mode:?}");
        drop(manager);
        let sent: Vec<_> = (1..=10).collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), sent, "{mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_118_a_timed_out_reader_detaches() {
    let manager = EventManager::new(8);
    let mut stream = Box::pin(tokio_stream::StreamExt::timeout(
        manager.subscribe(),
        ms(100),
    ));
    let consumer = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(item) = stream.next().await {
            match item {
                Ok(n) => read.push(n),
                Err(_elapsed) => return Err(read),
            }
        }
        Ok(read)
    });
    manager.sync_notify(1).await.unwrap();
    let (took, failed) = timed(consumer).await;
    assert_eq!((took, failed.unwrap()), (100, Err(vec![1])));
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn case_135_policy_and_mode_are_independent() {
    for mode in [Mode::Async, Mode::Sync] {
        let manager = EventManager::new(8);
        let small = |overflow| SubscribeOptions::new().window(1).overflow(overflow);
        let lossy = manager.subscribe_with(small(Overflow::DropOldest));
        let brittle = manager.subscribe_with(small(Overflow::Disconnect));
        let careful = manager.subscribe();
        let reading = tokio::spawn(careful.collect::<Vec<_>>());
        let mut publishing: Vec<_> = (1..=3)
            .map(|n| task::spawn(publish(&manager, mode, n)))
            .collect();
        let answered = publishing.iter_mut().map(Spawn::poll);
        let answered = answered.filter(Poll::is_ready).count();
        assert_eq!(answered, if mode == Mode::Async { 3 } else { 0 });

        assert_eq!(lossy.missed(), 2);
        drop(publishing);
        manager.close();
        assert_eq!(lossy.collect::<Vec<_>>().await, [3]);
        assert_eq!(brittle.collect::<Vec<_>>().await, [1]);
        assert_eq!(reading.await.unwrap(), [1, 2, 3]);
    }
}
