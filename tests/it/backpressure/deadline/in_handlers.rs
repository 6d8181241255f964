//! A handler that would wait for itself is told at once, not when its time is up.

use std::sync::mpsc;

use genevent::EventManager;
use genevent::error::{DeadlineError, ReserveDeadlineError};
use tokio::time::Instant;

use super::SECOND;

#[tokio::test(start_paused = true)]
async fn a_handler_waiting_for_its_own_room_is_refused() {
    let manager = EventManager::new(1);
    let (tell, told) = mpsc::channel();
    let inside = manager.downgrade();
    let publishing = move |n: &u32| {
        let (manager, tell, first) = (inside.upgrade(), tell.clone(), *n == 1);
        async move {
            let Some(manager) = manager.filter(|_| first) else {
                return;
            };
            manager.try_notify(2).unwrap();
            let notify = manager.notify(3).within(SECOND).await.unwrap_err();
            let reserve = manager.reserve().within(SECOND).await.unwrap_err();
            tell.send((notify, reserve)).unwrap();
        }
    };
    manager.add_handler("publishing", publishing).unwrap();
    let start = Instant::now();
    manager.sync_notify(1).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 0);

    let (notify, reserve) = told.recv().unwrap();
    assert!(matches!(notify, DeadlineError::WouldDeadlock(3)));
    assert!(matches!(reserve, ReserveDeadlineError::WouldDeadlock));
    assert!(notify.waiting_for().is_empty() && reserve.waiting_for().is_empty());
    assert_eq!(reserve.to_string(), "the handler would wait for itself");
}
