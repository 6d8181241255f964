//! A failing handler ends alone.

use std::ops::ControlFlow;

use futures::FutureExt;
use genevent::handler::RemoveError;
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, StopReason};

use super::{Diary, add};

#[tokio::test]
async fn a_panic_ends_only_the_panicking_handler() {
    // GenEvent cases 57, 58, 59.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let (bad, seen) = (add(&manager, "bad", &diary), Probe::new());
    manager.add_handler("good", seen.clone()).unwrap();
    let receipt = manager.sync_notify(13).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    // GenEvent case 93: reported before the receipt.
    assert_eq!(
        bad.stopped().now_or_never(),
        Some(StopReason::Panicked("thirteen".into()))
    );
    assert_eq!(diary.drain(), ["bad 13", "bad ends: it panicked: thirteen"]);
    assert_eq!(manager.which_handlers(), ["good"]);
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
    assert_eq!(seen.drain(), [13, 2]);
}

#[tokio::test]
async fn a_handler_may_break_to_end() {
    // GenEvent cases 60, 87.
    let manager = EventManager::new(4);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let receipt = manager.sync_notify(0).await.unwrap();
    assert_eq!(receipt.acked(), 1, "it has finished with that one");
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::Finished));
    assert_eq!(diary.drain(), ["a 0", "a ends: it had finished"]);
    assert_eq!(manager.subscriber_count(), 0);
    assert!(manager.which_handlers().is_empty());
    let finished = RemoveError::Stopped(StopReason::Finished);
    assert_eq!(a.remove().await.err(), Some(finished));
}

#[tokio::test]
async fn a_panic_in_terminate_keeps_the_stop_reason() {
    // GenEvent cases 64, 67.
    struct Sore;
    impl Handler<u32> for Sore {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Continue(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            panic!("sore")
        }
    }
    let manager = EventManager::new(4);
    let sore = manager.add_handler("sore", Sore).unwrap();
    let stopped = sore.stopped();
    assert_eq!(
        sore.remove().await.err(),
        Some(RemoveError::Stopped(StopReason::Panicked("sore".into())))
    );
    assert_eq!(stopped.await, StopReason::Removed);
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn a_panicking_handler_drop_harms_no_call() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "bomb");
        }
    }
    impl Handler<u32> for Bomb {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Break(()))
        }
    }
    let manager = EventManager::new(4);
    let bomb = manager.add_handler("bomb", Bomb).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(bomb.stopped().await, StopReason::Finished);
    manager.stop().await.unwrap();
}
