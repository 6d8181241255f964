//! The sizes at which a careless structure turns slow or overflows. All of it, in a debug build,
//! takes a few seconds; what would take time in proportion to a square takes minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{EventManager, Overflow, Receipt, SubscribeOptions, Subscription};
use tokio_test::{assert_pending, task};

const MANY: usize = 10_000;

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

fn read<E: Clone>(reader: &mut Subscription<E>) -> Option<E> {
    now(reader.next())
}

fn subscribe_many<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Vec<Subscription<E>> {
    (0..MANY).map(|_| manager.subscribe()).collect()
}

/// Polls with a waker that does nothing, and drops nothing.
fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    future
        .poll_unpin(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

/// An event that tells how many of it are alive.
#[derive(Clone)]
struct Counted(#[expect(dead_code, reason = "held only to be counted")] Arc<()>);

// ---- Many subscribers ---------------------------------------------------------------------------

#[test]
fn ten_thousand_subscribers_join_read_and_leave() {
    let manager = EventManager::new(4);
    let mut readers = subscribe_many(&manager);
    assert_eq!(manager.subscriber_count(), MANY);
    let mut done = manager.sync_notify('a');
    assert!(is_pending(&mut done));
    assert_eq!(manager.try_notify('b'), Ok(MANY));
    for reader in &mut readers {
        assert_eq!(read(reader), Some('a'));
        assert_eq!(read(reader), Some('b'));
    }
    let receipt = now(done).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (MANY, 0));
    drop(readers);
    assert_eq!(manager.try_notify('c'), Ok(0));
}

#[test]
fn ten_thousand_parked_subscribers_are_woken_by_one_event() {
    struct Counter(AtomicUsize);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let manager = EventManager::new(4);
    let mut readers = subscribe_many(&manager);
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut cx = Context::from_waker(&waker);
    for rounds in 1..=3 {
        for reader in &mut readers {
            assert!(reader.poll_next_unpin(&mut cx).is_pending());
        }
        assert_eq!(manager.try_notify(rounds), Ok(MANY));
        assert_eq!(counter.0.load(Ordering::Relaxed), rounds * MANY);
        for reader in &mut readers {
            assert_eq!(read(reader), Some(rounds));
        }
    }
}

/// Ten thousand leave while somebody awaits an event that none of them has read.
fn all_leave_unread(leave: impl FnOnce(&EventManager<u8>, Vec<Subscription<u8>>)) {
    let manager = EventManager::new(1);
    let readers = subscribe_many(&manager);
    let ids: Vec<_> = readers.iter().map(Subscription::id).collect();
    let mut done = manager.sync_notify(1);
    assert!(is_pending(&mut done));
    let mut settled = manager.flush();
    assert!(is_pending(&mut settled));
    let mut waiting = manager.notify(2);
    assert!(is_pending(&mut waiting));
    leave(&manager, readers);
    let receipt = now(done).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, MANY));
    let mut dropped_by = receipt.dropped_by().to_vec();
    dropped_by.sort_unstable();
    assert_eq!(dropped_by, ids);
    now(settled).unwrap();
    assert_eq!(now(waiting), Ok(0));
}

#[test]
fn ten_thousand_subscribers_may_leave_at_once() {
    all_leave_unread(|_, readers| drop(readers));
}

#[test]
fn ten_thousand_subscribers_may_leave_in_reverse() {
    all_leave_unread(|_, readers| readers.into_iter().rev().for_each(drop));
}

#[test]
fn ten_thousand_subscribers_may_be_disconnected() {
    all_leave_unread(|manager, readers| {
        for reader in &readers {
            assert!(manager.disconnect(reader.id()));
        }
        for mut reader in readers {
            assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), None));
        }
    });
}

#[test]
fn ten_thousand_subscribers_one_after_the_other_leave_nothing_behind() {
    let manager = EventManager::new(8);
    let mut constant = manager.subscribe();
    for n in 0..MANY {
        let mut guest = manager.subscribe();
        assert_eq!(manager.try_notify(n), Ok(2));
        assert_eq!(read(&mut guest), Some(n));
        drop(guest);
        assert_eq!(read(&mut constant), Some(n));
    }
    assert_eq!(manager.subscribers().len(), 1);
}

#[test]
fn ten_thousand_lossy_subscribers_lose_what_they_cannot_hold() {
    let manager = EventManager::new(4);
    let lossy: Vec<_> = (0..MANY)
        .map(|_| manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(2)))
        .collect();
    for n in 0..5 {
        assert_eq!(manager.try_notify(n), Ok(MANY));
    }
    for mut reader in lossy {
        assert_eq!(reader.missed(), 3);
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(3), Some(4)));
    }
}

// ---- Capacities, windows, events ----------------------------------------------------------------

#[test]
fn a_capacity_of_one_is_enough() {
    let manager = EventManager::new(1);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    for n in 0..MANY {
        assert_eq!(manager.try_notify(n), Ok(2));
        assert_eq!(manager.try_notify(n), Err(TryNotifyError::Full(n)));
        for reader in &mut readers {
            assert_eq!(read(reader), Some(n));
        }
    }
}

#[test]
fn a_capacity_of_a_million_is_filled_and_read() {
    const CAPACITY: usize = 1 << 20;
    let manager = EventManager::new(CAPACITY);
    let mut reader = manager.subscribe();
    for n in 0..CAPACITY {
        assert_eq!(manager.try_notify(n), Ok(1));
    }
    assert!(manager.try_notify(CAPACITY).is_err());
    assert_eq!(reader.pending(), CAPACITY);
    for n in 0..CAPACITY {
        assert_eq!(read(&mut reader), Some(n));
    }
    assert_eq!(manager.try_notify(CAPACITY), Ok(1));
}

#[test]
fn the_greatest_capacity_and_window_cost_nothing_ahead() {
    let manager = EventManager::new(usize::MAX);
    let mut whole = manager.subscribe();
    let mut named = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    let mut lossy =
        manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(usize::MAX));
    let mut narrow = manager.subscribe_with(SubscribeOptions::new().window(1));
    assert_eq!(manager.capacity(), usize::MAX);
    for n in 0..100 {
        assert_eq!(manager.try_notify(n), Ok(4));
        assert!(manager.try_notify(n).is_err(), "the narrow one is full");
        assert_eq!(read(&mut narrow), Some(n));
    }
    for reader in [&mut whole, &mut named, &mut lossy] {
        assert_eq!(reader.pending(), 100);
        assert!((0..100).all(|n| read(reader) == Some(n)));
    }
}

#[test]
fn a_window_above_the_capacity_is_the_capacity() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    assert_eq!(manager.subscribers()[0].window(), 2);
    assert!(manager.try_notify(1).is_ok());
    assert!(manager.try_notify(2).is_ok());
    assert!(manager.try_notify(3).is_err());
    drop(reader);
}

#[test]
fn a_mebibyte_reaches_sixteen_subscribers_unharmed() {
    const SIZE: usize = 1 << 20;
    let bytes: Vec<u8> = (0..=255).cycle().take(SIZE).collect();
    let manager = EventManager::new(2);
    let mut readers: Vec<_> = (0..16).map(|_| manager.subscribe()).collect();
    assert_eq!(manager.try_notify(bytes.clone()), Ok(16));
    for reader in &mut readers {
        assert!(read(reader).as_ref() == Some(&bytes));
    }
}

#[test]
fn an_event_may_be_large_itself() {
    const SIZE: usize = 1 << 12;
    #[derive(Clone)]
    struct Page([u8; SIZE]);
    let manager = EventManager::new(100);
    let mut readers: Vec<_> = (0..4).map(|_| manager.subscribe()).collect();
    for n in 0..100 {
        assert!(matches!(manager.try_notify(Page([n; SIZE])), Ok(4)));
    }
    for reader in &mut readers {
        for n in 0..100 {
            let Some(Page(bytes)) = read(reader) else {
                panic!("a hundred are stored");
            };
            assert_eq!((bytes[0], bytes[SIZE - 1]), (n, n));
        }
    }
}

#[test]
fn what_everybody_has_read_is_not_kept() {
    let alive = Arc::new(());
    let manager = EventManager::new(MANY);
    let mut readers = [manager.subscribe(), manager.subscribe()];
    for _ in 0..MANY {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
    }
    for reader in &mut readers {
        assert_eq!(Arc::strong_count(&alive), MANY + 1);
        let events = std::iter::from_fn(|| reader.next().now_or_never().flatten());
        assert_eq!(events.count(), MANY);
    }
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// What a slow reader has yet to read while `quick` others each have the newest event in hand
/// costs no memory of its own for each event: a whole segment goes at once.
fn a_backlog_is_joined(quick: usize) {
    let alive = Arc::new(());
    let manager = EventManager::new(MANY);
    let mut slow = manager.subscribe();
    let mut quick: Vec<_> = (0..quick).map(|_| manager.subscribe()).collect();
    for _ in 0..MANY {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
        assert!(quick.iter_mut().all(|reader| read(reader).is_some()));
    }
    drop(quick);
    let mut kept = Arc::strong_count(&alive);
    let mut releases = 0;
    for _ in 0..MANY {
        drop(read(&mut slow).unwrap());
        let now = Arc::strong_count(&alive);
        releases += usize::from(now < kept);
        kept = now;
    }
    assert!(releases <= MANY / 32, "{releases} segments");
}

#[test]
fn a_backlog_takes_few_segments_whoever_reads_ahead_of_it() {
    (0..5).for_each(a_backlog_is_joined);
}

// ---- Those who never come back ------------------------------------------------------------------

#[test]
fn a_subscriber_that_never_polls_holds_its_window_and_no_more() {
    let alive = Arc::new(());
    let event = || Counted(Arc::clone(&alive));
    let manager = EventManager::new(100);
    let stuck = manager.subscribe_with(SubscribeOptions::new().window(10));
    let mut reader = manager.subscribe();
    for _ in 0..10 {
        assert!(manager.try_notify(event()).is_ok());
    }
    for _ in 0..MANY {
        assert!(manager.try_notify(event()).is_err());
    }
    assert_eq!(Arc::strong_count(&alive), 11);
    assert!((0..10).all(|_| read(&mut reader).is_some()));
    assert!(reader.next().now_or_never().is_none());
    drop(stuck);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(manager.try_notify(event()).ok(), Some(1));
}

#[test]
fn lossy_subscribers_that_never_poll_hold_their_windows_and_no_more() {
    let alive = Arc::new(());
    let manager = EventManager::new(64);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let strict = manager.subscribe_with(Overflow::Disconnect);
    for n in 0..MANY {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
        // Its window, and what shares a segment with it; twice that while another holds on to
        // what it had not read when it was disconnected.
        assert!(Arc::strong_count(&alive) <= 64 * 4, "after {n}");
    }
    assert_eq!((lossy.pending(), strict.pending()), (64, 64));
    drop((lossy, strict));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn ten_thousand_streams_end_when_the_manager_is_dropped() {
    let manager = EventManager::new(4);
    let readers = subscribe_many(&manager);
    assert_eq!(manager.try_notify("last"), Ok(MANY));
    let mut collected = join_all(readers.into_iter().map(StreamExt::collect::<Vec<_>>));
    assert!(is_pending(&mut collected));
    drop(manager);
    let Poll::Ready(all) = collected.poll_unpin(&mut Context::from_waker(Waker::noop())) else {
        panic!("all of them have ended");
    };
    assert!(all.iter().all(|events| events == &["last"]));
}

#[test]
fn ten_thousand_waiting_publishers_get_their_events_back_at_the_close() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut line: Vec<_> = (1..=MANY).map(|n| manager.notify(n)).collect();
    assert!(line.iter_mut().all(is_pending));
    manager.close();
    for (publisher, n) in line.into_iter().zip(1..) {
        assert_eq!(now(publisher).unwrap_err().into_event(), n);
    }
    drop(reader);
}

// ---- Many publishers ----------------------------------------------------------------------------

/// Ten thousand publishers in line behind a full subscriber, cancelled in the order given by
/// `places`; the line must be empty then.
fn all_are_cancelled(places: impl IntoIterator<Item = usize>) {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(MANY).unwrap();
    let mut line: Vec<_> = (0..MANY).map(|n| Some(manager.notify(n))).collect();
    assert!(line.iter_mut().flatten().all(is_pending));
    for place in places {
        line[place] = None;
    }
    assert!(line.iter().all(Option::is_none));
    assert_eq!(read(&mut reader), Some(MANY));
    assert_eq!(manager.try_notify(0), Ok(1), "nobody is in line");
    assert_eq!(read(&mut reader), Some(0));
}

#[test]
fn ten_thousand_publishers_are_cancelled_in_order() {
    all_are_cancelled(0..MANY);
}

#[test]
fn ten_thousand_publishers_are_cancelled_in_reverse() {
    all_are_cancelled((0..MANY).rev());
}

#[test]
fn ten_thousand_publishers_are_cancelled_from_the_middle() {
    let half = MANY / 2;
    all_are_cancelled((0..half).flat_map(|n| [half + n, half - 1 - n]));
}

#[test]
fn ten_thousand_publishers_each_get_their_turn() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut line: Vec<_> = (1..=MANY).map(|n| manager.notify(n)).collect();
    assert!(line.iter_mut().all(is_pending));
    for (publisher, n) in line.into_iter().zip(0..) {
        assert_eq!(read(&mut reader), Some(n));
        assert_eq!(now(publisher), Ok(1));
    }
    assert_eq!(read(&mut reader), Some(MANY));
}

#[test]
fn ten_thousand_sync_notifies_are_outstanding_at_once() {
    let manager = EventManager::new(MANY);
    let mut reader = manager.subscribe();
    let leaver = manager.subscribe();
    let mut outstanding: Vec<_> = (0..MANY).map(|n| manager.sync_notify(n)).collect();
    assert!(outstanding.iter_mut().all(is_pending));
    assert!((0..MANY).all(|n| read(&mut reader) == Some(n)));
    reader.ack();
    assert!(outstanding.iter_mut().all(is_pending));
    let left = leaver.id();
    drop(leaver);
    let receipts: Vec<Receipt> = outstanding
        .into_iter()
        .map(|done| now(done).unwrap())
        .collect();
    for (receipt, seq) in receipts.iter().zip(1..) {
        assert_eq!((receipt.seq(), receipt.acked()), (seq, 1));
        assert_eq!(receipt.dropped_by(), [left]);
    }
}

#[test]
fn ten_thousand_outstanding_sync_notifies_may_all_be_given_up() {
    let manager = EventManager::new(MANY);
    let mut reader = manager.subscribe();
    let mut outstanding: Vec<_> = (0..MANY).map(|n| manager.sync_notify(n)).collect();
    assert!(outstanding.iter_mut().all(is_pending));
    drop(outstanding);
    assert!((0..MANY).all(|n| read(&mut reader) == Some(n)));
}

// ---- Given up over and over ---------------------------------------------------------------------

const OFTEN: usize = 100_000;

/// Memory cannot be seen from here. What can: their wakers are gone, and the end of the wait, in
/// which each of those given up would be answered, answers the one that is left. That they do
/// not pile up inside is `Ring::flush`'s own business, and said there.
#[test]
fn a_flush_given_up_over_and_over_is_forgotten() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut other = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut other), Some(1));
    let mut kept = manager.flush();
    assert!(is_pending(&mut kept));
    let task = Arc::new(Nothing);
    for _ in 0..OFTEN {
        let waker = Waker::from(Arc::clone(&task));
        let mut given_up = manager.flush();
        assert!(
            given_up
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(Arc::strong_count(&task), 1, "no waker stayed behind");
    other.ack();
    assert!(is_pending(&mut kept));
    assert_eq!(read(&mut reader), Some(1));
    reader.ack();
    now(kept).unwrap();
    now(manager.flush()).unwrap();
}

#[test]
fn waiters_given_up_over_and_over_are_forgotten() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut parked = manager.subscribe();
    manager.try_notify(0).unwrap();
    assert_eq!(read(&mut parked), Some(0));
    let task = Arc::new(Nothing);
    let waker = Waker::from(Arc::clone(&task));
    let mut cx = Context::from_waker(&waker);
    for n in 0..OFTEN / 4 {
        assert!(manager.notify(n).poll_unpin(&mut cx).is_pending());
        assert!(manager.closed().poll_unpin(&mut cx).is_pending());
        assert!(
            manager
                .wait_for_subscribers(3)
                .poll_unpin(&mut cx)
                .is_pending()
        );
        assert!(parked.next().poll_unpin(&mut cx).is_pending());
    }
    assert_eq!(
        Arc::strong_count(&task),
        3,
        "ours, and the parked subscriber's"
    );
    assert_eq!(read(&mut reader), Some(0));
    assert_eq!(manager.try_notify(1), Ok(2), "nobody is in line");
    assert_eq!(read(&mut parked), Some(1));
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn who_waits_for_the_end_costs_those_nothing_who_come_and_go() {
    // Each of these steps looked at each of the waiting, under the lock.
    let manager = EventManager::<u8>::new(4);
    let mut ends: Vec<_> = (0..10_000).map(|_| task::spawn(manager.closed())).collect();
    for end in &mut ends {
        assert_pending!(end.poll());
    }
    for _ in 0..10_000 {
        let reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        permit.notify(1);
        drop(reader);
    }
    manager.close();
    assert!(
        ends.iter_mut()
            .all(|end| end.is_woken() && end.poll().is_ready())
    );
}
