//! `Overflow::WaitAtMost`: a subscriber that blocks publishers for too long is disconnected.

mod any_executor;
mod counted_time;
mod granted;
mod limit;
mod overdue_permits;
mod permits;
mod publishers;
mod runtimes;
mod several_subscribers;
mod subscription_kinds;
mod waits;

use std::time::Duration;

use futures::FutureExt;
use genevent::error::TryNotifyError;
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, Permit, SubscribeOptions, Subscription};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at_most(seconds: u64) -> SubscribeOptions {
    Overflow::WaitAtMost(secs(seconds)).into()
}

/// A manager with a capacity of one event, which a subscriber with a limit of five seconds has not
/// read.
fn stuck() -> (EventManager<u32>, Subscription<u32>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    (manager, reader)
}

#[track_caller]
fn reserve<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Permit<E> {
    now(manager.reserve()).expect("it is open")
}

#[tokio::test(start_paused = true)]
async fn a_manager_default_may_be_wait_at_most() {
    let manager: EventManager<u8> = EventManager::builder()
        .capacity(1)
        .default_overflow(Overflow::WaitAtMost(secs(5)))
        .build();
    let limited = manager.subscribe();
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let named = manager.subscribe_with(SubscribeOptions::new().name("named"));
    let policies: Vec<_> = manager
        .subscribers()
        .iter()
        .map(genevent::SubscriberInfo::overflow)
        .collect();
    let limit = Overflow::WaitAtMost(secs(5));
    assert_eq!(policies, [limit, Overflow::DropOldest, limit]);
    manager.try_notify(1).unwrap();
    assert_eq!(manager.notify(2).await, Ok(1));
    drop((limited, lossy, named));
}

#[tokio::test(start_paused = true)]
async fn zero_is_a_valid_limit() {
    let manager = EventManager::new(1);
    let limited = manager.subscribe_with(at_most(0));
    manager.try_notify(1).unwrap();
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(0));
    assert!(start.elapsed() <= Duration::from_millis(1));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn an_unrepresentable_limit_means_for_ever() {
    for forever in [Duration::MAX, Duration::from_secs(u64::MAX / 4)] {
        let manager = EventManager::new(1);
        let mut limited = manager.subscribe_with(Overflow::WaitAtMost(forever));
        manager.try_notify(1).unwrap();
        let mut publisher = task::spawn(manager.notify(2));
        assert_pending!(publisher.poll());
        advance(secs(3600)).await;
        assert!(!publisher.is_woken());
        assert_next!(limited, 1).now();
        assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    }
}

#[test]
fn without_waiting_no_runtime_is_needed() {
    let manager = EventManager::new(2);
    let mut limited = manager.subscribe_with(at_most(5));
    assert_eq!(now(manager.notify(1)), Ok(1));
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    assert_next!(limited, 1).now();
    assert_eq!(now(manager.notify(3)), Ok(1));
}
