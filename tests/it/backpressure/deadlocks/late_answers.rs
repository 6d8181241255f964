//! A handler that waits for the rest of the answers to an event that it has to answer itself.

use futures::FutureExt;
use genevent::error::DeadlineError;
use genevent::future::Settled;
use genevent::{EventManager, StopReason};
use tokio::sync::oneshot;

use super::handlers::doing;
use super::{SECOND, hangs};
use crate::receipts::UnfinishedIds;

#[tokio::test(start_paused = true)]
async fn settled_in_a_handler_waits_for_its_own_answer() {
    let manager = EventManager::new(8);
    let (give, given) = oneshot::channel::<Settled>();
    let handler = doing(&manager, |_| {
        given.then(|late| async { drop(late.unwrap().await) })
    });
    let late = manager.sync_notify(1).within(SECOND).await.unwrap_err();
    let DeadlineError::Unanswered(late) = late else {
        panic!("{late}");
    };
    assert!(give.send(late.settled()).is_ok());
    assert!(hangs(late.settled()).await);

    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    let receipt = late.settled().await;
    assert_eq!(receipt.unfinished_ids(), [late.waiting_for()[0].id()]);
}
