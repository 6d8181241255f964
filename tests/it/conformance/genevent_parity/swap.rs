//! F. Swaps.

use std::error::Error;
use std::ops::ControlFlow;

use futures::FutureExt;
use genevent::handler::{AddHandlerError, SwapError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason};

use super::support::{Diary, Scribe, add, settle};

/// A handler that was made of its predecessor.
struct Heir {
    heritage: Result<Vec<u32>, String>,
    diary: Diary,
}

impl Handler<u32> for Heir {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("heir {n}"));
        Ok(ControlFlow::Continue(()))
    }
}

fn heir(old: Scribe) -> Heir {
    old.diary.record("the heir is made".into());
    Heir {
        heritage: Ok(old.seen),
        diary: old.diary,
    }
}

#[tokio::test]
async fn case_074_a_swap_builds_on_the_old_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let new = a.swap(heir).await.unwrap();
    manager.sync_notify(2).await.unwrap();
    let ends = "a ends: another handler has taken its place";
    assert_eq!(diary.drain(), ["a 1", ends, "the heir is made", "heir 2"]);
    assert_eq!(manager.which_handlers(), ["a"]);
    assert!(manager.handler::<Scribe>("a").is_none());
    let heritage = new.call(|new| new.heritage.clone()).await;
    assert_eq!(heritage, Ok(Ok(vec![1])));
}

#[tokio::test]
async fn case_075_an_absent_handler_is_not_swapped() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let stale = a.clone();
    assert!(a.remove().await.is_ok());
    assert_eq!(diary.drain(), ["a ends: it was removed"]);

    let absent = stale.swap(heir).await.unwrap_err();
    assert_eq!(absent, SwapError::Stopped(StopReason::Removed));
    assert!(diary.drain().is_empty(), "no heir is made");
    let heir = Heir {
        heritage: Err(absent.source().unwrap().to_string()),
        diary: diary.clone(),
    };
    let heir = manager.add_handler("a", heir).unwrap();
    manager.sync_notify(1).await.unwrap();
    assert_eq!(diary.drain(), ["heir 1"]);
    let heritage = heir.call(|heir| heir.heritage.clone()).await;
    assert_eq!(heritage, Ok(Err("it was removed".into())));
}

#[tokio::test]
async fn case_076_a_refusing_successor_keeps_the_old_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let refused = a.try_swap(Err::<Heir, Scribe>).await;
    let Err(TrySwapError::Refused(a)) = refused else {
        panic!("it was swapped")
    };
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    assert_eq!(diary.drain(), ["a 1", "a 2"], "it has not ended");
}

#[tokio::test]
async fn case_077_a_swap_cannot_take_a_used_name() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, c) = (add(&manager, "a", &diary), add(&manager, "c", &diary));
    let taken = manager.add_handler("c", Scribe::new("new", &diary));
    let Err(AddHandlerError::AlreadyPresent(new)) = taken else {
        panic!("it was added")
    };
    assert_eq!(new.into_handler().name, "new");
    manager.notify(1).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1]));

    // A swap keeps the name, and so never conflicts with another name.
    let new = a.swap(heir).await.unwrap();
    assert_eq!(new.name(), "a");
    assert_eq!(manager.which_handlers(), ["a", "c"]);
    manager.notify(2).await.unwrap();
    assert_eq!(c.call(|c| c.seen.clone()).await, Ok(vec![1, 2]));
}

#[tokio::test]
async fn case_078_a_swap_may_keep_type_and_name() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let a = a.swap(|old| old.renamed("again")).await.unwrap();
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    assert_eq!(manager.which_handlers(), ["a"]);
    let ends = "a ends: another handler has taken its place";
    assert_eq!(diary.drain(), ["a 1", ends, "again 2"]);
}

#[tokio::test]
async fn case_079_a_swap_under_load_loses_nothing() {
    const EVENTS: u32 = 1_000;
    let manager = EventManager::new(16);
    let diary = Diary::default();
    let mut a = add(&manager, "a", &diary);
    let source = manager.clone();
    let load = tokio::spawn(async move {
        for n in 0..EVENTS {
            source.notify(n).await.unwrap();
        }
    });
    // Each handler begins with no events, and leaves its events behind.
    let seen = Probe::new();
    while !load.is_finished() {
        let leaving = seen.clone();
        let swap = move |mut old: Scribe| {
            leaving.record(std::mem::take(&mut old.seen));
            old
        };
        a = a.swap(swap).await.unwrap();
    }
    load.await.unwrap();
    seen.record(a.remove().await.ok().unwrap().seen);
    let seen = seen.drain();
    let busy = seen.iter().filter(|seen| !seen.is_empty()).count();
    assert!(busy > 10, "{busy} of them have seen something");
    assert!(seen.into_iter().flatten().eq(0..EVENTS));
}

#[tokio::test]
async fn case_080_a_failing_terminate_does_not_prevent_a_swap() {
    struct Sore(Vec<u32>, Diary);
    impl Handler<u32> for Sore {
        async fn handle_event(&mut self, n: &u32) -> Handled {
            self.0.push(*n);
            Ok(ControlFlow::Continue(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            self.0.clear();
            panic!("sore")
        }
    }
    impl Sore {
        fn close(self) -> Result<Vec<u32>, String> {
            Err(format!("{} not saved", self.0.len()))
        }
    }
    let diary = Diary::default();
    for reported in [false, true] {
        let manager = EventManager::new(8);
        let old = Sore(Vec::new(), diary.clone());
        let old = manager.add_handler("a", old).unwrap();
        manager.notify(1).await.unwrap();
        let new: HandlerRef<u32, Heir> = if reported {
            // The closure ends it itself, and so has its error.
            let end = |old: Sore| {
                let diary = old.1.clone();
                let heritage = old.close();
                Ok::<_, Sore>(Heir { heritage, diary })
            };
            old.try_swap(end).await.unwrap()
        } else {
            let make = |Sore(left, diary)| Heir {
                heritage: Ok(left),
                diary,
            };
            old.swap(make).await.unwrap()
        };
        let expected = if reported {
            Err("1 not saved".into())
        } else {
            Ok(vec![])
        };
        let heritage = new.call(|new| new.heritage.clone()).await;
        assert_eq!(heritage, Ok(expected));
        manager.sync_notify(2).await.unwrap();
        assert_eq!(diary.drain(), ["heir 2"]);
    }
}

/// Asks to be swapped at event 5, in a task, since a handler cannot wait for itself.
struct Tired {
    diary: Diary,
    place: Option<HandlerRef<u32, Tired>>,
    heir_is_made: bool,
}

impl Handler<u32> for Tired {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("tired {n}"));
        if *n == 5 {
            let place = self.place.take().expect("it is given up once");
            tokio::spawn(place.swap(|old| {
                assert!(old.heir_is_made, "no heir");
                let diary = old.diary;
                Heir {
                    heritage: Ok(vec![5]),
                    diary,
                }
            }));
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn case_081_a_handler_may_swap_itself() {
    for heir_is_made in [true, false] {
        let manager = EventManager::new(8);
        let diary = Diary::default();
        let tired = Tired {
            diary: diary.clone(),
            place: None,
            heir_is_made,
        };
        let tired = manager.add_handler("tired", tired).unwrap();
        add(&manager, "other", &diary);
        let place = tired.clone();
        tired.call(|tired| tired.place = Some(place)).await.unwrap();
        let reported = tired.stopped();
        manager.sync_notify(4).await.unwrap();
        manager.sync_notify(5).await.unwrap();
        settle().await;
        diary.drain();
        manager.sync_notify(6).await.unwrap();
        let mut log = diary.drain();
        log.sort();
        if heir_is_made {
            assert_eq!(reported.await, StopReason::Swapped);
            assert_eq!(manager.which_handlers(), ["tired", "other"], "at its place");
            assert_eq!(log, ["heir 6", "other 6"]);
        } else {
            assert_eq!(reported.await, StopReason::Panicked("no heir".into()));
            assert_eq!(manager.which_handlers(), ["other"]);
            assert_eq!(log, ["other 6"]);
        }
    }
}

#[tokio::test]
async fn case_082_a_swap_by_name_picks_one_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let [one, two, three] = ["h1", "h2", "h3"].map(|name| add(&manager, name, &diary));
    manager.notify(1).await.unwrap();
    let third = manager.handler::<Scribe>("h3").unwrap();
    let seen = Probe::new();
    let heir = seen.clone();
    assert!(third.swap(move |_| heir).await.is_ok());
    manager.sync_notify(2).await.unwrap();
    assert_eq!(seen.drain(), [2]);
    assert_eq!(three.stopped().now_or_never(), Some(StopReason::Swapped));
    for same in [one, two] {
        assert_eq!(same.call(|h| h.seen.clone()).await, Ok(vec![1, 2]));
    }
    assert_eq!(manager.which_handlers(), ["h1", "h2", "h3"]);
}
