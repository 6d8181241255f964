//! Stages: who sees an event only once others have settled it.

use std::thread;

use crate::drive::{now, read, read_all, waits};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use genevent::error::TryNotifyError;
use genevent::{EventManager, Overflow, Received, SubscribeOptions, Subscription};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

fn publish(manager: &EventManager<u64>, events: impl IntoIterator<Item = u64>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

/// Takes the next event and finishes with it.
fn finish(stage: &mut Subscription<u64>) -> u64 {
    let event = read(stage).expect("there is one");
    stage.ack();
    event
}

#[test]
fn a_stage_sees_an_event_only_once_the_one_before_has_finished_with_it() {
    let manager = EventManager::new(200);
    let mut first = manager.subscribe();
    let mut second = manager.subscribe_after(&first);
    publish(&manager, 1..=200);
    for n in 1..=200 {
        assert!(waits(&mut second));
        assert_eq!(read(&mut first), Some(n));
        assert!(waits(&mut second), "{n} is in hand");
        if n % 2 == 0 {
            first.ack();
        } else if n < 199 {
            // Coming back for the next one finishes as well.
            assert_eq!(read(&mut first), Some(n + 1));
            assert_eq!(read(&mut second), Some(n));
            assert!(waits(&mut second));
            first.ack();
            assert_eq!(read(&mut second), Some(n + 1));
            publish(&manager, [n + 200, n + 201]);
            continue_from(&mut first, &mut second, n + 2);
            return;
        }
        assert_eq!(read(&mut second), Some(n));
    }
}

fn continue_from(first: &mut Subscription<u64>, second: &mut Subscription<u64>, next: u64) {
    for n in next..next + 150 {
        assert_eq!(finish(first), n);
        assert_eq!(read(second), Some(n));
        assert!(waits(second));
    }
}

#[test]
fn a_stage_that_waits_is_woken_when_the_one_before_settles_and_not_when_more_is_published() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    assert_pending!(second.poll_next());
    publish(&manager, [1]);
    assert!(second.is_woken(), "as everybody");
    assert_pending!(second.poll_next());
    publish(&manager, [2]);
    assert!(!second.is_woken());
    assert_eq!(read(&mut first), Some(1));
    assert!(!second.is_woken());
    first.ack();
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), Some(2));
    assert!(!second.is_woken());
    assert!(waits(&mut first), "coming back finishes with it");
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(2));
}

#[test]
fn a_stage_that_slept_reads_what_was_settled_meanwhile() {
    let manager = EventManager::new(4);
    let mut first = manager.subscribe();
    let mut second = manager.subscribe_after(&first);
    for n in 1..=4 {
        assert!(waits(&mut second), "there is nothing");
        publish(&manager, [n]);
        assert_eq!(finish(&mut first), n);
        assert_eq!(finish(&mut second), n);
    }
}

#[test]
fn stages_form_a_line_and_a_diamond() {
    let manager = EventManager::new(8);
    let mut source = manager.subscribe();
    let mut left = manager.subscribe_after(&source);
    let mut right = manager.subscribe_after(&source);
    let both = SubscribeOptions::new().after(left.id()).after(right.id());
    let mut sink = manager.subscribe_with(both);
    publish(&manager, 1..=3);
    for n in 1..=3 {
        assert!(waits(&mut left) && waits(&mut right) && waits(&mut sink));
        assert_eq!(finish(&mut source), n);
        assert!(waits(&mut sink));
        assert_eq!(finish(&mut left), n);
        assert!(waits(&mut sink));
        assert_eq!(finish(&mut right), n);
        assert_eq!(finish(&mut sink), n);
    }
}

#[test]
fn sync_notify_waits_for_every_stage() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let mut second = manager.subscribe_after(&first);
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    finish(&mut first);
    assert_pending!(done.poll());
    finish(&mut second);
    assert_eq!(assert_ready_ok!(done.poll()).acked(), 2);
}

#[test]
fn what_a_stage_may_not_see_yet_takes_room_in_its_window() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let narrow = SubscribeOptions::new().after(first.id()).window(2);
    let mut second = manager.subscribe_with(narrow);
    publish(&manager, 1..=2);
    assert_eq!((second.pending(), waits(&mut second)), (2, true));
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    finish(&mut first);
    assert!(manager.try_notify(3).is_err());
    assert_eq!(read(&mut second), Some(1));
    assert_eq!(manager.try_notify(3), Ok(2));
}

#[test]
fn a_stage_that_leaves_or_is_disconnected_releases_those_after_it() {
    for disconnected in [false, true] {
        let manager = EventManager::new(8);
        let mut first = manager.subscribe();
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, 1..=3);
        assert_eq!(read(&mut first), Some(1));
        assert_pending!(second.poll_next());
        if disconnected {
            assert!(manager.disconnect(first.id()));
            assert!(!second.is_woken(), "what it has in hand it still owes");
            assert_pending!(second.poll_next());
            first.ack();
        } else {
            drop(first);
        }
        assert!(second.is_woken());
        for n in 1..=3 {
            assert_ready_eq!(second.poll_next(), Some(n));
        }
        assert_pending!(second.poll_next());
        publish(&manager, [4]);
        assert!(second.is_woken());
        assert_ready_eq!(second.poll_next(), Some(4));
    }
}

#[test]
fn a_stage_that_begins_after_a_disconnected_one_waits_for_what_that_has_in_hand() {
    for polled in [false, true] {
        let manager = EventManager::new(8);
        let mut first = manager.subscribe();
        publish(&manager, 1..=3);
        assert_eq!(read(&mut first), Some(1));
        assert!(manager.disconnect(first.id()));
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, [4]);
        assert_pending!(second.poll_next());
        if polled {
            assert_eq!(
                read(&mut first),
                Some(2),
                "the rest, which it owes nothing for"
            );
        } else {
            drop(first);
        }
        assert!(second.is_woken());
        assert_ready_eq!(second.poll_next(), Some(4));
    }
}

#[test]
fn a_stage_that_is_disconnected_is_woken_and_reads_its_rest_without_waiting() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    publish(&manager, 1..=2);
    assert_pending!(second.poll_next());
    assert!(manager.disconnect(second.id()));
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert_ready_eq!(second.poll_next(), Some(2));
    assert!(assert_ready!(second.poll_next()).is_none());
    // As long as the first one lives, nothing of the second is kept for it.
    publish(&manager, 3..=8);
    drop(first);
}

#[test]
fn a_stage_whose_task_changes_is_woken_by_its_last_waker() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let mut second = manager.subscribe_after(&first);
    publish(&manager, [1]);
    let (mut old, mut new) = (task::spawn(()), task::spawn(()));
    old.enter(|cx, _| assert_pending!(second.poll_next_unpin(cx)));
    new.enter(|cx, _| assert_pending!(second.poll_next_unpin(cx)));
    finish(&mut first);
    assert!(!old.is_woken() && new.is_woken());
    new.enter(|cx, _| {
        assert_ready_eq!(second.poll_next_unpin(cx), Some(1));
    });
}

#[test]
fn a_stage_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    publish(&manager, [1]);
    for _ in 0..10_000 {
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, [2]);
        assert_pending!(second.poll_next());
        let waker = second.enter(|cx, _| cx.waker().clone());
        drop(second);
        drop(waker);
        finish(&mut first);
    }
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(finish(&mut first), 2);
    now(manager.flush()).unwrap();
}

#[test]
fn a_stage_comes_after_a_filtered_one_which_owes_nothing_for_what_it_does_not_want() {
    let manager = EventManager::new(8);
    let mut even = manager.subscribe_where(|n| n % 2 == 0);
    let options = SubscribeOptions::new().after(even.id());
    let mut second = task::spawn(manager.subscribe_with(options));
    publish(&manager, 1..=4);
    assert_ready_eq!(second.poll_next(), Some(1), "no concern of the first one");
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut even), Some(2));
    assert_pending!(second.poll_next());
    even.ack();
    assert!(second.is_woken());
    for n in 2..=3 {
        assert_ready_eq!(second.poll_next(), Some(n));
    }
    assert_pending!(second.poll_next());
    drop(even);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(4));
}

#[test]
fn after_itself_or_a_later_one_nobody_can_come() {
    // Who is waited for has an id, so it is older: a line of any length ends.
    let manager = EventManager::new(2);
    let mut stages = vec![manager.subscribe()];
    for _ in 0..100 {
        let last = stages.last().unwrap().id();
        let all = stages
            .iter()
            .fold(SubscribeOptions::new(), |o, s| o.after(s.id()));
        stages.push(manager.subscribe_with(all.after(last)));
    }
    let infos = manager.subscribers();
    for info in &infos {
        assert!(info.after().iter().all(|id| *id < info.id()));
    }
    assert_eq!(infos[100].after().len(), 100, "each once");
    publish(&manager, [1, 2]);
    for n in [1, 2] {
        for stage in &mut stages {
            assert_eq!(finish(stage), n);
        }
    }
    assert_eq!(manager.try_notify(3), Ok(101));
}

#[test]
#[should_panic(expected = "of its own manager")]
fn a_stage_after_one_of_another_manager_is_refused() {
    let elsewhere = EventManager::<u64>::new(8);
    let other = elsewhere.subscribe();
    let _refused = EventManager::<u64>::new(8).subscribe_after(&other);
}

#[test]
#[should_panic(expected = "does not wait for others")]
fn a_filtered_subscription_after_others_is_refused() {
    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let options = SubscribeOptions::new().after(first.id());
    let _refused = manager.subscribe_where_with(options, |_| true);
}

#[test]
fn who_comes_after_whom_is_seen() {
    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let second = manager.subscribe_after(&first);
    let infos = manager.subscribers();
    assert_eq!(infos[1].after(), [first.id()]);
    assert!(infos[0].after().is_empty());
    assert!(infos[1].to_string().ends_with("0 in hand, after #1"));
    assert!(
        manager
            .stats()
            .to_dot()
            .contains("s1 -> s2 [color=blue, label=after]")
    );
    drop(first);
    let stats = manager.stats();
    assert!(!stats.to_dot().contains("s1 "), "it is not drawn any more");
    drop(second);
}

#[test]
fn after_one_that_has_left_nothing_is_waited_for() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let gone = first.id();
    drop(first);
    let options = SubscribeOptions::new().after(gone);
    let mut second = manager.subscribe_with(options);
    publish(&manager, [1]);
    assert_eq!(read(&mut second), Some(1));
}

#[test]
fn a_stage_after_deliveries_waits_until_each_is_answered_for() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    let mut first = first.deliveries();
    publish(&manager, 1..=4);
    let [one, two, three, four] = [1, 2, 3, 4].map(|_| read(&mut first).unwrap());
    assert_pending!(second.poll_next());
    two.ack();
    assert_pending!(second.poll_next());
    drop(one); // Given up is settled, too.
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert_ready_eq!(second.poll_next(), Some(2));
    assert_pending!(second.poll_next());
    drop(first);
    assert_pending!(
        second.poll_next(),
        "those that are out are still waited for"
    );
    three.ack();
    assert_ready_eq!(second.poll_next(), Some(3));
    assert_pending!(second.poll_next());
    four.ack();
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(4));
}

#[test]
fn what_the_one_before_loses_is_settled_for_it() {
    let manager = EventManager::new(8);
    let lossy = SubscribeOptions::new()
        .overflow(Overflow::DropOldest)
        .window(2);
    let mut first = manager.subscribe_with(lossy);
    let mut second = task::spawn(manager.subscribe_after(&first));
    publish(&manager, 1..=2);
    assert_pending!(second.poll_next());
    publish(&manager, [3]);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), Some(2));
    publish(&manager, 4..=6);
    assert_pending!(second.poll_next(), "2 is in hand");
    first.ack();
    for n in 2..=4 {
        assert_ready_eq!(second.poll_next(), Some(n));
    }
    assert_pending!(second.poll_next());
}

#[test]
fn what_a_lossy_one_has_settled_is_seen_while_it_has_a_later_event_in_hand() {
    let manager = EventManager::new(64);
    let mut first = manager.subscribe_with(Overflow::DropOldest);
    let mut second = manager.subscribe_after(&first);
    publish(&manager, 1..=10);
    for n in 1..=10 {
        assert_eq!(read(&mut first), Some(n));
    }
    for n in 1..=9 {
        assert_eq!(second.next().now_or_never(), Some(Some(n)));
    }
    assert!(waits(&mut second), "10 is in hand");
}

#[test]
fn a_lossy_one_that_loses_events_never_releases_the_one_in_hand() {
    let manager = EventManager::new(64);
    let lossy = SubscribeOptions::new()
        .overflow(Overflow::DropOldest)
        .window(4);
    let mut first = manager.subscribe_with(lossy);
    let mut second = manager.subscribe_after(&first);
    publish(&manager, 1..=10);
    assert_eq!(read(&mut first), Some(7));
    assert_eq!(read(&mut first), Some(8));
    publish(&manager, 11..=20);
    while let Some(event) = second.next().now_or_never() {
        assert!(event.unwrap() < 8, "8 is in hand");
    }
    first.ack();
    let all = std::iter::from_fn(|| second.next().now_or_never().flatten());
    assert_eq!(all.last(), Some(16));
}

#[test]
fn a_lossy_stage_loses_what_it_could_not_see_yet() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let lossy = SubscribeOptions::new()
        .overflow(Overflow::DropOldest)
        .window(2);
    let mut second = manager
        .subscribe_with(lossy.after(first.id()))
        .with_missed();
    publish(&manager, 1..=5);
    assert_eq!(read(&mut second), Some(Received::Missed(3)), "at once");
    assert!(waits(&mut second));
    for _ in 1..=5 {
        finish(&mut first);
    }
    manager.close();
    let events = [Received::Event(4), Received::Event(5)];
    assert_eq!(read_all(&mut second), events);
    assert_eq!(second.get_ref().missed(), 3);
}

#[test]
fn a_stage_ends_after_its_last_event_when_the_manager_is_closed() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    publish(&manager, [1]);
    assert_pending!(second.poll_next());
    manager.close();
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), Some(1));
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), None);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert!(assert_ready!(second.poll_next()).is_none());

    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    assert_pending!(second.poll_next());
    manager.close();
    assert!(second.is_woken());
    assert!(assert_ready!(second.poll_next()).is_none());
}

#[test]
fn a_stage_that_leaves_keeps_nobody() {
    let manager = EventManager::new(1);
    let mut first = manager.subscribe();
    let second = manager.subscribe_after(&first);
    let third = manager.subscribe_after(&second);
    publish(&manager, [1]);
    finish(&mut first);
    assert!(manager.try_notify(2).is_err());
    drop(second);
    drop(third);
    publish(&manager, [2]);
    assert_eq!(finish(&mut first), 2);
    now(manager.flush()).unwrap();
}

#[test]
fn stages_in_threads_of_their_own_keep_their_order() {
    let manager: EventManager<u64> = EventManager::new(16);
    let first = manager.subscribe();
    let second = manager.subscribe_after(&first);
    let third = manager.subscribe_after(&second);
    thread::scope(|scope| {
        for stage in [first, second, third] {
            scope.spawn(|| {
                let all = block_on(stage.collect::<Vec<_>>());
                assert!(all.into_iter().eq(1..=2_000));
            });
        }
        for n in 1..=2_000 {
            block_on(manager.notify(n)).unwrap();
        }
        manager.close();
    });
}
