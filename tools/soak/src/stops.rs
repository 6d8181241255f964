//! Handlers and groups added while their manager is stopped.
//!
//! Each race has a manager of its own: with further handlers, `stop` would wait for them and could
//! hardly overtake a handler being added.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;
use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::{EventManager, Handled, Handler, StopReason};

use crate::event::Event;
use crate::executor::Executor;

/// The number of races in each round.
const RACES: usize = 20;
/// The most iterations of the delay, some microseconds: about the time of adding a handler.
const DELAYS: u32 = 100;

/// Records whether the handler ends after `stop` has returned.
struct Late {
    stopped: Arc<AtomicBool>,
    late: Arc<AtomicBool>,
}

impl Handler<Event> for Late {
    async fn handle_event(&mut self, _: &Event) -> Handled {
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        if self.stopped.load(Ordering::Acquire) {
            self.late.store(true, Ordering::Release);
        }
    }
}

/// Checks that `stop` returns only after every successfully added handler has ended.
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
        manager
            .stop()
            .await
            .expect("the call is outside of every handler");
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

/// Returns in both threads within nanoseconds, apart from the delay. Waking a task would take
/// microseconds, and the two calls would hardly ever meet.
fn meet(start: &AtomicUsize, delay: u32) {
    start.fetch_add(1, Ordering::AcqRel);
    let mut looks = 0;
    while start.load(Ordering::Acquire) < 2 {
        looks += 1;
        if looks % 1_000 == 0 {
            // The second thread may need this processor.
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
    for _ in 0..delay {
        std::hint::spin_loop();
    }
}

/// Returns the handler's exit future, if the handler was added.
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
