//! Stages after filtered and lossy subscriptions and after deliveries, and refused stages.

use futures::FutureExt;
use genevent::{EventManager, Overflow, Received, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, task};

use super::{finish, publish};
use crate::drive::{read, read_all, waits};

#[test]
fn a_filter_owes_its_stage_no_unwanted_events() {
    let manager = EventManager::new(8);
    let mut even = manager.subscribe_filter(|n| n % 2 == 0);
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
fn a_stage_cannot_follow_itself_or_later_subscribers() {
    // An upstream subscriber has an id, so it is older than its stage: chains of any length end.
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
fn a_stage_after_another_managers_subscriber_is_refused() {
    let elsewhere = EventManager::<u64>::new(8);
    let other = elsewhere.subscribe();
    let _refused = EventManager::<u64>::new(8).subscribe_after(&other);
}

#[test]
#[should_panic(expected = "cannot be a stage after other subscribers")]
fn a_filtered_stage_is_refused() {
    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let options = SubscribeOptions::new().after(first.id());
    let _refused = manager.subscribe_filter_with(options, |_| true);
}

#[test]
fn a_stage_waits_for_each_upstream_delivery() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    let mut first = first.deliveries();
    publish(&manager, 1..=4);
    let [one, two, three, four] = [1, 2, 3, 4].map(|_| read(&mut first).unwrap());
    assert_pending!(second.poll_next());
    two.ack();
    assert_pending!(second.poll_next());
    drop(one); // Dropping settles, too.
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
fn upstream_losses_count_as_settled() {
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
fn a_lossy_upstream_releases_its_settled_events() {
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
fn a_lossy_upstream_never_releases_events_in_flight() {
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
fn a_lossy_stage_loses_events_behind_its_gate() {
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
