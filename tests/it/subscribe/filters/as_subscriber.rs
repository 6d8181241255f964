//! A filtered subscription has every feature of a plain subscription.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use futures::{FutureExt, SinkExt, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{DisconnectCause, EndReason, EventManager, EventStreamExt, SubscriberKind};

use super::{Alarm, cause, even, window};
use crate::drive::{now, read, read_all, waits};

#[test]
fn a_filter_is_listed_and_can_be_disconnected() {
    let manager = EventManager::new(4);
    let options = window(9).name("even");
    let mut reader = manager.subscribe_filter_with(options, even);
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    let info = manager.subscribers().remove(0);
    assert_eq!((info.id(), info.name()), (reader.id(), Some("even")));
    assert_eq!(
        (info.window(), info.unread()),
        (4, 1),
        "above the capacity: the capacity"
    );
    assert_eq!(info.kind(), SubscriberKind::Filtered);
    assert_eq!(info.created_at().file(), file!());
    assert_eq!(manager.subscriber_count(), 1);
    assert!(manager.disconnect(reader.id()));
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(
        read_all(&mut reader),
        [2],
        "and it still yields what it had"
    );
    assert_eq!(cause(&reader), Some(DisconnectCause::Requested));
}

#[test]
#[should_panic(expected = "a window holds at least one event")]
fn a_zero_window_panics() {
    let manager = EventManager::<u32>::new(4);
    let _ = manager.subscribe_filter_with(window(0), even);
}

#[test]
fn a_filter_on_a_closed_manager_has_ended() {
    let manager = EventManager::new(4);
    manager.close();
    let mut reader = manager.subscribe_filter(even);
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
    assert_eq!(read(&mut reader), None);
    assert_eq!(manager.subscriber_count(), 0);
}

#[test]
fn close_wakes_a_filter_and_stop_waits() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_filter(even);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut idle = manager.subscribe_filter(|_| false);
    assert!(
        idle.next()
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    manager.try_notify(2).unwrap();
    let mut stopped = manager.stop();
    assert!((&mut stopped).now_or_never().is_none());
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert_eq!(read(&mut idle), None);
    assert_eq!(read(&mut reader), Some(2));
    assert!((&mut stopped).now_or_never().is_none(), "in hand");
    reader.ack();
    assert_eq!(stopped.now_or_never(), Some(Ok(())));
}

#[test]
fn flush_waits_for_unread_events_and_deliveries() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_filter(even).deliveries();
    manager.try_notify(2).unwrap();
    let mut flushed = manager.flush();
    assert!((&mut flushed).now_or_never().is_none());
    let two = read(&mut reader).unwrap();
    drop(reader);
    assert!(
        (&mut flushed).now_or_never().is_none(),
        "out, and its stream gone"
    );
    two.ack();
    assert!(flushed.now_or_never().is_some());
}

#[test]
fn delivery_operators_work_on_a_filter() {
    let manager = EventManager::new(4);
    let pairs = manager.subscribe_filter(even).deliveries().ready_batches(2);
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    let mut done = manager.sync_notify(6);
    assert!((&mut done).now_or_never().is_none());
    manager.close();
    let sizes = now(pairs.map(|batch| batch.ack().len()).collect::<Vec<_>>());
    assert_eq!(sizes, [2, 1]);
    assert!(now(done).unwrap().all_acked());
}

#[test]
fn permits_and_sinks_reserve_room_in_every_filter() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_filter_with(window(1), even);
    let permit = now(manager.reserve()).unwrap();
    assert_eq!(manager.try_notify(1), Ok(0), "not wanted");
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    let mut second = manager.reserve();
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(permit.notify(3), 0);
    let second = second
        .now_or_never()
        .expect("the place was not needed")
        .unwrap();
    drop(second);
    let mut sink = manager.sync_sink();
    let mut sent = sink.send(8);
    assert!((&mut sent).now_or_never().is_none());
    assert_eq!(read(&mut reader), Some(8));
    reader.ack();
    assert!(sent.now_or_never().is_some());
}

#[test]
fn reading_wakes_the_waiting_publisher() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_filter(even);
    manager.try_notify(2).unwrap();
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut waiting = manager.notify(4);
    assert!(
        waiting
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!(manager.try_notify(3).is_err(), "first come, first served");
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert_eq!(now(waiting), Ok(1));
}

#[test]
fn cancelling_unblocks_publishers_of_unwanted_events() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_filter(even);
    manager.try_notify(2).unwrap();
    let mut waiting = manager.notify(4);
    let mut behind = manager.notify(5);
    assert!((&mut waiting).now_or_never().is_none());
    assert!((&mut behind).now_or_never().is_none());
    drop(waiting);
    assert_eq!(behind.now_or_never(), Some(Ok(0)));
    assert_eq!(read(&mut reader), Some(2));
    assert!(
        waits(&mut reader),
        "and what was cancelled was delivered to nobody"
    );
}

#[cfg(feature = "rt")] // Turns are tokio's.
#[tokio::test]
async fn a_busy_filter_yields_to_other_tasks() {
    let manager = EventManager::new(5_000);
    let mut reader = manager.subscribe_filter(|_: &u32| true);
    for n in 0..5_000 {
        manager.try_notify(n).unwrap();
    }
    let mut read = 0;
    while futures::poll!(reader.next()).is_ready() {
        read += 1;
    }
    assert!(read < 5_000, "it was pending once with more to come");
}
