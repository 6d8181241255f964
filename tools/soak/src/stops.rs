//! Handlers and groups that are added while their manager is stopped.
//!
//! Each race is a manager of its own: in a life with other handlers, `stop` waits for those, and the
//! moment in which it could overtake one that is being added is over.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;
use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::{EventManager, Handler, StopReason};

use crate::event::Event;
use crate::executor::Executor;

/// So many races in each round.
const RACES: usize = 20;
/// Turns of a loop, up to some microseconds: about as long as a handler takes to be added.
const DELAYS: u32 = 100;

/// Notes whether it ends after `stop` has returned.
struct Late {
    stopped: Arc<AtomicBool>,
    late: Arc<AtomicBool>,
}

impl Handler<Event> for Late {
    async fn handle_event(&mut self, _: &Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    async fn terminate(&mut self, _: &StopReason) {
        if self.stopped.load(Ordering::Acquire) {
            self.late.store(true, Ordering::Release);
        }
    }
}

/// `stop` must not return before a handler has ended whose addition succeeded.
pub(crate) async fn race(executor: &Executor, rng: &mut Rng) {
    let Executor::Tokio(_, runtime) = executor else {
        return;
    };
    for _ in 0..RACES {
        let manager = EventManager::<Event>::new(1);
        let (stopped, late) = (Arc::default(), Arc::default());
        let handler = Late {
            stopped: Arc::clone(&stopped),
            late: Arc::clone(&late),
        };
        let start = Arc::new(AtomicUsize::new(0));
        let adder = {
            let (manager, start, runtime) = (
                manager.clone(),
                Arc::clone(&start),
                runtime.handle().clone(),
            );
            let (delay, in_group) = (rng.u32(0..DELAYS), rng.bool());
            thread::spawn(move || {
                let _inside = runtime.enter();
                meet(&start, delay);
                add(&manager, handler, in_group)
            })
        };
        meet(&start, rng.u32(0..DELAYS));
        manager.stop().await.expect("this is no handler");
        stopped.store(true, Ordering::Release);
        if let Some(end) = adder.join().expect("adding does not panic") {
            end.await;
        }
        assert!(
            !late.load(Ordering::Acquire),
            "`stop` has returned while a handler ran"
        );
    }
}

/// Returns in both threads within nanoseconds, but for the delay. Waking a task takes microseconds:
/// the two calls would hardly ever meet.
fn meet(start: &AtomicUsize, delay: u32) {
    start.fetch_add(1, Ordering::AcqRel);
    let mut looks = 0;
    while start.load(Ordering::Acquire) < 2 {
        looks += 1;
        if looks % 1_000 == 0 {
            // The other one may need this processor.
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
    for _ in 0..delay {
        std::hint::spin_loop();
    }
}

/// Gives the handler's end, if it was added.
fn add(
    manager: &EventManager<Event>,
    handler: Late,
    in_group: bool,
) -> Option<BoxFuture<'static, StopReason>> {
    if !in_group {
        let handler = manager.add_handler("late", handler).ok()?;
        return Some(handler.stopped().boxed());
    }
    let group = manager.handler_group("group").ok()?;
    let handler = group.add_handler("late", handler).ok()?;
    Some(handler.stopped().boxed())
}
