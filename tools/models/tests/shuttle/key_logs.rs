//! Subscribers of a single key, which read a log of their own: beside publishers, flushes and disconnects.

use std::sync::Arc;

use futures::StreamExt;
use genevent::{EventManager, Filtered, Topics};
use genevent_models::{Task, model, spawn};
use shuttle::future::block_on;

/// Topics with a single key.
fn topics<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Topics<E, ()> {
    manager.topics(|_| ())
}

fn read_all(reader: Filtered<u64>) -> Task<Vec<u64>> {
    spawn(reader.collect())
}

#[test]
fn publishers_with_little_room_are_woken() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let topics = topics(&manager);
            let reading = [(); 2].map(|()| read_all(topics.subscribe(())));
            for n in 0..4 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            for reading in reading {
                assert_eq!(reading.await.unwrap(), [0, 1, 2, 3]);
            }
        });
    });
}

#[test]
fn a_reader_that_parks_misses_no_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = topics(&manager);
            let readers = [topics.subscribe(()), topics.subscribe(())];
            let reading = readers.map(|mut reader| {
                spawn(async move {
                    assert_eq!(reader.next().await, Some(1));
                    assert_eq!(reader.next().await, Some(2));
                    reader
                })
            });
            manager.notify(1).await.unwrap();
            manager.notify(2).await.unwrap();
            for reading in reading {
                drop(reading.await.unwrap());
            }
        });
    });
}

#[test]
fn a_disconnected_reader_reads_each_event_once() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = topics(&manager);
            let (cut, stays) = (topics.subscribe(()), topics.subscribe(()));
            for n in 0..3 {
                manager.try_notify(n).unwrap();
            }
            let id = cut.id();
            let reading = [cut, stays].map(read_all);
            assert!(manager.disconnect(id));
            drop(manager);
            for reading in reading {
                assert_eq!(reading.await.unwrap(), [0, 1, 2]);
            }
        });
    });
}

#[test]
fn a_receipt_names_each_reader_once() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = topics(&manager);
            let (cut, leaver) = (topics.subscribe(()), topics.subscribe(()));
            let reading = read_all(topics.subscribe(()));
            manager.try_notify(0).unwrap();
            let (id, publisher) = (cut.id(), manager.clone());
            let reading = [reading, read_all(cut)];
            let publishing = spawn(async move { publisher.sync_notify(1).await.unwrap() });
            let leaving = spawn(async move { drop(leaver) });
            manager.disconnect(id);
            let receipt = publishing.await.unwrap();
            leaving.await.unwrap();
            assert!((1..=3).contains(&receipt.acked()));
            assert!(receipt.acked() + receipt.unfinished().len() <= 3);
            drop(manager);
            let [stays, cut] = reading;
            assert_eq!(stays.await.unwrap(), [0, 1]);
            assert!([0, 1].starts_with(&cut.await.unwrap()));
        });
    });
}

#[test]
fn readers_that_come_and_go_leave_the_others_their_events() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let topics = topics(&manager);
            let stays = topics.subscribe(());
            let leaver = topics.subscribe(());
            let leaving = spawn(async move { drop(leaver) });
            let joining = spawn(async move { topics.subscribe(()).collect::<Vec<_>>().await });
            for n in 0..3 {
                manager.notify(n).await.unwrap();
            }
            leaving.await.unwrap();
            let reading = read_all(stays);
            drop(manager);
            assert_eq!(reading.await.unwrap(), [0, 1, 2]);
            assert!([0, 1, 2].ends_with(&joining.await.unwrap()));
        });
    });
}

#[test]
fn a_flush_frees_what_readers_of_a_key_have_finished() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let topics = topics(&manager);
            let readers = [topics.subscribe(()), topics.subscribe(())];
            let events = [1, 2].map(|n| {
                let event = Arc::new(n);
                let there = Arc::downgrade(&event);
                manager.try_notify(event).unwrap();
                there
            });
            let finishing = readers.map(|mut reader| {
                spawn(async move {
                    for n in [1, 2] {
                        assert_eq!(reader.next().await.as_deref(), Some(&n));
                        reader.ack();
                    }
                    reader // neither polled nor dropped from here on
                })
            });
            manager.flush().await.unwrap();
            assert!(events.iter().all(|event| event.strong_count() == 0));
            for reader in finishing {
                drop(reader.await.unwrap());
            }
        });
    });
}
