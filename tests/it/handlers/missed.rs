//! A handler under a lossy policy is told of losses, before the first event after the gap.

use std::ops::ControlFlow;
use std::time::Duration;

use genevent::handler::DynHandler;
use genevent::test_util::Probe;
use genevent::{
    Cause, EventManager, Handled, Handler, HandlerOptions, Overflow, Restart, StopReason,
    SubscribeOptions,
};
use tokio::task::yield_now;

use crate::receipts::UnfinishedIds;

type Diary = Probe<String>;

/// Records events and losses. A loss of 13 events makes the handler panic.
#[derive(Clone)]
struct Screen(&'static str, Diary);

impl Handler<u32> for Screen {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.1.record(format!("{}{n}", self.0));
        yield_now().await;
        Ok(ControlFlow::Continue(()))
    }

    async fn handle_missed(&mut self, events: u64) {
        yield_now().await;
        self.1.record(format!("{}-{events}", self.0));
        assert!(events != 13, "thirteen");
    }
}

fn newest(window: usize) -> HandlerOptions<u32> {
    let options = SubscribeOptions::new().overflow(Overflow::DropOldest);
    HandlerOptions::new("screen").subscribe(options.window(window))
}

async fn publish(manager: &EventManager<u32>, events: std::ops::RangeInclusive<u32>) {
    for n in events {
        manager.notify(n).await.unwrap();
    }
}

#[tokio::test]
async fn a_loss_is_told_before_the_next_event() {
    type Add = fn(&EventManager<u32>, Screen);
    let ways: [(&str, Add); 4] = [
        ("all", |manager, screen| {
            drop(manager.add_handler_with(newest(2), screen));
        }),
        ("filtered", |manager, screen| {
            drop(manager.add_handler_with(newest(2).filter(|_| true), screen));
        }),
        ("restartable", |manager, screen| {
            let options = newest(2).restart(Restart::never());
            drop(manager.add_handler_with(options, move || screen.clone()));
        }),
        ("boxed", |manager, screen| {
            let screen: Box<dyn DynHandler<u32>> = Box::new(screen);
            drop(manager.add_handler_with(newest(2), screen));
        }),
    ];
    for (way, add) in ways {
        let (manager, diary) = (EventManager::new(8), Diary::new());
        add(&manager, Screen("", diary.clone()));
        publish(&manager, 1..=5).await;
        manager.flush().await.unwrap();
        assert_eq!(diary.drain(), ["-3", "4", "5"], "{way}");
        publish(&manager, 6..=7).await;
        manager.flush().await.unwrap();
        assert_eq!(diary.drain(), ["6", "7"], "{way}");
        publish(&manager, 8..=10).await;
        manager.stop().await.unwrap();
        assert_eq!(
            diary.drain(),
            ["-1", "9", "10"],
            "{way}: also before the end"
        );
    }
}

#[tokio::test]
async fn a_loss_while_an_event_is_handled_is_told_after_the_event() {
    for filtered in [false, true] {
        let (manager, diary) = (EventManager::new(8), Diary::new());
        let screen = Screen("", diary.clone());
        if filtered {
            drop(manager.add_handler_with(newest(1).filter(|_| true), screen));
        } else {
            drop(manager.add_handler_with(newest(1), screen));
        }
        manager.notify(1).await.unwrap();
        yield_now().await;
        assert_eq!(diary.drain(), ["1"], "in flight");
        publish(&manager, 2..=4).await;
        assert!(manager.sync_notify(5).await.unwrap().all_acked());
        assert_eq!(diary.drain(), ["-3", "5"]);
    }
}

#[tokio::test]
async fn a_lossy_default_of_the_manager_loses_nothing_for_handlers() {
    let manager = EventManager::builder()
        .capacity(2)
        .default_overflow(Overflow::DropOldest);
    let (manager, diary) = (manager.build(), Diary::new());
    manager
        .add_handler("screen", Screen("", diary.clone()))
        .unwrap();
    let group = manager.handler_group("group").unwrap();
    group
        .add_handler("screen", Screen("g", Diary::new()))
        .unwrap();
    publish(&manager, 1..=5).await;
    manager.flush().await.unwrap();
    assert_eq!(diary.drain(), ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_handler_restarted_over_a_loss_handles_the_next_event() {
    let (manager, diary) = (EventManager::new(32), Diary::new());
    let screen = Screen("", diary.clone());
    let once = newest(1).restart(Restart::on_failure(1, Duration::from_secs(1)));
    let screen = manager
        .add_handler_with(once, move || screen.clone())
        .unwrap();
    publish(&manager, 1..=13).await;
    assert!(manager.sync_notify(14).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["-13", "14"]);
    publish(&manager, 1..=13).await;
    let receipt = manager.sync_notify(14).await.unwrap();
    assert_eq!(receipt.causes(), [Cause::Panicked("thirteen".into())]);
    assert_eq!(diary.drain(), ["-13"]);
    assert_eq!(
        screen.stopped().await,
        StopReason::Panicked("thirteen".into())
    );
    assert_eq!(
        manager.sync_notify(15).await.unwrap().to_string(),
        "event 29: no subscriber"
    );
}

#[tokio::test]
async fn an_abort_cuts_the_telling_short() {
    struct Stuck;
    impl Handler<u32> for Stuck {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Continue(()))
        }
        async fn handle_missed(&mut self, _: u64) {
            std::future::pending::<()>().await;
        }
    }
    let manager = EventManager::new(8);
    let stuck = manager.add_handler_with(newest(1), Stuck).unwrap();
    publish(&manager, 1..=2).await;
    let abort = async {
        yield_now().await;
        yield_now().await;
        stuck.abort();
    };
    let (receipt, ()) = tokio::join!(manager.sync_notify(3), abort);
    assert_eq!(receipt.unwrap().causes(), [Cause::Left]);
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
}

#[tokio::test]
async fn a_successor_is_told_of_losses_before_its_first_event() {
    let (manager, diary) = (EventManager::new(8), Diary::new());
    let old = manager
        .add_handler_with(newest(1), Screen("a", diary.clone()))
        .unwrap();
    publish(&manager, 1..=3).await;
    let new = Screen("b", diary.clone());
    // The swap is behind event 3, and the old handler is told.
    old.swap(move |_| new).await.unwrap();
    assert_eq!(diary.drain(), ["a-2", "a3"]);
    publish(&manager, 4..=5).await;
    manager.flush().await.unwrap();
    assert_eq!(diary.drain(), ["b-1", "b5"]);
}
