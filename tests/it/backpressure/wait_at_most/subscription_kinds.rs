//! The limit applies to every kind of subscription.

use futures::FutureExt;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, task};

use super::secs;

/// The values that keep a subscriber attached.
type Kept = Box<dyn std::any::Any>;

/// Handlers and groups are missing: publishers always wait for them.
const KINDS: [&str; 7] = [
    "plain",
    "with missed",
    "deliveries, at their limit",
    "filtered",
    "filtered deliveries, at their limit",
    "replaying",
    "staged, held back",
];

/// A manager with a single full subscriber that blocks publishers for at most five seconds.
fn blocked_by(kind: &str) -> (EventManager<u32>, Kept) {
    let builder = EventManager::builder().capacity(1).retain(1);
    let limit = Overflow::WaitAtMost(secs(5));
    let manager = builder.default_overflow(limit).build();
    let one_out = || SubscribeOptions::new().max_unacked(1);
    let kept: Kept = match kind {
        "plain" => Box::new(manager.subscribe()),
        "with missed" => Box::new(manager.subscribe().with_missed()),
        "deliveries, at their limit" => {
            let mut deliveries = manager.subscribe_with(one_out()).deliveries();
            manager.try_notify(0).unwrap();
            let out = deliveries.next().now_or_never();
            Box::new((deliveries, out))
        }
        "filtered" => Box::new(manager.subscribe_filter(|_| true)),
        "filtered deliveries, at their limit" => {
            let filtered = manager.subscribe_filter_with(one_out(), |_| true);
            let mut deliveries = filtered.deliveries();
            manager.try_notify(0).unwrap();
            let out = deliveries.next().now_or_never();
            Box::new((deliveries, out))
        }
        "replaying" => {
            manager.try_notify(0).unwrap();
            Box::new(manager.subscribe_with(SubscribeOptions::new().replay(1)))
        }
        "staged, held back" => {
            let lossy = SubscribeOptions::new().overflow(Overflow::DropOldest);
            let before = manager.subscribe_with(lossy);
            let mut staged = manager.subscribe_after(&before);
            manager.try_notify(1).unwrap();
            assert!(staged.next().now_or_never().is_none());
            return (manager, Box::new((before, staged)));
        }
        _ => unreachable!("{kind}"),
    };
    manager.try_notify(1).unwrap();
    (manager, kept)
}

#[tokio::test(start_paused = true)]
async fn time_without_waiting_publishers_does_not_count() {
    for kind in KINDS {
        let (manager, kept) = blocked_by(kind);
        let count = manager.subscriber_count();
        for _ in 0..2 {
            let mut quitter = task::spawn(manager.notify(2));
            assert_pending!(quitter.poll(), "{kind}");
            advance(secs(2)).await;
            drop(quitter);
            advance(secs(3600)).await;
        }
        manager.try_notify(2).expect_err(kind);
        let start = Instant::now();
        manager.notify(2).await.unwrap();
        assert_eq!(start.elapsed(), secs(1), "{kind}");
        assert_eq!(manager.subscriber_count(), count - 1, "{kind}");
        drop(kept);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_disconnects_only_when_used() {
    for kind in KINDS {
        let (manager, kept) = blocked_by(kind);
        let count = manager.subscriber_count();
        drop(manager.reserve().await);
        assert_eq!(manager.subscriber_count(), count, "{kind}");
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        assert_eq!(manager.subscriber_count(), count, "{kind}");
        permit.notify(2);
        assert_eq!(manager.subscriber_count(), count - 1, "{kind}");
        drop(kept);
    }
}
