//! Every call, waiting with a time limit.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, SinkExt};
use genevent::{EventManager, Overflow, Subscription};

/// A manager with a capacity of 1, and an event unread by a subscriber that may block publishers for
/// `limit`.
pub(crate) fn blocked(limit: Duration) -> (EventManager<u32>, Subscription<u32>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(Overflow::WaitAtMost(limit));
    manager.try_notify(1).unwrap();
    (manager, reader)
}

/// The number of [`waits`].
pub(crate) const WAITS: usize = 12;

/// Every future with a timer, waiting for the only stored event, for `limit`.
pub(crate) fn waits(
    manager: &EventManager<u32>,
    limit: Duration,
) -> Vec<(&'static str, LocalBoxFuture<'static, ()>)> {
    macro_rules! waits {
        ($($name:literal: $manager:ident => $future:expr;)+) => {vec![$({
            let $manager = manager.clone();
            ($name, async move { let _ = $future.await; }.boxed_local())
        }),+]};
    }
    let waits = waits! {
        "notify": manager => manager.notify(2);
        "ack_notify": manager => manager.ack_notify(2);
        "sync_notify": manager => manager.sync_notify(2);
        "reserve": manager => manager.reserve();
        "a sink": manager => manager.sink().send(2);
        "a sync sink": manager => manager.sync_sink().send(2);
        "notify, with a deadline": manager => manager.notify(2).within(limit);
        "reserve, with a deadline": manager => manager.reserve().within(limit);
        "ack_notify, with a deadline": manager => manager.ack_notify(2).within(limit);
        "sync_notify, with a deadline": manager => manager.sync_notify(2).within(limit);
        "flush, with a deadline": manager => manager.flush().within(limit);
        "stop, with a deadline": manager => manager.stop().within(limit);
    };
    assert_eq!(waits.len(), WAITS);
    waits
}
