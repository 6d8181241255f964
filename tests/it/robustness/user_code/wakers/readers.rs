//! Readers wait for the next event, or for the acknowledgement of a delivery.

use std::task::Waker;

use futures::FutureExt;
use genevent::{Deliveries, Delivery, SubscribeOptions};

use super::super::{Odd, World, next, now, wait};
use super::{Wait, drops, wakes};

/// A stream of deliveries at its limit, and the delivery that is out.
fn at_limit(world: &World, waker: Waker, goes_on: impl FnOnce(Deliveries<Odd>, Delivery<Odd>)) {
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = world.manager.subscribe_with(options).deliveries();
    world.publish(Odd::plain(1));
    world.publish(Odd::plain(2));
    world.catch_up();
    let out = next(&mut jobs);
    wait(&mut jobs.next(), waker);
    goes_on(jobs, out);
}

pub(crate) const WAITS: &[Wait] = &[
    wakes("a stream at its limit, woken by an ack", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            out.ack();
            assert_eq!(next(&mut jobs).ack().n, 2);
        });
    }),
    wakes("a stream at its limit, woken by a drop", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            drop(out);
            assert_eq!(next(&mut jobs).ack().n, 2);
        });
    }),
    drops("a stream at its limit that leaves", |world, waker| {
        at_limit(world, waker, |jobs, out| {
            drop(jobs);
            out.ack();
        });
    }),
    drops(
        "a stream at its limit, moved to another task",
        |world, waker| {
            at_limit(world, waker, |mut jobs, out| {
                assert!(jobs.next().now_or_never().is_none());
                out.ack();
            });
        },
    ),
    drops("a stream at its limit, that finds room", |world, waker| {
        at_limit(world, waker, |mut jobs, out| {
            out.ack();
            next(&mut jobs).ack();
        });
    }),
    wakes("a parked reader, woken by a permit", |world, waker| {
        let mut reader = world.manager.subscribe();
        let permit = now(world.manager.reserve()).unwrap();
        wait(&mut reader.next(), waker);
        world.note(1, true);
        permit.notify(Odd::plain(1));
        world.catch_up();
    }),
    wakes("a parked reader, woken by an event", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        world.publish(Odd::plain(1));
        world.catch_up();
    }),
    wakes("a parked reader, woken by notify", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        let stored = now(world.manager.notify(Odd::plain(1)));
        world.note(1, stored.is_ok());
        world.catch_up();
    }),
    wakes("a parked reader, woken by the close", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        world.manager.close();
        assert!(now(reader.next()).is_none());
    }),
    wakes("a parked reader, disconnected", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        assert!(world.manager.disconnect(reader.id()));
        assert!(now(reader.next()).is_none());
    }),
    drops("a parked reader that leaves", |world, waker| {
        let mut reader = world.manager.subscribe();
        wait(&mut reader.next(), waker);
        drop(reader);
    }),
    drops(
        "a parked reader that moves to another task",
        |world, waker| {
            let mut reader = world.manager.subscribe();
            wait(&mut reader.next(), waker);
            let _ = reader.next().now_or_never();
        },
    ),
];
