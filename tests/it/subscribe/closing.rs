//! Leaving, closing, stopping, disconnecting: how subscriptions end, and that no task keeps
//! waiting.

mod close;
mod disconnect;
mod last_manager;
mod leaving;
mod stop;

use genevent::error::NotifyError;
use genevent::test_util::{self, assert_ended};
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::{now, read};

// GenEvent case 130
#[test]
fn control_calls_never_wait() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe_with(SubscribeOptions::new().name("stuck"));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut stuck);
    let mut next = task::spawn(manager.sync_notify(2));
    let mut queued = task::spawn(manager.notify(3));
    assert_pending!(next.poll());
    assert_pending!(queued.poll());

    let mut late = manager.subscribe();
    test_util::assert_no_event!(late).now();
    assert_eq!(manager.subscriber_count(), 2);
    assert_eq!(manager.subscribers()[0].name(), Some("stuck"));
    assert!(manager.disconnect(late.id()));
    assert_ended!(late).now();
    assert_eq!(now(manager.wait_for_subscribers(1)), 1);
    assert!(!manager.is_closed());
    manager.close();
    now(manager.closed());
    assert_ready_eq!(queued.poll(), Err(NotifyError::Closed(3)));
    assert!(manager.disconnect(stuck.id()));
}
