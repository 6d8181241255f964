//! The inherent `next`. No stream trait is in scope here.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use genevent::{EventManager, Overflow, Received};

use crate::drive::now;

/// The same `next` with the trait in scope, and where code knows no more than the trait.
mod with_the_trait {
    use futures::future::FusedFuture;
    use futures::{FutureExt, Stream, StreamExt, select};
    use genevent::EventManager;
    use genevent::future::Next;

    async fn first<S: Stream + Unpin>(mut stream: S) -> Option<S::Item> {
        stream.next().await
    }

    #[test]
    fn generic_code_reads_by_the_trait() {
        let manager = EventManager::new(4);
        let (mut one, other) = (manager.subscribe(), manager.subscribe());
        manager.try_notify(1).unwrap();
        assert_eq!(first(&mut one).now_or_never(), Some(Some(1)));
        assert_eq!(StreamExt::next(&mut one).now_or_never(), None);
        assert_eq!(first(other).now_or_never(), Some(Some(1)));
    }

    #[test]
    fn the_future_can_be_named_and_selected() {
        let manager = EventManager::<u8>::new(4);
        let mut reader = manager.subscribe();
        let mut next: Next<'_, _> = reader.next();
        assert!(!next.is_terminated());
        assert_eq!((&mut next).now_or_never(), None);
        manager.close();
        assert_eq!(next.now_or_never(), Some(None));
        assert!(reader.next().is_terminated());

        let selected = async {
            let mut other = manager.subscribe();
            select! {
                _ = reader.next() => "reader",
                _ = other.next() => "other",
                complete => "complete",
            }
        };
        assert_eq!(selected.now_or_never(), Some("complete"));
    }
}

#[test]
fn every_stream_has_next() {
    let manager = EventManager::builder().capacity(4).retain(4).build();
    manager.try_notify(0).unwrap();
    let mut plain = manager.subscribe();
    let mut replaying = manager.subscribe_with(genevent::SubscribeOptions::new().replay(1));
    let mut missing = manager.subscribe_with(Overflow::DropOldest).with_missed();
    let mut filtered = manager.subscribe_filter(|n| n % 2 == 0);
    let mut jobs = manager.subscribe().deliveries();
    let mut even_jobs = manager.subscribe_filter(|n| n % 2 == 0).deliveries();
    let mut even_or_missed = manager.subscribe_filter(|n| n % 2 == 0).with_missed();
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(now(plain.next()), Some(1));
    assert_eq!(now(replaying.next()), Some(0));
    assert_eq!(now(missing.next()), Some(Received::Event(1)));
    assert_eq!(now(filtered.next()), Some(2));
    assert_eq!(now(jobs.next()).map(genevent::Delivery::ack), Some(1));
    assert_eq!(now(even_jobs.next()).map(genevent::Delivery::ack), Some(2));
    assert_eq!(now(even_or_missed.next()), Some(Received::Event(2)));
}

#[test]
fn dropping_next_loses_nothing() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    drop(reader.next());
    assert_eq!(reader.len(), 1);
    assert_eq!(now(reader.next()), Some(1));
    {
        let mut next = pin!(reader.next());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        manager.try_notify(2).unwrap();
    }
    assert_eq!(now(reader.next()), Some(2));
}

/// A future is for one event; polled after that, it reads the next.
#[test]
fn polling_next_after_its_end_reads_on() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    let mut next = reader.next();
    let mut cx = Context::from_waker(Waker::noop());
    for expected in [Some(1), Some(2), None, None] {
        let polled = std::pin::Pin::new(&mut next).poll(&mut cx);
        assert_eq!(polled, Poll::Ready(expected));
    }
}
