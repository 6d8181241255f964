//! I. Streams: pipelines, and the effects of a stuck stream.

use futures::{FutureExt, StreamExt, poll};
use genevent::{EventManager, SubscribeOptions};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::support::{Diary, Mode, add, at_once, ms, publish, reader, settle, timed};

#[tokio::test(start_paused = true)]
async fn case_130_a_stuck_stream_delays_no_call() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    let mut stuck = manager.subscribe();
    let mut sync = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut sync).is_pending());
    assert_eq!(stuck.next().await, Some(1)); // the reader is stuck now
    let control = async {
        add(&manager, "c", &diary);
        assert_eq!(manager.which_handlers(), ["a", "b", "c"]);
        assert!(a.swap(|old| old.renamed("new")).await.is_ok());
        assert_eq!(b.remove().await.ok().unwrap().seen, [1]);
        assert_eq!(manager.which_handlers(), ["a", "c"]);
        drop(manager.subscribe());
        manager.close();
    };
    assert_eq!(timed(control).await.0, 0);
    assert!(poll!(&mut sync).is_pending(), "that one alone waits");

    let late = manager.stop().within(ms(100)).await.unwrap_err();
    assert_eq!(late.waiting_for()[0].id(), stuck.id());
    drop(stuck);
    let receipt = sync.await.unwrap();
    assert_eq!(
        (receipt.acked(), receipt.dropped()),
        (2, 1),
        "it left with the event in flight"
    );
    assert_eq!(manager.stop().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn case_131_sync_notify_covers_the_whole_pipeline() {
    let manager = EventManager::<u32>::new(8);
    let pipeline = manager.subscribe().map(|n| 2 * n);
    let pipeline = pipeline.filter(|n| std::future::ready(*n > 2));
    let pipeline = pipeline.then(async |n| {
        sleep(ms(100)).await;
        n
    });
    let working = tokio::spawn(pipeline.collect::<Vec<u32>>());
    let (took, receipt) = timed(manager.sync_notify(1)).await;
    assert_eq!((took, receipt.unwrap().acked()), (0, 1), "filtered out");
    let (took, receipt) = timed(manager.sync_notify(2)).await;
    assert_eq!((took, receipt.unwrap().acked()), (100, 1));
    drop(manager);
    assert_eq!(working.await.unwrap(), [4]);
}

#[tokio::test(start_paused = true)]
async fn case_132_deliveries_cover_work_behind_chunks() {
    let mut results = Vec::new();
    for explicit in [false, true] {
        let manager = EventManager::<u32>::new(8);
        let working = if explicit {
            let chunks = manager.subscribe().deliveries().chunks(2);
            tokio::spawn(chunks.for_each(async |chunk| {
                sleep(ms(100)).await;
                for delivery in chunk {
                    delivery.ack();
                }
            }))
        } else {
            let chunks = manager.subscribe().chunks(2);
            tokio::spawn(chunks.for_each(async |_chunk| sleep(ms(100)).await))
        };
        let (first, second) =
            tokio::join!(timed(manager.sync_notify(1)), timed(manager.sync_notify(2)));
        assert!(first.1.unwrap().all_acked() && second.1.unwrap().all_acked());
        results.push((first.0, second.0));
        drop(manager);
        working.await.unwrap();
    }
    assert_eq!(results, [(0, 100), (100, 100)]);
}

#[tokio::test]
async fn case_133_one_token_ends_several_streams() {
    let manager = EventManager::new(8);
    let (cancel, cancelled) = oneshot::channel::<()>();
    let cancelled = cancelled.map(drop).shared();
    let of_it = [(); 2].map(|()| {
        let stream = manager.subscribe().take_until(cancelled.clone());
        tokio::spawn(stream.collect::<Vec<_>>())
    });
    let other = reader(&manager, 0);
    manager.notify(1).await.unwrap();
    manager.sync_notify(2).await.unwrap();
    cancel.send(()).unwrap();
    for stream in of_it {
        assert_eq!(stream.await.unwrap(), [1, 2], "a normal end");
    }
    assert_eq!(manager.sync_notify(3).await.unwrap().acked(), 1);
    drop(manager);
    assert_eq!(other.await.unwrap(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn case_134_a_stream_can_end_after_a_time() {
    let manager = EventManager::new(8);
    let stream = manager.subscribe().take_until(sleep(ms(250)));
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    settle().await;
    for n in 1..=2 {
        sleep(ms(100)).await;
        manager.sync_notify(n).await.unwrap();
    }
    let (took, read) = timed(reading).await;
    assert_eq!((took, read.unwrap()), (50, vec![1, 2]));
    assert!(manager.sync_notify(3).await.unwrap().is_unheard());
}

#[tokio::test(start_paused = true)]
async fn case_136_forwarding_preserves_each_mode() {
    // Three events, to a reader of the second manager, which takes 100 ms for each. A sync event is
    // finished at the second manager first. An ack event waits for the event two before: the
    // forwarder and the reader have an event in flight each.
    for (mode, millis) in [(Mode::Async, 0), (Mode::Ack, 100), (Mode::Sync, 300)] {
        let (first, second) = (EventManager::new(8), EventManager::new(8));
        let far = reader(&second, 100);
        let forward = first.subscribe().for_each(move |n| {
            let second = second.clone();
            async move { publish(&second, mode, n).await }
        });
        let forwarding = tokio::spawn(forward);
        let notify = async {
            for n in 1..=3 {
                publish(&first, mode, n).await;
            }
        };
        assert_eq!(timed(notify).await.0, millis, "{mode:?}");
        drop(first);
        forwarding.await.unwrap();
        assert_eq!(far.await.unwrap(), [1, 2, 3], "{mode:?}");
    }
}

#[tokio::test]
async fn case_137_several_subscriptions_are_independent() {
    let manager = EventManager::new(8);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    assert_eq!(one.next().await, Some(1));
    assert_eq!(one.next().await, Some(2));
    assert_eq!((one.len(), two.len()), (0, 2));
    assert_eq!(two.next().await, Some(1));
    drop(one);
    manager.notify(3).await.unwrap();
    assert_eq!(two.next().await, Some(2));
    assert_eq!(two.next().await, Some(3));
    assert_eq!(manager.subscriber_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn case_138_a_deadline_finds_a_self_waiting_reader() {
    for mode in [Mode::Ack, Mode::Sync] {
        let manager = EventManager::new(8);
        let named = SubscribeOptions::new().name("orders");
        let mut orders = manager.subscribe_with(named);
        let inner = manager.clone();
        let consumer = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Some(n) = orders.next().await {
                read.push(n);
                if n == 1 {
                    let error = if mode == Mode::Ack {
                        inner.ack_notify(2).within(ms(100)).await.unwrap_err()
                    } else {
                        inner.sync_notify(2).within(ms(100)).await.unwrap_err()
                    };
                    assert_eq!(error.waiting_for()[0].name(), Some("orders"));
                }
                if n == 3 {
                    break;
                }
            }
            read
        });
        let (took, receipt) = timed(manager.sync_notify(1)).await;
        assert_eq!((took, receipt.unwrap().acked()), (100, 1));
        manager.notify(3).await.unwrap();
        assert_eq!(consumer.await.unwrap(), [1, 2, 3], "{mode:?}");
    }
}

#[tokio::test]
async fn case_139_a_reader_may_notify_its_manager() {
    let manager = EventManager::new(8);
    let mut stream = manager.subscribe();
    let inner = manager.clone();
    let consumer = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(n) = stream.next().await {
            read.push(n);
            if n == 1 {
                assert_eq!(inner.notify(2).await, Ok(1));
            } else {
                break;
            }
        }
        read
    });
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    assert_eq!(consumer.await.unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn case_140_slow_readers_do_not_affect_other_readers() {
    let manager = EventManager::new(4);
    let (fast, slow) = (reader(&manager, 0), reader(&manager, 10));
    let dying = reader(&manager, 25);
    let source = manager.clone();
    let producing = tokio::spawn(async move {
        for n in 1..=60 {
            let mode = [Mode::Async, Mode::Ack, Mode::Sync][n as usize % 3];
            publish(&source, mode, n).await;
        }
    });
    sleep(ms(330)).await;
    assert!(!producing.is_finished());
    dying.abort();
    producing.await.unwrap();
    drop(manager);
    let sent: Vec<_> = (1..=60).collect();
    assert_eq!(fast.await.unwrap(), sent);
    assert_eq!(slow.await.unwrap(), sent);
    assert!(at_once(dying).unwrap_err().is_cancelled());
}
