//! Publishers that wait in several runtimes, and runtimes that end or rest while publishers wait.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use genevent::{EventManager, Subscription};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::now;

fn runtimes() -> [Runtime; 3] {
    [
        Builder::new_current_thread().build(),
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build(),
        Builder::new_multi_thread().worker_threads(2).build(),
    ]
    .map(Result::unwrap)
}

/// A manager with a full window.
fn full() -> (EventManager<usize>, Subscription<usize>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    (manager, reader)
}

#[test]
fn a_runtime_ends_while_its_publishers_wait() {
    for runtime in runtimes() {
        let (manager, mut reader) = full();
        for n in 0..4 {
            let manager = manager.clone();
            runtime.spawn(async move { manager.notify(n).await });
        }
        runtime.block_on(async {
            while manager.stats().waiting_publishers() < 4 {
                yield_now().await;
            }
            reader.next().await.unwrap();
        });
        drop(runtime);
        assert_eq!(manager.stats().waiting_publishers(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_freed_outside_of_the_runtime_reaches_its_sleepers() {
    // By reading, by leaving, and by a disconnect; there is one more publisher than places.
    for step in 0..3 {
        let (manager, mut reader) = full();
        let mut kept = task::spawn(manager.notify(1));
        assert_pending!(kept.poll());
        let sleeper = manager.clone();
        let sleeper = tokio::spawn(async move { sleeper.notify(2).await });
        while manager.stats().waiting_publishers() < 2 {
            yield_now().await;
        }
        let other = manager.clone();
        let reader = thread::spawn(move || {
            match step {
                0 => drop(now(reader.next())),
                1 => return None,
                _ => assert!(other.disconnect(reader.id())),
            }
            Some(reader)
        });
        let _reader = reader.join().unwrap();
        assert!(sleeper.await.unwrap().is_ok());
    }
}

#[test]
fn a_runtime_that_ends_drops_a_permit() {
    for runtime in runtimes() {
        let manager = EventManager::new(1);
        let _reader = manager.subscribe();
        let permit = now(manager.reserve()).unwrap();
        let mut first = task::spawn(manager.notify(1));
        let mut second = task::spawn(manager.notify(2));
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        runtime.spawn(async move {
            let _permit = permit;
            std::future::pending::<()>().await;
        });
        drop(runtime);
        assert!(first.is_woken());
    }
}

#[test]
fn a_place_is_granted_in_a_runtime_that_has_ended() {
    let [runtime, paused, _] = runtimes();
    for runtime in [runtime, paused] {
        let (manager, mut reader) = full();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let mut first = task::spawn(manager.notify(1));
        let mut second = task::spawn(manager.notify(2));
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        assert_eq!(now(reader.next()), Some(0));
        assert!(first.is_woken());
    }
}

/// Publishes on a thread with a runtime of its own. Returns whether the event was stored.
fn publish_elsewhere(manager: &EventManager<usize>) -> JoinHandle<bool> {
    let waiting = manager.stats().waiting_publishers();
    let publisher = manager.clone();
    let thread = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let publish = async { timeout(Duration::from_secs(60), publisher.notify(2)).await };
        runtime.block_on(publish).is_ok()
    });
    while manager.stats().waiting_publishers() == waiting {
        thread::yield_now();
    }
    thread
}

#[test]
fn a_runtime_ends_while_publishers_of_another_wait() {
    for runtime in runtimes() {
        let (manager, mut reader) = full();
        let mut kept = task::spawn(manager.notify(1));
        assert_pending!(kept.poll());
        let other = publish_elsewhere(&manager);
        runtime.block_on(async { reader.next().await.unwrap() });
        drop(runtime);
        assert!(other.join().unwrap());
    }
}

#[test]
fn a_runtime_rests_while_publishers_of_another_wait() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let (manager, mut reader) = full();
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    let other = publish_elsewhere(&manager);
    // The runtime is driven no further, and is not dropped.
    runtime.block_on(async { reader.next().await.unwrap() });
    assert!(other.join().unwrap());
}

#[test]
fn a_runtime_in_which_no_publisher_waits_watches_no_grants() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    manager.try_notify(1).unwrap();
    runtime.block_on(async {
        let mut quitter = task::spawn(manager.notify(2));
        assert_pending!(quitter.poll());
    });
    let mut kept = task::spawn(manager.notify(2));
    assert_pending!(kept.poll());
    assert_eq!(now(reader.next()), Some(0));
    assert!(kept.is_woken());
    // Reading would make room, but only a runtime can watch the granted place meanwhile.
    let mut other = task::spawn(manager.notify(3));
    assert_pending!(other.poll());
    assert!(other.is_woken());
    assert_ready_eq!(other.poll(), Ok(1));
}
