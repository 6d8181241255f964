//! Handlers whose `handle_event` returns an error: the event counts as dropped, and the handler goes on.

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use genevent::handler::DynHandler;
use genevent::test_util::Probe;
use genevent::{
    Cause, EventManager, Handled, Handler, HandlerOptions, Receipt, Restart, StopReason, handler_fn,
};
use tokio::task::yield_now;

use crate::receipts::UnfinishedIds;

/// Records events below 10, and fails at the others.
#[derive(Clone)]
struct Small(Probe<u32>);

impl Handler<u32> for Small {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        yield_now().await;
        if *n >= 10 {
            Err(format!("{n} is too large"))?;
        }
        self.0.record(*n);
        Ok(ControlFlow::Continue(()))
    }
}

fn failed(text: &str) -> Vec<Cause> {
    vec![Cause::Failed(text.into())]
}

/// Asserts that the handlers of the manager have failed at event 10 alone.
async fn fails_at_ten(manager: &EventManager<u32>, seen: &Probe<u32>, way: &str) {
    for n in [1, 10, 2] {
        let receipt = manager.sync_notify(n).await.unwrap();
        let causes = if n == 10 {
            failed("10 is too large")
        } else {
            Vec::new()
        };
        assert_eq!(receipt.causes(), causes, "{way}: {n}");
        assert_eq!(receipt.acked() + receipt.dropped(), 1, "{way}: {n}");
    }
    assert_eq!(seen.drain(), [1, 2], "{way}");
    assert!(
        manager.ack_notify(10).await.unwrap().all_acked(),
        "{way}: received"
    );
    manager.notify(10).await.unwrap();
    manager.flush().await.unwrap();
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn an_error_drops_the_event_and_the_handler_goes_on() {
    type Add = fn(&EventManager<u32>, Small);
    let ways: [(&str, Add); 6] = [
        ("alone", |manager, small| {
            drop(manager.add_handler("small", small));
        }),
        ("filtered", |manager, small| {
            let options = HandlerOptions::new("small").filter(|_| true);
            drop(manager.add_handler_with(options, small));
        }),
        ("with a restart", |manager, small| {
            let options = HandlerOptions::new("small").restart(Restart::never());
            drop(manager.add_handler_with(options, move || small.clone()));
        }),
        ("boxed", |manager, small| {
            let small: Box<dyn DynHandler<u32>> = Box::new(small);
            drop(manager.add_handler("small", small));
        }),
        ("in a group", |manager, small| {
            drop(
                manager
                    .handler_group("group")
                    .unwrap()
                    .add_handler("small", small),
            );
        }),
        ("as a closure", |manager, small| {
            let closure = handler_fn(move |n: &u32| match n {
                0..10 => {
                    small.0.record(*n);
                    Ok(())
                }
                _ => Err(format!("{n} is too large")),
            });
            drop(manager.add_handler("small", closure));
        }),
    ];
    for (way, add) in ways {
        let (manager, seen) = (EventManager::new(4), Probe::new());
        add(&manager, Small(seen.clone()));
        fails_at_ten(&manager, &seen, way).await;
    }
}

#[tokio::test]
async fn closures_return_results_of_many_types() {
    let manager = EventManager::<u32>::new(4);
    let io = |_: &u32| Err::<(), _>(std::io::Error::other("io"));
    manager.add_handler("io", handler_fn(io)).unwrap();
    let text = |_: &u32| Err::<ControlFlow<()>, _>("text");
    manager.add_handler("text", handler_fn(text)).unwrap();
    let handled = |_: &u32| -> Handled { Err("boxed".into()) };
    manager.add_handler("boxed", handler_fn(handled)).unwrap();
    let future = |_: &u32| async { Err::<(), _>("future".to_string()) };
    manager.add_handler("future", future).unwrap();
    manager
        .add_handler("never", handler_fn(|_: &u32| panic!("never")))
        .unwrap();
    let never = |_: &u32| async { panic!("never, later") };
    manager.add_handler("never, later", never).unwrap();
    let once = |_: &u32| Ok::<_, std::fmt::Error>(ControlFlow::Break(()));
    let once = manager.add_handler("once", handler_fn(once)).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    let mut causes: Vec<_> = receipt
        .unfinished()
        .iter()
        .map(ToString::to_string)
        .collect();
    causes.sort_unstable();
    let ends: Vec<_> = causes
        .iter()
        .map(|text| text.rsplit_once("rs:").unwrap().1)
        .collect();
    let ends: Vec<_> = ends
        .iter()
        .map(|end| end.split_once(": ").unwrap().1)
        .collect();
    assert_eq!(
        ends,
        [
            "failed: io",
            "failed: text",
            "failed: boxed",
            "failed: future",
            "panicked: never",
            "panicked: never, later"
        ]
    );
    assert_eq!(once.stopped().await, StopReason::Finished);
    assert_eq!(manager.which_handlers(), ["io", "text", "boxed", "future"]);
}

#[tokio::test]
async fn the_text_of_an_error_stays_on_its_line() {
    let manager = EventManager::<u32>::new(4);
    let forged = handler_fn(|_: &u32| Err::<(), _>("one\nevent 2: acked"));
    manager.add_handler("forged", forged).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    assert_eq!(receipt.causes(), failed("one\nevent 2: acked"));
    let line = receipt.to_string();
    assert!(line.ends_with(r": failed: one\nevent 2: acked"), "{line}");
}

#[tokio::test]
async fn an_error_is_no_failure_that_restarts() {
    let (manager, seen) = (EventManager::new(4), Probe::new());
    let lives = Probe::new();
    let make = {
        let (lives, seen) = (lives.clone(), seen.clone());
        move || {
            lives.record(());
            Small(seen.clone())
        }
    };
    let once = Restart::on_failure(1, Duration::from_secs(1));
    let options = HandlerOptions::new("small").restart(once);
    manager.add_handler_with(options, make).unwrap();
    for n in [10, 11, 12] {
        assert_eq!(manager.sync_notify(n).await.unwrap().dropped(), 1);
    }
    assert_eq!(lives.seen().len(), 1);
}

/// An error with a text, or a drop, that panics.
#[derive(Debug)]
struct Bad {
    text: bool,
    drop: bool,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.text, "its text");
        f.write_str("bad")
    }
}

impl Error for Bad {}

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(!self.drop, "its drop");
    }
}

async fn fail_badly((text, drop): (bool, bool), (in_group, by_future): (bool, bool)) -> Receipt {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let bad = move || {
        if text || drop {
            Err(Bad { text, drop })
        } else {
            Ok(())
        }
    };
    let sync = handler_fn(move |_: &u32| bad());
    let later = move |_: &u32| async move { bad() };
    match (in_group, by_future) {
        (true, true) => assert!(group.add_handler("bad", later).is_ok()),
        (true, false) => assert!(group.add_handler("bad", sync).is_ok()),
        (false, true) => assert!(manager.add_handler("bad", later).is_ok()),
        (false, false) => assert!(manager.add_handler("bad", sync).is_ok()),
    }
    group.add_handler("good", handler_fn(|_: &u32| ())).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    let goes_on = manager.sync_notify(2).await.unwrap();
    assert_eq!(
        goes_on.dropped(),
        usize::from(!text),
        "a bad text ends the handler"
    );
    manager.stop().await.unwrap();
    receipt
}

#[tokio::test]
async fn an_error_that_panics_harms_its_handler_alone() {
    for way in [(true, true), (true, false), (false, true), (false, false)] {
        let receipt = fail_badly((true, false), way).await;
        assert_eq!(receipt.causes(), [Cause::Panicked("its text".into())]);
        let receipt = fail_badly((true, true), way).await;
        assert_eq!(receipt.causes(), [Cause::Panicked("its text".into())]);
        let receipt = fail_badly((false, true), way).await;
        assert_eq!(receipt.causes(), failed("bad"));
    }
}
