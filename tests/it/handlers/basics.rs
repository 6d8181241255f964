//! Handlers with a task each: which events they see, how they end, and which calls they answer.
//!
//! The numbers are the case numbers of `genevent_parity/CASES.md`, the behaviour of `GenEvent`.

mod adding;
mod calls;
mod ending;
mod events;
mod failing;
mod owners;
mod removing;

use std::ops::ControlFlow;

use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerRef, StopReason};
use tokio::task::yield_now;

/// The records of handlers.
type Diary = Probe<String>;

/// Records its calls. Event 0 ends the handler, event 13 makes the handler panic.
struct Scribe {
    name: &'static str,
    diary: Diary,
    seen: Vec<u32>,
}

impl Scribe {
    fn new(name: &'static str, diary: &Diary) -> Self {
        let (diary, seen) = (diary.clone(), Vec::new());
        Self { name, diary, seen }
    }
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("{} {n}", self.name));
        self.seen.push(*n);
        yield_now().await;
        match n {
            0 => Ok(ControlFlow::Break(())),
            13 => panic!("thirteen"),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        yield_now().await;
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

fn add(manager: &EventManager<u32>, name: &'static str, diary: &Diary) -> HandlerRef<u32, Scribe> {
    manager.add_handler(name, Scribe::new(name, diary)).unwrap()
}

#[test]
fn references_guards_and_futures_are_send() {
    fn is_send<T: Send + 'static>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let check = |manager: EventManager<u32>, a: HandlerRef<u32, Scribe>| {
        is_send(&a.stopped());
        is_send(&a.clone().remove());
        is_send(&a.clone().swap(|old| old));
        is_sync(&a);
        is_sync(&manager.handler_group("g").unwrap());
        is_send(&a.drop_guard());
    };
    let _ = check;
}
