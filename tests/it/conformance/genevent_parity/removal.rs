//! F. Removal.

use genevent::handler::{CallError, RemoveError};
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason};
use std::ops::ControlFlow;

use futures::poll;

use super::support::{Diary, Scribe, add, settle, timed};

/// A handler of another type.
struct Nothing;

impl Handler<u32> for Nothing {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_069_removal_terminates_and_returns_the_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let a = a.remove().await.ok().unwrap();
    assert_eq!(a.seen, [1], "all that it had");
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);
    assert!(manager.which_handlers().is_empty());
    assert!(manager.sync_notify(2).await.unwrap().is_unheard());
}

#[tokio::test]
async fn case_070_removing_an_absent_handler_changes_nothing() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    assert!(!manager.remove_handler("b").await);
    assert!(manager.handler::<Nothing>("a").is_none());
    assert!(manager.handler::<Scribe>("b").is_none());
    assert_eq!(manager.which_handlers(), ["a"]);
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["a 1"]);
    assert!(manager.remove_handler("a").await);
    assert!(!manager.remove_handler("a").await);
}

#[tokio::test]
async fn case_071_a_removal_happens_between_two_events() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    let mut removal = Box::pin(a.remove());
    assert!(poll!(&mut removal).is_pending());
    for n in 4..=6 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(removal.await.ok().unwrap().seen, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn case_072_a_removal_waits_for_the_event_in_flight() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let slow = Scribe::slow("a", &diary, 150);
    let a = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    let (took, a) = timed(a.remove()).await;
    assert_eq!((took, a.ok().unwrap().seen), (150, vec![1]));
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);
}

#[tokio::test]
async fn case_073_a_removed_handler_is_never_called_again() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let again: HandlerRef<u32, Scribe> = a.clone();
    manager.notify(1).await.unwrap();
    let removed = a.remove().await.ok().unwrap();
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);

    manager.notify(2).await.unwrap();
    let gone = StopReason::Removed;
    let call = again.call(|a| a.diary.record("called".into())).await;
    assert_eq!(call, Err(CallError::Stopped(gone.clone())));
    again.abort();
    assert_eq!(again.remove().await.err(), Some(RemoveError::Stopped(gone)));
    manager.stop().await.unwrap();
    assert!(diary.drain().is_empty());
    assert_eq!(removed.seen, [1]);
}
