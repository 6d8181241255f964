//! Publishers, permits and sinks wait for room.

use futures::{FutureExt, SinkExt};
use genevent::Overflow;

use super::super::{Odd, fill, narrow, now, read, wait};
use super::{Wait, drops, wakes};

pub(crate) const WAITS: &[Wait] = &[
    wakes("reserve in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    wakes("reserve in line, woken by a permit", |world, waker| {
        let _full = world.manager.subscribe_with(narrow(Overflow::Wait));
        let permit = now(world.manager.reserve()).unwrap();
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        drop(permit);
    }),
    wakes("reserve in line, woken by the close", |world, waker| {
        let _full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        world.manager.close();
    }),
    drops("reserve in line, cancelled", |world, waker| {
        let _full = fill(world);
        let mut reserve = world.manager.reserve();
        wait(&mut reserve, waker);
        drop(reserve);
    }),
    wakes("a sink in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut sink = world.manager.sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    #[cfg(feature = "rt")]
    drops(
        "reserve in line with a time limit, cancelled",
        |world, waker| {
            let _full = fill(world);
            let limit = std::time::Duration::from_secs(1_000);
            let mut reserve = world.manager.reserve().within(limit);
            wait(&mut reserve, waker);
            drop(reserve);
        },
    ),
    drops("a sink in line that is dropped", |world, waker| {
        let _full = fill(world);
        let mut sink = world.manager.sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        drop(sink);
    }),
    drops("a sink in line that is closed", |world, waker| {
        let _full = fill(world);
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(2)), waker);
        assert!(now(sink.close()).is_ok());
    }),
    wakes("a publisher in line, woken by a reader", |world, waker| {
        let mut full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        assert_eq!(read(&mut full), Some(1));
    }),
    wakes(
        "a publisher in line, woken by one who leaves",
        |world, waker| {
            let full = fill(world);
            let mut publisher = world.manager.ack_notify(Odd::plain(2));
            wait(&mut publisher, waker);
            drop(full);
        },
    ),
    wakes(
        "a publisher in line, woken by a disconnection",
        |world, waker| {
            let full = fill(world);
            let mut publisher = world.manager.sync_notify(Odd::plain(2));
            wait(&mut publisher, waker);
            assert!(world.manager.disconnect(full.id()));
        },
    ),
    wakes(
        "a publisher in line, woken by one who is cancelled",
        |world, waker| {
            let mut full = fill(world);
            let mut first = world.manager.notify(Odd::plain(2));
            assert!((&mut first).now_or_never().is_none());
            let mut publisher = world.manager.notify(Odd::plain(3));
            wait(&mut publisher, waker);
            assert_eq!(read(&mut full), Some(1));
            drop(first);
        },
    ),
    wakes(
        "a publisher in line, woken by one who has stored",
        |world, waker| {
            let mut full = world
                .manager
                .subscribe_with(narrow(Overflow::Wait).window(2));
            world.publish(Odd::plain(1));
            world.publish(Odd::plain(2));
            world.catch_up();
            let mut first = world.manager.notify(Odd::plain(3));
            assert!((&mut first).now_or_never().is_none());
            let mut publisher = world.manager.notify(Odd::plain(4));
            wait(&mut publisher, waker);
            assert_eq!((read(&mut full), read(&mut full)), (Some(1), Some(2)));
            let stored = now(first);
            world.note(3, stored.is_ok());
            world.catch_up();
        },
    ),
    wakes("a publisher in line, woken by the close", |world, waker| {
        let _full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        world.manager.close();
    }),
    drops("a publisher in line that is cancelled", |world, waker| {
        let _full = fill(world);
        let mut publisher = world.manager.notify(Odd::plain(2));
        wait(&mut publisher, waker);
        drop(publisher);
    }),
    drops(
        "a publisher in line that moves to another task",
        |world, waker| {
            let _full = fill(world);
            let mut publisher = world.manager.notify(Odd::plain(2));
            wait(&mut publisher, waker);
            let _ = publisher.now_or_never();
        },
    ),
];
