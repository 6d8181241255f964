//! A permit that was granted although a subscriber is overdue: the subscriber stays attached until
//! the permit's event is stored.

use futures::{FutureExt, SinkExt};
use genevent::error::TryNotifyError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{DisconnectCause, EndReason, EventManager, Subscription};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, now, reserve, secs, stuck};
use crate::receipts::UnfinishedIds;

/// A publisher waits until all blocking subscribers are overdue, and is cancelled.
async fn wait_in_vain(manager: &EventManager<u32>) {
    let mut quitter = task::spawn(manager.notify(2));
    assert_pending!(quitter.poll());
    advance(secs(5)).await;
}

fn cause(reader: &Subscription<u32>) -> Option<DisconnectCause> {
    match reader.end_reason() {
        Some(EndReason::Disconnected { cause, .. }) => Some(cause),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_permit_disconnects_no_subscriber() {
    let (manager, mut reader) = stuck();
    drop(manager.reserve().await);
    assert_eq!(manager.subscriber_count(), 1);
    drop(reserve(&manager));
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 1).now();
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_next!(reader, 2).now();
}

#[tokio::test(start_paused = true)]
async fn a_ready_sink_disconnects_no_subscriber() {
    let (manager, mut reader) = stuck();
    let mut sink = manager.sink();
    std::future::poll_fn(|cx| sink.poll_ready_unpin(cx))
        .await
        .unwrap();
    assert_eq!(manager.subscriber_count(), 1);
    drop(sink);
    assert_next!(reader, 1).now();
    assert_eq!(manager.try_notify(2), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn using_a_permit_disconnects_full_subscribers() {
    let (manager, mut reader) = stuck();
    let permit = manager.reserve().await.unwrap();
    let other = manager.subscribe();
    assert_eq!(permit.notify(2), 1, "the one that has come since");
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 1).now();
    assert_ended!(reader).now();
    assert_eq!(cause(&reader), Some(DisconnectCause::Overdue));
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn sending_disconnects_full_subscribers() {
    for waits in [false, true] {
        let (manager, mut reader) = stuck();
        let mut sink = manager.sync_sink();
        std::future::poll_fn(|cx| sink.poll_ready_unpin(cx))
            .await
            .unwrap();
        if waits {
            assert_next!(reader, 1).now();
        }
        sink.start_send_unpin(2).unwrap();
        assert_eq!(manager.subscriber_count(), usize::from(waits));
        drop(reader);
        now(sink.close()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_with_new_room_stays_attached() {
    let (manager, mut reader) = stuck();
    let permit = manager.reserve().await.unwrap();
    assert_next!(reader, 1).now();
    assert_eq!(permit.notify(2), 1);
    assert_next!(reader, 2).now();
    assert_eq!(manager.try_notify(3), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn only_the_permit_without_room_disconnects() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_with(at_most(5));
    for event in [1, 2] {
        manager.try_notify(event).unwrap();
    }
    let permits = [manager.reserve().await.unwrap(), reserve(&manager)];
    assert!(
        manager.reserve().now_or_never().is_none(),
        "two are the most"
    );
    assert_next!(reader, 1).now();
    let [first, second] = permits;
    assert_eq!(first.notify(3), 1);
    assert_eq!(second.notify(4), 0, "past its window");
    assert_next!(reader, 2).now();
    assert_next!(reader, 3).now();
    assert_ended!(reader).now();
    assert_eq!(cause(&reader), Some(DisconnectCause::Overdue));
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_disconnects_no_overdue_subscriber() {
    let manager = EventManager::new(2);
    let mut author = manager.subscribe();
    let plain = manager.subscribe_with(at_most(5).window(1));
    let filtered = manager.subscribe_filter_with(at_most(5).window(1), |_| true);
    manager.try_notify(1).unwrap();
    let permit = manager.reserve().await.unwrap();
    assert_next!(author, 1).now();
    assert_eq!(author.follow_up(2), Ok(3));
    assert_eq!(permit.notify(3), 1);
    assert_eq!((plain.len(), filtered.len()), (2, 2), "as they were left");
}

/// A manager with a full window of two.
fn full_window() -> (EventManager<u32>, Subscription<u32>) {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(at_most(5));
    for event in [1, 2] {
        manager.try_notify(event).unwrap();
    }
    (manager, reader)
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_caught_up_is_not_overdue() {
    let (manager, mut reader) = full_window();
    let permit = manager.reserve().await.unwrap();
    assert_next!(reader, 1).now();
    let mut waiting = task::spawn(manager.notify(3));
    assert_pending!(waiting.poll());
    assert_next!(reader, 2).now();
    drop(waiting);
    assert_eq!((reader.follow_up(4), reader.follow_up(5)), (Ok(1), Ok(1)));
    assert_eq!(permit.notify(6), 1);
    assert_eq!((reader.len(), cause(&reader)), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_caught_up_unawaited_is_not_overdue() {
    let (manager, mut plain) = full_window();
    let permit = manager.reserve().await.unwrap();
    assert_next!(plain, 1).now();
    assert_next!(plain, 2).now();
    assert_eq!((plain.follow_up(3), plain.follow_up(4)), (Ok(1), Ok(1)));
    assert_eq!(permit.notify(5), 1);
    assert_eq!((plain.len(), cause(&plain)), (3, None));

    let manager = EventManager::new(2);
    let mut filtered = manager.subscribe_filter_with(at_most(5), |_| true);
    for event in [1, 2] {
        manager.try_notify(event).unwrap();
    }
    let permit = manager.reserve().await.unwrap();
    assert_next!(filtered, 1).now();
    assert_next!(filtered, 2).now();
    let followed = (filtered.follow_up(3), filtered.follow_up(4));
    assert_eq!(followed, (Ok(1), Ok(1)));
    assert_eq!(permit.notify(5), 1);
    assert_eq!((filtered.len(), filtered.end_reason()), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_with_room_from_a_dropped_permit_is_not_overdue() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe_with(at_most(5).window(2));
    let other = reserve(&manager);
    manager.try_notify(1).unwrap();
    let permit = manager.reserve().await.unwrap();
    assert_next!(reader, 1).now();
    drop(other);
    assert_eq!((reader.follow_up(2), reader.follow_up(3)), (Ok(1), Ok(1)));
    assert_eq!(permit.notify(4), 1);
    assert_eq!((reader.len(), cause(&reader)), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_filter_with_room_from_an_unwanted_event_is_not_overdue() {
    let manager = EventManager::new(3);
    let mut even = manager.subscribe_filter_with(at_most(5).window(2), |n| n % 2 == 0);
    let other = reserve(&manager);
    manager.try_notify(2).unwrap();
    let permit = manager.reserve().await.unwrap();
    assert_next!(even, 2).now();
    assert_eq!(other.notify(3), 0, "it does not want this");
    assert_eq!((even.follow_up(4), even.follow_up(6)), (Ok(1), Ok(1)));
    assert_eq!(permit.notify(8), 1);
    assert_eq!((even.len(), even.end_reason()), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_with_room_for_the_permit_alone_stays_overdue() {
    let (manager, mut reader) = full_window();
    let permit = manager.reserve().await.unwrap();
    assert_next!(reader, 1).now();
    assert_eq!(reader.follow_up(3), Ok(1));
    assert_eq!(permit.notify(4), 0);
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_overdue_once_the_permit_is_back() {
    let (manager, mut reader) = full_window();
    let permit = manager.reserve().await.unwrap();
    assert_next!(reader, 1).now();
    drop(permit);
    assert_next!(reader, 2).now();
    let permit = reserve(&manager);
    assert_eq!((reader.follow_up(3), reader.follow_up(4)), (Ok(1), Ok(1)));
    assert_eq!(permit.notify(5), 1);
    assert_eq!((reader.len(), cause(&reader)), (3, None));
}

#[tokio::test(start_paused = true)]
async fn storing_settles_unread_events_as_dropped() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(at_most(5));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let permit = manager.reserve().await.unwrap();
    assert_pending!(done.poll());
    permit.notify(2);
    assert!(done.is_woken());
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.unfinished_ids(), [reader.id()]);
}

#[tokio::test(start_paused = true)]
async fn publishers_wait_behind_the_permit() {
    for uses in [false, true] {
        let (manager, reader) = stuck();
        let permit = manager.reserve().await.unwrap();
        assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
        let mut publisher = task::spawn(manager.notify(3));
        assert_pending!(publisher.poll(), "the only place is promised");
        advance(secs(60)).await;
        assert_pending!(publisher.poll());
        if uses {
            permit.notify(2);
        } else {
            drop(permit);
        }
        assert!(publisher.is_woken());
        assert_eq!(assert_ready!(publisher.poll()), Ok(0));
        assert_eq!(manager.subscriber_count(), 0);
        drop(reader);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_without_the_permit_disconnects_normally() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(at_most(5).window(1));
    manager.try_notify(1).unwrap();
    let permit = manager.reserve().await.unwrap();
    assert_eq!(manager.try_notify(2), Ok(0), "its time is up");
    assert_eq!(permit.notify(3), 0);
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_permit_given_in_time_disconnects_no_subscriber() {
    // The permit reserved its room in time, so the subscriber is within its window with the
    // permit's event.
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    let permit = reserve(&manager);
    wait_in_vain(&manager).await;
    assert_eq!(permit.notify(2), 1);
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 1).now();
    assert_next!(reader, 2).now();
}

#[tokio::test(start_paused = true)]
async fn only_wanted_events_disconnect_a_filter() {
    let manager = EventManager::new(4);
    let mut even = manager.subscribe_filter_with(at_most(5).window(1), |n| n % 2 == 0);
    manager.try_notify(2).unwrap();
    drop(manager.reserve().await);
    let permits = [reserve(&manager), reserve(&manager)];
    assert_eq!(manager.subscriber_count(), 1);
    let [odd, wanted] = permits;
    assert_eq!(odd.notify(3), 0);
    assert_eq!(manager.subscriber_count(), 1, "it does not want this");
    assert_eq!(wanted.notify(4), 0);
    assert_eq!(manager.subscriber_count(), 0);
    assert_next!(even, 2).now();
    assert_ended!(even).now();

    let mut even = manager.subscribe_filter_with(at_most(5).window(1), |n| n % 2 == 0);
    manager.try_notify(2).unwrap();
    let permit = manager.reserve().await.unwrap();
    assert_next!(even, 2).now();
    assert_eq!(permit.notify(4), 1, "it has made room");
    assert_next!(even, 4).now();
}

#[tokio::test(start_paused = true)]
async fn a_permit_and_a_granted_place_share_the_last_room() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_with(at_most(5));
    manager.try_notify(0).unwrap();
    manager.try_notify(1).unwrap();
    let mut granted = task::spawn(manager.notify(2));
    let mut waiting = task::spawn(manager.notify(3));
    assert_pending!(granted.poll());
    assert_pending!(waiting.poll());
    assert_next!(reader, 0).now();
    assert!(granted.is_woken());
    advance(secs(6)).await;
    // The reader is overdue for the publisher that waits; the permit takes the granted room.
    reserve(&manager).notify(4);
    assert!(assert_ready!(granted.poll()).is_ok());
    assert!(reader.len() <= 2, "no more unread events than the window");
}
