//! `async-broadcast`.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures::{FutureExt, Stream};
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::task;

use crate::drive::{now, read};

/// There an idle receiver blocks all senders, unless the whole channel overflows; here each
/// receiver chooses its policy.
#[test]
fn an_idle_receiver_need_not_block() {
    let manager = EventManager::new(2);
    let idle = manager.subscribe_with(SubscribeOptions::new().overflow(Overflow::DropOldest));
    let mut busy = manager.subscribe();
    for n in 1..=100 {
        now(manager.notify(n)).unwrap();
        assert_eq!(read(&mut busy), Some(n));
    }
    assert_eq!((idle.missed(), idle.len()), (98, 2));
}

#[test]
fn a_sender_may_wait_for_receivers() {
    let manager = EventManager::new(2);
    let mut ready = task::spawn(manager.wait_for_subscribers(1));
    assert!(ready.poll().is_pending());
    let mut reader = manager.subscribe();
    assert!(ready.is_woken());
    assert_eq!(ready.poll(), Poll::Ready(1));
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
}

#[test]
fn receivers_can_be_polled_by_hand() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let polled = poll_fn(|cx| Pin::new(&mut reader).poll_next(cx));
    assert_eq!(polled.now_or_never(), Some(Some(1)));
    assert!(reader.next().now_or_never().is_none());
}
