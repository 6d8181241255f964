//! Which task is woken, and that a cancelled reader loses nothing.

use std::pin::Pin;

use futures::Stream;
use genevent::EventManager;
use genevent::test_util::{self, assert_next};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::read;

#[test]
fn the_next_event_wakes_a_parked_reader() {
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
fn the_last_polling_task_is_woken() {
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
    assert_eq!(reader.len(), 1);
    drop(reader.next());
    assert_next!(reader, 'a').now();
}

#[test]
fn several_tasks_can_read_in_succession() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_next!(reader, 1).now();
    let other = std::thread::spawn(move || (read(&mut reader), reader));
    let (second, mut reader) = other.join().unwrap();
    assert_eq!(second, Some(2));
    test_util::assert_no_event!(reader).now();
}
