//! Queued publishers: freed room notifies one publisher.

use std::sync::Arc;

use futures::FutureExt;
use genevent::{EventManager, Overflow};

use super::{Alarm, read};

#[test]
fn freed_room_wakes_one_publisher_at_once() {
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
fn freed_room_wakes_one_of_a_hundred_publishers() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut queue: Vec<_> = (1..=100)
        .map(|n| (Alarm::new(), manager.notify(n)))
        .collect();
    for (alarm, publisher) in &mut queue {
        assert!(alarm.poll(publisher).is_pending());
    }
    for turn in 0..100 {
        read(&mut reader);
        let rings: usize = queue.iter().map(|(alarm, _)| alarm.rings()).sum();
        assert_eq!(rings, turn + 1, "one more than before");
        let (alarm, publisher) = &mut queue[turn];
        assert_eq!(alarm.rings(), 1, "and it is the first in line");
        assert!(alarm.poll(publisher).is_ready());
    }
    assert_eq!(read(&mut reader), 100);
}

#[test]
fn a_cancelled_notified_publisher_notifies_the_next() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut queue: Vec<_> = (1..=10)
        .map(|n| (Alarm::new(), manager.notify(n)))
        .collect();
    let alarms: Vec<_> = queue.iter().map(|(alarm, _)| Arc::clone(alarm)).collect();
    for (alarm, publisher) in &mut queue {
        assert!(alarm.poll(publisher).is_pending());
    }
    read(&mut reader);
    for (called, (_, publisher)) in queue.into_iter().enumerate() {
        let rings: Vec<_> = alarms.iter().map(|alarm| alarm.rings()).collect();
        let all_up_to_here: Vec<_> = (0..10).map(|n| usize::from(n <= called)).collect();
        assert_eq!(rings, all_up_to_here);
        drop(publisher);
    }
    assert_eq!(manager.try_notify(11), Ok(1), "the line is empty");
}

#[test]
fn a_cancelled_unnotified_publisher_wakes_no_task() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    let mut queue: Vec<_> = (1..=3).map(|n| manager.notify(n)).collect();
    for (alarm, publisher) in alarms.iter().zip(&mut queue) {
        assert!(alarm.poll(publisher).is_pending());
    }
    drop(queue.remove(1));
    drop(queue.remove(0));
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0, 0, 0]);
    read(&mut reader);
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0, 0, 1]);
}

#[test]
fn each_place_wakes_one_publisher_once() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe();
    (1..=3).for_each(|n| assert_eq!(manager.try_notify(n), Ok(1)));
    let (first, second) = (Alarm::new(), Alarm::new());
    let (mut one, mut two) = (manager.notify(4), manager.notify(5));
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    for second_rings in [0, 1, 1] {
        read(&mut reader);
        assert_eq!((first.rings(), second.rings()), (1, second_rings));
    }
    assert!(first.poll(&mut one).is_ready());
    assert!(second.poll(&mut two).is_ready());
    assert_eq!((first.rings(), second.rings()), (1, 1));
}

#[test]
fn room_at_one_of_two_full_subscribers_wakes_no_task() {
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
