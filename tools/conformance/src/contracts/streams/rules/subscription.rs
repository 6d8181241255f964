//! §3.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;

use super::super::recorder::{Signal, passive, reacting};
use super::super::shim::Publisher;
use super::publisher::{publish, subscribed};
use crate::contracts::{Held, Kind, holds};

pub(super) fn inside(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let (subscriber, signals) = reacting(
        |subscription| subscription.request(1),
        |subscription| subscription.request(1),
    );
    let _subscription = publisher.subscribe(subscriber);
    for number in 1..=5 {
        publish(&publisher, [number]);
        holds!(signals.events().last() == Some(&number));
    }
    Ok(())
}

pub(super) fn no_recursion(kind: Kind) -> Held {
    const EVENTS: u32 = 5_000;
    let publisher = Publisher::new(kind, EVENTS as usize);
    let (subscriber, signals) = reacting(|_| (), |subscription| subscription.request(1));
    let subscription = publisher.subscribe(subscriber);
    for number in 1..=EVENTS {
        holds!(
            publisher
                .manager()
                .events
                .try_notify(Arc::new(number))
                .is_ok()
        );
    }
    publisher.manager().settle();
    subscription.request(1);
    // A handler passes on an event in each turn.
    for _ in 0..EVENTS {
        if signals.last() == Some(Signal::Next(EVENTS)) {
            break;
        }
        publisher.manager().settle();
    }
    holds!(signals.events().len() == EVENTS as usize);
    Ok(())
}

pub(super) fn no_waiting(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 1);
    let (quick, of_quick) = passive();
    let (stuck, _of_stuck) = passive();
    let (quick, _stuck) = (publisher.subscribe(quick), publisher.subscribe(stuck));
    while publisher.publish(1) {}
    let mut waiting = publisher.manager().events.notify_owned(Arc::new(9));
    let waiting = std::pin::Pin::new(&mut waiting);
    holds!(
        waiting
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    quick.request(1);
    quick.request(9);
    let read = of_quick.events().len();
    holds!(read >= 1);
    Ok(())
}

pub(super) fn cancel_at_once(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let (subscriber, signals) = reacting(|subscription| subscription.request(9), |_| ());
    let subscription = publisher.subscribe(subscriber);
    publish(&publisher, [1]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| subscription.cancel());
        }
    });
    publisher.manager().settle();
    holds!(publisher.manager().subscriber_count() == 0);
    publish(&publisher, [2]);
    holds!(signals.events() == [1]);
    Ok(())
}

pub(super) fn request_after_cancel(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, [1]);
    subscription.cancel();
    subscription.request(1);
    subscription.request(0);
    holds!(signals.all() == [Signal::Subscribed]);
    Ok(())
}

pub(super) fn cancel_after_cancel(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let ((one, _), (two, of_two)) = (passive(), passive());
    let (one, two) = (publisher.subscribe(one), publisher.subscribe(two));
    one.cancel();
    one.cancel();
    holds!(publisher.manager().subscriber_count() == 1);
    publish(&publisher, [1]);
    two.request(1);
    holds!(of_two.events() == [1]);
    Ok(())
}

pub(super) fn adds_up(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    subscription.request(1);
    subscription.request(2);
    publish(&publisher, 1..=5);
    holds!(signals.events() == [1, 2, 3]);
    Ok(())
}

pub(super) fn invalid(kind: Kind) -> Held {
    for n in [0, -1, i64::MIN] {
        let (publisher, subscription, signals) = subscribed(kind, 8);
        subscription.request(n);
        publisher.manager().settle();
        holds!(signals.all() == [Signal::Subscribed, Signal::Error]);
        holds!(publisher.manager().subscriber_count() == 0);
    }
    Ok(())
}

pub(super) fn next_inside(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, [1]);
    subscription.request(1);
    holds!(signals.events() == [1]);
    Ok(())
}

pub(super) fn complete_inside(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publish(&publisher, [1]);
    publisher.close();
    holds!(signals.all() == [Signal::Subscribed]);
    subscription.request(1);
    holds!(signals.all() == [Signal::Subscribed, Signal::Next(1), Signal::Complete]);
    Ok(())
}

pub(super) fn cancel_frees_room(kind: Kind) -> Held {
    let (publisher, subscription, _signals) = subscribed(kind, 1);
    while publisher.publish(1) {}
    subscription.cancel();
    holds!(publisher.publish(2));
    holds!(publisher.publish(3));
    Ok(())
}

pub(super) fn cancel_drops(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    let event = Arc::new(1);
    holds!(publisher.publish_event(Arc::clone(&event)));
    subscription.cancel();
    drop(subscription);
    holds!(signals.subscriber_is_dropped());
    holds!(Arc::strong_count(&event) == 1);
    Ok(())
}

pub(super) fn goes_on(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let (subscriber, _signals) = passive();
    publisher.subscribe(subscriber).cancel();
    holds!(!publisher.manager().events.is_closed());
    holds!(publisher.publish(1));
    let (subscriber, signals) = passive();
    let later = publisher.subscribe(subscriber);
    publish(&publisher, [2]);
    later.request(9);
    holds!(signals.events().last() == Some(&2));
    Ok(())
}

pub(super) fn cancel_returns(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publisher.close();
    let before = signals.all();
    subscription.cancel();
    holds!(signals.all() == before);
    Ok(())
}

pub(super) fn request_returns(kind: Kind) -> Held {
    let (publisher, subscription, signals) = subscribed(kind, 8);
    publisher.close();
    let before = signals.all();
    drop(publisher);
    subscription.request(1);
    subscription.request(0);
    holds!(signals.all() == before);
    Ok(())
}

pub(super) fn unbounded(kind: Kind) -> Held {
    let publisher = Publisher::new(kind, 8);
    let requests = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&requests);
    let (subscriber, signals) = reacting(
        |subscription| {
            subscription.request(i64::MAX);
            subscription.request(i64::MAX);
        },
        move |subscription| {
            subscription.request(i64::MAX);
            *counted.lock().unwrap() += 1;
        },
    );
    let _subscription = publisher.subscribe(subscriber);
    for number in 1..=20 {
        publish(&publisher, [number]);
    }
    holds!(signals.events().into_iter().eq(1..=20));
    holds!(*requests.lock().unwrap() == 20);
    Ok(())
}
