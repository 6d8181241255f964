//! No call waits for an observer, and no receipt contains one.

use genevent::{EventManager, SubscriberInfo};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

use super::{observer, observers};
use crate::drive::{now, read};

#[test]
fn events_heard_by_observers_alone_resolve_at_once() {
    let manager = EventManager::new(8);
    let mut unread = observers(&manager);
    let receipt = now(manager.sync_notify(1)).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 0));
    assert!(receipt.is_unheard() && receipt.all_acked());
    assert!(now(manager.ack_notify(2)).unwrap().is_unheard());
    assert_eq!(read(&mut unread[0]), Some(1), "heard nevertheless");
    assert_eq!(read(&mut unread[1]), Some(2));
    assert_eq!(unread[1].missed(), 1);
}

#[test]
fn receipts_count_the_other_subscribers() {
    let manager = EventManager::new(8);
    let mut unread = observers(&manager);
    let (mut reader, leaver) = (manager.subscribe(), manager.subscribe());
    let left = leaver.id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    // Reading, finishing, leaving and being disconnected change nothing.
    read(&mut unread[0]);
    unread[0].ack();
    read(&mut unread[1]);
    assert!(manager.disconnect(unread[2].id()));
    let [first, second, third] = unread;
    drop((first, second, third));
    assert!(!done.is_woken());

    drop(leaver);
    read(&mut reader);
    reader.ack();
    let receipt = assert_ready_ok!(done.poll());
    let [unfinished] = receipt.unfinished() else {
        panic!("{receipt}");
    };
    assert_eq!((receipt.acked(), unfinished.id()), (1, left));
}

#[test]
fn overwritten_events_of_observers_settle_nothing() {
    let manager = EventManager::new(8);
    let [_first, lossy, cut] = observers(&manager);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    for n in 2..=4 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((lossy.missed(), manager.subscriber_count()), (3, 3));
    assert_eq!(cut.len(), 2, "disconnected, with its backlog");
    assert!(!done.is_woken());
    read(&mut reader);
    reader.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
}

#[test]
fn flush_quiet_and_stop_wait_for_no_observer() {
    let manager = EventManager::new(8);
    let mut unread = observers(&manager);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    read(&mut unread[0]);
    assert_eq!(now(manager.flush()), Ok(()));
    assert_eq!(now(manager.quiet()), Ok(()));
    // A dropped observer with an event in flight is no longer counted anywhere.
    let [in_flight, ..] = unread;
    let in_flight = in_flight.deliveries();
    drop(in_flight);
    assert_eq!(manager.stats().leaving().len(), 0);
    assert_eq!(now(manager.stop()), Ok(()));
}

#[test]
fn flush_waits_for_the_other_subscribers() {
    let manager = EventManager::new(8);
    let unread = observers(&manager);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());
    drop(unread);
    assert_pending!(flushed.poll());
    read(&mut reader);
    reader.ack();
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll()).unwrap();
}

#[test]
fn counts_of_stored_events_include_observers() {
    let manager = EventManager::new(8);
    let [_first, _second, _third] = observers(&manager);
    let _reader = manager.subscribe();
    assert_eq!(manager.subscriber_count(), 4);
    assert_eq!(manager.try_notify(1), Ok(4));
    assert_eq!(now(manager.notify(2)), Ok(4));
    assert_eq!(
        now(manager.reserve()).unwrap().notify(3),
        3,
        "one was cut off"
    );
}

#[test]
fn sync_sinks_wait_for_no_observer() {
    use futures::SinkExt;
    let manager = EventManager::new(8);
    let _unread = observers(&manager);
    let mut sink = manager.sync_sink();
    now(sink.send(1)).unwrap();
    let mut reader = manager.subscribe();
    let mut sent = task::spawn(sink.send(2));
    assert_pending!(sent.poll());
    read(&mut reader);
    reader.ack();
    assert_ready_ok!(sent.poll());
}

/// An observer's loop may wait for all acknowledgements without a deadlock.
#[test]
fn an_observer_may_wait_with_an_event_in_flight() {
    let manager = EventManager::new(8);
    let mut screen = manager.subscribe_with(observer());
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut screen), Some(1));
    assert!(now(manager.sync_notify(2)).unwrap().is_unheard());
    assert_eq!(now(manager.flush()), Ok(()));
    let mut deliveries = screen.deliveries();
    let _held = read(&mut deliveries);
    assert_eq!(now(manager.quiet()), Ok(()));
    assert_eq!(now(manager.stop()), Ok(()));
}

#[test]
fn infos_say_which_subscribers_are_observers() {
    let manager = EventManager::<u32>::new(8);
    let _reader = manager.subscribe();
    let _observer = manager.subscribe_with(observer().name("screen"));
    let _filtered = manager.subscribe_filter_with(observer(), |n| *n > 1);
    let infos = manager.subscribers();
    let kinds: Vec<_> = infos.iter().map(SubscriberInfo::is_observer).collect();
    assert_eq!(kinds, [false, true, true]);
    let stats = manager.stats();
    let text = stats.to_string();
    assert_eq!(text.matches("in flight, observer").count(), 2, "{text}");
    let drawing = stats.to_dot();
    assert_eq!(drawing.matches("\\nobserver").count(), 2, "{drawing}");
    assert_eq!(drawing.matches("arrowhead=empty").count(), 2, "{drawing}");
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn late_answers_name_no_observer() {
    let manager = EventManager::new(8);
    let _unread = observers(&manager);
    let reader = manager.subscribe();
    let second = std::time::Duration::from_secs(1);
    let late = manager.sync_notify(1).within(second).await.unwrap_err();
    let ids: Vec<_> = late.waiting_for().iter().map(SubscriberInfo::id).collect();
    assert_eq!(ids, [reader.id()]);
    let late = manager.flush().within(second).await.unwrap_err();
    let ids: Vec<_> = late.waiting_for().iter().map(SubscriberInfo::id).collect();
    assert_eq!(ids, [reader.id()]);
}
