//! The end of handlers with their manager or their runtime.

use std::future::pending;
use std::ops::ControlFlow;

use futures::FutureExt;
use genevent::{EventManager, Handled, Handler, StopReason, handler_fn};
use tokio::task::yield_now;

use super::{Diary, add};

#[tokio::test]
async fn stop_waits_until_every_handler_has_ended() {
    // GenEvent cases 2, 11, 15, 91.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(
        diary.drain(),
        ["a 1", "a 2", "a ends: the event manager is closed"]
    );
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::ManagerClosed));
    assert!(manager.which_handlers().is_empty());
}

struct Endless;
impl Handler<u32> for Endless {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        Ok(ControlFlow::Continue(()))
    }
    async fn terminate(&mut self, _: &StopReason) {
        pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_stop_names_the_stuck_handler() {
    // GenEvent case 16.
    use std::time::Duration;
    let manager = EventManager::new(8);
    let stuck = manager
        .add_handler("stuck", |_: &u32| pending::<()>())
        .unwrap();
    manager.notify(1).await.unwrap();
    let late = manager
        .stop()
        .within(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(late.waiting_for()[0].name(), Some("stuck"));
    stuck.abort();
    manager.stop().await.unwrap();

    let manager = EventManager::<u32>::new(8);
    manager.add_handler("endless", Endless).unwrap();
    let late = manager
        .stop()
        .within(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(late.waiting_for()[0].name(), Some("endless"));
}

#[tokio::test]
async fn handlers_do_not_keep_the_manager_open() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    drop(manager);
    assert_eq!(a.stopped().await, StopReason::ManagerClosed);
    assert_eq!(
        diary.drain(),
        ["a 1", "a ends: the event manager is closed"]
    );
}

#[test]
fn shutting_the_runtime_down_reports_the_exit() {
    // GenEvent cases 12, 45, 92.
    let manager = EventManager::new(8);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (stuck, busy) = runtime.block_on(async {
        let idle = manager
            .add_handler("idle", handler_fn(|_: &u32| ()))
            .unwrap();
        let busy = manager
            .add_handler("busy", |_: &u32| pending::<()>())
            .unwrap();
        manager.notify(1).await.unwrap();
        yield_now().await;
        (idle.stopped(), busy)
    });
    let mut receipt = Box::pin(manager.sync_notify(2));
    assert!(receipt.as_mut().now_or_never().is_none());
    drop(runtime);
    let reasons = futures::executor::block_on(async { (stuck.await, busy.stopped().await) });
    assert_eq!(reasons, (StopReason::Aborted, StopReason::Aborted));
    assert_eq!(receipt.now_or_never().unwrap().unwrap().dropped(), 2);
    assert!(manager.which_handlers().is_empty());
    assert!(manager.stop().now_or_never().is_some());
}

#[tokio::test]
async fn a_disconnected_handler_is_aborted() {
    // GenEvent case 127.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    assert!(manager.disconnect(manager.subscribers()[0].id()));
    manager.notify(3).await.unwrap();
    assert_eq!(a.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["a ends: it was aborted"]);
}
