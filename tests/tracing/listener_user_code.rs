//! A listener that panics or calls the manager harms neither manager nor publisher.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use genevent::{EventManager, Overflow, handler_fn};
use tokio::time::advance;
use tokio_test::{assert_pending, task};

use super::listener::{listen_and, new_entries};
use super::{Opaque, is_odd, named, orders, secs};
use crate::drive::read;

/// Causes every log entry, and checks the promises of all calls.
async fn keeps_its_promises(manager: &EventManager<u8>) {
    let mut slow = manager.subscribe_with(named("slow"));
    let screen = manager.subscribe_with(Overflow::DropOldest);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let handler = handler_fn(move |n: &u8| {
        log.lock().unwrap().push(*n);
        assert!(*n != 3, "a bad number");
    });
    let handler = manager.add_handler("log", handler).unwrap();

    let receipt = {
        let mut done = task::spawn(manager.sync_notify(1));
        assert_pending!(done.poll());
        let mut waits = task::spawn(manager.notify(2));
        assert_pending!(waits.poll());
        advance(secs(60)).await;
        assert_pending!(waits.poll());
        assert_eq!(slow.next().await, Some(1));
        assert_eq!(waits.await, Ok(3));
        assert_eq!(slow.next().await, Some(2));
        slow.ack();
        done.await.unwrap()
    };
    assert_eq!(receipt.acked(), 2, "the slow one, and the handler");
    assert_eq!(receipt.unfinished()[0].id(), screen.id(), "it lost it");
    assert_eq!(screen.missed(), 1);

    drop(slow);
    assert!(manager.disconnect(screen.id()));
    let receipt = manager.sync_notify(3).await.unwrap();
    assert_eq!(receipt.dropped(), 1, "the handler panicked over it");
    assert_eq!(
        handler.stopped().await.to_string(),
        "it panicked: a bad number"
    );
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    manager.stop().await.unwrap();
    assert_eq!(manager.stats().published(), 3);
}

fn for_everything() -> EventManager<u8> {
    EventManager::new(1)
}

#[tokio::test(start_paused = true)]
async fn a_listener_may_panic_in_any_call() {
    // After a panic at a new span, the listener is not called for this span again.
    for but in ["nothing", "new handler"] {
        let (entries, _listening) = listen_and(move |line| {
            if !line.starts_with(but) {
                resume_unwind(Box::new("it cannot stand it"));
            }
        });
        keeps_its_promises(&for_everything()).await;
        let all = new_entries(&entries);
        let has = |what: &str| all.iter().any(|line| line.starts_with(what));
        assert!(has("TRACE published") && has("TRACE settled"), "{all:?}");
        assert!(has("DEBUG left") && has("DEBUG lost") && has("WARN"));
        assert_eq!(has("enter") && has("exit"), but == "new handler");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_may_call_the_manager() {
    let manager = for_everything();
    let weak = manager.downgrade();
    let other = manager.subscribe_with(Overflow::DropOldest);
    let (entries, _listening) = listen_and(move |_| {
        if let Some(manager) = weak.upgrade() {
            let stats = manager.stats();
            assert!(stats.published() <= 3);
            let visitor = manager.subscribe_with(Overflow::Disconnect);
            assert!(manager.disconnect(visitor.id()) || manager.is_closed());
            let _ = manager.which_handlers();
        }
    });
    drop(other);
    keeps_its_promises(&manager).await;
    assert!(new_entries(&entries).len() > 10);
}

#[test]
fn a_listener_may_close_publish_and_unsubscribe() {
    // At each log entry in turn.
    for stop in 0..11 {
        let manager = orders::<u8>(1);
        let kept = Mutex::new(None);
        let weak = manager.downgrade();
        let count = AtomicUsize::new(0);
        let (entries, _listening) = listen_and(move |_| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let Some(manager) = weak.upgrade().filter(|_| n == stop) else {
                return;
            };
            let all = manager.subscribe();
            let former = kept
                .lock()
                .unwrap()
                .replace(manager.subscribe_filter(is_odd));
            drop(former);
            manager.try_notify(1).ok();
            drop(all);
            manager.close();
        });
        let odd = manager.subscribe_filter_with(Overflow::DropOldest, is_odd);
        let mut all = manager.subscribe_with(Overflow::Disconnect);
        let broken = manager.subscribe_filter_map(|n: &u8| -> Option<u8> {
            (*n == 1).then(|| resume_unwind(Box::new("it breaks")))
        });
        for n in [1, 3, 5] {
            manager.try_notify(n).ok();
        }
        while read(&mut all).is_some() {}
        drop((odd, all, broken));
        assert!(
            manager.is_closed(),
            "at {stop}: {:?}",
            new_entries(&entries)
        );
        assert!(manager.stats().published() <= 4);
    }
}

#[test]
fn no_listener_is_needed() {
    let manager = orders(1);
    let reader = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    assert_eq!(reader.len(), 1);
}
