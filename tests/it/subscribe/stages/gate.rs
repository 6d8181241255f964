//! Which events a stage sees, and when the stage is woken for them.

use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use genevent::error::{TryNextError, TryNotifyError};
use genevent::{EventManager, SubscribeOptions, Subscription};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_ok, task};

use super::{finish, publish};
use crate::drive::{read, waits};

#[test]
fn a_stage_sees_only_events_finished_upstream() {
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
            // Polling for the next event finishes as well.
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
fn only_upstream_settling_wakes_a_waiting_stage() {
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
fn a_parked_stage_reads_events_settled_meanwhile() {
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
fn stages_form_chains_and_diamonds() {
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
fn gated_events_take_room_in_the_window() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let narrow = SubscribeOptions::new().after(first.id()).window(2);
    let mut second = manager.subscribe_with(narrow);
    publish(&manager, 1..=2);
    assert_eq!((second.len(), waits(&mut second)), (2, true));
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    finish(&mut first);
    assert!(manager.try_notify(3).is_err());
    assert_eq!(read(&mut second), Some(1));
    assert_eq!(manager.try_notify(3), Ok(2));
}

#[test]
fn a_stage_is_woken_by_its_newest_waker() {
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
fn infos_show_the_upstreams_of_a_stage() {
    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let second = manager.subscribe_after(&first);
    let infos = manager.subscribers();
    assert_eq!(infos[1].after(), [first.id()]);
    assert!(infos[0].after().is_empty());
    assert!(infos[1].to_string().ends_with("0 in flight, after #1"));
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
fn stages_on_several_threads_keep_their_order() {
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

/// Reads the stage when it is woken.
struct ReadsWhenWoken {
    stage: Mutex<Subscription<u64>>,
    results: mpsc::Sender<Result<u64, TryNextError>>,
}

impl Wake for ReadsWhenWoken {
    fn wake(self: Arc<Self>) {
        let result = self.stage.lock().unwrap().try_next();
        self.results.send(result).unwrap();
    }
}

#[test]
fn try_next_does_not_wait_for_a_predecessor_that_is_about_to_report() {
    let manager = EventManager::new(4);
    let mut first = manager
        .subscribe_with(SubscribeOptions::new().max_unacked(1))
        .deliveries();
    let mut second = manager.subscribe_with(SubscribeOptions::new().after(first.id()));
    publish(&manager, [1, 2]);
    let in_flight = first.next().now_or_never().unwrap().unwrap();
    assert!(waits(&mut second), "at the gate");
    let (results, woken) = mpsc::channel();
    let reads = Arc::new(ReadsWhenWoken {
        stage: Mutex::new(second),
        results,
    });
    let waker = Waker::from(Arc::clone(&reads));
    let polled = first.poll_next_unpin(&mut Context::from_waker(&waker));
    assert!(polled.is_pending(), "one delivery is in flight");
    // The stream is woken once the delivery is settled, and before the gate is told.
    thread::spawn(move || in_flight.ack());
    let result = woken.recv_timeout(Duration::from_secs(10));
    assert_eq!(result, Ok(Err(TryNextError::Empty)));
    assert_eq!(block_on(reads.stage.lock().unwrap().next()), Some(1));
}
