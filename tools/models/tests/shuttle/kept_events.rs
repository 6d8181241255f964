//! Flushes freeing events while subscribers read, acknowledge and leave.

use std::sync::{Arc, Weak};

use futures::StreamExt;
use genevent::{EventManager, Overflow, Subscription};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

type Event = Arc<u64>;

/// Stores the events `1..=last`. Returns references that keep none of them alive.
fn publish(manager: &EventManager<Event>, last: u64) -> Vec<Weak<u64>> {
    let publish = |n| {
        let event = Arc::new(n);
        let there = Arc::downgrade(&event);
        manager.try_notify(event).unwrap();
        there
    };
    (1..=last).map(publish).collect()
}

fn assert_freed(events: &[Weak<u64>]) {
    assert!(events.iter().all(|event| event.strong_count() == 0));
}

/// Reads the events `1..=last`, and acknowledges each.
async fn finish(reader: &mut Subscription<Event>, last: u64) {
    for n in 1..=last {
        assert_eq!(reader.next().await.as_deref(), Some(&n));
        reader.ack();
    }
}

#[test]
fn a_flush_frees_what_acks_have_finished() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let readers = [manager.subscribe(), manager.subscribe()];
            let events = publish(&manager, 2);
            let finishing = readers.map(|mut reader| {
                spawn(async move {
                    finish(&mut reader, 2).await;
                    reader // neither polled nor dropped from here on
                })
            });
            manager.flush().await.unwrap();
            assert_freed(&events);
            for reader in finishing {
                drop(reader.await.unwrap());
            }
        });
    });
}

#[test]
fn a_flush_frees_what_deliveries_have_finished() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut jobs = manager.subscribe().deliveries();
            let mut reader = manager.subscribe();
            let events = publish(&manager, 2);
            let working = spawn(async move {
                for _ in 0..2 {
                    let (event, ack) = jobs.next().await.unwrap().into_parts();
                    drop(event);
                    spawn(async move { ack.ack() });
                }
                jobs // neither polled nor dropped from here on
            });
            let leaving = spawn(async move {
                finish(&mut reader, 1).await;
                drop(reader);
            });
            manager.flush().await.unwrap();
            assert_freed(&events);
            drop(working.await.unwrap());
            leaving.await.unwrap();
        });
    });
}

#[test]
fn a_flush_frees_no_event_that_is_being_claimed() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut reader = manager.subscribe();
            let lossy = manager.subscribe_with(Overflow::DropOldest);
            let reading = spawn(async move {
                finish(&mut reader, 4).await;
                assert!(reader.next().await.is_none());
            });
            let losing = spawn(async move {
                let read: Vec<_> = lossy.map(|event| *event).collect().await;
                assert!(read.is_sorted());
                assert_eq!(read.last(), Some(&4));
            });
            let flushing = spawn({
                let manager = manager.clone();
                async move {
                    manager.flush().await.unwrap();
                    manager.flush().await.unwrap();
                }
            });
            for n in 1..=4 {
                manager.notify(Arc::new(n)).await.unwrap();
            }
            flushing.await.unwrap();
            drop(manager);
            reading.await.unwrap();
            losing.await.unwrap();
        });
    });
}
