//! `sync_notify`: every subscriber has finished with the event; and `flush`, with all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::drive::{now, read, waits};
use futures::{FutureExt, StreamExt, join};
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};
use tokio::time::{Instant, sleep, timeout};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

// ---- What finishes an event -------------------------------------------------------------------

// GenEvent case 37
#[test]
fn coming_back_for_the_next_event_finishes_the_one_in_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some('a'));
    assert!(!done.is_woken(), "received is not finished");
    assert_pending!(done.poll());

    assert!(waits(&mut reader), "nothing to read, but it came back");
    assert!(done.is_woken());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.dropped()),
        (1, 1, 0)
    );
    assert!(receipt.all_acked() && !receipt.is_unheard());
}

#[test]
fn coming_back_finishes_the_event_in_hand_also_when_more_is_at_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut done = task::spawn(manager.sync_notify(2));
    assert_pending!(done.poll());
    for n in 3..=8 {
        manager.try_notify(n).unwrap();
    }
    read(&mut reader);
    read(&mut reader);
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some(3));
    assert_ready_ok!(done.poll());
}

#[test]
fn ack_finishes_the_event_in_hand_without_taking_another() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    manager.try_notify('b').unwrap();
    read(&mut reader);
    reader.ack();
    assert!(done.is_woken());
    assert!(assert_ready_ok!(done.poll()).all_acked());
    assert_eq!(reader.pending(), 1);
    assert_eq!(read(&mut reader), Some('b'));
}

#[test]
fn ack_finishes_nothing_that_is_not_in_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    reader.ack();
    assert_pending!(done.poll());
    read(&mut reader);
    reader.ack();
    assert_ready_ok!(done.poll());

    let mut next = task::spawn(manager.sync_notify('b'));
    assert_pending!(next.poll());
    reader.ack();
    reader.ack();
    assert_pending!(next.poll());
}

// GenEvent case 122
#[test]
fn dropping_the_stream_finishes_the_event_in_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    read(&mut reader);
    drop(reader);
    assert!(done.is_woken());
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

// GenEvent case 120
#[test]
fn a_stream_dropped_by_a_panic_has_not_finished_the_event_in_hand() {
    let manager = EventManager::new(8);
    let (mut bad, mut good) = (manager.subscribe(), manager.subscribe());
    let failed = bad.id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut good);
    good.ack();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        read(&mut bad);
        panic!("over the event in hand");
    }));
    panicked.unwrap_err();
    assert!(done.is_woken());
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped_by()), (1, &[failed][..]));

    manager.try_notify(2).unwrap();
    assert_eq!(read(&mut good), Some(2), "the others go on");
}

#[test]
fn what_was_acked_before_a_panic_stays_acked() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        read(&mut reader);
        reader.ack();
        panic!("over something else");
    }));
    panicked.unwrap_err();
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

// ---- Who is waited for --------------------------------------------------------------------------

#[test]
fn it_waits_for_every_subscriber() {
    let manager = EventManager::new(8);
    let mut readers: Vec<_> = (0..70).map(|_| manager.subscribe()).collect();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    for reader in &mut readers {
        assert!(!done.is_woken());
        assert_pending!(done.poll());
        read(reader);
        reader.ack();
    }
    assert!(done.is_woken());
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 70);
}

#[test]
fn later_subscribers_never_count() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    let mut late = manager.subscribe();
    assert!(waits(&mut late), "nor do they see it");
    read(&mut reader);
    reader.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.acked() + receipt.dropped(), 1);
}

#[test]
fn who_is_waited_for_is_fixed_when_the_event_is_stored_not_when_the_publisher_comes() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let leaves = manager.subscribe();
    manager.try_notify('a').unwrap();
    let mut done = task::spawn(manager.sync_notify('b'));
    assert_pending!(done.poll());

    let mut comes = manager.subscribe();
    drop(leaves);
    read(&mut reader);
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some('b'));
    reader.ack();
    assert_pending!(done.poll());
    assert_eq!(read(&mut comes), Some('b'));
    comes.ack();
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!((receipt.acked(), receipt.dropped()), (2, 0));
}

#[test]
fn without_subscribers_the_receipt_is_unheard_and_counts_nobody() {
    let manager = EventManager::new(8);
    drop(manager.subscribe());
    let receipt = now(manager.sync_notify('a')).unwrap();
    assert!(receipt.is_unheard() && receipt.all_acked());
    assert_eq!((receipt.acked(), receipt.dropped()), (0, 0));
    assert_eq!(receipt.dropped_by(), []);
}

#[test]
fn the_receipt_names_who_dropped_it_in_the_order_in_which_they_did() {
    let manager = EventManager::new(8);
    let (first, second) = (manager.subscribe(), manager.subscribe());
    let small = SubscribeOptions::new().window(2);
    let strict = manager.subscribe_with(small.clone().overflow(Overflow::Disconnect));
    let lossy = manager.subscribe_with(small.window(3).overflow(Overflow::DropOldest));
    let mut reader = manager.subscribe();
    let order = [second.id(), first.id(), strict.id(), lossy.id()];
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());

    read(&mut reader);
    reader.ack();
    drop(second);
    manager.disconnect(first.id());
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap(); // too much for the strict one
    assert_pending!(done.poll());
    manager.try_notify(4).unwrap(); // too much for the lossy one
    let receipt = assert_ready_ok!(done.poll());
    assert_eq!(receipt.dropped_by(), order);
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 4));
    assert!(!receipt.all_acked() && !receipt.is_unheard());
}

/// Ends a subscription that owes answers for its second and third event; keeps it if its stream
/// goes on.
type End = fn(&EventManager<u8>, Subscription<u8>) -> Option<Subscription<u8>>;

fn after(events: usize, mut reader: Subscription<u8>) -> Subscription<u8> {
    for _ in 0..events {
        read(&mut reader).unwrap();
    }
    reader
}

#[test]
fn a_waiter_never_hangs_on_a_subscriber_that_no_longer_exists() {
    let ends: [(&str, End); 10] = [
        ("dropped unread", |_, s| {
            drop(s);
            None
        }),
        ("dropped with both fetched ahead", |_, s| {
            drop(after(1, s));
            None
        }),
        ("dropped with the second in hand", |_, s| {
            drop(after(2, s));
            None
        }),
        ("dropped with the third in hand", |_, s| {
            drop(after(3, s));
            None
        }),
        ("dropped while it waits", |_, s| {
            let mut s = after(3, s);
            assert!(waits(&mut s));
            None
        }),
        ("disconnected unread", |m, s| {
            assert!(m.disconnect(s.id()));
            Some(s)
        }),
        ("disconnected with the second in hand, dropped", |m, s| {
            let s = after(2, s);
            assert!(m.disconnect(s.id()));
            drop(s);
            None
        }),
        ("disconnected with the second in hand, read on", |m, s| {
            let s = after(2, s);
            assert!(m.disconnect(s.id()));
            Some(after(1, s))
        }),
        ("dropped by a panic", |_, s| {
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                let _in_hand = after(2, s);
                panic!("over the event in hand");
            }));
            panicked.unwrap_err();
            None
        }),
        ("drained after close", |m, s| {
            m.close();
            let mut s = after(3, s);
            assert_eq!(read(&mut s), None);
            Some(s)
        }),
    ];
    for (name, end) in ends {
        let manager = EventManager::new(8);
        let subscription = manager.subscribe();
        manager.try_notify(0).unwrap();
        let mut done = task::spawn(manager.sync_notify(1));
        let mut received = task::spawn(manager.ack_notify(2));
        let mut flushed = task::spawn(manager.flush());
        assert_pending!(done.poll(), "{name}");
        assert_pending!(received.poll(), "{name}");
        assert_pending!(flushed.poll(), "{name}");

        let _goes_on = end(&manager, subscription);
        assert!(done.is_woken(), "sync_notify: {name}");
        assert_ready_ok!(done.poll(), "sync_notify: {name}");
        assert!(received.is_woken(), "ack_notify: {name}");
        assert_ready_ok!(received.poll(), "ack_notify: {name}");
        assert!(flushed.is_woken(), "flush: {name}");
        assert_ready!(flushed.poll(), "flush: {name}").unwrap();
    }
}

// GenEvent case 129
#[test]
fn disconnecting_a_stuck_subscriber_releases_the_publisher() {
    let manager = EventManager::new(8);
    let stuck = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    assert!(manager.disconnect(stuck.id()));
    assert!(done.is_woken());
    assert_eq!(assert_ready_ok!(done.poll()).dropped_by(), [stuck.id()]);
}

// ---- Which events are waited for ----------------------------------------------------------------

// GenEvent case 40
#[test]
fn it_waits_for_all_earlier_events_of_that_subscriber_too() {
    for earlier in [1, 63, 64, 65, 200] {
        let manager = EventManager::new(256);
        let mut reader = manager.subscribe();
        for n in 0..earlier {
            manager.try_notify(n).unwrap();
        }
        let mut done = task::spawn(manager.sync_notify(earlier));
        for n in 0..=earlier {
            assert_pending!(done.poll(), "{n} of {earlier}");
            assert_eq!(read(&mut reader), Some(n));
        }
        assert_pending!(done.poll());
        assert!(waits(&mut reader));
        assert_ready_ok!(done.poll());
    }
}

#[test]
fn it_does_not_wait_for_later_events() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let mut later = task::spawn(manager.sync_notify(2));
    assert_pending!(later.poll());
    read(&mut reader);
    read(&mut reader);
    assert_eq!(assert_ready_ok!(done.poll()).seq(), 1);
    assert_pending!(later.poll());
    reader.ack();
    assert_eq!(assert_ready_ok!(later.poll()).seq(), 2);
}

#[test]
fn modes_can_be_mixed_and_each_call_waits_for_its_own() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    assert_eq!(manager.try_notify(1), Ok(1));
    let mut done = task::spawn(manager.sync_notify(2));
    assert_pending!(done.poll());
    assert_eq!(now(manager.notify(3)), Ok(1));
    let mut received = task::spawn(manager.ack_notify(4));
    assert_pending!(received.poll());

    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(read(&mut reader), Some(2));
    assert_pending!(done.poll());
    assert_eq!(read(&mut reader), Some(3));
    assert_ready_ok!(done.poll());
    assert_pending!(received.poll());
    assert_eq!(read(&mut reader), Some(4));
    assert_ready_ok!(received.poll());
}

// GenEvent case 44
#[test]
fn a_caller_that_goes_away_withdraws_nothing() {
    let manager = EventManager::new(8);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    let mut done = task::spawn(manager.sync_notify('a'));
    assert_pending!(done.poll());
    assert_eq!(read(&mut one), Some('a'));
    drop(done);
    assert_eq!(read(&mut two), Some('a'));
    manager.try_notify('b').unwrap();
    assert_eq!((read(&mut one), read(&mut two)), (Some('b'), Some('b')));
}

// ---- Time ---------------------------------------------------------------------------------------

async fn work_for(mut reader: Subscription<u32>, millis: u64) -> Vec<u32> {
    let mut seen = Vec::new();
    while let Some(event) = reader.next().await {
        sleep(Duration::from_millis(millis)).await;
        seen.push(event);
    }
    seen
}

// GenEvent cases 38, 41, 42, 43
#[tokio::test(start_paused = true)]
async fn subscribers_work_side_by_side_so_the_slowest_decides() {
    for (one, two, together) in [(200, 0, 200), (100, 100, 100), (100, 150, 150)] {
        let manager = EventManager::new(8);
        let readers = (manager.subscribe(), manager.subscribe());
        let publish = async move {
            let begin = Instant::now();
            let receipt = manager.sync_notify(1).await.unwrap();
            assert_eq!(receipt.acked(), 2);
            begin.elapsed().as_millis()
        };
        let (took, _, _) = join!(publish, work_for(readers.0, one), work_for(readers.1, two));
        assert_eq!(took, together);
    }
}

// GenEvent case 117
#[tokio::test(start_paused = true)]
async fn each_rung_of_the_ladder_holds_the_publisher_longer() {
    async fn publish_ten(publish: impl AsyncFn(&EventManager<u32>, u32)) -> u128 {
        let manager = EventManager::new(16);
        let (slow, fast) = (manager.subscribe(), manager.subscribe());
        let producer = async move {
            let begin = Instant::now();
            for n in 1..=10 {
                publish(&manager, n).await;
            }
            begin.elapsed().as_millis()
        };
        let (took, slow, fast) = join!(producer, work_for(slow, 50), work_for(fast, 0));
        assert!(slow.iter().copied().eq(1..=10));
        assert!(fast.iter().copied().eq(1..=10));
        took
    }

    let notify = publish_ten(async |m, n| assert_eq!(m.notify(n).await, Ok(2))).await;
    let ack = publish_ten(async |m, n| assert!(m.ack_notify(n).await.unwrap().all_acked())).await;
    let sync = publish_ten(async |m, n| assert!(m.sync_notify(n).await.unwrap().all_acked())).await;
    assert_eq!((notify, ack, sync), (0, 450, 500));
}

// GenEvent case 115: the original takes up one event where this has room for one more
#[test]
fn behind_a_stuck_reader_every_sender_waits() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe();
    let mut senders: Vec<_> = (1..=6)
        .map(|n| task::spawn(manager.sync_notify(n)))
        .collect();
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(read(&mut stuck), Some(1), "and gets stuck on it");
    for sender in &mut senders {
        assert_pending!(sender.poll());
    }
    assert_eq!(stuck.pending(), 1, "one behind it, four wait in line");

    stuck.ack();
    assert_eq!(assert_ready_ok!(senders[0].poll()).seq(), 1);
    for sender in &mut senders[1..] {
        assert_pending!(sender.poll());
    }
}

// GenEvent case 138
#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_itself_is_freed_by_a_timeout() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(reader.next().await, Some(1));
    let own = timeout(Duration::from_secs(1), manager.sync_notify(2)).await;
    own.unwrap_err();
    assert_eq!(
        reader.next().await,
        Some(2),
        "delivered, only not waited for"
    );
}

// ---- flush --------------------------------------------------------------------------------------

#[test]
fn flush_waits_until_every_event_stored_so_far_is_settled() {
    let manager = EventManager::new(256);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    for n in 0..100 {
        manager.try_notify(n).unwrap();
    }
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    for n in 100..105 {
        manager.try_notify(n).unwrap();
    }

    for _ in 0..=100 {
        assert!(!settled.is_woken());
        read(&mut one);
    }
    for _ in 0..100 {
        assert!(!settled.is_woken());
        read(&mut two);
    }
    assert_pending!(settled.poll(), "the hundredth is in hand");
    two.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    assert!(!manager.is_closed());
    assert_eq!(
        (one.pending(), two.pending()),
        (4, 5),
        "later ones do not count"
    );
}

#[test]
fn flush_counts_an_event_in_hand_as_not_settled() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    read(&mut reader);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert!(waits(&mut reader), "which finishes it");
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn flush_is_ready_at_once_when_nothing_is_owed() {
    let manager = EventManager::new(8);
    now(manager.flush()).unwrap();
    let mut reader = manager.subscribe();
    now(manager.flush()).unwrap();
    manager.try_notify('a').unwrap();
    read(&mut reader);
    reader.ack();
    now(manager.flush()).unwrap();
}

#[test]
fn flush_waits_for_what_a_disconnected_subscriber_has_in_hand_and_for_nothing_else_of_it() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    read(&mut reader);
    manager.disconnect(reader.id());
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert_eq!(read(&mut reader), Some('b'));
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    now(manager.flush()).unwrap();
}

#[test]
fn flush_counts_what_was_overwritten_as_settled() {
    let manager = EventManager::new(2);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.try_notify(3).unwrap();
    assert_pending!(settled.poll());
    manager.try_notify(4).unwrap();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    assert_eq!(read(&mut lossy), Some(3));
}

#[test]
fn flush_waits_for_the_event_in_hand_also_when_all_after_it_is_overwritten() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    read(&mut lossy);
    manager.try_notify(2).unwrap();
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.try_notify(3).unwrap();
    assert_pending!(settled.poll());
    lossy.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn flush_goes_on_waiting_for_an_event_in_hand_when_its_subscriber_is_disconnected() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    read(&mut reader);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.disconnect(reader.id());
    assert_pending!(settled.poll());
    reader.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn many_flushes_and_syncs_each_get_their_own_answer() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe_with(SubscribeOptions::new().window(8));
    let mut waiting = Vec::new();
    for n in 1..=8 {
        let mut done = task::spawn(manager.sync_notify(n));
        assert_pending!(done.poll());
        let mut settled = task::spawn(manager.flush());
        assert_pending!(settled.poll());
        waiting.push((done, settled));
    }
    for (mut done, mut settled) in waiting {
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        read(&mut reader);
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        reader.ack();
        assert_ready_ok!(done.poll());
        assert_ready!(settled.poll()).unwrap();
    }
}

// ---- Polled once too often ----------------------------------------------------------------------

#[test]
fn a_publisher_polled_after_its_end_panics_and_stands_in_nobodys_way() {
    // It joined the line, and the publisher behind it was never called.
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut over = task::spawn(manager.notify(1));
    assert_ready!(over.poll()).unwrap();
    let mut waiting = task::spawn(manager.notify(2));
    assert_pending!(waiting.poll());
    let again = catch_unwind(AssertUnwindSafe(|| over.poll().is_ready()));
    assert!(again.is_err());
    assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    assert!(waiting.is_woken());
    assert_eq!(assert_ready!(waiting.poll()), Ok(1));
}

#[test]
fn a_receipt_is_given_once() {
    // The second one said that nobody had dropped it.
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    drop(reader);
    assert_eq!(assert_ready!(done.poll()).unwrap().dropped(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| done.poll().is_ready())).is_err());
}
