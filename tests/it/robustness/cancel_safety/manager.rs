//! The functions of the manager, its sinks and its subscriptions.

mod clock;
mod rows;
mod streams;
mod tasks;
mod world;

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

use futures::{FutureExt, SinkExt};
use genevent::EventManager;

pub(crate) use self::rows::rows;
use self::rows::{Call, Outcome, Row};
use self::tasks::Task;
use self::world::{Step, TROUBLES, Trouble, World, call, script};
use super::OnPanic;

/// Runs a future: polled `polls` times with a step of the world after each poll, `trouble` before
/// poll number `at` (or after the last poll), then dropped. Returns whether the future was ready,
/// and whether it was ready before the trouble.
fn cancel(row: &Row, trouble: Trouble, at: usize, polls: usize) -> (bool, bool) {
    let manager = EventManager::new(2);
    let mut world = World::new(&manager, trouble, &row.call);
    let reads = !matches!(row.call, Call::Manager(_));
    let mut mine = reads.then(|| world.mine.take().expect("unused"));
    let taken = RefCell::new(Vec::new());
    let mut outcome = None;
    let mut struck = false;
    {
        let mut future = call(row, &manager, &mut mine, &taken);
        let mut cx = Context::from_waker(Waker::noop());
        for poll in 0..polls {
            if poll == at {
                world.strike();
                struck = true;
            }
            if let Poll::Ready(ready) = future.poll_unpin(&mut cx) {
                outcome = Some(ready);
                break;
            }
            if poll == 0 {
                world.queue_behind();
            }
            if let Some(step) = script(poll) {
                world.step(step);
            }
            if row.needs_the_clock() {
                clock::advance();
            }
        }
        if !struck && outcome.is_none() {
            world.strike();
        }
    }
    if world.behind.is_none() {
        world.queue_behind();
    }
    let mine_is_stored = match outcome {
        Some(outcome) => Some(outcome == Outcome::Stored),
        None if row.waits_on_once_stored() && polls > 0 => None,
        None => Some(false),
    };
    if let Some(mut reader) = mine {
        reader.got = taken.into_inner();
        world.mine = Some(reader);
    }
    world.check(mine_is_stored, row.needs_the_clock());
    (outcome.is_some(), outcome.is_some() && !struck)
}

#[test]
fn manager_futures_can_be_dropped_after_any_poll() {
    clock::run(|| rows().for_each(drop_after_any_number_of_polls));
}

fn drop_after_any_number_of_polls(row: &Row) {
    const MORE_THAN_ENOUGH: usize = 50;
    for trouble in TROUBLES {
        'moments: for at in 0.. {
            for polls in at.. {
                assert!(polls < MORE_THAN_ENOUGH, "{} never becomes ready", row.name);
                let _said = OnPanic(|| format!("{}, {trouble:?} at {at} of {polls}", row.name));
                match cancel(row, trouble, at, polls) {
                    (true, true) => break 'moments,
                    (true, false) => break,
                    (false, _) => {}
                }
            }
        }
    }
}

/// The other half of the promise: a kept future is woken when it can continue.
#[test]
fn a_kept_future_is_woken_despite_trouble() {
    clock::run(|| rows().for_each(keep_through_any_trouble));
}

fn keep_through_any_trouble(row: &Row) {
    for trouble in TROUBLES {
        for at in 0..45 {
            let _said = OnPanic(|| format!("{}, {trouble:?} at {at}", row.name));
            let manager = EventManager::new(2);
            let mut world = World::new(&manager, trouble, &row.call);
            let reads = !matches!(row.call, Call::Manager(_));
            let mut mine = reads.then(|| world.mine.take().expect("unused"));
            let taken = RefCell::new(Vec::new());
            let future = call(row, &manager, &mut mine, &taken);
            let mut kept = Task::new(row.name, future);
            kept.run();
            world.queue_behind();
            for step in (0..at).filter_map(script) {
                world.step(step);
                kept.run();
            }
            world.strike();
            for step in [Step::First, Step::Subscribe, Step::Close] {
                while kept.run() {}
                world.settle();
                while kept.run() {}
                world.settle();
                world.step(step);
            }
            world.settle();
            while kept.run() {
                world.settle();
            }
            if row.needs_the_clock() {
                for _ in 0..16 {
                    clock::advance();
                    while kept.run() {
                        world.settle();
                    }
                }
            }
            assert!(kept.outcome.is_some(), "it hangs");
        }
    }
}

/// A sink outlives the futures of `send` and `flush`.
#[test]
fn dropping_a_sink_future_keeps_the_queue_position() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).expect("room");
    let mut sink = manager.sync_sink();
    assert!(sink.send(2).now_or_never().is_none());
    let mut behind = manager.notify(3);
    assert!((&mut behind).now_or_never().is_none());

    assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    assert!((&mut behind).now_or_never().is_none(), "the sink is first");
    assert!(sink.send(4).now_or_never().is_none(), "sent, not answered");
    assert_eq!(
        reader.next().now_or_never(),
        Some(Some(4)),
        "2 was not sent"
    );
    assert_eq!(behind.now_or_never(), Some(Ok(1)));
    assert!(sink.flush().now_or_never().is_none(), "it still waits");
    reader.ack();
    assert_eq!(sink.flush().now_or_never(), Some(Ok(())));
    drop(sink);
    assert_eq!(reader.next().now_or_never(), Some(Some(3)));
    assert!(manager.try_notify(5).is_ok(), "no room is held");
}
