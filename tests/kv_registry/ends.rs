//! The registry goes on, or ends, when observers leave, the manager is closed, the runtime goes.

use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use genevent::EventManager;
use genevent::kv::{ExitReason, Registry};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use super::{let_others_run, new_registry};

#[tokio::test]
async fn an_observer_that_leaves_with_an_event_holds_nobody_up() {
    let registry = new_registry::<u8>();
    let mut leaver = registry.events();
    registry.create("a").await.unwrap();
    leaver.next().await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    drop(leaver);
    let_others_run().await;
    assert_ready!(flushed.poll());
    assert!(registry.create("b").await.is_ok());
}

#[tokio::test]
async fn with_a_closed_manager_the_registry_goes_on_without_events() {
    let manager = EventManager::new(4);
    let registry = Registry::builder().line_capacity(1).build(manager.clone());
    registry.create("before").await.unwrap();
    manager.close();
    registry.flush().await;
    for n in 0..3 {
        let bucket = registry.create(&format!("b{n}")).await.unwrap();
        bucket.put("k", n).await;
        registry.flush().await;
    }
    let bucket = registry.lookup("b1").unwrap();
    assert_eq!(bucket.get("k").await, Some(1));
    bucket.stop();
    registry.flush().await;
    assert_eq!(registry.names(), ["b0", "b2", "before"]);
    assert!(registry.events().next().await.is_none());
}

/// Nobody will hear what is in line, so it is no reason to refuse.
#[tokio::test]
async fn with_a_closed_manager_no_line_is_ever_full() {
    let manager = EventManager::new(4);
    let registry = Registry::<u8>::builder()
        .line_capacity(1)
        .build(manager.clone());
    let mut reader = registry.events();
    registry.create("before").await.unwrap();
    let_others_run().await; // it is delivered, and in hand
    assert_eq!(reader.next().await.unwrap().name(), "before");
    registry.create("in line").await.unwrap();
    assert!(registry.create("refused").await.is_err());
    manager.close();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    for name in ["a", "b", "c"] {
        registry.create(name).await.unwrap();
    }
    drop(reader);
    let_others_run().await;
    assert_ready!(flushed.poll());
    assert_eq!(registry.names().len(), 5);
    assert_eq!(registry.flush().now_or_never(), Some(()));
}

#[test]
fn a_runtime_that_is_gone_hangs_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let manager = EventManager::default();
    let registry = {
        let _inside = runtime.enter();
        Registry::builder().line_capacity(2).build(manager.clone())
    };
    let observer = registry.events();
    let bucket = block_on(registry.create("a")).unwrap();
    let mut flushed = task::spawn(registry.flush());
    let mut stopped = task::spawn(bucket.stopped());
    assert_pending!(flushed.poll());
    assert_pending!(stopped.poll());
    drop(runtime);
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll());
    drop(flushed);

    bucket.stop();
    assert_ready_eq!(stopped.poll(), ExitReason::Stopped);
    for name in ["b", "c", "d", "e"] {
        let bucket = block_on(registry.create(name)).expect("nothing waits in line");
        block_on(bucket.put("k", 1));
    }
    block_on(registry.flush());
    let left = registry.lookup("e").unwrap();
    drop(registry);
    assert_eq!(block_on(left.stopped()), ExitReason::RegistryGone);
    drop(manager);
    assert_eq!(block_on(observer.count()), 0);
}
