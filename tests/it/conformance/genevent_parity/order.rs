//! D. Order.

use std::future::pending;

use futures::{FutureExt, poll};
use genevent::EventManager;
use genevent::test_util::Probe;
use tokio::sync::oneshot;

use super::support::{Diary, Scribe, add, at_once, reader, settle};

#[tokio::test]
async fn case_049_every_subscriber_sees_senders_in_order() {
    let manager = EventManager::new(8);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    manager.add_handler("two", twos.clone()).unwrap();
    let readers = [reader(&manager, 0), reader(&manager, 0)];
    for n in 1..=200 {
        assert_eq!(manager.notify(n).await, Ok(4));
    }
    manager.stop().await.unwrap();
    let sent: Vec<_> = (1..=200).collect();
    assert_eq!((ones.drain(), twos.drain()), (sent.clone(), sent.clone()));
    for reader in readers {
        assert_eq!(reader.await.unwrap(), sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_050_every_subscriber_sees_the_same_interleaving() {
    let manager = EventManager::new(8);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("two", twos.clone()).unwrap();
    let readers = [reader(&manager, 0), reader(&manager, 0)];
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let manager = manager.clone();
            tokio::spawn(async move {
                for n in 0..250 {
                    manager.notify(1_000 * sender + n).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    manager.stop().await.unwrap();

    let order = ones.drain();
    for sender in 0..4 {
        let own = order.iter().filter(|n| **n / 1_000 == sender);
        assert!(own.copied().eq(1_000 * sender..1_000 * sender + 250));
    }
    assert_eq!(twos.drain(), order);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), order);
    }
}

#[tokio::test]
async fn case_051_members_are_called_oldest_first() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b", "c"] {
        group.add_handler(name, Scribe::new(name, &diary)).unwrap();
    }
    manager.notify(1).await.unwrap();
    manager.sync_notify(2).await.unwrap();
    assert_eq!(diary.drain(), ["a 1", "b 1", "c 1", "a 2", "b 2", "c 2"]);
}

#[tokio::test]
async fn case_053_stop_terminates_the_newest_member_first() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b", "c"] {
        group.add_handler(name, Scribe::new(name, &diary)).unwrap();
    }
    manager.notify(1).await.unwrap();
    manager.stop().await.unwrap();
    let ends = ["c", "b", "a"].map(|name| format!("{name} ends: the event manager is closed"));
    let log = diary.drain();
    assert_eq!(log[..3], ["a 1", "b 1", "c 1"]);
    assert_eq!(log[3..], ends);
}

#[tokio::test]
async fn case_054_streams_and_handlers_are_independent() {
    // The stream is done with it while the handler has yet to begin.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let mut stream = manager.subscribe();
    manager.notify(1).await.unwrap();
    assert_eq!(at_once(stream.next()), Some(1));
    stream.ack();
    assert!(diary.drain().is_empty());

    // The handler is done with it while the stream has yet to read it.
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    assert_eq!(stream.len(), 1);
    assert_eq!(stream.next().await, Some(2));

    // The stream continues while the handler handles the event.
    let manager = EventManager::new(8);
    let begun = Probe::new();
    let noting = begun.clone();
    let stuck = move |n: &u32| {
        noting.record(*n);
        pending::<()>()
    };
    manager.add_handler("stuck", stuck).unwrap();
    let mut stream = manager.subscribe();
    manager.notify(3).await.unwrap();
    settle().await;
    assert_eq!(begun.drain(), [3]);
    assert_eq!(at_once(stream.next()), Some(3));
}

#[tokio::test]
async fn case_055_a_call_sees_earlier_notifies() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    assert!(diary.drain().is_empty(), "nothing is handled yet");
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2, 3]));
}

#[tokio::test]
async fn case_056_a_leaving_stream_keeps_the_order() {
    let manager = EventManager::new(8);
    let readers = [reader(&manager, 0), reader(&manager, 0)];
    let mut leaver = manager.subscribe();
    let (leave, wait) = oneshot::channel::<()>();
    let leaving = tokio::spawn(async move {
        let first = leaver.next().await;
        wait.await.unwrap();
        drop(leaver);
        first
    });
    let mut sync = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut sync).is_pending());
    for n in 2..=4 {
        manager.notify(n).await.unwrap();
    }
    settle().await;
    assert!(
        (&mut sync).now_or_never().is_none(),
        "it waits for the third"
    );
    leave.send(()).unwrap();
    let receipt = sync.await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (2, 1));
    assert_eq!(leaving.await.unwrap(), Some(1));
    manager.notify(5).await.unwrap();
    drop(manager);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), [1, 2, 3, 4, 5]);
    }
}
