//! `subscribe_map` and `subscribe_where`: what is not wanted costs nothing, and what is wanted comes
//! in sequence, beside plain subscriptions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, SinkExt, Stream, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{
    DisconnectCause, EndReason, EventManager, EventStreamExt, Filtered, SubscribeOptions,
    SubscriberKind,
};

use crate::drive::{now, read, read_all, waits};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a filter is given a reference"
)]
fn even(n: &u32) -> bool {
    n % 2 == 0
}

fn window(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().window(events)
}

fn cause<T>(stream: &Filtered<T>) -> Option<DisconnectCause> {
    match stream.end_reason() {
        Some(EndReason::Disconnected { cause, .. }) => Some(cause),
        _ => None,
    }
}

#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An event that counts its clones.
#[derive(Default)]
struct Counted(u32, Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.1.fetch_add(1, Ordering::Relaxed);
        Self(self.0, Arc::clone(&self.1))
    }
}

// ---- What is not wanted -------------------------------------------------------------------------

#[test]
fn ten_thousand_filters_wake_and_clone_for_those_that_want_it_alone() {
    let manager = EventManager::new(4);
    let clones = Arc::new(AtomicUsize::new(0));
    let mut readers: Vec<_> = (0..10_000u32)
        .map(|index| {
            let reader = manager.subscribe_where(move |event: &Counted| event.0 == index % 100);
            (reader, Arc::new(Alarm::default()))
        })
        .collect();
    for (reader, alarm) in &mut readers {
        let waker = Waker::from(Arc::clone(alarm));
        let mut next = reader.next();
        assert!(
            next.poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    let stored = manager.try_notify(Counted(7, Arc::clone(&clones)));
    assert_eq!(stored.ok(), Some(100));
    assert_eq!(clones.load(Ordering::Relaxed), 100);
    for (index, (reader, alarm)) in readers.iter().enumerate() {
        let wanted = usize::from(index % 100 == 7);
        assert_eq!(
            (reader.pending(), alarm.0.load(Ordering::Relaxed)),
            (wanted, wanted)
        );
    }
    // Nor is it cloned once more when it is read.
    assert!(read(&mut readers[7].0).is_some());
    assert_eq!(clones.load(Ordering::Relaxed), 100);
}

#[test]
fn an_unwanted_event_takes_no_room_and_owes_nothing() {
    let manager = EventManager::new(1);
    let mut odd = manager.subscribe_where(|n: &u32| n % 2 == 1);
    for n in [2, 4, 6] {
        let receipt = now(manager.sync_notify(n)).unwrap();
        assert!(receipt.is_unheard());
    }
    assert_eq!(manager.try_notify(7), Ok(1));
    assert_eq!(
        manager.try_notify(8),
        Ok(0),
        "its queue is full of what it wants"
    );
    assert_eq!(manager.try_notify(9), Err(TryNotifyError::Full(9)));
    assert_eq!(read(&mut odd), Some(7));
    assert!(waits(&mut odd));
    now(manager.flush()).unwrap();
}

// ---- Sequence -----------------------------------------------------------------------------------

#[test]
fn wanted_events_come_in_sequence_with_their_numbers_beside_plain_subscriptions() {
    let manager = EventManager::new(16);
    let mut plain = manager.subscribe();
    let mut even = manager.subscribe_where(even).deliveries();
    let mut tens = manager.subscribe_map(|n| (n % 10 == 0).then(|| format!("{n}")));
    for n in 1..=10 {
        let heard = 1 + usize::from(n % 2 == 0) + usize::from(n % 10 == 0);
        assert_eq!(manager.try_notify(n), Ok(heard));
    }
    manager.close();
    assert_eq!(read_all(&mut plain), (1..=10).collect::<Vec<_>>());
    let even: Vec<_> = read_all(&mut even)
        .into_iter()
        .map(|d| (d.seq(), d.ack()))
        .collect();
    assert_eq!(even, [(2, 2), (4, 4), (6, 6), (8, 8), (10, 10)]);
    assert_eq!(read_all(&mut tens), ["10"]);
    assert_eq!(tens.end_reason(), Some(EndReason::Closed));
}

#[test]
fn a_receipt_counts_those_that_wanted_it_and_names_those_that_left() {
    let manager = EventManager::new(4);
    let mut plain = manager.subscribe();
    let mut wants = manager.subscribe_where(even);
    let leaves = manager.subscribe_where(even);
    let _other = manager.subscribe_where(|n| !even(n));
    let left = leaves.id();
    let mut done = manager.sync_notify(2);
    let mut received = manager.ack_notify(4);
    assert!((&mut done).now_or_never().is_none());
    assert!((&mut received).now_or_never().is_none());
    drop(leaves);
    assert_eq!((read(&mut plain), read(&mut wants)), (Some(2), Some(2)));
    assert_eq!((read(&mut plain), read(&mut wants)), (Some(4), Some(4)));
    let receipt = now(done).unwrap();
    assert_eq!((receipt.seq(), receipt.acked()), (1, 2));
    assert_eq!(receipt.dropped_by(), [left]);
    assert_eq!(now(received).unwrap().acked(), 2);
}

#[test]
fn one_that_joins_later_does_not_see_what_was_before_and_holds_nothing_for_others() {
    let manager = EventManager::new(2);
    let mut first = manager.subscribe_where(even);
    manager.try_notify(2).unwrap();
    let mut later = manager.subscribe_where(even);
    manager.try_notify(4).unwrap();
    assert_eq!((read(&mut later), read(&mut first)), (Some(4), Some(2)));
    // Unread by one filter, it is not kept for plain ones; and these have all their room.
    let mut plain = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.try_notify(3).unwrap();
    assert_eq!((read(&mut plain), read(&mut plain)), (Some(1), Some(3)));
}

#[test]
fn what_a_filter_gives_need_be_neither_clone_nor_sync() {
    struct Only(std::cell::Cell<u32>);
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe_map(|n: &u32| Some(Only(std::cell::Cell::new(*n))));
    manager.try_notify(5).unwrap();
    assert_eq!(read(&mut reader).unwrap().0.get(), 5);
}

// ---- Like any other -----------------------------------------------------------------------------

#[test]
fn it_is_seen_and_disconnected_like_any_other() {
    let manager = EventManager::new(4);
    let options = window(9).name("even");
    let mut reader = manager.subscribe_where_with(options, even);
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    let info = manager.subscribers().remove(0);
    assert_eq!((info.id(), info.name()), (reader.id(), Some("even")));
    assert_eq!(
        (info.window(), info.pending()),
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
fn a_window_of_nothing_is_refused() {
    let manager = EventManager::<u32>::new(4);
    let _ = manager.subscribe_where_with(window(0), even);
}

#[test]
fn on_a_closed_manager_it_has_ended() {
    let manager = EventManager::new(4);
    manager.close();
    let mut reader = manager.subscribe_where(even);
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
    assert_eq!(read(&mut reader), None);
    assert_eq!(manager.subscriber_count(), 0);
}

#[test]
fn closing_wakes_it_and_stop_waits_for_what_it_has_to_settle() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_where(even);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut idle = manager.subscribe_where(|_| false);
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
fn flush_waits_for_the_unread_and_for_deliveries_that_are_out() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_where(even).deliveries();
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
fn the_operators_over_deliveries_work_on_it() {
    let manager = EventManager::new(4);
    let pairs = manager.subscribe_where(even).deliveries().ready_batches(2);
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
fn permits_and_sinks_hold_room_in_it_whatever_they_will_send() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_where_with(window(1), even);
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
fn a_reader_that_takes_wakes_the_publisher_that_waits_for_it() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_where(even);
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
fn a_cancelled_publisher_leaves_the_way_to_one_that_the_full_queue_does_not_concern() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_where(even);
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

// ---- The closure --------------------------------------------------------------------------------

#[test]
fn a_filter_that_panics_ends_its_subscription_alone() {
    let manager = EventManager::new(4);
    let mut plain = manager.subscribe();
    let mut broken = manager.subscribe_map(|n: &u32| Some(100 / (n - 2)));
    let mut even = manager.subscribe_where(even);
    assert_eq!(manager.try_notify(4), Ok(3));
    let mut unread = manager.sync_notify(2);
    assert!((&mut unread).now_or_never().is_none());
    assert_eq!(manager.subscriber_count(), 2);
    assert_eq!(read_all(&mut broken), [50], "what it had not read");
    assert_eq!(cause(&broken), Some(DisconnectCause::Panicked));
    assert_eq!((read(&mut plain), read(&mut even)), (Some(4), Some(4)));
    assert_eq!((read(&mut plain), read(&mut even)), (Some(2), Some(2)));
    plain.ack();
    even.ack();
    assert_eq!(now(unread).unwrap().acked(), 2);
}

#[test]
fn of_filters_of_one_kind_those_that_panic_end_and_the_others_are_asked() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..5)
        .map(|index| {
            manager.subscribe_map(move |n: &u32| {
                assert_ne!((*n, index % 3), (1, 1), "the second and the last break");
                Some(n + index)
            })
        })
        .collect();
    assert_eq!(manager.try_notify(1), Ok(3));
    assert_eq!(manager.try_notify(2), Ok(3));
    for (index, reader) in (0..).zip(&mut readers) {
        if index % 3 == 1 {
            assert_eq!(read(reader), None);
            assert_eq!(cause(reader), Some(DisconnectCause::Panicked));
        } else {
            assert_eq!(
                [read(reader), read(reader)],
                [Some(1 + index), Some(2 + index)]
            );
        }
    }
}

#[test]
fn a_filter_may_call_back_into_the_manager() {
    let manager = EventManager::new(8);
    let mut plain = manager.subscribe();
    let victim = Arc::new(Mutex::new(Some(manager.subscribe_where(even))));
    let joined = Arc::new(OnceLock::new());
    let weak = manager.downgrade();
    let mut busy = manager.subscribe_where({
        let (victim, joined) = (Arc::clone(&victim), Arc::clone(&joined));
        move |n: &u32| {
            if *n == 10 {
                let manager = weak.upgrade().unwrap();
                manager.try_notify(11).unwrap();
                drop(victim.lock().unwrap().take());
                joined.get_or_init(|| Mutex::new(manager.subscribe_where(even)));
            }
            even(n)
        }
    });
    assert_eq!(
        manager.try_notify(10),
        Ok(3),
        "all but the one that was dropped"
    );
    assert_eq!((read(&mut plain), read(&mut plain)), (Some(11), Some(10)));
    assert_eq!(read(&mut busy), Some(10));
    let joined = joined.get().unwrap();
    assert_eq!(
        joined.lock().unwrap().pending(),
        1,
        "it was there before the event was stored"
    );
}

#[test]
fn a_filter_may_close_the_manager() {
    let manager = EventManager::new(8);
    let weak = manager.downgrade();
    let mut reader = manager.subscribe_where(move |_: &u32| {
        weak.upgrade().unwrap().close();
        true
    });
    assert_eq!(manager.try_notify(1), Err(TryNotifyError::Closed(1)));
    assert_eq!(read(&mut reader), None);
}

#[test]
fn what_the_closure_holds_goes_with_the_subscription() {
    let manager = EventManager::<u32>::new(4);
    let held = Arc::new(());
    let others: Vec<_> = (0..3).map(|_| manager.subscribe_where(even)).collect();
    let reader = manager.subscribe_where({
        let held = Arc::clone(&held);
        move |_| Arc::strong_count(&held) > 0
    });
    drop(reader);
    assert_eq!(Arc::strong_count(&held), 1);
    drop(others);
    let reader = manager.subscribe_where({
        let held = Arc::clone(&held);
        move |_| Arc::strong_count(&held) > 0
    });
    manager.close();
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "nothing will be judged any more"
    );
    drop(reader);
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bomb was dropped");
    }
}

#[test]
fn a_value_that_panics_when_dropped_harms_nobody() {
    let manager = EventManager::new(1);
    let lossy = genevent::Overflow::DropOldest;
    let reader = manager.subscribe_map_with(lossy, |_: &u32| Some(Bomb));
    let mut plain = manager.subscribe_with(lossy);
    assert_eq!(manager.try_notify(1), Ok(2));
    assert_eq!(manager.try_notify(2), Ok(2), "which overwrites the first");
    assert_eq!(reader.missed(), 1);
    drop(reader);
    assert_eq!(manager.try_notify(3), Ok(1));
    assert_eq!(read(&mut plain), Some(3));
}

#[test]
fn publishers_that_wait_ask_again_only_for_those_that_came_later() {
    let manager = EventManager::new(1);
    let asked = Arc::new(AtomicUsize::new(0));
    let mut reader = manager.subscribe_where({
        let asked = Arc::clone(&asked);
        move |n: &u32| {
            asked.fetch_add(1, Ordering::Relaxed);
            even(n)
        }
    });
    manager.try_notify(2).unwrap();
    let mut waiting = manager.notify(4);
    assert!((&mut waiting).now_or_never().is_none());
    let mut later = manager.subscribe_where(even);
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(now(waiting), Ok(2));
    assert_eq!(read(&mut later), Some(4));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn filters_that_come_and_go_leave_the_others_in_order() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..100)
        .map(|_| Some(manager.subscribe_where(even)))
        .collect();
    for (index, reader) in readers.iter_mut().enumerate() {
        if index % 3 != 0 {
            drop(reader.take());
        }
        assert!(manager.try_notify(1).is_ok());
    }
    // The newest one is gone as well.
    drop(manager.subscribe_where(even));
    assert_eq!(manager.try_notify(2), Ok(34));
    for reader in readers.iter_mut().flatten() {
        assert_eq!(read(reader), Some(2));
    }
    drop(readers);
    assert_eq!(manager.try_notify(4), Ok(0));
}

#[tokio::test]
async fn publishers_on_several_tasks_lose_nothing_and_keep_their_order() {
    let manager = EventManager::new(3);
    let thirds = manager.subscribe_where_with(window(1), |n: &u32| n % 3 == 0);
    let plain = manager.subscribe();
    let publishers = [0, 1000, 2000].map(|base| {
        let manager = manager.clone();
        tokio::spawn(async move {
            for n in 1..=90 {
                manager.notify(base + n).await.unwrap();
            }
        })
    });
    drop(manager);
    let (thirds, plain) = tokio::join!(collect(thirds), collect(plain));
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(plain.len(), 270);
    let wanted: Vec<_> = plain.into_iter().filter(|n| n % 3 == 0).collect();
    assert_eq!(thirds, wanted);
}

async fn collect(stream: impl Stream<Item = u32>) -> Vec<u32> {
    stream.collect().await
}

#[test]
fn it_begins_with_the_next_event_also_where_events_are_retained() {
    let manager = EventManager::builder().retain(10).build();
    manager.try_notify(2).unwrap();
    let options = SubscribeOptions::new().replay(10);
    let mut even = manager.subscribe_where_with(options, |n: &u32| n % 2 == 0);
    assert!(waits(&mut even));
    assert_eq!(manager.try_notify(4), Ok(1));
    assert_eq!(read(&mut even), Some(4));
    // One that comes late gets it also when only a filtered one was there to hear it.
    let mut late = manager.subscribe_with(SubscribeOptions::new().replay(10));
    assert_eq!([read(&mut late), read(&mut late)], [Some(2), Some(4)]);
}

#[cfg(feature = "rt")] // Turns are tokio's.
#[tokio::test]
async fn its_neighbours_on_the_thread_have_their_turns() {
    let manager = EventManager::new(5_000);
    let mut reader = manager.subscribe_where(|_: &u32| true);
    for n in 0..5_000 {
        manager.try_notify(n).unwrap();
    }
    let mut read = 0;
    while futures::poll!(reader.next()).is_ready() {
        read += 1;
    }
    assert!(read < 5_000, "it was pending once with more to come");
}
