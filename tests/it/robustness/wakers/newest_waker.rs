//! The waker of the last poll is called, and unneeded wakers are dropped.

#[cfg(feature = "rt")]
use std::future::pending;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, SinkExt};
use genevent::{EventManager, SubscribeOptions};

use super::{Alarm, read};

/// A waiting future or stream, its name, and its alarm.
struct Waiter<'a> {
    name: &'static str,
    future: LocalBoxFuture<'a, ()>,
    alarm: Arc<Alarm>,
}

impl<'a> Waiter<'a> {
    fn new<T: 'a>(name: &'static str, future: impl Future<Output = T> + 'a) -> Self {
        let (alarm, mut future) = (Alarm::new(), future.map(drop).boxed_local());
        assert!(alarm.poll(&mut future).is_pending(), "{name}");
        Self {
            name,
            future,
            alarm,
        }
    }
}

/// Runs a story with every kind of waiter, in every waiting state. When the story calls its second
/// argument, each of the waiters can continue.
fn with_every_waiter(story: impl FnOnce(&mut [Waiter<'_>], &mut dyn FnMut())) {
    let manager = EventManager::new(2);
    let stopping = EventManager::new(2);
    let (limited, fed) = (EventManager::new(2), EventManager::new(2));
    let one_out = SubscribeOptions::new().max_unacked(1);
    let mut at_limit = limited.subscribe_with(one_out).deliveries();
    limited.try_notify('a').unwrap();
    limited.try_notify('b').unwrap();
    let out = at_limit.next().now_or_never();
    let mut slow = Some((
        manager.subscribe(),
        stopping.subscribe(),
        fed.subscribe(),
        out,
    ));
    let (mut sink, mut sync_sink) = (manager.sink(), fed.sync_sink());
    assert!(sync_sink.feed('c').now_or_never().is_some());
    let mut idle = manager.subscribe();
    let mut idle_too = manager.subscribe().with_missed();
    stopping.try_notify(0).unwrap();
    let mut waiters = vec![
        Waiter::new("ack_notify, stored", manager.ack_notify(1)),
        Waiter::new("sync_notify, stored", manager.sync_notify(2)),
    ];
    for _ in 0..2 {
        assert!(idle.next().now_or_never().is_some());
        assert!(idle_too.next().now_or_never().is_some());
    }
    waiters.extend([
        Waiter::new("notify, in line", manager.notify(3)),
        Waiter::new("ack_notify, in line", manager.ack_notify(4)),
        Waiter::new("sync_notify, in line", manager.sync_notify(5)),
        Waiter::new("reserve, in line", manager.reserve()),
        Waiter::new("a sink, in line", poll_fn(|cx| sink.poll_ready_unpin(cx))),
        Waiter::new("a sync sink's flush", sync_sink.flush()),
        Waiter::new("next, at the limit of deliveries", at_limit.next()),
        Waiter::new("flush", manager.flush()),
        Waiter::new("stop", stopping.stop()),
        Waiter::new("closed", manager.closed()),
        Waiter::new("wait_for_subscribers", manager.wait_for_subscribers(9)),
        Waiter::new("next", idle.next()),
        Waiter::new("next, with missed", idle_too.next()),
    ]);
    story(&mut waiters, &mut || {
        manager.close();
        slow = None;
    });
}

#[test]
fn polling_with_the_same_waker_clones_nothing() {
    with_every_waiter(|waiters, _| {
        for Waiter {
            name,
            future,
            alarm,
        } in waiters
        {
            let held = alarm.held();
            assert_eq!(held, 1, "{name}: one waker is enough");
            for _ in 0..3 {
                assert!(alarm.poll(future).is_pending(), "{name}");
                assert_eq!(alarm.held(), held, "{name}");
            }
        }
    });
}

#[test]
fn a_moved_waiter_wakes_only_its_new_task() {
    with_every_waiter(|waiters, finish| {
        let mut moved = Vec::new();
        for waiter in &mut *waiters {
            let Waiter {
                name,
                future,
                alarm: before,
            } = waiter;
            let now = Alarm::new();
            assert!(now.poll(future).is_pending(), "{name}");
            assert_eq!(before.held(), 0, "{name}: the old waker is let go");
            assert_eq!(now.held(), 1, "{name}");
            moved.push(now);
        }
        finish();
        for (waiter, now) in waiters.iter_mut().zip(moved) {
            let Waiter {
                name,
                future,
                alarm: before,
            } = waiter;
            assert_eq!(before.rings(), 0, "{name}");
            assert_eq!(now.rings(), 1, "{name}");
            assert_eq!(now.held(), 0, "{name}: a waker is used up");
            assert!(now.poll(future).is_ready(), "{name}");
            assert_eq!(now.held(), 0, "{name}");
        }
    });
}

#[test]
fn a_woken_waiter_can_continue() {
    with_every_waiter(|waiters, finish| {
        finish();
        for Waiter {
            name,
            future,
            alarm,
        } in waiters
        {
            assert_eq!(alarm.rings(), 1, "{name}");
            assert!(alarm.poll(future).is_ready(), "{name}");
            assert_eq!(alarm.held(), 0, "{name}");
        }
    });
}

#[test]
fn an_immediate_receipt_keeps_no_waker() {
    for retained in [0, 4] {
        let manager = EventManager::builder().retain(retained).build();
        let alarm = Alarm::new();
        let mut unheard = manager.sync_notify(1);
        assert!(alarm.poll(&mut unheard).is_ready());
        assert_eq!(alarm.held(), 0, "{retained} retained");
        let mut nothing_to_flush = manager.flush();
        assert!(alarm.poll(&mut nothing_to_flush).is_ready());
        assert_eq!(alarm.held(), 0, "{retained} retained");
        manager.close();
        let mut refused = manager.sync_notify(1);
        assert!(alarm.poll(&mut refused).is_ready());
        assert_eq!(alarm.held(), 0, "{retained} retained");
    }
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn a_moved_stop_wakes_its_new_task() {
    let manager = EventManager::<u8>::new(1);
    let stuck = manager.add_handler("stuck", |_: &u8| pending::<()>());
    assert!(stuck.is_ok());
    let (before, now) = (Alarm::new(), Alarm::new());
    let mut stop = manager.stop();
    assert!(before.poll(&mut stop).is_pending());
    assert!(now.poll(&mut stop).is_pending());
    assert_eq!((before.held(), now.held()), (0, 1));
}

#[test]
fn a_moved_notified_publisher_stays_notified() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let (before, now) = (Alarm::new(), Alarm::new());
    let mut publisher = manager.notify(1);
    assert!(before.poll(&mut publisher).is_pending());
    read(&mut reader);
    assert_eq!(before.rings(), 1);
    assert!(now.poll(&mut publisher).is_ready());
    assert_eq!((before.held(), now.held()), (0, 0));
}

#[test]
fn dropping_a_future_drops_its_waker() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    manager.try_notify(0).unwrap();
    {
        let mut queued = pin!(manager.notify(1));
        let mut reserve = pin!(manager.reserve());
        let mut sink = manager.sink();
        let mut ready = poll_fn(|cx| sink.poll_ready_unpin(cx));
        assert!(alarm.poll(&mut reserve).is_pending());
        assert!(alarm.poll(&mut ready).is_pending());
        assert_eq!(alarm.held(), 2);
        let mut flush = pin!(manager.flush());
        let mut closed = pin!(manager.closed());
        let mut audience = pin!(manager.wait_for_subscribers(2));
        assert!(alarm.poll(&mut queued).is_pending());
        assert!(alarm.poll(&mut flush).is_pending());
        assert!(alarm.poll(&mut closed).is_pending());
        assert!(alarm.poll(&mut audience).is_pending());
        assert_eq!(alarm.held(), 6);
    }
    assert_eq!(alarm.held(), 0);
    read(&mut reader);
    {
        let mut synced = pin!(manager.sync_notify(2));
        assert!(alarm.poll(&mut synced).is_pending());
        assert_eq!(alarm.held(), 1);
    }
    assert_eq!(alarm.held(), 0);
    read(&mut reader);
    drop(reader);
    let _other = (manager.subscribe(), manager.subscribe());
    manager.close();
    assert_eq!(alarm.rings(), 0);
}
