//! The registry.

mod rows;
mod world;

use std::task::{Context, Poll, Waker};

use futures::{FutureExt, StreamExt};

pub(crate) use self::rows::ROWS;
use self::rows::{Call, Outcome, Row};
use self::world::{TROUBLES, Trouble, World};
use super::OnPanic;

/// Like [`super::manager::cancel`].
async fn cancel(row: &Row, trouble: Trouble, at: usize, polls: usize) -> (bool, bool) {
    let mut world = World::new(row, trouble).await;
    let (mut outcome, mut struck) = (None, false);
    let mut mine = world.mine.stream.take();
    {
        let mut future = match (&row.call, &mut mine) {
            (Call::Handles(call), _) => call(
                world.registry.clone().expect("it stands"),
                world.bucket.clone(),
            ),
            (Call::Adapter(_) | Call::Watch(_), mine) => {
                let stream = mine.as_mut().expect("`mine` is a subscriber");
                stream.next().map(Outcome::Changes).boxed_local()
            }
        };
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
            world.step(poll).await;
        }
        if !struck && outcome.is_none() {
            world.strike();
        }
    }
    world.mine.stream = mine;
    let was_ready = outcome.is_some();
    if let Some(Outcome::Changes(changes)) = outcome {
        world.mine.got.extend(changes);
    }
    world.check(row, was_ready).await;
    (was_ready, was_ready && !struck)
}

#[tokio::test]
async fn registry_futures_can_be_dropped_after_any_poll() {
    const MORE_THAN_ENOUGH: usize = 30;
    for row in ROWS {
        for trouble in TROUBLES {
            'moments: for at in 0.. {
                for polls in at.. {
                    assert!(polls < MORE_THAN_ENOUGH, "{} never becomes ready", row.name);
                    let name = row.name;
                    let _said = OnPanic(|| format!("{name}, {trouble:?} at {at} of {polls}"));
                    match cancel(row, trouble, at, polls).await {
                        (true, true) => break 'moments,
                        (true, false) => break,
                        (false, _) => {}
                    }
                }
            }
        }
    }
}

/// Queued changes are the only waiters of a bucket.
#[tokio::test]
async fn a_dropped_queued_change_notifies_the_next() {
    let waits = ["Bucket::put", "Bucket::delete", "Bucket::update"];
    for row in ROWS.iter().filter(|row| waits.contains(&row.name)) {
        for trouble in TROUBLES {
            for (strikes_inside, drops_inside) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let name = row.name;
                let _said = OnPanic(|| {
                    format!("{name}, {trouble:?} inside: {strikes_inside}, {drops_inside}")
                });
                let mut world = World::new(row, trouble).await;
                let bucket = world.bucket.clone();
                let Call::Handles(call) = row.call else {
                    unreachable!("it is called on a bucket");
                };
                let registry = world.registry.clone().expect("it stands");
                let mut dropped = Some(call(registry, bucket.clone()));
                let mut behind = bucket.put("other", 9).boxed_local();
                let running = bucket.update("busy", |_| {
                    let first = dropped.as_mut().expect("not yet").now_or_never();
                    assert!(first.is_none(), "a change is running");
                    assert!((&mut behind).now_or_never().is_none(), "and one waits");
                    if drops_inside {
                        dropped = None;
                    }
                    if strikes_inside {
                        world.strike();
                    }
                    Some(0)
                });
                let _ = running.await;
                // The dropped change was notified, but is not polled any more.
                drop(dropped);
                if !strikes_inside {
                    world.strike();
                }
                behind.now_or_never().expect("the following call hangs");
                let other = bucket.get("other").now_or_never().flatten();
                let lives = bucket.stopped().now_or_never().is_none();
                assert_eq!(other, lives.then_some(9));
                world.check(row, false).await;
            }
        }
    }
}
