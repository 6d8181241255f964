//! Which event a subscription begins with, and which event is its last.

use std::time::Duration;

use futures::stream::FusedStream;
use futures::{Stream, StreamExt, join};
use genevent::test_util::{self, assert_ended, assert_next};
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::{now, read, read_all};

// GenEvent case 111: there, at the first pull
#[test]
fn a_subscription_begins_at_the_call() {
    let manager = EventManager::new(8);
    manager.try_notify("before").unwrap();
    let mut reader = manager.subscribe();
    assert_eq!(manager.subscriber_count(), 1);
    manager.try_notify("after").unwrap();
    assert_next!(reader, "after").now();
    test_util::assert_no_event!(reader).now();
}

#[test]
fn each_subscription_sees_events_since_its_call() {
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
fn subscribing_to_a_closed_manager_yields_nothing() {
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
async fn taking_three_events_works_in_every_mode() {
    for mode in ["notify", "ack_notify", "sync_notify"] {
        let manager = EventManager::new(8);
        let reader = manager.subscribe();
        let consumer = async {
            let mut reader = reader;
            let seen = reader.by_ref().take(3).collect::<Vec<_>>().await;
            reader.ack(); // `take` does not poll again after the third event
            seen
        };
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
fn a_leaving_stream_does_not_disturb_other_subscribers() {
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
fn several_subscriptions_of_a_task_are_independent() {
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
fn dropping_an_idle_stream_detaches_the_subscriber() {
    let manager = EventManager::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    drop(reader);
    assert_eq!(manager.subscriber_count(), 0);
    assert_eq!(manager.try_notify(1), Ok(0));
}

// GenEvent case 118
#[tokio::test(start_paused = true)]
async fn breaking_a_read_loop_detaches_the_subscriber() {
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
async fn a_stream_can_end_after_a_time() {
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
fn forwarding_carries_sync_notify_across_two_managers() {
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
fn a_reader_may_publish_to_its_own_manager() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
    assert_eq!(now(manager.notify(2)), Ok(1));
    assert_next!(reader, 2).now();
}

// GenEvent case 135
#[test]
fn overflow_policy_and_publish_mode_are_independent() {
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
