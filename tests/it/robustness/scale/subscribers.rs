//! Many subscribers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};

use super::{MANY, is_pending, now, read, subscribe_many};
use crate::receipts::UnfinishedIds;

#[test]
fn ten_thousand_subscribers_join_read_and_leave() {
    let manager = EventManager::new(4);
    let mut readers = subscribe_many(&manager);
    assert_eq!(manager.subscriber_count(), MANY);
    let mut done = manager.sync_notify('a');
    assert!(is_pending(&mut done));
    assert_eq!(manager.try_notify('b'), Ok(MANY));
    for reader in &mut readers {
        assert_eq!(read(reader), Some('a'));
        assert_eq!(read(reader), Some('b'));
    }
    let receipt = now(done).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (MANY, 0));
    drop(readers);
    assert_eq!(manager.try_notify('c'), Ok(0));
}

#[test]
fn one_event_wakes_ten_thousand_parked_subscribers() {
    struct Counter(AtomicUsize);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let manager = EventManager::new(4);
    let mut readers = subscribe_many(&manager);
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut cx = Context::from_waker(&waker);
    for rounds in 1..=3 {
        for reader in &mut readers {
            assert!(reader.poll_next_unpin(&mut cx).is_pending());
        }
        assert_eq!(manager.try_notify(rounds), Ok(MANY));
        assert_eq!(counter.0.load(Ordering::Relaxed), rounds * MANY);
        for reader in &mut readers {
            assert_eq!(read(reader), Some(rounds));
        }
    }
}

/// Ten thousand subscribers leave while a publisher awaits an event that none of them has read.
fn all_leave_unread(leave: impl FnOnce(&EventManager<u8>, Vec<Subscription<u8>>)) {
    let manager = EventManager::new(1);
    let readers = subscribe_many(&manager);
    let ids: Vec<_> = readers.iter().map(Subscription::id).collect();
    let mut done = manager.sync_notify(1);
    assert!(is_pending(&mut done));
    let mut settled = manager.flush();
    assert!(is_pending(&mut settled));
    let mut waiting = manager.notify(2);
    assert!(is_pending(&mut waiting));
    leave(&manager, readers);
    let receipt = now(done).unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (0, MANY));
    let mut unfinished = receipt.unfinished_ids();
    unfinished.sort_unstable();
    assert_eq!(unfinished, ids);
    now(settled).unwrap();
    assert_eq!(now(waiting), Ok(0));
}

#[test]
fn ten_thousand_subscribers_leave_at_once() {
    all_leave_unread(|_, readers| drop(readers));
}

#[test]
fn ten_thousand_subscribers_leave_in_reverse() {
    all_leave_unread(|_, readers| readers.into_iter().rev().for_each(drop));
}

#[test]
fn ten_thousand_subscribers_can_be_disconnected() {
    all_leave_unread(|manager, readers| {
        for reader in &readers {
            assert!(manager.disconnect(reader.id()));
        }
        for mut reader in readers {
            assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), None));
        }
    });
}

#[test]
fn ten_thousand_successive_subscribers_leave_nothing_behind() {
    let manager = EventManager::new(8);
    let mut constant = manager.subscribe();
    for n in 0..MANY {
        let mut guest = manager.subscribe();
        assert_eq!(manager.try_notify(n), Ok(2));
        assert_eq!(read(&mut guest), Some(n));
        drop(guest);
        assert_eq!(read(&mut constant), Some(n));
    }
    assert_eq!(manager.subscribers().len(), 1);
}

#[test]
fn ten_thousand_lossy_subscribers_lose_their_excess() {
    let manager = EventManager::new(4);
    let lossy: Vec<_> = (0..MANY)
        .map(|_| manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(2)))
        .collect();
    for n in 0..5 {
        assert_eq!(manager.try_notify(n), Ok(MANY));
    }
    for mut reader in lossy {
        assert_eq!(reader.missed(), 3);
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(3), Some(4)));
    }
}
