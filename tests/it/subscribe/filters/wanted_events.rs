//! Unwanted events cost nothing, and wanted events arrive in sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use futures::{FutureExt, Stream, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{EndReason, EventManager, SubscribeOptions};

use super::{Alarm, Counted, even, window};
use crate::drive::{now, read, read_all, waits};
use crate::receipts::UnfinishedIds;

#[test]
fn ten_thousand_filters_wake_only_for_wanted_events() {
    let manager = EventManager::new(4);
    let clones = Arc::new(AtomicUsize::new(0));
    let mut readers: Vec<_> = (0..10_000u32)
        .map(|index| {
            let reader = manager.subscribe_filter(move |event: &Counted| event.0 == index % 100);
            (reader, Arc::new(Alarm::default()))
        })
        .collect();
    for (reader, alarm) in &mut readers {
        let waker = Waker::from(Arc::clone(alarm));
        let mut next = reader.next();
        assert!(
            next.poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    let stored = manager.try_notify(Counted(7, Arc::clone(&clones)));
    assert_eq!(stored.ok(), Some(100));
    assert_eq!(clones.load(Ordering::Relaxed), 100);
    for (index, (reader, alarm)) in readers.iter().enumerate() {
        let wanted = usize::from(index % 100 == 7);
        assert_eq!(
            (reader.len(), alarm.0.load(Ordering::Relaxed)),
            (wanted, wanted)
        );
    }
    // Nor is the event cloned once more when read.
    assert!(read(&mut readers[7].0).is_some());
    assert_eq!(clones.load(Ordering::Relaxed), 100);
}

#[test]
fn an_unwanted_event_takes_no_room() {
    let manager = EventManager::new(1);
    let mut odd = manager.subscribe_filter(|n: &u32| n % 2 == 1);
    for n in [2, 4, 6] {
        let receipt = now(manager.sync_notify(n)).unwrap();
        assert!(receipt.is_unheard());
    }
    assert_eq!(manager.try_notify(7), Ok(1));
    assert_eq!(
        manager.try_notify(8),
        Ok(0),
        "its queue is full of what it wants"
    );
    assert_eq!(manager.try_notify(9), Err(TryNotifyError::Full(9)));
    assert_eq!(read(&mut odd), Some(7));
    assert!(waits(&mut odd));
    now(manager.flush()).unwrap();
}

#[test]
fn wanted_events_keep_their_sequence_numbers() {
    let manager = EventManager::new(16);
    let mut plain = manager.subscribe();
    let mut even = manager.subscribe_filter(even).deliveries();
    let mut tens = manager.subscribe_filter_map(|n| (n % 10 == 0).then(|| format!("{n}")));
    for n in 1..=10 {
        let heard = 1 + usize::from(n % 2 == 0) + usize::from(n % 10 == 0);
        assert_eq!(manager.try_notify(n), Ok(heard));
    }
    manager.close();
    assert_eq!(read_all(&mut plain), (1..=10).collect::<Vec<_>>());
    let even: Vec<_> = read_all(&mut even)
        .into_iter()
        .map(|d| (d.seq(), d.ack()))
        .collect();
    assert_eq!(even, [(2, 2), (4, 4), (6, 6), (8, 8), (10, 10)]);
    assert_eq!(read_all(&mut tens), ["10"]);
    assert_eq!(tens.end_reason(), Some(EndReason::Closed));
}

#[test]
fn receipts_count_only_subscribers_wanting_the_event() {
    let manager = EventManager::new(4);
    let mut plain = manager.subscribe();
    let mut wants = manager.subscribe_filter(even);
    let leaves = manager.subscribe_filter(even);
    let _other = manager.subscribe_filter(|n| !even(n));
    let left = leaves.id();
    let mut done = manager.sync_notify(2);
    let mut received = manager.ack_notify(4);
    assert!((&mut done).now_or_never().is_none());
    assert!((&mut received).now_or_never().is_none());
    drop(leaves);
    assert_eq!((read(&mut plain), read(&mut wants)), (Some(2), Some(2)));
    assert_eq!((read(&mut plain), read(&mut wants)), (Some(4), Some(4)));
    let receipt = now(done).unwrap();
    assert_eq!((receipt.seq(), receipt.acked()), (1, 2));
    assert_eq!(receipt.unfinished_ids(), [left]);
    assert_eq!(now(received).unwrap().acked(), 2);
}

#[test]
fn a_new_filter_sees_only_newer_events() {
    let manager = EventManager::new(2);
    let mut first = manager.subscribe_filter(even);
    manager.try_notify(2).unwrap();
    let mut later = manager.subscribe_filter(even);
    manager.try_notify(4).unwrap();
    assert_eq!((read(&mut later), read(&mut first)), (Some(4), Some(2)));
    // An event unread by a filter is not kept for plain subscribers, and takes none of their room.
    let mut plain = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.try_notify(3).unwrap();
    assert_eq!((read(&mut plain), read(&mut plain)), (Some(1), Some(3)));
}

#[test]
fn mapped_items_need_neither_clone_nor_sync() {
    struct Only(std::cell::Cell<u32>);
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_filter_map(|n: &u32| Some(Only(std::cell::Cell::new(*n))));
    manager.try_notify(5).unwrap();
    assert_eq!(read(&mut reader).unwrap().0.get(), 5);
}

#[test]
fn filters_that_come_and_go_keep_the_order() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..100)
        .map(|_| Some(manager.subscribe_filter(even)))
        .collect();
    for (index, reader) in readers.iter_mut().enumerate() {
        if index % 3 != 0 {
            drop(reader.take());
        }
        assert!(manager.try_notify(1).is_ok());
    }
    // The newest filter is gone as well.
    drop(manager.subscribe_filter(even));
    assert_eq!(manager.try_notify(2), Ok(34));
    for reader in readers.iter_mut().flatten() {
        assert_eq!(read(reader), Some(2));
    }
    drop(readers);
    assert_eq!(manager.try_notify(4), Ok(0));
}

#[tokio::test]
async fn several_publishers_lose_nothing_and_keep_order() {
    let manager = EventManager::new(3);
    let thirds = manager.subscribe_filter_with(window(1), |n: &u32| n % 3 == 0);
    let plain = manager.subscribe();
    let publishers = [0, 1000, 2000].map(|base| {
        let manager = manager.clone();
        tokio::spawn(async move {
            for n in 1..=90 {
                manager.notify(base + n).await.unwrap();
            }
        })
    });
    drop(manager);
    let (thirds, plain) = tokio::join!(collect(thirds), collect(plain));
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(plain.len(), 270);
    let wanted: Vec<_> = plain.into_iter().filter(|n| n % 3 == 0).collect();
    assert_eq!(thirds, wanted);
}

pub(crate) async fn collect(stream: impl Stream<Item = u32>) -> Vec<u32> {
    stream.collect().await
}

#[test]
fn events_that_only_a_filter_heard_are_retained() {
    let manager = EventManager::builder().retain(10).build();
    manager.try_notify(2).unwrap();
    let mut even = manager.subscribe_filter(|n: &u32| n % 2 == 0);
    assert!(waits(&mut even));
    assert_eq!(manager.try_notify(4), Ok(1));
    assert_eq!(read(&mut even), Some(4));
    let mut late = manager.subscribe_with(SubscribeOptions::new().replay(10));
    assert_eq!([read(&mut late), read(&mut late)], [Some(2), Some(4)]);
}
