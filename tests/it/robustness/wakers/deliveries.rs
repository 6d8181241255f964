//! Settling a delivery wakes the tasks that wait for the delivery.

use futures::FutureExt;
use genevent::{EventManager, SubscribeOptions};

use super::Alarm;

#[test]
fn only_the_freeing_ack_wakes_a_limited_stream() {
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
fn a_dropped_limited_stream_is_not_woken() {
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
fn deliveries_wake_waiters_after_their_stream_ended() {
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
