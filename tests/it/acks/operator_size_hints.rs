//! Size hints and termination of the operators over deliveries.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::Stream;
use futures::future::FusedFuture;
use futures::stream::FusedStream;
use genevent::{EventManager, EventStreamExt};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::{read, waits};

#[tokio::test(start_paused = true)]
async fn timed_batches_count_gathered_and_coming_events() {
    let manager = EventManager::new(8);
    let deliveries = manager.subscribe().deliveries();
    let mut batches = deliveries.batches(2, Duration::from_secs(1));
    assert_eq!(batches.size_hint(), (0, None));
    manager.try_notify(1).unwrap();
    assert_eq!(batches.size_hint(), (1, None));
    assert!(waits(&mut batches));
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    assert_eq!(batches.size_hint(), (2, None));
    manager.close();
    assert_eq!(read(&mut batches).unwrap().len(), 2);
    assert_eq!(batches.size_hint(), (1, Some(1)));
    assert!(!batches.is_terminated());
    assert_eq!(read(&mut batches).unwrap().len(), 1);
    assert!(read(&mut batches).is_none());
    assert_eq!(batches.size_hint(), (0, Some(0)));
    assert!(batches.is_terminated());
}

#[test]
fn ready_batches_terminate_with_their_stream() {
    let manager = EventManager::new(8);
    let mut batches = manager.subscribe().deliveries().ready_batches(2);
    assert!(!batches.is_terminated());
    manager.try_notify(1).unwrap();
    manager.close();
    assert_eq!(read(&mut batches).unwrap().len(), 1);
    assert!(read(&mut batches).is_none());
    assert!(batches.is_terminated());
}

#[test]
fn unfinished_work_is_not_terminated() {
    let manager = EventManager::new(8);
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let deliveries = manager.subscribe().deliveries();
    let mut work = task::spawn(deliveries.try_for_each_acked(2, |n: u8| {
        let first = wait.take();
        async move {
            if let Some(go) = first {
                go.await.expect("it may go on");
            }
            Err::<(), _>(n)
        }
    }));
    assert!(!work.is_terminated());
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_pending!(work.poll());
    assert!(!work.is_terminated());
    let text = "TryForEachAcked { in_flight: 1, failed: true, .. }";
    assert_eq!(format!("{:?}", *work), text);

    drop(go);
    assert!(catch_unwind(AssertUnwindSafe(|| work.poll())).is_err());
    assert!(!work.is_terminated(), "it has an error to give");
    assert_eq!(assert_ready!(work.poll()), Err(2));
    assert!(work.is_terminated());
}
