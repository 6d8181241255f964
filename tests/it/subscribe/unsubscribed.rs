//! `unsubscribed` resolves when no subscriber is left; `same_manager` compares handles.

use std::any::Any;

use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::now;

#[test]
fn a_manager_without_subscribers_is_unsubscribed_at_once() {
    let manager = EventManager::<u8>::new(1);
    now(manager.unsubscribed());
    drop(manager.subscribe());
    now(manager.unsubscribed());
}

#[test]
fn the_last_subscriber_to_leave_resolves_it() {
    let manager = EventManager::<u8>::new(1);
    let plain = manager.subscribe();
    let filtered = manager.subscribe_filter(|_| true);
    let jobs = manager.subscribe().deliveries();
    let screen = manager.subscribe_with(SubscribeOptions::new().observer());
    let mut waiting = [0; 3].map(|_| task::spawn(manager.unsubscribed()));
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    drop((plain, filtered, jobs));
    assert!(!waiting[0].is_woken(), "an observer is a subscriber");
    drop(screen);
    for waiting in &mut waiting {
        assert!(waiting.is_woken());
        assert_ready!(waiting.poll());
    }
}

/// A subscriber, and what detaches it while its stream exists.
type Leaving = (Box<dyn Any>, fn(&EventManager<u8>));

fn by_request(manager: &EventManager<u8>) -> Leaving {
    let disconnect = |manager: &EventManager<u8>| {
        for subscriber in manager.subscribers() {
            assert!(manager.disconnect(subscriber.id()));
        }
    };
    (Box::new(manager.subscribe()), disconnect)
}

fn overflow(manager: &EventManager<u8>) {
    assert!(manager.try_notify(1).is_ok() && manager.try_notify(2).is_ok());
}

fn narrow() -> SubscribeOptions {
    SubscribeOptions::from(Overflow::Disconnect).window(1)
}

fn by_policy(manager: &EventManager<u8>) -> Leaving {
    (Box::new(manager.subscribe_with(narrow())), overflow)
}

fn by_policy_of_a_filter(manager: &EventManager<u8>) -> Leaving {
    let filtered = manager.subscribe_filter_with(narrow(), |_| true);
    (Box::new(filtered), overflow)
}

fn by_panic_of_a_filter(manager: &EventManager<u8>) -> Leaving {
    let broken = manager.subscribe_filter(|_| panic!("predicate"));
    (Box::new(broken), |manager| _ = manager.try_notify(1))
}

fn by_stop_now(manager: &EventManager<u8>) -> Leaving {
    (Box::new(manager.subscribe()), EventManager::stop_now)
}

#[test]
fn every_way_to_be_detached_counts() {
    for way in [
        by_request,
        by_policy,
        by_policy_of_a_filter,
        by_panic_of_a_filter,
        by_stop_now,
    ] {
        let manager = EventManager::new(4);
        let (stream, detach) = way(&manager);
        let mut waiting = task::spawn(manager.unsubscribed());
        assert_pending!(waiting.poll());
        detach(&manager);
        assert!(waiting.is_woken());
        assert_ready!(waiting.poll());
        drop(stream);
    }
}

#[test]
fn after_close_subscribers_leave_at_their_end() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut waiting = task::spawn(manager.unsubscribed());
    assert_pending!(waiting.poll());
    manager.close();
    assert_eq!(now(reader.next()), Some(1));
    assert_pending!(waiting.poll());
    assert_eq!(now(StreamExt::next(&mut reader)), None);
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll());
    let ended = manager.subscribe();
    now(manager.unsubscribed());
    drop(ended);
}

/// The future tells about the moment of its poll: a newcomer in between is waited for.
#[test]
fn a_newcomer_before_the_poll_is_waited_for() {
    let manager = EventManager::<u8>::new(4);
    let first = manager.subscribe();
    let mut waiting = task::spawn(manager.unsubscribed());
    assert_pending!(waiting.poll());
    drop(first);
    assert!(waiting.is_woken());
    let second = manager.subscribe();
    assert_pending!(waiting.poll());
    drop(second);
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll());
}

#[test]
fn other_events_wake_no_future() {
    let manager = EventManager::new(4);
    let (reader, other) = (manager.subscribe(), manager.subscribe());
    let mut waiting = task::spawn(manager.unsubscribed());
    assert_pending!(waiting.poll());
    manager.try_notify(1).unwrap();
    drop(other);
    drop(manager.subscribe());
    manager.close();
    assert!(!waiting.is_woken());
    drop(waiting);
    drop(reader);
}

#[test]
fn a_producer_sleeps_until_it_is_wanted_again() {
    let manager = EventManager::<u8>::new(4);
    let mut producer = task::spawn(async {
        for _ in 0..2 {
            manager.wait_for_subscribers(1).await;
            manager.unsubscribed().await;
        }
    });
    for _ in 0..2 {
        assert_pending!(producer.poll());
        let reader = manager.subscribe();
        assert!(producer.is_woken());
        assert_pending!(producer.poll());
        drop(reader);
        assert!(producer.is_woken());
    }
    assert_ready!(producer.poll());
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn handlers_are_subscribers() {
    let manager = EventManager::<u8>::new(4);
    let handler = genevent::handler_fn(|_: &u8| ());
    let handler = manager.add_handler("log", handler).unwrap();
    let mut waiting = task::spawn(manager.unsubscribed());
    assert_pending!(waiting.poll());
    handler.remove().await.unwrap();
    assert_ready!(waiting.poll());
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn the_last_handler_of_a_group_resolves_it() {
    let manager = EventManager::<u8>::new(4);
    let group = manager.handler_group("screens").unwrap();
    let handler = genevent::handler_fn(|_: &u8| ());
    group.add_handler("log", handler).unwrap();
    let mut waiting = task::spawn(manager.unsubscribed());
    assert_pending!(waiting.poll());
    assert!(group.remove_handler("log").await);
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll());
}

#[test]
fn handles_know_their_manager() {
    let manager = EventManager::<u8>::new(4);
    let other = EventManager::new(4);
    assert!(manager.same_manager(&manager) && manager.same_manager(&manager.clone()));
    assert!(manager.same_manager(&manager.downgrade().upgrade().unwrap()));
    assert!(!manager.same_manager(&other) && !other.same_manager(&manager));
}
