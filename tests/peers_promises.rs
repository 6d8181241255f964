//! What the tests of the channels that people come from promise, for ours: tokio's `broadcast` and
//! `mpsc`, `async-broadcast`, and the `mpsc` of futures. Each test names the peer, and says where
//! ours promises more, or something else.
//!
//! What has no counterpart here: receivers that are cloned where they stand (`resubscribe`,
//! `new_receiver` begin at the newest event, and so does `subscribe`), weak senders beyond
//! `WeakEventManager`, blocking calls (any executor's `block_on` does), `same_channel`.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::executor::block_on;
use futures::{FutureExt, SinkExt, Stream, StreamExt, join};
use genevent::error::{NotifyError, ReserveError, TryNotifyError};
use genevent::{EventManager, Overflow, Received, SubscribeOptions};
use tokio_test::task;

use crate::drive::{now, read, read_all, waits};

// ---- tokio::sync::broadcast ---------------------------------------------------------------------

#[test]
fn broadcast_every_receiver_gets_every_value_in_order() {
    let manager = EventManager::new(16);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    assert_eq!(manager.try_notify("hello"), Ok(2));
    assert_eq!(manager.try_notify("world"), Ok(2));
    drop(manager);
    assert_eq!(read_all(&mut one), ["hello", "world"]);
    assert_eq!(read_all(&mut two), ["hello", "world"]);
}

/// There an error, with the value in it; here it is nobody's event, and no failure.
#[test]
fn broadcast_sending_to_nobody_is_told() {
    let manager = EventManager::new(16);
    assert_eq!(manager.try_notify(1), Ok(0));
    let mut late = manager.subscribe();
    assert!(waits(&mut late), "and a late receiver does not get it");
}

/// There the values are lost; here that is asked for.
#[test]
fn broadcast_a_lagging_receiver_is_told_how_much_it_lost_and_goes_on_with_the_oldest() {
    let manager = EventManager::new(2);
    let mut lagging = manager.subscribe_with(Overflow::DropOldest).with_missed();
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(read(&mut lagging), Some(Received::Missed(3)));
    assert_eq!(read(&mut lagging), Some(Received::Event(4)));
    manager.try_notify(6).unwrap();
    drop(manager);
    assert_eq!(
        read_all(&mut lagging),
        [Received::Event(5), Received::Event(6)]
    );
}

#[test]
fn broadcast_a_lagging_receiver_recovers_after_the_sender_is_gone() {
    let manager = EventManager::new(2);
    let mut lagging = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    drop(manager);
    assert_eq!(lagging.size_hint(), (2, Some(2)));
    assert_eq!(read_all(&mut lagging), [4, 5]);
    assert_eq!(lagging.missed(), 3);
}

#[test]
fn broadcast_a_slow_receiver_does_not_take_from_a_quick_one() {
    let manager = EventManager::new(16);
    let (mut quick, mut slow) = (manager.subscribe(), manager.subscribe());
    for n in 1..=10 {
        manager.try_notify(n).unwrap();
        assert_eq!(read(&mut quick), Some(n));
        assert!(waits(&mut quick));
    }
    drop(manager);
    assert!(read_all(&mut slow).into_iter().eq(1..=10));
}

#[test]
fn broadcast_values_that_nobody_has_left_to_read_are_dropped() {
    let value = Arc::new(());
    let manager = EventManager::new(16);
    let (mut one, two) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(Arc::clone(&value)).unwrap();
    manager.try_notify(Arc::clone(&value)).unwrap();
    drop(read(&mut one));
    drop(two);
    assert!(Arc::strong_count(&value) > 1);
    drop(one);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
#[should_panic(expected = "room for at least one event")]
fn broadcast_a_capacity_of_zero_panics() {
    drop(EventManager::<u8>::new(0));
}

/// There a panic; here it is a bound that will never be reached.
#[test]
fn broadcast_a_capacity_too_big_for_memory_costs_nothing() {
    let manager = EventManager::new(usize::MAX);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
}

#[derive(Debug)]
struct PanicsOnce(Arc<AtomicUsize>);

impl Clone for PanicsOnce {
    fn clone(&self) -> Self {
        assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 0, "a bad clone");
        Self(Arc::clone(&self.0))
    }
}

/// There the value is lost to that receiver; here it is still there.
#[test]
fn broadcast_a_panic_in_clone_spoils_nothing() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(PanicsOnce(Arc::default())).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut reader))).is_err());
    assert!(read(&mut reader).is_some());
}

#[test]
fn broadcast_dropping_the_last_sender_wakes_every_receiver() {
    let manager = EventManager::<u8>::new(4);
    let clone = manager.clone();
    let mut readers = [manager.subscribe(), manager.subscribe()].map(task::spawn);
    for reader in &mut readers {
        assert!(reader.poll_next().is_pending());
    }
    drop(manager);
    assert!(
        readers.iter().all(|reader| !reader.is_woken()),
        "a clone is left"
    );
    drop(clone);
    for reader in &mut readers {
        assert!(reader.is_woken());
        assert_eq!(reader.poll_next(), Poll::Ready(None));
    }
}

#[test]
fn broadcast_a_receiver_may_change_tasks_while_it_waits() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut first = task::spawn(());
    let mut second = task::spawn(());
    let mut poll = |cx: &mut Context<'_>| Pin::new(&mut reader).poll_next(cx);
    assert!(first.enter(|cx, _| poll(cx)).is_pending());
    assert!(second.enter(|cx, _| poll(cx)).is_pending());
    manager.try_notify(1).unwrap();
    assert!(second.is_woken());
    assert!(
        !first.is_woken(),
        "there as well: the last one to wait is woken"
    );
}

/// Sends when it is dropped, as the waker of a task that holds a sender may.
struct SendsWhenDropped(EventManager<u8>);

impl Wake for SendsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for SendsWhenDropped {
    fn drop(&mut self) {
        self.0.try_notify(9).unwrap();
    }
}

#[test]
fn broadcast_a_waker_that_sends_when_it_is_dropped_does_not_deadlock() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let waker = Waker::from(Arc::new(SendsWhenDropped(manager.clone())));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut reader).poll_next(&mut cx).is_pending());
    drop(waker);
    // Replaces that waker, the last of its kind.
    assert!(waits(&mut reader));
    assert_eq!(read(&mut reader), Some(9));
}

#[test]
fn broadcast_len_counts_what_is_left_also_after_a_lag() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe_with(Overflow::DropOldest);
    for (n, left) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        manager.try_notify(n).unwrap();
        assert_eq!(reader.pending(), left);
    }
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(reader.pending(), 2);
}

#[tokio::test]
async fn broadcast_waiting_for_the_channel_to_be_closed_ends_with_it() {
    let manager = EventManager::<u8>::new(3);
    let other = manager.clone();
    let closed = tokio::spawn(async move { other.closed().await });
    tokio::task::yield_now().await;
    assert!(!closed.is_finished());
    manager.close();
    closed.await.unwrap();
}

// ---- tokio::sync::mpsc, futures::channel::mpsc --------------------------------------------------

#[test]
fn mpsc_a_full_channel_gives_the_value_back() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let back = manager.try_notify(2).unwrap_err();
    assert!(matches!(back, TryNotifyError::Full(2)));
    assert_eq!(read(&mut reader), Some(1));
    manager.try_notify(back.into_event()).unwrap();
}

#[test]
fn mpsc_a_sender_that_waits_goes_on_when_a_value_is_taken() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    now(manager.notify(1)).unwrap();
    let mut second = task::spawn(manager.notify(2));
    assert!(second.poll().is_pending());
    assert_eq!(read(&mut reader), Some(1));
    assert!(second.is_woken());
    assert!(second.poll().is_ready());
}

#[test]
fn mpsc_a_sender_that_gives_up_does_not_keep_its_place() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    now(manager.notify(1)).unwrap();
    let mut gives_up = task::spawn(manager.notify(2));
    let mut stays = task::spawn(manager.notify(3));
    assert!(gives_up.poll().is_pending());
    assert!(stays.poll().is_pending());
    assert_eq!(read(&mut reader), Some(1));
    drop(gives_up);
    assert!(stays.is_woken());
    assert!(stays.poll().is_ready());
    assert_eq!(read(&mut reader), Some(3));
}

#[test]
fn mpsc_a_dropped_permit_gives_its_room_back() {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    assert!(matches!(
        manager.try_notify(1),
        Err(TryNotifyError::Full(1))
    ));
    let mut waiting = task::spawn(manager.reserve());
    assert!(waiting.poll().is_pending());
    drop(permit);
    assert!(waiting.is_woken());
    assert!(waiting.poll().is_ready());
}

/// The receiver closes there, the manager here.
#[test]
fn mpsc_a_permit_that_is_out_when_it_closes_may_still_be_used_and_is_waited_for() {
    let manager = EventManager::new(2);
    let mut reader = task::spawn(manager.subscribe());
    let permit = now(manager.reserve()).unwrap();
    manager.close();
    assert!(reader.poll_next().is_pending());
    assert!(matches!(now(manager.reserve()), Err(ReserveError::Closed)));
    permit.notify(1);
    assert_eq!(reader.poll_next(), Poll::Ready(Some(1)));
    assert_eq!(reader.poll_next(), Poll::Ready(None));
}

#[test]
fn mpsc_closing_lets_what_is_stored_be_read_and_turns_senders_away() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    now(manager.notify(1)).unwrap();
    let mut waiting = task::spawn(manager.notify(2));
    assert!(waiting.poll().is_pending());
    manager.close();
    assert!(waiting.is_woken());
    let Poll::Ready(Err(NotifyError::Closed(2))) = waiting.poll() else {
        panic!("it gets its event back");
    };
    assert_eq!(read_all(&mut reader), [1]);
}

/// There a send to a receiver that is gone fails; here others may come.
#[test]
fn mpsc_values_for_a_receiver_that_is_dropped_are_dropped_with_it() {
    let value = Arc::new(());
    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    manager.try_notify(Arc::clone(&value)).unwrap();
    drop(reader);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(manager.try_notify(value), Ok(0));
}

#[test]
fn mpsc_the_values_of_each_sender_keep_their_order() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let senders = [100, 200].map(|base| {
        let mut sink = manager.sink();
        async move {
            for n in 0..50 {
                sink.send(base + n).await.unwrap();
            }
        }
    });
    drop(manager);
    let [one, two] = senders;
    let (all, (), ()) = block_on(async { join!(reader.collect::<Vec<_>>(), one, two) });
    let of = |base| all.iter().copied().filter(move |n| n / 100 == base / 100);
    assert!(of(100).eq(100..150));
    assert!(of(200).eq(200..250));
}

// ---- async-broadcast ----------------------------------------------------------------------------

#[test]
fn async_broadcast_a_full_channel_waits_for_its_slowest_receiver() {
    let manager = EventManager::new(2);
    let (mut quick, mut slow) = (manager.subscribe(), manager.subscribe());
    now(manager.notify(1)).unwrap();
    now(manager.notify(2)).unwrap();
    let mut third = task::spawn(manager.notify(3));
    assert!(third.poll().is_pending());
    assert_eq!([read(&mut quick), read(&mut quick)], [Some(1), Some(2)]);
    assert!(third.poll().is_pending());
    assert_eq!(read(&mut slow), Some(1));
    assert!(third.is_woken());
    assert!(third.poll().is_ready());
}

/// There one idle receiver stalls everybody, unless the whole channel overflows; here each
/// receiver says what it wants.
#[test]
fn async_broadcast_an_idle_receiver_need_not_stall_anybody() {
    let manager = EventManager::new(2);
    let idle = manager.subscribe_with(SubscribeOptions::new().overflow(Overflow::DropOldest));
    let mut busy = manager.subscribe();
    for n in 1..=100 {
        now(manager.notify(n)).unwrap();
        assert_eq!(read(&mut busy), Some(n));
    }
    assert_eq!((idle.missed(), idle.pending()), (98, 2));
}

#[test]
fn async_broadcast_a_sender_may_wait_until_somebody_listens() {
    let manager = EventManager::new(2);
    let mut ready = task::spawn(manager.wait_for_subscribers(1));
    assert!(ready.poll().is_pending());
    let mut reader = manager.subscribe();
    assert!(ready.is_woken());
    assert_eq!(ready.poll(), Poll::Ready(1));
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
}

#[test]
fn async_broadcast_a_channel_without_receivers_stays_open() {
    let manager = EventManager::new(2);
    drop(manager.subscribe());
    assert!(!manager.is_closed());
    let mut later = manager.subscribe();
    assert_eq!(manager.try_notify(1), Ok(1));
    assert_eq!(read(&mut later), Some(1));
}

#[test]
fn async_broadcast_receivers_are_streams_that_can_be_polled_by_hand() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let polled = poll_fn(|cx| Pin::new(&mut reader).poll_next(cx));
    assert_eq!(polled.now_or_never(), Some(Some(1)));
    assert!(reader.next().now_or_never().is_none());
}
