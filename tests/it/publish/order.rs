//! A single sequence for all subscribers, and a single wait queue of publishers, first in first out.

use std::pin::Pin;
use std::thread;

use crate::drive::{now, read, read_all};
use futures::FutureExt;
use futures::executor::{block_on, block_on_stream};
use genevent::error::TryNotifyError;
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_ok, task};

// ---- The sequence -------------------------------------------------------------------------------

#[test]
fn events_are_numbered_from_one_without_gaps() {
    let manager = EventManager::new(64);
    let mut reader = manager.subscribe();
    for round in 0..100 {
        let mut done = task::spawn(manager.sync_notify('a'));
        assert_pending!(done.poll());
        let mut received = task::spawn(manager.ack_notify('b'));
        assert_pending!(received.poll());
        now(manager.notify('c')).unwrap();
        manager.try_notify('d').unwrap();
        while !reader.is_empty() {
            read(&mut reader);
        }
        assert_eq!(assert_ready_ok!(done.poll()).seq(), 4 * round + 1);
        assert_eq!(assert_ready_ok!(received.poll()).seq(), 4 * round + 2);
    }
}

// GenEvent case 49
#[test]
fn every_subscriber_sees_every_event_in_order() {
    for capacity in [1, 2, 63, 64, 65, 1_000] {
        let manager = EventManager::new(capacity);
        let mut readers: Vec<_> = (0..3).map(|_| manager.subscribe()).collect();
        let mut seen = vec![Vec::new(); 3];
        for n in 0..1_000_usize {
            while manager.try_notify(n).is_err() {
                // Each subscriber reads at a pace of its own.
                for (i, reader) in readers.iter_mut().enumerate() {
                    for _ in 0..=(n + i) % (i + 2) {
                        seen[i].extend(reader.next().now_or_never().flatten());
                    }
                }
            }
        }
        manager.close();
        for (reader, mut seen) in readers.iter_mut().zip(seen) {
            seen.extend(read_all(reader));
            assert!(seen.into_iter().eq(0..1_000), "capacity {capacity}");
        }
    }
}

// GenEvent case 46
#[test]
fn one_publisher_keeps_its_order_across_calls() {
    let manager = EventManager::new(100);
    let mut reader = manager.subscribe();
    for n in (0..100).step_by(4) {
        manager.try_notify(n).unwrap();
        now(manager.notify(n + 1)).unwrap();
        // Stored at the first poll; the receipt is not awaited.
        assert!(manager.ack_notify(n + 2).now_or_never().is_none());
        assert!(manager.sync_notify(n + 3).now_or_never().is_none());
    }
    manager.close();
    assert!(read_all(&mut reader).into_iter().eq(0..100));
}

// GenEvent case 50
#[test]
fn all_subscribers_see_the_same_interleaving() {
    const EVENTS: usize = 300;
    let manager = EventManager::new(7);
    let readers: Vec<_> = (0..3).map(|_| manager.subscribe()).collect();
    let seen: Vec<Vec<(usize, usize)>> = thread::scope(|scope| {
        for publisher in 0..4 {
            let manager = manager.clone();
            scope.spawn(move || {
                for n in 0..EVENTS {
                    let event = (publisher, n);
                    match (publisher + n) % 4 {
                        0 => {
                            let _ = block_on(manager.sync_notify(event)).unwrap();
                        }
                        1 => {
                            let _ = block_on(manager.ack_notify(event)).unwrap();
                        }
                        2 => {
                            block_on(manager.notify(event)).unwrap();
                        }
                        _ => {
                            if let Err(TryNotifyError::Full(event)) = manager.try_notify(event) {
                                block_on(manager.notify(event)).unwrap();
                            }
                        }
                    }
                }
            });
        }
        drop(manager);
        let readers: Vec<_> = readers
            .into_iter()
            .map(|reader| scope.spawn(|| block_on_stream(reader).collect()))
            .collect();
        readers.into_iter().map(|r| r.join().unwrap()).collect()
    });

    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    for publisher in 0..4 {
        let own = seen[0].iter().filter(|(p, _)| *p == publisher);
        assert!(own.map(|&(_, n)| n).eq(0..EVENTS));
    }
}

#[test]
fn a_lossy_subscriber_never_sees_events_out_of_order() {
    let manager = EventManager::new(8);
    let small = SubscribeOptions::from(Overflow::DropOldest).window(3);
    let mut lossy = manager.subscribe_with(small);
    let mut last = 0;
    for n in 1..=500 {
        manager.try_notify(n).unwrap();
        if n % 7 == 0 {
            let seen = read(&mut lossy).unwrap();
            assert!(seen > last && seen > n - 3 && seen <= n);
            last = seen;
        }
    }
}

// GenEvent case 56
#[test]
fn leaving_during_sync_notify_keeps_the_order() {
    let manager = EventManager::new(8);
    let (mut leaver, mut reader) = (manager.subscribe(), manager.subscribe());
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    for n in 2..=4 {
        manager.try_notify(n).unwrap();
    }
    read(&mut leaver);
    drop(leaver);
    for n in 1..=4 {
        assert_next!(reader, n).now();
    }
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
}

// GenEvent case 140
#[test]
fn slow_subscribers_never_reorder_events() {
    let manager = EventManager::new(200);
    let _dead = manager.subscribe();
    let mut slow = manager.subscribe();
    let mut fast = manager.subscribe();
    for n in 0..200 {
        manager.try_notify(n).unwrap();
        assert_next!(fast, n).now();
        if n % 10 == 0 {
            assert_next!(slow, n / 10).now();
        }
    }
}

// ---- The wait queue -----------------------------------------------------------------------------

/// A full manager with capacity one, and its reader.
fn full() -> (EventManager<u32>, genevent::Subscription<u32>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    (manager, reader)
}

#[test]
fn all_calls_share_one_wait_queue() {
    let (manager, mut reader) = full();
    let mut first = task::spawn(manager.sync_notify(1));
    let mut second = task::spawn(manager.notify(2));
    let mut third = task::spawn(manager.ack_notify(3));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());

    assert_next!(reader, 0).now();
    assert!(first.is_woken() && !second.is_woken() && !third.is_woken());
    assert_pending!(first.poll(), "stored; nobody has finished with it");
    assert_next!(reader, 1).now();
    assert!(second.is_woken() && !third.is_woken());
    assert_ready_eq!(second.poll(), Ok(1));
    assert_next!(reader, 2).now();
    assert!(third.is_woken());
    assert_eq!(assert_ready_ok!(first.poll()).seq(), 2);
    assert_pending!(third.poll());
    assert_next!(reader, 3).now();
    assert_eq!(assert_ready_ok!(third.poll()).seq(), 4);
}

#[test]
fn first_polls_decide_the_order_of_the_queue() {
    let (manager, mut reader) = full();
    let mut called_first = task::spawn(manager.notify(2));
    let mut polled_first = task::spawn(manager.notify(1));
    assert_pending!(polled_first.poll());
    assert_pending!(called_first.poll());
    read(&mut reader);
    assert!(polled_first.is_woken() && !called_first.is_woken());
    assert_ready_eq!(polled_first.poll(), Ok(1));
}

#[test]
fn each_freed_place_wakes_exactly_one_publisher() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe();
    for n in 0..3 {
        manager.try_notify(n).unwrap();
    }
    let mut queue: Vec<_> = (3..7).map(|n| task::spawn(manager.notify(n))).collect();
    for publish in &mut queue {
        assert_pending!(publish.poll());
    }
    let woken =
        |queue: &[task::Spawn<_>]| queue.iter().map(task::Spawn::is_woken).collect::<Vec<_>>();

    read(&mut reader);
    assert_eq!(woken(&queue), [true, false, false, false]);
    read(&mut reader);
    assert_eq!(woken(&queue), [true, true, false, false]);
    // Both have a place, and store in the order of their polls.
    assert_ready_eq!(queue[1].poll(), Ok(1));
    assert_ready_eq!(queue[0].poll(), Ok(1));
    assert_eq!(woken(&queue)[2..], [false, false], "there is no place");
    read(&mut reader);
    assert_eq!(woken(&queue)[2..], [true, false]);
    assert_eq!((read(&mut reader), read(&mut reader)), (Some(4), Some(3)));
}

#[test]
fn polling_behind_the_front_stores_nothing() {
    let (manager, mut reader) = full();
    let mut front = task::spawn(manager.notify(1));
    let mut eager = task::spawn(manager.notify(2));
    assert_pending!(front.poll());
    assert_pending!(eager.poll());
    read(&mut reader);
    assert_pending!(eager.poll());
    assert_eq!(reader.len(), 0);
    let mut newcomer = task::spawn(manager.sync_notify(3));
    assert_pending!(newcomer.poll());
    assert_eq!(reader.len(), 0);
    assert_ready_eq!(front.poll(), Ok(1));
    assert_next!(reader, 1).now();
}

#[test]
fn an_event_is_stored_when_its_future_is_polled() {
    let (manager, mut reader) = full();
    let mut publish = task::spawn(manager.notify(1));
    assert_pending!(publish.poll());
    read(&mut reader);
    assert!(publish.is_woken());
    assert_eq!(reader.len(), 0);
    assert_ready_eq!(publish.poll(), Ok(1));
    assert_eq!(reader.len(), 1);
}

#[test]
fn an_unpolled_front_delays_the_next_by_one_poll() {
    let (manager, mut reader) = full();
    let mut forgotten = task::spawn(manager.notify(1));
    let mut behind = task::spawn(manager.notify(2));
    assert_pending!(forgotten.poll());
    assert_pending!(behind.poll());
    read(&mut reader);
    assert!(forgotten.is_woken() && !behind.is_woken());
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    assert_pending!(behind.poll());
    assert!(behind.is_woken(), "it yields");
    assert_ready_eq!(behind.poll(), Ok(1));
    drop(forgotten);
    assert_next!(reader, 2).now();
}

#[test]
fn a_cancelled_publisher_notifies_the_next() {
    for woken_before in [false, true] {
        let (manager, mut reader) = full();
        let mut front = task::spawn(manager.sync_notify(1));
        let mut next = task::spawn(manager.notify(2));
        assert_pending!(front.poll());
        assert_pending!(next.poll());
        if woken_before {
            read(&mut reader);
            assert!(front.is_woken() && !next.is_woken());
            drop(front);
        } else {
            drop(front);
            assert!(!next.is_woken(), "there is no room yet");
            read(&mut reader);
        }
        assert!(next.is_woken());
        assert_ready_eq!(next.poll(), Ok(1));
        assert_next!(reader, 2, "the cancelled one went to nobody").now();
    }
}

#[test]
fn cancelling_in_the_middle_keeps_the_order() {
    let (manager, mut reader) = full();
    let mut queue: Vec<_> = (1..=5).map(|n| task::spawn(manager.notify(n))).collect();
    for publish in &mut queue {
        assert_pending!(publish.poll());
    }
    drop(queue.remove(2));
    for (mut publish, n) in queue.into_iter().zip([1, 2, 4, 5]) {
        read(&mut reader);
        assert!(publish.is_woken());
        assert_ready_eq!(publish.poll(), Ok(1));
        assert_eq!(reader.len(), 1, "{n}");
    }
    assert_next!(reader, 5).now();
}

#[test]
fn polling_again_keeps_the_queue_position() {
    let (manager, mut reader) = full();
    let mut front = manager.notify(1);
    let mut behind = task::spawn(manager.notify(2));
    let (mut before, mut after) = (task::spawn(()), task::spawn(()));
    before.enter(|cx, _| assert!(Pin::new(&mut front).poll(cx).is_pending()));
    assert_pending!(behind.poll());
    after.enter(|cx, _| assert!(Pin::new(&mut front).poll(cx).is_pending()));
    read(&mut reader);
    assert!(after.is_woken() && !before.is_woken() && !behind.is_woken());
    assert_eq!(now(front), Ok(1));
    assert_next!(reader, 1).now();
}

#[test]
fn a_new_subscriber_sees_events_of_queued_publishers() {
    let (manager, mut reader) = full();
    let mut queue: Vec<_> = (1..=2).map(|n| task::spawn(manager.notify(n))).collect();
    for publish in &mut queue {
        assert_pending!(publish.poll());
    }
    let mut late = manager.subscribe();
    read(&mut reader);
    assert_ready_eq!(queue[0].poll(), Ok(2));
    read(&mut reader);
    assert!(!queue[1].is_woken(), "now the late one is in the way");
    assert_next!(late, 1).now();
    assert!(queue[1].is_woken());
    assert_ready_eq!(queue[1].poll(), Ok(2));
    assert_eq!((read(&mut reader), read(&mut late)), (Some(2), Some(2)));
}
