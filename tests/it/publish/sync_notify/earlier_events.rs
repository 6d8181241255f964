//! Which events `sync_notify` waits for.

use genevent::EventManager;
use tokio_test::{assert_pending, assert_ready_ok, task};

use crate::drive::{now, read, waits};

// GenEvent case 40
#[test]
fn sync_notify_waits_for_earlier_events() {
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
fn sync_notify_does_not_wait_for_later_events() {
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
fn each_call_waits_for_its_own_answers() {
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
fn cancelling_after_storing_withdraws_nothing() {
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
