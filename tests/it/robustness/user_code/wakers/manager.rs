//! Futures that wait for the end of the manager, or for its subscribers.

use futures::FutureExt;

use super::super::{Odd, now, read, wait};
use super::{Wait, drops, wakes};

pub(crate) const WAITS: &[Wait] = &[
    wakes("stop, woken by the last permit", |world, waker| {
        let permit = now(world.manager.reserve()).unwrap();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        drop(permit);
    }),
    wakes("stop, woken by the last permit's event", |world, waker| {
        let permit = now(world.manager.reserve()).unwrap();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        world.note(1, true);
        permit.notify(Odd::plain(1));
        world.catch_up();
    }),
    wakes("stop, answered at the end", |world, waker| {
        let mut reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut stop = world.manager.stop();
        wait(&mut stop, waker);
        assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), None));
    }),
    wakes("closed", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        world.manager.close();
    }),
    drops("closed, given up", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        drop(closed);
    }),
    drops("closed, moved to another task", |world, waker| {
        let mut closed = world.manager.closed();
        wait(&mut closed, waker);
        let _ = closed.now_or_never();
    }),
    wakes(
        "wait_for_subscribers, by the one that comes",
        |world, waker| {
            let mut full = world.manager.wait_for_subscribers(4);
            wait(&mut full, waker);
            let _fourth = world.manager.subscribe();
        },
    ),
    wakes("wait_for_subscribers, by the close", |world, waker| {
        let mut full = world.manager.wait_for_subscribers(4);
        wait(&mut full, waker);
        world.manager.close();
    }),
    drops(
        "wait_for_subscribers, moved and given up",
        |world, waker| {
            let mut full = world.manager.wait_for_subscribers(4);
            wait(&mut full, waker);
            let _ = full.now_or_never();
        },
    ),
];
