//! The causes of handlers and groups, and of subscribers whose time was up.

use std::future::pending;
use std::time::Duration;

use genevent::error::DeadlineError;
use genevent::{
    Cause, DisconnectCause, EventManager, Handled, Handler, HandlerOptions, Overflow, Restart,
    SubscriberKind, handler_fn,
};
use tokio::task::yield_now;

use super::disconnected;
use crate::receipts::UnfinishedIds;

fn panicked(message: &str) -> Vec<Cause> {
    vec![Cause::Panicked(message.into())]
}

/// Never finishes an event.
struct Stuck;

impl Handler<u32> for Stuck {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        pending().await
    }
}

#[tokio::test]
async fn a_panicking_handler_is_named_with_its_message() {
    let manager = EventManager::new(4);
    let broken = handler_fn(|n: &u32| assert!(*n < 2, "too much: {n}"));
    let _broken = manager.add_handler("broken", broken).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    let (over, behind) = tokio::join!(manager.sync_notify(2), manager.sync_notify(3));
    let (over, behind) = (over.unwrap(), behind.unwrap());
    assert_eq!(over.causes(), panicked("too much: 2"));
    let entry = &over.unfinished()[0];
    assert_eq!(
        (entry.name(), entry.kind()),
        (Some("broken"), SubscriberKind::Handler)
    );
    assert_eq!(entry.created_at().file(), file!());
    assert_eq!(
        behind.causes(),
        [Cause::Left],
        "unread when the handler ended"
    );
}

#[tokio::test]
async fn a_restarted_handler_has_panicked_over_one_event() {
    let manager = EventManager::new(4);
    let make = || handler_fn(|n: &u32| assert!(*n != 1, "one"));
    let restart = Restart::on_failure(3, Duration::from_secs(1));
    let _handler = manager
        .add_handler_with(HandlerOptions::new("odd").restart(restart), make)
        .unwrap();
    assert_eq!(
        manager.sync_notify(1).await.unwrap().causes(),
        panicked("one")
    );
    assert!(manager.sync_notify(2).await.unwrap().all_acked());
    assert_eq!(
        manager.sync_notify(1).await.unwrap().causes(),
        panicked("one")
    );
}

#[tokio::test]
async fn an_aborted_handler_has_left() {
    let manager = EventManager::new(4);
    let stuck = manager.add_handler("stuck", Stuck).unwrap();
    let abort = async {
        yield_now().await;
        yield_now().await;
        stuck.abort();
    };
    let (in_flight, unread, ()) =
        tokio::join!(manager.sync_notify(1), manager.sync_notify(2), abort);
    assert_eq!(in_flight.unwrap().causes(), [Cause::Left]);
    assert_eq!(unread.unwrap().causes(), [Cause::Left]);
}

#[tokio::test]
async fn a_disconnected_handler_names_the_disconnect() {
    let manager = EventManager::new(4);
    let _stuck = manager.add_handler("stuck", Stuck).unwrap();
    let disconnect = async {
        yield_now().await;
        yield_now().await;
        assert!(manager.disconnect(manager.subscribers()[0].id()));
    };
    let (in_flight, unread, ()) =
        tokio::join!(manager.sync_notify(1), manager.sync_notify(2), disconnect);
    assert_eq!(in_flight.unwrap().causes(), [Cause::Left], "it is aborted");
    let requested = disconnected(DisconnectCause::Requested);
    assert_eq!(unread.unwrap().causes(), requested);
}

#[test]
fn a_handler_of_a_dropped_runtime_has_left() {
    let manager = EventManager::new(4);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    runtime.block_on(async {
        let _stuck = manager.add_handler("stuck", Stuck).unwrap();
        assert!(futures::poll!(&mut done).is_pending());
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(crate::drive::now(done).unwrap().causes(), [Cause::Left]);
}

#[tokio::test]
async fn a_group_names_the_handler_that_panicked() {
    let manager = EventManager::new(4);
    let group = manager.handler_group("group").unwrap();
    let broken = handler_fn(|n: &u32| assert!(*n > 9, "broken"));
    group.add_handler("broken", broken).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    assert_eq!(receipt.causes(), panicked("broken"));
    let entry = &receipt.unfinished()[0];
    assert_eq!(entry.kind(), SubscriberKind::Handler);
    assert_eq!(
        (entry.name(), entry.group()),
        (Some("broken"), Some("group"))
    );
    assert_eq!(entry.created_at().file(), file!());

    let again = group.add_handler("broken", broken_again()).unwrap();
    group.add_handler("good", handler_fn(|_: &u32| ())).unwrap();
    let receipt = manager.sync_notify(2).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    assert_eq!(receipt.unfinished()[0].id(), again.id());
    assert_eq!(receipt.causes(), panicked("broken again"));
    let receipt = manager.sync_notify(3).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
}

fn broken_again() -> impl Handler<u32> {
    handler_fn(|n: &u32| assert!(*n > 9, "broken again"))
}

#[tokio::test(start_paused = true)]
async fn an_overdue_subscriber_is_named_so() {
    let manager = EventManager::new(1);
    let limit = Overflow::WaitAtMost(Duration::from_secs(1));
    let _slow = manager.subscribe_with(limit);
    let (first, second) = tokio::join!(manager.sync_notify(1), manager.notify(2));
    assert_eq!(
        first.unwrap().causes(),
        disconnected(DisconnectCause::Overdue)
    );
    assert_eq!(second, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_late_receipt_has_the_causes_so_far_and_then_all() {
    let manager = EventManager::new(4);
    let (mut failing, mut slow) = (manager.subscribe(), manager.subscribe());
    let fail = async {
        failing.next().await;
        failing.nack("early");
    };
    let second = Duration::from_secs(1);
    let (late, ()) = tokio::join!(manager.sync_notify(1).within(second), fail);
    let Err(DeadlineError::Unanswered(late)) = late else {
        panic!("one has not answered");
    };
    assert_eq!(late.receipt().causes(), [Cause::Failed("early".into())]);
    slow.next().await;
    slow.nack("late");
    let receipt = late.settled().await;
    assert_eq!(receipt.acked(), 0);
    let [early, late] = ["early", "late"].map(|reason| Cause::Failed(reason.into()));
    assert_eq!(receipt.causes(), [early, late]);
}
