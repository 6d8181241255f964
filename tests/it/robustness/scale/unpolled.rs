//! Subscribers and publishers that are never polled again.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use genevent::{EventManager, Overflow, SubscribeOptions};

use super::{Counted, MANY, is_pending, now, read, subscribe_many};

#[test]
fn an_unpolled_subscriber_holds_only_its_window() {
    let alive = Arc::new(());
    let event = || Counted(Arc::clone(&alive));
    let manager = EventManager::new(100);
    let stuck = manager.subscribe_with(SubscribeOptions::new().window(10));
    let mut reader = manager.subscribe();
    for _ in 0..10 {
        assert!(manager.try_notify(event()).is_ok());
    }
    for _ in 0..MANY {
        assert!(manager.try_notify(event()).is_err());
    }
    assert_eq!(Arc::strong_count(&alive), 11);
    assert!((0..10).all(|_| read(&mut reader).is_some()));
    assert!(reader.next().now_or_never().is_none());
    drop(stuck);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(manager.try_notify(event()).ok(), Some(1));
}

#[test]
fn unpolled_lossy_subscribers_hold_only_their_windows() {
    let alive = Arc::new(());
    let manager = EventManager::new(64);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let strict = manager.subscribe_with(Overflow::Disconnect);
    for n in 0..MANY {
        assert!(manager.try_notify(Counted(Arc::clone(&alive))).is_ok());
        // Its window and the rest of a segment; twice that while another subscription keeps its
        // backlog.
        assert!(Arc::strong_count(&alive) <= 64 * 4, "after {n}");
    }
    assert_eq!((lossy.len(), strict.len()), (64, 64));
    drop((lossy, strict));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn ten_thousand_streams_end_with_the_manager() {
    let manager = EventManager::new(4);
    let readers = subscribe_many(&manager);
    assert_eq!(manager.try_notify("last"), Ok(MANY));
    let mut collected = join_all(readers.into_iter().map(StreamExt::collect::<Vec<_>>));
    assert!(is_pending(&mut collected));
    drop(manager);
    let Poll::Ready(all) = collected.poll_unpin(&mut Context::from_waker(Waker::noop())) else {
        panic!("all of them have ended");
    };
    assert!(all.iter().all(|events| events == &["last"]));
}

#[test]
fn close_returns_ten_thousand_queued_events() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut queue: Vec<_> = (1..=MANY).map(|n| manager.notify(n)).collect();
    assert!(queue.iter_mut().all(is_pending));
    manager.close();
    for (publisher, n) in queue.into_iter().zip(1..) {
        assert_eq!(now(publisher).unwrap_err().into_event(), n);
    }
    drop(reader);
}
