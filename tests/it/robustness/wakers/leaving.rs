//! A stream or future dropped while parked wakes no task, least of all its own: a `select!` loop with
//! a new future in each iteration would spin.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, SinkExt, Stream, StreamExt};
use genevent::{EventManager, SubscribeOptions};

use super::Alarm;

type Kept = Vec<Box<dyn Any>>;
type Events = Pin<Box<dyn Stream<Item = ()>>>;

fn events<S: Stream + 'static>(stream: S) -> Events {
    Box::pin(stream.map(drop))
}

/// A stream of each kind, in each pending state, and the values that preserve this state.
fn parked_streams(manager: &EventManager<u32>) -> (Vec<(&'static str, Events)>, Kept) {
    let one_out = || SubscribeOptions::new().max_unacked(1);
    let plain = || manager.subscribe();
    let filtered = || manager.subscribe_filter(|_| true);
    let staged = || manager.subscribe_after(&plain());
    let replaying = || manager.subscribe_with(SubscribeOptions::new().replay(1));
    let mut streams = vec![
        ("plain", events(plain())),
        ("with missed", events(plain().with_missed())),
        ("deliveries", events(plain().deliveries())),
        ("filtered", events(filtered())),
        ("filtered, with missed", events(filtered().with_missed())),
        ("filtered deliveries", events(filtered().deliveries())),
        ("staged, without an event", events(staged())),
        ("replaying", events(replaying())),
        ("replaying deliveries", events(replaying().deliveries())),
    ];
    for (_, stream) in &mut streams {
        // Replayed events come first.
        while stream.next().now_or_never().is_some() {}
    }
    // From here on with an event stored and held back.
    let before = manager.subscribe();
    let staged = manager.subscribe_after(&before);
    let staged_deliveries = manager.subscribe_after(&before).deliveries();
    let mut at_limit = manager.subscribe_with(one_out()).deliveries();
    let mut filtered_at_limit = manager
        .subscribe_filter_with(one_out(), |_| true)
        .deliveries();
    for event in 1..=2 {
        manager.try_notify(event).unwrap();
    }
    for (_, stream) in &mut streams {
        while stream.next().now_or_never().is_some() {}
    }
    let out = (
        at_limit.next().now_or_never(),
        filtered_at_limit.next().now_or_never(),
    );
    streams.extend([
        ("staged, behind an event", events(staged)),
        ("staged deliveries", events(staged_deliveries)),
        ("deliveries at their limit", events(at_limit)),
        (
            "filtered deliveries at their limit",
            events(filtered_at_limit),
        ),
    ]);
    (streams, vec![Box::new(out), Box::new(before)])
}

#[test]
fn dropping_a_parked_stream_wakes_no_task() {
    let manager = EventManager::builder().capacity(8).retain(4).build();
    manager.try_notify(0).unwrap();
    let (streams, _keep) = parked_streams(&manager);
    for (kind, mut stream) in streams {
        let alarm = Alarm::new();
        assert!(alarm.poll_next(&mut stream).is_pending(), "{kind}");
        assert_eq!(alarm.held(), 1, "{kind}");
        drop(stream);
        assert_eq!(alarm.rings(), 0, "{kind}");
        assert_eq!(alarm.held(), 0, "{kind}");
    }
}

#[test]
fn dropping_a_stream_after_the_manager_wakes_no_task() {
    let manager = EventManager::builder().capacity(8).retain(4).build();
    manager.try_notify(0).unwrap();
    let permit = manager.reserve().now_or_never().unwrap().unwrap();
    let (streams, _keep) = parked_streams(&manager);
    drop(manager);
    // The permit's event may still come, so the streams wait for it.
    for (kind, mut stream) in streams {
        let alarm = Alarm::new();
        assert!(alarm.poll_next(&mut stream).is_pending(), "{kind}");
        drop(stream);
        assert_eq!(alarm.rings(), 0, "{kind}");
        assert_eq!(alarm.held(), 0, "{kind}");
    }
    drop(permit);
}

#[test]
fn disconnecting_wakes_a_parked_stream_once() {
    let manager = EventManager::builder().capacity(8).retain(4).build();
    let before = manager.subscribe();
    let id = before.id();
    let (plain, filtered) = (
        manager.subscribe(),
        manager.subscribe_filter(|_: &u32| true),
    );
    let staged = manager.subscribe_after(&before);
    manager.try_notify(0).unwrap();
    let ids = [plain.id(), filtered.id(), staged.id()];
    let streams = [events(plain), events(filtered), events(staged)];
    let kinds = ["plain", "filtered", "staged"];
    for ((mut stream, id), kind) in streams.into_iter().zip(ids).zip(kinds) {
        let alarm = Alarm::new();
        while kind != "staged" && stream.next().now_or_never().is_some() {}
        assert!(alarm.poll_next(&mut stream).is_pending(), "{kind}");
        assert!(manager.disconnect(id), "{kind}");
        assert_eq!(alarm.rings(), 1, "{kind}");
        drop(stream);
        assert_eq!(alarm.rings(), 1, "{kind}");
    }
    assert!(manager.disconnect(id));
}

#[test]
fn dropping_a_waiting_future_wakes_no_task() {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    let stopping = EventManager::new(1);
    let _behind = stopping.subscribe();
    stopping.try_notify(0).unwrap();
    let synced = EventManager::new(1);
    let _behind_too = synced.subscribe();
    let acked = EventManager::new(1);
    let _behind_as_well = acked.subscribe();
    let fed = EventManager::new(1);
    let _not_read = fed.subscribe();
    manager.try_notify(0).unwrap();
    let (mut sink, mut sync_sink) = (manager.sink(), fed.sync_sink());
    assert!(sync_sink.feed(1).now_or_never().is_some());
    let futures: [(&str, LocalBoxFuture<'_, ()>); 12] = [
        (
            "notify, in the queue",
            manager.notify(1).map(drop).boxed_local(),
        ),
        (
            "ack_notify, in the queue",
            manager.ack_notify(1).map(drop).boxed_local(),
        ),
        (
            "sync_notify, in the queue",
            manager.sync_notify(1).map(drop).boxed_local(),
        ),
        ("reserve", manager.reserve().map(drop).boxed_local()),
        (
            "ack_notify, stored",
            acked.ack_notify(1).map(drop).boxed_local(),
        ),
        (
            "sync_notify, stored",
            synced.sync_notify(1).map(drop).boxed_local(),
        ),
        (
            "a sink",
            poll_fn(|cx| sink.poll_ready_unpin(cx))
                .map(drop)
                .boxed_local(),
        ),
        ("a sync sink", sync_sink.flush().map(drop).boxed_local()),
        ("flush", manager.flush().map(drop).boxed_local()),
        ("stop", stopping.stop().map(drop).boxed_local()),
        ("closed", manager.closed().map(drop).boxed_local()),
        (
            "wait_for_subscribers",
            manager.wait_for_subscribers(9).map(drop).boxed_local(),
        ),
    ];
    for (name, mut future) in futures {
        let alarm = Alarm::new();
        assert!(alarm.poll(&mut future).is_pending(), "{name}");
        drop(future);
        assert_eq!(alarm.rings(), 0, "{name}");
    }
}

#[cfg(feature = "rt")]
mod on_tokio {
    use std::time::Duration;

    use futures::StreamExt;
    use genevent::kv::{Registry, View};
    use genevent::{EventManager, EventStreamExt, SubscribeOptions, handler_fn};

    use super::super::Alarm;
    use super::events;

    #[tokio::test(start_paused = true)]
    async fn dropping_a_parked_adapter_wakes_no_task() {
        let manager = EventManager::<u32>::new(8);
        let deliveries = || manager.subscribe().deliveries();
        let filtered = || manager.subscribe_filter(|_| true).deliveries();
        let minute = Duration::from_secs(60);
        let streams = [
            events(deliveries().ready_batches(2)),
            events(deliveries().batches(2, minute)),
            events(deliveries().filter_acked(|_| true)),
            events(filtered().ready_batches(2)),
            events(filtered().batches(2, minute)),
            events(filtered().filter_acked(|_| true)),
            events(futures::stream::once(
                deliveries().for_each_acked(None, |_| async {}),
            )),
            events(futures::stream::once(
                filtered().for_each_acked(None, |_| async {}),
            )),
        ];
        for (index, mut stream) in streams.into_iter().enumerate() {
            let alarm = Alarm::new();
            assert!(alarm.poll_next(&mut stream).is_pending(), "{index}");
            drop(stream);
            assert_eq!((alarm.rings(), alarm.held()), (0, 0), "{index}");
        }
    }

    #[tokio::test]
    async fn dropping_a_parked_watch_wakes_no_task() {
        let registry = Registry::<u32>::new(EventManager::default());
        let view = View::new();
        let options = SubscribeOptions::new();
        for mut stream in [
            events(registry.watch()),
            events(registry.watch_with(options)),
            events(registry.watch().reflect(view.clone())),
        ] {
            while let Some(Some(())) = futures::FutureExt::now_or_never(stream.next()) {}
            let alarm = Alarm::new();
            assert!(alarm.poll_next(&mut stream).is_pending());
            drop(stream);
            assert_eq!((alarm.rings(), alarm.held()), (0, 0));
        }
    }

    #[tokio::test]
    async fn dropping_a_handler_waiter_wakes_no_task() {
        let manager = EventManager::<u32>::new(8);
        let Ok(handler) = manager.add_handler("idle", handler_fn(|_: &u32| {})) else {
            panic!("the name is free")
        };
        let alarm = Alarm::new();
        let mut stopped = Box::pin(handler.stopped());
        assert!(alarm.poll(&mut stopped).is_pending());
        drop(stopped);
        let mut called = Box::pin(handler.call(|_| ()));
        assert!(alarm.poll(&mut called).is_pending());
        drop(called);
        let mut removed = Box::pin(handler.remove());
        assert!(alarm.poll(&mut removed).is_pending());
        drop(removed);
        assert_eq!((alarm.rings(), alarm.held()), (0, 0));
    }
}
