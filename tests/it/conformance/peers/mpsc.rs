//! `tokio::sync::mpsc`, `futures::channel::mpsc`.

use std::sync::Arc;
use std::task::Poll;

use futures::executor::block_on;
use futures::{SinkExt, StreamExt, join};
use genevent::EventManager;
use genevent::error::{NotifyError, ReserveError, TryNotifyError};
use tokio_test::task;

use crate::drive::{now, read, read_all};

#[test]
fn a_full_channel_returns_the_value() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let back = manager.try_notify(2).unwrap_err();
    assert!(matches!(back, TryNotifyError::Full(2)));
    assert_eq!(read(&mut reader), Some(1));
    manager.try_notify(back.into_event()).unwrap();
}

#[test]
fn a_dropped_permit_returns_its_room() {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    assert!(matches!(
        manager.try_notify(1),
        Err(TryNotifyError::Full(1))
    ));
    let mut waiting = task::spawn(manager.reserve());
    assert!(waiting.poll().is_pending());
    drop(permit);
    assert!(waiting.is_woken());
    assert!(waiting.poll().is_ready());
}

/// The receiver closes there, the manager here.
#[test]
fn a_permit_can_be_used_after_close() {
    let manager = EventManager::new(2);
    let mut reader = task::spawn(manager.subscribe());
    let permit = now(manager.reserve()).unwrap();
    manager.close();
    assert!(reader.poll_next().is_pending());
    assert!(matches!(now(manager.reserve()), Err(ReserveError::Closed)));
    permit.notify(1);
    assert_eq!(reader.poll_next(), Poll::Ready(Some(1)));
    assert_eq!(reader.poll_next(), Poll::Ready(None));
}

#[test]
fn closing_keeps_stored_values_and_refuses_senders() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    now(manager.notify(1)).unwrap();
    let mut waiting = task::spawn(manager.notify(2));
    assert!(waiting.poll().is_pending());
    manager.close();
    assert!(waiting.is_woken());
    let Poll::Ready(Err(NotifyError::Closed(2))) = waiting.poll() else {
        panic!("it gets its event back");
    };
    assert_eq!(read_all(&mut reader), [1]);
}

/// There a send to a dropped receiver fails; here new subscribers may come.
#[test]
fn dropping_the_receiver_drops_its_values() {
    let value = Arc::new(());
    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    manager.try_notify(Arc::clone(&value)).unwrap();
    drop(reader);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(manager.try_notify(value), Ok(0));
}

#[test]
fn each_senders_values_keep_their_order() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let senders = [100, 200].map(|base| {
        let mut sink = manager.sink();
        async move {
            for n in 0..50 {
                sink.send(base + n).await.unwrap();
            }
        }
    });
    drop(manager);
    let [one, two] = senders;
    let (all, (), ()) = block_on(async { join!(reader.collect::<Vec<_>>(), one, two) });
    let of = |base| all.iter().copied().filter(move |n| n / 100 == base / 100);
    assert!(of(100).eq(100..150));
    assert!(of(200).eq(200..250));
}
