//! Reading without waiting, beside publishers; and waiting until no subscriber is left.

use futures::StreamExt;
use genevent::error::TryNextError;
use genevent::{EventManager, Overflow, Received};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

/// Reads with `$try_next` until the stream has ended. Other tasks run before each further attempt.
macro_rules! read_until_ended {
    ($try_next:expr) => {{
        let mut read = Vec::new();
        loop {
            match $try_next {
                Ok(event) => read.push(event),
                Err(TryNextError::Empty) => yield_now().await,
                Err(_) => break read,
            }
        }
    }};
}

#[test]
fn an_empty_try_next_acknowledges_on_every_kind_of_subscription() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut plain = manager.subscribe();
            let mut filtered = manager.subscribe_filter(|_| true);
            let mut reporting = manager.subscribe().with_missed();
            let reading = [
                spawn(async move { read_until_ended!(plain.try_next()) }),
                spawn(async move { read_until_ended!(filtered.try_next()) }),
            ];
            let reporting = spawn(async move { read_until_ended!(reporting.try_next()) });
            for n in 1..=2 {
                let receipt = manager.sync_notify(n).await.unwrap();
                assert_eq!((receipt.acked(), receipt.all_acked()), (3, true));
            }
            drop(manager);
            for reader in reading {
                assert_eq!(reader.await.unwrap(), [1, 2]);
            }
            let expected = [Received::Event(1), Received::Event(2)];
            assert_eq!(reporting.await.unwrap(), expected);
        });
    });
}

#[test]
fn a_reader_waits_after_reading_without_waiting() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut plain = manager.subscribe();
            let mut filtered = manager.subscribe_filter(|_| true);
            let plain = spawn(async move {
                let mut read: Vec<_> = std::iter::from_fn(|| plain.try_next().ok()).collect();
                read.extend(plain.collect::<Vec<_>>().await);
                read
            });
            let filtered = spawn(async move {
                let mut read: Vec<_> = std::iter::from_fn(|| filtered.try_next().ok()).collect();
                read.extend(filtered.collect::<Vec<_>>().await);
                read
            });
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            assert_eq!(plain.await.unwrap(), [1, 2, 3]);
            assert_eq!(filtered.await.unwrap(), [1, 2, 3]);
        });
    });
}

#[test]
fn a_lossy_reader_gets_or_misses_each_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut lossy = manager.subscribe_with(Overflow::DropOldest).with_missed();
            let reading = spawn(async move { read_until_ended!(lossy.try_next()) });
            for n in 1..=3 {
                assert_eq!(manager.try_notify(n), Ok(1));
                yield_now().await;
            }
            drop(manager);
            let mut next = 1;
            for received in reading.await.unwrap() {
                match received {
                    Received::Missed(events) => next += events,
                    Received::Event(n) => {
                        assert_eq!(n, next);
                        next += 1;
                    }
                    other => unreachable!("{other:?}"),
                }
            }
            assert_eq!(next, 4);
        });
    });
}

#[test]
fn the_last_to_leave_resolves_unsubscribed() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let plain = manager.subscribe();
            let filtered = manager.subscribe_filter(|_| true);
            let id = filtered.id();
            let leaving = spawn(async move { drop(plain) });
            let cutting = spawn({
                let manager = manager.clone();
                async move { assert!(manager.disconnect(id)) }
            });
            manager.unsubscribed().await;
            // No subscriber joins again.
            assert!(manager.subscribers().is_empty());
            leaving.await.unwrap();
            cutting.await.unwrap();
            drop(filtered);
        });
    });
}
