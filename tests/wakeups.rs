//! Who is woken, when, and how often: never too few, and nobody in vain.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;
use futures::{FutureExt, SinkExt, Stream, StreamExt};
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};

/// Counts how often it is woken; the `Arc`'s count tells how many wakers somebody holds.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The wakers that others hold.
    fn held(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }

    /// Polls `future` with a waker of this alarm, which it does not keep itself.
    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    fn poll_next<S: Stream + Unpin>(self: &Arc<Self>, stream: &mut S) -> Poll<Option<S::Item>> {
        self.poll(&mut stream.next())
    }
}

fn read<E: Clone>(reader: &mut Subscription<E>) -> E {
    let event = reader.next().now_or_never();
    event.expect("an event is there").expect("it has not ended")
}

// ---- Publishers in line -------------------------------------------------------------------------

#[test]
fn one_freed_place_wakes_one_publisher_at_once() {
    let manager = EventManager::new(1024);
    let mut reader = manager.subscribe();
    for n in 0..1024 {
        manager.try_notify(n).unwrap();
    }
    let (first, second) = (Alarm::new(), Alarm::new());
    let (mut one, mut two) = (manager.notify(1024), manager.notify(1025));
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    assert_eq!(first.rings(), 0);

    assert_eq!(read(&mut reader), 0);
    assert_eq!((first.rings(), second.rings()), (1, 0));
    assert!(first.poll(&mut one).is_ready());
    assert_eq!(
        (first.rings(), second.rings()),
        (1, 0),
        "its place is taken"
    );
}

#[test]
fn one_place_wakes_one_of_a_hundred_publishers() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut line: Vec<_> = (1..=100)
        .map(|n| (Alarm::new(), manager.notify(n)))
        .collect();
    for (alarm, publisher) in &mut line {
        assert!(alarm.poll(publisher).is_pending());
    }
    for turn in 0..100 {
        read(&mut reader);
        let rings: usize = line.iter().map(|(alarm, _)| alarm.rings()).sum();
        assert_eq!(rings, turn + 1, "one more than before");
        let (alarm, publisher) = &mut line[turn];
        assert_eq!(alarm.rings(), 1, "and it is the first in line");
        assert!(alarm.poll(publisher).is_ready());
    }
    assert_eq!(read(&mut reader), 100);
}

#[test]
fn a_publisher_cancelled_after_its_call_passes_the_call_on() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut line: Vec<_> = (1..=10)
        .map(|n| (Alarm::new(), manager.notify(n)))
        .collect();
    let alarms: Vec<_> = line.iter().map(|(alarm, _)| Arc::clone(alarm)).collect();
    for (alarm, publisher) in &mut line {
        assert!(alarm.poll(publisher).is_pending());
    }
    read(&mut reader);
    for (called, (_, publisher)) in line.into_iter().enumerate() {
        let rings: Vec<_> = alarms.iter().map(|alarm| alarm.rings()).collect();
        let all_up_to_here: Vec<_> = (0..10).map(|n| usize::from(n <= called)).collect();
        assert_eq!(rings, all_up_to_here);
        drop(publisher);
    }
    assert_eq!(manager.try_notify(11), Ok(1), "the line is empty");
}

#[test]
fn a_publisher_cancelled_before_its_call_is_skipped_and_wakes_nobody() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    let mut line: Vec<_> = (1..=3).map(|n| manager.notify(n)).collect();
    for (alarm, publisher) in alarms.iter().zip(&mut line) {
        assert!(alarm.poll(publisher).is_pending());
    }
    drop(line.remove(1));
    drop(line.remove(0));
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0, 0, 0]);
    read(&mut reader);
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0, 0, 1]);
}

#[test]
fn more_room_does_not_call_twice_who_has_been_called() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe();
    (1..=3).for_each(|n| assert_eq!(manager.try_notify(n), Ok(1)));
    let (first, second) = (Alarm::new(), Alarm::new());
    let (mut one, mut two) = (manager.notify(4), manager.notify(5));
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    for _ in 0..3 {
        read(&mut reader);
        assert_eq!((first.rings(), second.rings()), (1, 0));
    }
    assert!(first.poll(&mut one).is_ready());
    assert_eq!(
        second.rings(),
        1,
        "there is room for it, and now it is first"
    );
    assert!(second.poll(&mut two).is_ready());
}

#[test]
fn a_place_that_one_of_two_full_subscribers_frees_wakes_nobody() {
    let manager = EventManager::new(2);
    let (mut quick, mut slow) = (manager.subscribe(), manager.subscribe());
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    let alarm = Alarm::new();
    let mut waiting = manager.notify('c');
    assert!(alarm.poll(&mut waiting).is_pending());

    assert_eq!((read(&mut quick), read(&mut quick)), ('a', 'b'));
    assert!(quick.next().now_or_never().is_none(), "parked, even");
    assert_eq!(alarm.rings(), 0);
    read(&mut slow);
    assert_eq!(alarm.rings(), 1);
    read(&mut slow);
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn finishing_without_reading_on_wakes_no_publisher() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    read(&mut reader);
    manager.try_notify('b').unwrap();
    let alarm = Alarm::new();
    let mut waiting = manager.notify('c');
    assert!(alarm.poll(&mut waiting).is_pending());
    reader.ack();
    assert_eq!(alarm.rings(), 0, "'b' is still unread");
    read(&mut reader);
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn lossy_subscribers_never_wake_a_publisher() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    let mut lossless = manager.subscribe();
    manager.try_notify('a').unwrap();
    let alarm = Alarm::new();
    let mut waiting = manager.notify('b');
    assert!(alarm.poll(&mut waiting).is_pending());
    read(&mut lossy);
    drop(lossy);
    assert_eq!(alarm.rings(), 0);
    read(&mut lossless);
    assert_eq!(alarm.rings(), 1);
}

// ---- Subscribers --------------------------------------------------------------------------------

#[test]
fn a_subscriber_that_is_not_parked_is_not_woken() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(1)));
    assert_eq!(alarm.held(), 0, "a poll that is ready keeps no waker");

    manager.try_notify(3).unwrap();
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(2)));
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(3)));
    manager.try_notify(4).unwrap();
    manager.close();
    assert_eq!(alarm.rings(), 0);
}

#[test]
fn a_parked_subscriber_is_woken_once_for_a_burst() {
    let manager = EventManager::new(64);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    for round in 1..=3 {
        assert!(alarm.poll_next(&mut reader).is_pending());
        for n in 0..64 {
            manager.try_notify(n).unwrap();
            assert_eq!(alarm.rings(), round);
        }
        for n in 0..64 {
            assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(Some(n)));
        }
    }
}

#[test]
fn only_events_and_the_end_wake_a_parked_subscriber() {
    let manager = EventManager::new(1);
    let mut parked = manager.subscribe();
    let mut full = manager.subscribe();
    manager.try_notify('a').unwrap();
    read(&mut parked);
    let alarm = Alarm::new();
    assert!(alarm.poll_next(&mut parked).is_pending());

    assert!(manager.try_notify('b').is_err());
    let mut cancelled = manager.notify('c');
    assert!((&mut cancelled).now_or_never().is_none());
    drop(cancelled);
    read(&mut full);
    full.ack();
    manager.disconnect(full.id());
    drop(full);
    let late = manager.subscribe();
    assert!(manager.flush().now_or_never().is_some());
    assert_eq!(alarm.rings(), 0);

    drop(late);
    manager.close();
    manager.close();
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn disconnecting_a_parked_subscriber_wakes_it_alone() {
    let manager = EventManager::<()>::new(4);
    let (mut one, mut other) = (manager.subscribe(), manager.subscribe());
    let (its, not_its) = (Alarm::new(), Alarm::new());
    assert!(its.poll_next(&mut one).is_pending());
    assert!(not_its.poll_next(&mut other).is_pending());
    assert!(manager.disconnect(one.id()));
    assert!(!manager.disconnect(one.id()));
    assert_eq!((its.rings(), not_its.rings()), (1, 0));
    assert_eq!(its.poll_next(&mut one), Poll::Ready(None));
}

#[test]
fn dropping_the_last_manager_wakes_the_parked_subscribers() {
    let manager = EventManager::<()>::new(4);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    assert!(alarm.poll_next(&mut reader).is_pending());
    drop(manager.clone());
    let weak = manager.downgrade();
    assert_eq!(alarm.rings(), 0);
    drop(manager);
    assert_eq!(alarm.rings(), 1);
    drop(weak);
    assert_eq!(alarm.poll_next(&mut reader), Poll::Ready(None));
    assert_eq!(alarm.rings(), 1);
}

#[test]
fn a_subscriber_that_left_while_parked_is_not_woken_and_its_waker_is_gone() {
    let manager = EventManager::new(4);
    let (mut leaver, mut stayer) = (manager.subscribe(), manager.subscribe());
    let (gone, here) = (Alarm::new(), Alarm::new());
    assert!(gone.poll_next(&mut leaver).is_pending());
    assert!(here.poll_next(&mut stayer).is_pending());
    drop(leaver);
    assert_eq!(gone.held(), 0);
    manager.try_notify(1).unwrap();
    assert_eq!((gone.rings(), here.rings()), (0, 1));
}

// ---- Those who wait for answers -----------------------------------------------------------------

#[test]
fn sync_notify_is_woken_once_by_the_last_answer() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..5).map(|_| manager.subscribe()).collect();
    let alarm = Alarm::new();
    let mut done = manager.sync_notify("all");
    assert!(alarm.poll(&mut done).is_pending());
    for reader in &mut readers {
        read(reader);
    }
    assert_eq!(alarm.rings(), 0, "received by all, finished by none");

    readers[0].ack();
    assert!(readers[1].next().now_or_never().is_none());
    drop(readers.remove(2));
    assert!(manager.disconnect(readers[2].id()));
    readers[2].ack();
    assert_eq!(alarm.rings(), 0, "one still owes its answer");
    readers[3].ack();
    assert_eq!(alarm.rings(), 1);
    drop(readers);
    assert_eq!(alarm.rings(), 1);
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("the last answer is there");
    };
    assert_eq!((receipt.acked(), receipt.dropped()), (5, 0));
}

#[test]
fn ack_notify_is_woken_once_by_the_last_to_receive() {
    let manager = EventManager::new(4);
    let mut readers: Vec<_> = (0..3).map(|_| manager.subscribe()).collect();
    let alarm = Alarm::new();
    let mut received = manager.ack_notify("all");
    assert!(alarm.poll(&mut received).is_pending());
    read(&mut readers[0]);
    read(&mut readers[1]);
    assert_eq!(alarm.rings(), 0);
    read(&mut readers[2]);
    assert_eq!(alarm.rings(), 1);
    drop(readers);
    assert_eq!(alarm.rings(), 1);
    assert!(alarm.poll(&mut received).is_ready());
}

/// A publisher in line, a `sync_notify` and a `flush` that all wait for one subscriber; then
/// it `goes`.
fn one_wakes_all_three(goes: impl FnOnce(&EventManager<u32>, Subscription<u32>)) {
    let manager = EventManager::new(1);
    let mut others = manager.subscribe();
    let holder = manager.subscribe();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    let mut synced = manager.sync_notify(1);
    assert!(alarms[0].poll(&mut synced).is_pending());
    let mut flushed = manager.flush();
    assert!(alarms[1].poll(&mut flushed).is_pending());
    let mut in_line = manager.notify(2);
    assert!(alarms[2].poll(&mut in_line).is_pending());

    assert_eq!(read(&mut others), 1);
    assert!(others.next().now_or_never().is_none());
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0; 3]);
    goes(&manager, holder);
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [1; 3]);
    let Poll::Ready(Ok(receipt)) = alarms[0].poll(&mut synced) else {
        panic!("nobody is left to be waited for");
    };
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    assert!(alarms[1].poll(&mut flushed).is_ready());
    assert_eq!(alarms[2].poll(&mut in_line), Poll::Ready(Ok(1)));
}

#[test]
fn a_subscriber_that_leaves_wakes_all_who_waited_for_it() {
    one_wakes_all_three(|_, holder| drop(holder));
}

#[test]
fn a_subscriber_that_is_disconnected_wakes_all_who_waited_for_it() {
    one_wakes_all_three(|manager, holder| {
        assert!(manager.disconnect(holder.id()));
        std::mem::forget(holder);
    });
}

#[test]
fn a_reader_whose_task_dies_wakes_all_who_waited_for_it() {
    one_wakes_all_three(|_, holder| {
        let task = std::panic::AssertUnwindSafe(move || {
            let _reader = holder;
            std::panic::resume_unwind(Box::new("the task dies"));
        });
        std::panic::catch_unwind(task).unwrap_err();
    });
}

#[test]
fn an_overwritten_event_wakes_who_waited_for_it() {
    let manager = EventManager::new(1);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let alarm = Alarm::new();
    let mut done = manager.sync_notify(1);
    assert!(alarm.poll(&mut done).is_pending());
    let mut flushed = manager.flush();
    assert!(alarm.poll(&mut flushed).is_pending());
    manager.try_notify(2).unwrap();
    assert_eq!(alarm.rings(), 2, "both: it is settled");
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("the event is gone");
    };
    assert_eq!(receipt.dropped_by(), [lossy.id()]);
    assert!(alarm.poll(&mut flushed).is_ready());
}

#[test]
fn a_subscriber_disconnected_by_overflow_wakes_who_waited_for_it() {
    let manager = EventManager::new(1);
    let strict = manager.subscribe_with(Overflow::Disconnect);
    let alarm = Alarm::new();
    let mut done = manager.sync_notify(1);
    assert!(alarm.poll(&mut done).is_pending());
    assert_eq!(manager.try_notify(2), Ok(0), "it no longer counts");
    assert_eq!(alarm.rings(), 1);
    let Poll::Ready(Ok(receipt)) = alarm.poll(&mut done) else {
        panic!("it was disconnected");
    };
    assert_eq!(receipt.dropped_by(), [strict.id()]);
}

#[test]
fn closing_wakes_each_who_can_go_on_once_and_no_other() {
    let manager = EventManager::new(1);
    let holder = manager.subscribe();
    let mut idle = manager.subscribe_with(SubscribeOptions::new().name("idle"));
    let alarms: [_; 7] = std::array::from_fn(|_| Alarm::new());
    let [synced, flushed, first, second, parked, closed, audience] = &alarms;
    let mut sync = manager.sync_notify(1);
    assert!(synced.poll(&mut sync).is_pending());
    let mut flush = manager.flush();
    assert!(flushed.poll(&mut flush).is_pending());
    let (mut one, mut two) = (manager.notify(2), manager.ack_notify(3));
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    read(&mut idle);
    assert!(parked.poll_next(&mut idle).is_pending());
    let mut end = manager.closed();
    assert!(closed.poll(&mut end).is_pending());
    let mut three = manager.wait_for_subscribers(3);
    assert!(audience.poll(&mut three).is_pending());

    manager.close();
    manager.close();
    let rings = alarms.each_ref().map(|alarm| alarm.rings());
    assert_eq!(rings, [0, 0, 1, 1, 1, 1, 1], "answers are still owed");
    drop(holder);
    let rings = alarms.each_ref().map(|alarm| alarm.rings());
    assert_eq!(rings, [1; 7]);
}

#[test]
fn only_the_subscriber_that_makes_the_number_full_wakes_who_waits_for_it() {
    let manager = EventManager::<()>::default();
    let (two, four) = (Alarm::new(), Alarm::new());
    let mut for_two = manager.wait_for_subscribers(2);
    let mut for_four = manager.wait_for_subscribers(4);
    assert!(two.poll(&mut for_two).is_pending());
    assert!(four.poll(&mut for_four).is_pending());
    let mut here = Vec::new();
    for rings in [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1)] {
        here.push(manager.subscribe());
        assert_eq!((two.rings(), four.rings()), rings);
    }
    assert_eq!(two.poll(&mut for_two), Poll::Ready(5));

    // Woken, but late: some have left again, so it goes on waiting.
    here.truncate(3);
    assert!(four.poll(&mut for_four).is_pending());
    here.push(manager.subscribe());
    assert_eq!(four.rings(), 2);
    assert_eq!(four.poll(&mut for_four), Poll::Ready(4));
}

// ---- Which waker --------------------------------------------------------------------------------

/// Something that waits, what it is, and what its waker rings.
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

/// Runs a story with every kind of waiter there is, in every state that waits. When the story
/// calls its second argument, each of them can go on.
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
fn polling_again_with_the_same_waker_keeps_the_one_there_is() {
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
fn a_waiter_that_moved_to_another_task_wakes_that_one_alone() {
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
fn a_waiter_that_is_woken_can_go_on() {
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
fn a_publisher_moved_to_another_task_after_its_call_still_has_its_turn() {
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
fn a_stream_at_its_limit_is_woken_once_by_the_delivery_that_makes_room() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let mut jobs = manager.subscribe_with(options).deliveries();
    (1..=5).for_each(|n| assert_eq!(manager.try_notify(n), Ok(1)));
    let next = |jobs: &mut genevent::Deliveries<_>| jobs.next().now_or_never().flatten().unwrap();
    let alarm = Alarm::new();
    let (one, two) = (next(&mut jobs), next(&mut jobs));
    assert!(alarm.poll_next(&mut jobs).is_pending());
    manager.try_notify(6).unwrap();
    assert_eq!(alarm.rings(), 0, "an event makes no room");

    two.ack();
    assert_eq!((alarm.rings(), alarm.held()), (1, 0));
    drop(one);
    assert_eq!(alarm.rings(), 1, "nobody waits");
    let (three, _four) = (next(&mut jobs), next(&mut jobs));
    assert!(alarm.poll_next(&mut jobs).is_pending());
    drop(three);
    assert_eq!(alarm.rings(), 2, "dropping makes room, too");
    assert_eq!(*next(&mut jobs), 5);
    assert_eq!(alarm.held(), 0);
}

#[test]
fn a_stream_that_left_at_its_limit_is_not_woken_and_its_waker_is_gone() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let alarm = Alarm::new();
    let out = jobs.next().now_or_never().flatten().unwrap();
    assert!(alarm.poll_next(&mut jobs).is_pending());
    drop(jobs);
    assert_eq!(alarm.held(), 0);
    out.ack();
    assert_eq!(alarm.rings(), 0);
}

#[test]
fn deliveries_out_after_the_stream_is_gone_wake_who_waits_for_them() {
    let manager = EventManager::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let alarms: [_; 2] = std::array::from_fn(|_| Alarm::new());
    let mut synced = manager.sync_notify(1);
    assert!(alarms[0].poll(&mut synced).is_pending());
    let mut flushed = manager.flush();
    assert!(alarms[1].poll(&mut flushed).is_pending());
    let out = jobs.next().now_or_never().flatten().unwrap();
    drop(jobs);
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0; 2]);
    out.ack();
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [1; 2]);
    assert!(alarms[0].poll(&mut synced).is_ready());
    assert!(alarms[1].poll(&mut flushed).is_ready());
}

#[test]
fn a_permit_calls_the_next_in_line_when_it_is_given_back_and_not_when_it_is_used() {
    for used in [true, false] {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        let (first, second) = (Alarm::new(), Alarm::new());
        let (mut one, mut two) = (manager.reserve(), manager.notify(2));
        assert!(first.poll(&mut one).is_pending());
        assert!(second.poll(&mut two).is_pending());
        if used {
            assert_eq!(permit.notify(1), 1);
            assert_eq!(first.rings(), 0, "the room is used");
            read(&mut reader);
        } else {
            drop(permit);
        }
        assert_eq!((first.rings(), second.rings()), (1, 0));
        let Poll::Ready(Ok(permit)) = first.poll(&mut one) else {
            panic!("there is room");
        };
        assert_eq!(second.rings(), 0, "its place is taken");
        drop(permit);
        assert_eq!((first.rings(), second.rings()), (1, 1));
        assert_eq!(second.poll(&mut two), Poll::Ready(Ok(1)));
    }
}

#[test]
fn the_last_permit_after_the_close_wakes_the_readers_and_who_stops() {
    for used in [true, false] {
        let manager = EventManager::new(2);
        let mut reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        let (reads, stops) = (Alarm::new(), Alarm::new());
        assert!(reads.poll_next(&mut reader).is_pending());
        let mut stop = manager.stop();
        assert!(stops.poll(&mut stop).is_pending());
        assert_eq!((reads.rings(), stops.rings()), (0, 0), "more may come");
        if used {
            permit.notify('x');
        } else {
            drop(permit);
        }
        assert_eq!((reads.rings(), stops.rings()), (1, 1));
        assert_eq!(
            reads.poll_next(&mut reader),
            Poll::Ready(used.then_some('x'))
        );
        assert_eq!(stops.poll(&mut stop).is_pending(), used, "it is in hand");
        drop(reader);
        assert_eq!(stops.rings(), 1 + usize::from(used));
        assert_eq!(reads.held() + usize::from(used) * stops.held(), 0);
    }
}

#[test]
fn a_sync_sink_is_woken_by_its_oldest_event_and_looks_at_all() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut sink = manager.sync_sink();
    for n in 1..=3 {
        assert!(sink.feed(n).now_or_never().is_some());
    }
    let alarm = Alarm::new();
    assert!(alarm.poll(&mut sink.flush()).is_pending());
    assert_eq!(read(&mut reader), 1);
    assert_eq!(alarm.rings(), 0);
    assert_eq!((read(&mut reader), read(&mut reader)), (2, 3));
    assert_eq!(alarm.rings(), 1, "the first is finished");
    assert!(
        alarm.poll(&mut sink.flush()).is_pending(),
        "the third is not"
    );
    reader.ack();
    assert_eq!(alarm.rings(), 2);
    assert!(alarm.poll(&mut sink.flush()).is_ready());
    assert_eq!(alarm.held(), 0);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn within_is_woken_by_the_answer_or_by_the_clock_and_lets_its_wakers_go() {
    let second = std::time::Duration::from_secs(1);
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    for answered in [true, false] {
        let alarm = Alarm::new();
        let mut done = Box::pin(manager.sync_notify(1).within(second));
        assert!(alarm.poll(&mut done).is_pending());
        read(&mut reader);
        assert_eq!(alarm.rings(), 0);
        if answered {
            reader.ack();
        } else {
            tokio::time::advance(second).await;
        }
        assert_eq!(alarm.rings(), 1);
        let Poll::Ready(result) = alarm.poll(&mut done) else {
            panic!("it is answered, or late");
        };
        assert_eq!(result.is_ok(), answered);
        drop(done);
        assert_eq!(alarm.held(), 0);
        reader.ack();
        assert_eq!(alarm.rings(), 1);
    }

    let alarm = Alarm::new();
    manager.try_notify(1).unwrap();
    let mut in_line = Box::pin(manager.sync_notify(2).within(second));
    assert!(alarm.poll(&mut in_line).is_pending());
    drop(in_line);
    assert_eq!(alarm.held(), 0);
    tokio::time::advance(second).await;
    assert_eq!(alarm.rings(), 0);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_stop_that_is_late_for_a_permit_says_so() {
    let manager = EventManager::<u32>::new(1);
    let permit = manager.reserve().await.unwrap();
    let late = manager
        .stop()
        .within(std::time::Duration::from_secs(1))
        .await;
    let late = late.unwrap_err();
    assert!(late.pending().is_empty());
    assert_eq!(late.to_string(), "not over in time: permits are out");
    drop(permit);
}

#[test]
fn a_future_that_is_dropped_lets_its_waker_go_and_is_not_woken() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let alarm = Alarm::new();
    manager.try_notify(0).unwrap();
    {
        let mut in_line = pin!(manager.notify(1));
        let mut reserve = pin!(manager.reserve());
        let mut sink = manager.sink();
        let mut ready = poll_fn(|cx| sink.poll_ready_unpin(cx));
        assert!(alarm.poll(&mut reserve).is_pending());
        assert!(alarm.poll(&mut ready).is_pending());
        assert_eq!(alarm.held(), 2);
        let mut flush = pin!(manager.flush());
        let mut closed = pin!(manager.closed());
        let mut audience = pin!(manager.wait_for_subscribers(2));
        assert!(alarm.poll(&mut in_line).is_pending());
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
