//! §1, and the signals of §2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use genevent::Overflow;

use super::super::recorder::{Signal, Signals, passive, reacting};
use super::super::shim::{Publisher, Subscription};
use crate::contracts::{Held, Kind, holds};

/// Publishes the numbers, for which there is room.
pub(super) fn publish(publisher: &Publisher, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        assert!(publisher.publish(number), "there is room");
    }
}

/// A publisher with a subscriber without requests of its own.
pub(super) fn subscribed(kind: Kind, capacity: usize) -> (Publisher, Subscription, Signals) {
    subscribed_with(Overflow::Wait, kind, capacity)
}

fn subscribed_with(
    overflow: Overflow,
    kind: Kind,
    capacity: usize,
) -> (Publisher, Subscription, Signals) {
    let publisher = Publisher::new(kind, capacity);
    let (subscriber, signals) = passive();
    let subscription = publisher.subscribe_with(overflow, subscriber);
    (publisher, subscription, signals)
}

/// A subscriber cut off by its publisher because of a full window, which then requests events.
fn cut_off(kind: Kind) -> (Publisher, Subscription, Signals) {
    let (publisher, subscription, signals) = subscribed_with(Overflow::Disconnect, kind, 1);
    publish(&publisher, 1..=3);
    subscription.request(9);
    (publisher, subscription, signals)
}

pub(super) fn no_more_than_requested(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, 1..=5);
    holds!(signals.events().is_empty());
    subscription.request(2);
    holds!(signals.events() == [1, 2]);
    publish(&publisher, [6]);
    holds!(signals.events() == [1, 2]);
    Ok(())
}

pub(super) fn fewer_than_requested(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    subscription.request(5);
    publish(&publisher, [1]);
    publisher.close();
    holds!(signals.all() == [Signal::Subscribed, Signal::Next(1), Signal::Complete]);
    Ok(())
}

pub(super) fn serial(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 128);
    let (inside, overlaps) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let count = Arc::clone(&overlaps);
    let (subscriber, signals) = reacting(
        |subscription| subscription.request(i64::MAX),
        move |_| {
            if inside.swap(true, Ordering::SeqCst) {
                count.fetch_add(1, Ordering::SeqCst);
            }
            thread::yield_now();
            inside.store(false, Ordering::SeqCst);
        },
    );
    let _subscription = publisher.subscribe(subscriber);
    thread::scope(|scope| {
        for base in [100, 200] {
            let publisher = &publisher;
            scope.spawn(move || publish(publisher, base..base + 30));
        }
    });
    publisher.manager().settle();
    holds!(overlaps.load(Ordering::SeqCst) == 0);
    holds!(signals.events().len() == 60);
    Ok(())
}

pub(super) fn error(kind: Kind) -> Held {
    let (_publisher, _subscription, signals) = cut_off(kind);
    holds!(signals.last() == Some(Signal::Error));
    Ok(())
}

pub(super) fn complete(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, [1]);
    publisher.close();
    subscription.request(1);
    holds!(signals.last() == Some(Signal::Complete));
    Ok(())
}

pub(super) fn ended_is_cancelled(kind: Kind) -> Held {
    let (publisher, subscription, signals) = cut_off(kind);
    holds!(publisher.manager().subscriber_count() == 0);
    drop(subscription);
    holds!(signals.subscriber_is_dropped());
    Ok(())
}

pub(super) fn nothing_after_end(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publisher.close();
    let before = signals.all();
    holds!(before == [Signal::Subscribed, Signal::Complete]);
    subscription.request(2);
    holds!(!publisher.publish(1));
    publisher.close();
    holds!(signals.all() == before);
    Ok(())
}

pub(super) fn nothing_after_cancel(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let (subscriber, signals) =
        reacting(|subscription| subscription.request(9), Subscription::cancel);
    let _subscription = publisher.subscribe(subscriber);
    publish(&publisher, 1..=3);
    publisher.close();
    holds!(signals.all() == [Signal::Subscribed, Signal::Next(1)]);
    Ok(())
}

pub(super) fn subscribed_first(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 1);
    publish(&publisher, [1]);
    let (subscriber, signals) = reacting(|subscription| subscription.request(9), |_| ());
    let _subscription = publisher.subscribe(subscriber);
    publish(&publisher, [2]);
    holds!(signals.all().first() == Some(&Signal::Subscribed));
    publisher.close();
    let (subscriber, signals) = passive();
    let _subscription = publisher.subscribe(subscriber);
    holds!(signals.all() == [Signal::Subscribed, Signal::Complete]);
    Ok(())
}

pub(super) fn any_number(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let subscribed: Vec<_> = (0..50)
        .map(|_| {
            let (subscriber, signals) = reacting(|subscription| subscription.request(1), |_| ());
            (publisher.subscribe(subscriber), signals)
        })
        .collect();
    publish(&publisher, [1]);
    holds!(
        subscribed
            .iter()
            .all(|(_, signals)| signals.events() == [1])
    );
    Ok(())
}

pub(super) fn multicast(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let (one, of_one) = passive();
    let (two, of_two) = reacting(|subscription| subscription.request(9), |_| ());
    let (one, _two) = (publisher.subscribe(one), publisher.subscribe(two));
    publish(&publisher, 1..=2);
    one.request(1);
    publish(&publisher, 3..=4);
    holds!(of_two.events() == [1, 2, 3, 4]);
    holds!(of_one.events() == [1]);
    one.request(9);
    holds!(of_one.events() == [1, 2, 3, 4]);
    Ok(())
}

pub(super) fn under_way(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, 1..=2);
    holds!(publisher.manager().events.disconnect(subscription.id()));
    publisher.manager().settle();
    publish(&publisher, [3]);
    subscription.request(9);
    holds!(signals.events() == [1, 2]);
    holds!(signals.last() == Some(Signal::Error));
    Ok(())
}

pub(super) fn complete_without_request(kind: Kind) -> Held {
    let (publisher, _subscription, signals) = subscribed(kind, 8);
    publisher.close();
    holds!(signals.all() == [Signal::Subscribed, Signal::Complete]);
    Ok(())
}

pub(super) fn error_without_request(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    holds!(publisher.manager().events.disconnect(subscription.id()));
    publisher.manager().settle();
    holds!(signals.all() == [Signal::Subscribed, Signal::Error]);
    Ok(())
}

pub(super) fn subscribed_once(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, [1]);
    subscription.request(1);
    subscription.request(1);
    publisher.close();
    let starts = signals
        .all()
        .into_iter()
        .filter(|signal| *signal == Signal::Subscribed);
    holds!(starts.count() == 1);
    Ok(())
}
