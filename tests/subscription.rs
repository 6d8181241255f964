//! `Subscription`: a place in the sequence, and a plain stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::drive::{now, read, read_all, waits};
use futures::stream::FusedStream;
use futures::{Stream, StreamExt, join};
use genevent::test_util::{self, assert_ended, assert_next};
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_ok, task};

// ---- From when, until when ----------------------------------------------------------------------

// GenEvent case 111: there, at the first pull
#[test]
fn it_takes_effect_at_the_call_not_at_the_first_poll() {
    let manager = EventManager::new(8);
    manager.try_notify("before").unwrap();
    let mut reader = manager.subscribe();
    assert_eq!(manager.subscriber_count(), 1);
    manager.try_notify("after").unwrap();
    assert_next!(reader, "after").now();
    test_util::assert_pending!(reader).now();
}

#[test]
fn each_sees_exactly_what_was_published_since_it_subscribed() {
    let manager = EventManager::new(300);
    let mut readers = Vec::new();
    for n in 0..200 {
        readers.push((n, manager.subscribe()));
        manager.try_notify(n).unwrap();
    }
    manager.close();
    for (first, mut reader) in readers {
        assert!(read_all(&mut reader).into_iter().eq(first..200));
    }
}

// GenEvent case 125
#[test]
fn on_a_closed_manager_it_is_a_stream_that_has_ended() {
    let manager = EventManager::new(8);
    manager.try_notify(1).unwrap();
    manager.close();
    for mut late in [
        manager.subscribe(),
        manager.subscribe_with(Overflow::DropOldest),
    ] {
        assert!(late.is_terminated());
        assert_eq!(late.size_hint(), (0, Some(0)));
        assert_ended!(late).now();
        assert_ended!(late).now();
        late.ack();
        assert!(!manager.disconnect(late.id()));
    }
    assert_eq!(manager.subscriber_count(), 0);
}

// GenEvent case 112
#[tokio::test]
async fn a_stream_that_takes_three_events_gets_three_in_every_mode_and_is_gone() {
    for mode in ["notify", "ack_notify", "sync_notify"] {
        let manager = EventManager::new(8);
        let reader = manager.subscribe();
        let consumer = async { reader.take(3).collect::<Vec<_>>().await };
        let producer = async {
            for n in 1..=3 {
                let heard = match mode {
                    "notify" => manager.notify(n).await.unwrap(),
                    "ack_notify" => manager.ack_notify(n).await.unwrap().acked(),
                    _ => manager.sync_notify(n).await.unwrap().acked(),
                };
                assert_eq!(heard, 1, "{mode}");
            }
        };
        let (seen, ()) = join!(consumer, producer);
        assert_eq!(seen, [1, 2, 3], "{mode}");
        assert_eq!(manager.subscriber_count(), 0, "{mode}");
    }
}

// GenEvent case 113
#[test]
fn a_stream_that_leaves_does_not_disturb_the_others() {
    let manager = EventManager::new(1);
    let (mut three, mut five) = (
        manager.subscribe().take(3),
        Some(manager.subscribe().take(5)),
    );
    let mut seen = (Vec::new(), Vec::new());
    for n in 1..=3 {
        assert_eq!(now(manager.notify(n)), Ok(2));
        seen.0.extend(read(&mut three));
        seen.1.extend(read(five.as_mut().unwrap()));
    }
    drop(three);
    for n in 4..=5 {
        assert_eq!(now(manager.notify(n)), Ok(1));
        seen.1.extend(read(five.as_mut().unwrap()));
    }
    drop(five.take());
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(seen, (vec![1, 2, 3], vec![1, 2, 3, 4, 5]));
}

// GenEvent case 137
#[test]
fn several_subscriptions_of_one_consumer_are_independent() {
    let manager = EventManager::new(8);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    assert_ne!(one.id(), two.id());
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_next!(one, 1).now();
    assert_next!(one, 2).now();
    assert_next!(two, 1).now();
    drop(one);
    assert_next!(two, 2).now();
    assert_next!(two, 3).now();
}

// GenEvent case 119
#[test]
fn dropping_an_idle_stream_ends_the_subscription() {
    let manager = EventManager::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    drop(reader);
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(manager.try_notify(1), Ok(0));
}

// GenEvent case 118
#[tokio::test(start_paused = true)]
async fn a_consumer_that_gives_up_between_events_is_gone() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let consumer = async move {
        let mut seen = Vec::new();
        while let Ok(event) = timeout(Duration::from_millis(50), reader.next()).await {
            seen.extend(event);
        }
        seen
    };
    let producer = async {
        manager.sync_notify(1).await.unwrap();
        sleep(Duration::from_millis(40)).await;
        manager.notify(2).await.unwrap();
        sleep(Duration::from_millis(60)).await;
        manager.notify(3).await.unwrap()
    };
    let (seen, third) = join!(consumer, producer);
    assert_eq!((seen, third), (vec![1, 2], 0));
}

// GenEvent case 134
#[tokio::test(start_paused = true)]
async fn a_stream_can_be_ended_after_a_time() {
    let manager = EventManager::new(8);
    let until = sleep(Duration::from_millis(100));
    let reader = manager.subscribe().take_until(until);
    let producer = async {
        for n in 1..=5 {
            manager.notify(n).await.unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    };
    let (seen, ()) = join!(reader.collect::<Vec<_>>(), producer);
    assert_eq!(seen, [1, 2, 3]);
}

// GenEvent case 136
#[test]
fn forwarding_event_by_event_carries_sync_across_two_managers() {
    let (first, second) = (EventManager::new(8), EventManager::new(8));
    let mut last = second.subscribe();
    let mut bridge = task::spawn(first.subscribe().for_each(|event| {
        let forward = second.clone();
        async move {
            forward.sync_notify(event).await.unwrap();
        }
    }));
    let mut done = task::spawn(first.sync_notify('a'));
    assert_pending!(done.poll());
    assert_pending!(bridge.poll());
    assert_next!(last, 'a').now();
    assert!(!bridge.is_woken());
    last.ack();
    assert!(bridge.is_woken());
    assert_pending!(done.poll());
    assert_pending!(bridge.poll());
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

// GenEvent case 139
#[test]
fn a_consumer_may_publish_to_its_own_manager_and_sees_that_event_next() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
    assert_eq!(now(manager.notify(2)), Ok(1));
    assert_next!(reader, 2).now();
}

// GenEvent case 135
#[test]
fn the_consumer_chooses_its_policy_and_the_publisher_the_mode_of_each_event() {
    let manager = EventManager::new(2);
    let mut lossless = manager.subscribe();
    let mut lossy = manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(1));
    manager.try_notify(1).unwrap();
    let mut done = task::spawn(manager.sync_notify(2));
    assert_pending!(done.poll());
    assert_next!(lossy, 2).now();
    assert_eq!(
        (read(&mut lossless), read(&mut lossless)),
        (Some(1), Some(2))
    );
    lossy.ack();
    lossless.ack();
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 2);
}

// ---- Being woken --------------------------------------------------------------------------------

#[test]
fn a_waiting_reader_is_woken_by_the_next_event() {
    let manager = EventManager::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    assert!(!reader.is_woken());
    manager.try_notify('a').unwrap();
    assert!(reader.is_woken());
    assert_ready_eq!(reader.poll_next(), Some('a'));
    assert_pending!(reader.poll_next());
    assert!(!reader.is_woken());
    manager.try_notify('b').unwrap();
    assert!(reader.is_woken());
}

#[test]
fn the_task_that_polled_last_is_the_one_woken() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let (mut before, mut after) = (task::spawn(()), task::spawn(()));
    before.enter(|cx, _| assert_pending!(Pin::new(&mut reader).poll_next(cx)));
    after.enter(|cx, _| assert_pending!(Pin::new(&mut reader).poll_next(cx)));
    manager.try_notify('a').unwrap();
    assert!(after.is_woken() && !before.is_woken());
}

#[test]
fn a_cancelled_next_loses_nothing() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    {
        let mut next = task::spawn(reader.next());
        assert_pending!(next.poll());
        manager.try_notify('a').unwrap();
        assert!(next.is_woken());
    }
    assert_eq!(reader.pending(), 1);
    drop(reader.next());
    assert_next!(reader, 'a').now();
}

#[test]
fn a_subscription_can_be_read_from_one_task_after_the_other() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_next!(reader, 1).now();
    let other = std::thread::spawn(move || (read(&mut reader), reader));
    let (second, mut reader) = other.join().unwrap();
    assert_eq!(second, Some(2));
    test_util::assert_pending!(reader).now();
}

// ---- What it knows ------------------------------------------------------------------------------

#[test]
fn size_hint_is_exact_below_and_bounded_only_once_nothing_can_follow() {
    let manager = EventManager::new(100);
    let mut reader = manager.subscribe();
    let mut cut_off = manager.subscribe();
    assert_eq!(reader.size_hint(), (0, None));
    for n in 1..=70 {
        manager.try_notify(n).unwrap();
        assert_eq!(reader.size_hint(), (n, None));
    }
    for n in (60..70).rev() {
        read(&mut reader);
        assert_eq!(reader.size_hint(), (n, None));
        assert_eq!(reader.pending(), n);
    }

    read(&mut cut_off);
    manager.disconnect(cut_off.id());
    for n in (0..70).rev() {
        assert_eq!(cut_off.size_hint(), (n, Some(n)));
        assert_eq!(cut_off.pending(), n);
        read(&mut cut_off);
    }
    assert_ended!(cut_off).now();
    assert_eq!(cut_off.size_hint(), (0, Some(0)));

    manager.close();
    for n in (0..=60).rev() {
        assert_eq!(reader.size_hint(), (n, Some(n)));
        read(&mut reader);
    }
    assert_eq!(reader.size_hint(), (0, Some(0)));
}

#[test]
fn with_missed_promises_no_upper_bound() {
    let manager = EventManager::new(4);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    let (least, most) = screen.size_hint();
    let items = read_all(&mut screen).len();
    assert_eq!((least, items), (4, 5));
    assert!(most.is_none_or(|most| most >= items));
}

#[test]
fn it_is_a_fused_stream() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut screen = manager.subscribe().with_missed();
    manager.try_notify(1).unwrap();
    manager.close();
    assert!(!reader.is_terminated() && !screen.is_terminated());
    read(&mut reader);
    read(&mut screen);
    assert!(!reader.is_terminated(), "its `None` is still to come");
    assert!(!screen.is_terminated());
    for _ in 0..3 {
        assert_ended!(reader).now();
        assert_ended!(screen).now();
        assert!(reader.is_terminated() && screen.is_terminated());
    }
}

#[test]
fn with_missed_can_be_undone_and_seen_through() {
    let manager = EventManager::new(2);
    let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let id = screen.get_ref().id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut screen);
    assert_pending!(done.poll());
    screen.get_mut().ack();
    assert_ready_ok!(done.poll());
    for n in 2..=5 {
        manager.try_notify(n).unwrap();
    }
    let mut plain = screen.into_inner();
    assert_eq!((plain.id(), plain.missed()), (id, 2));
    assert_next!(plain, 4).now();
}

// ---- What it costs ------------------------------------------------------------------------------

#[test]
fn an_event_is_dropped_once_everybody_has_read_it_and_waits() {
    for events in [1, 2, 63, 64, 65, 1_000] {
        let manager = EventManager::new(events);
        let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
        let probes: Vec<_> = (0..events).map(Arc::new).collect();
        for probe in &probes {
            manager.try_notify(Arc::clone(probe)).unwrap();
        }
        let held = || probes.iter().map(|probe| Arc::strong_count(probe) - 1);

        while !waits(&mut one) {}
        assert_eq!(
            held().sum::<usize>(),
            events,
            "kept once, for the other one"
        );
        while !waits(&mut two) {}
        assert_eq!(held().sum::<usize>(), 0, "{events} events");
    }
}

#[test]
fn what_a_leaver_alone_had_not_read_is_dropped_with_it() {
    let manager = EventManager::new(200);
    let mut reader = manager.subscribe();
    let mut leaver = manager.subscribe();
    let probe = Arc::new(());
    for _ in 0..200 {
        manager.try_notify(Arc::clone(&probe)).unwrap();
    }
    while !waits(&mut reader) {}
    read(&mut leaver);
    assert!(Arc::strong_count(&probe) > 1);
    drop(leaver);
    assert_eq!(Arc::strong_count(&probe), 1);
}

#[test]
fn an_event_nobody_hears_is_dropped_at_once() {
    let manager = EventManager::new(8);
    let probe = Arc::new(());
    manager.try_notify(Arc::clone(&probe)).unwrap();
    assert_eq!(Arc::strong_count(&probe), 1);
    now(manager.notify(Arc::clone(&probe))).unwrap();
    now(manager.sync_notify(Arc::clone(&probe))).unwrap();
    assert_eq!(Arc::strong_count(&probe), 1);
}

#[test]
fn events_are_cloned_one_by_one_when_they_are_yielded_and_not_ahead() {
    struct Counted(Arc<AtomicUsize>);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }

    let clones = Arc::new(AtomicUsize::new(0));
    let manager = EventManager::new(200);
    let mut reader = manager.subscribe();
    let _never_reads = manager.subscribe();
    for _ in 0..200 {
        manager.try_notify(Counted(Arc::clone(&clones))).unwrap();
    }
    for n in 0..200 {
        assert_eq!(clones.load(Ordering::Relaxed), n);
        read(&mut reader);
    }
    test_util::assert_pending!(reader).now();
    assert_eq!(clones.load(Ordering::Relaxed), 200);
}

#[test]
fn clone_is_asked_for_only_where_an_event_is_yielded() {
    struct Unique;

    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(Unique));
    assert_pending!(done.poll());
    reader.ack();
    assert_eq!((reader.pending(), reader.missed()), (1, 0));
    assert_eq!(reader.end_reason(), None);
    assert!(manager.disconnect(reader.id()));
    assert_eq!(assert_ready_ok!(done.poll()).dropped(), 1);
    now(manager.stop()).unwrap();
    assert!(manager.try_notify(Unique).is_err());
}
