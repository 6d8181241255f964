//! Publishers and flushes wait for the acknowledgements of an event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use futures::{FutureExt, SinkExt};
use genevent::{Delivery, Overflow, SubscribeOptions, Subscription};

use super::super::{Odd, World, narrow, next, read, silent_panic, wait};
use super::{Wait, drops, wakes};

/// Runs a story with an event that is stored, awaited by `waker`, and read by all but `reader`.
fn awaited(
    world: &World,
    waker: Waker,
    options: SubscribeOptions,
    goes_on: impl FnOnce(Subscription<Odd>),
) {
    let reader = world.manager.subscribe_with(options);
    let mut done = world.manager.sync_notify(Odd::plain(1));
    wait(&mut done, waker);
    world.note(1, true);
    world.catch_up();
    goes_on(reader);
}

/// The same, where a flush waits.
fn flushed(world: &World, waker: Waker, goes_on: impl FnOnce(Subscription<Odd>)) {
    let reader = world.manager.subscribe();
    world.publish(Odd::plain(1));
    world.catch_up();
    let mut flush = world.manager.flush();
    wait(&mut flush, waker);
    goes_on(reader);
}

/// A story with a delivery out, which `waker` waits for through `sync_notify` or `flush`.
fn delivered(world: &World, waker: Waker, flushes: bool, goes_on: impl FnOnce(Delivery<Odd>)) {
    let mut jobs = world.manager.subscribe().deliveries();
    let mut done = world.manager.sync_notify(Odd::plain(1));
    let mut flush = world.manager.flush();
    assert!((&mut done).now_or_never().is_none());
    world.note(1, true);
    world.catch_up();
    let out = next(&mut jobs);
    drop(jobs);
    if flushes {
        wait(&mut flush, waker);
    } else {
        wait(&mut done, waker);
    }
    goes_on(out);
}

pub(crate) const WAITS: &[Wait] = &[
    wakes(
        "sync_notify, answered by a delivery's ack",
        |world, waker| {
            delivered(world, waker, false, |out| drop(out.ack()));
        },
    ),
    wakes(
        "sync_notify, answered by a delivery's drop",
        |world, waker| {
            delivered(world, waker, false, drop);
        },
    ),
    wakes("sync_notify, answered by a panic in map", |world, waker| {
        delivered(world, waker, false, |out| {
            let map = || out.map(|_| silent_panic());
            assert!(catch_unwind(AssertUnwindSafe(map)).is_err());
        });
    }),
    wakes("flush, answered by a delivery's ack", |world, waker| {
        delivered(world, waker, true, |out| drop(out.ack()));
    }),
    wakes("flush, answered by a delivery's drop", |world, waker| {
        delivered(world, waker, true, drop);
    }),
    wakes("a sync sink's flush, answered", |world, waker| {
        let mut reader = world.manager.subscribe();
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(1)), waker);
        world.note(1, true);
        world.catch_up();
        assert_eq!(read(&mut reader), Some(1));
        reader.ack();
    }),
    drops("a sync sink's flush, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut sink = world.manager.sync_sink();
        wait(&mut sink.send(Odd::plain(1)), waker);
        world.note(1, true);
        world.catch_up();
        drop(sink);
    }),
    wakes("sync_notify, answered by the next poll", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            let _ = reader.next().now_or_never();
        });
    }),
    wakes("sync_notify, answered by ack", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
        });
    }),
    wakes("sync_notify, answered by one who leaves", |world, waker| {
        awaited(world, waker, SubscribeOptions::new(), drop);
    }),
    wakes(
        "sync_notify, answered by one who leaves with it in hand",
        |world, waker| {
            awaited(world, waker, SubscribeOptions::new(), |mut reader| {
                assert_eq!(read(&mut reader), Some(1));
            });
        },
    ),
    wakes(
        "sync_notify, answered by a disconnection",
        |world, waker| {
            awaited(world, waker, SubscribeOptions::new(), |reader| {
                assert!(world.manager.disconnect(reader.id()));
            });
        },
    ),
    wakes(
        "sync_notify, answered by an overwriting event",
        |world, waker| {
            awaited(world, waker, narrow(Overflow::DropOldest), |_reader| {
                world.publish(Odd::plain(2));
            });
        },
    ),
    wakes("sync_notify, answered by an overflow", |world, waker| {
        awaited(world, waker, narrow(Overflow::Disconnect), |_reader| {
            world.publish(Odd::plain(2));
        });
    }),
    drops("sync_notify, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut done = world.manager.sync_notify(Odd::plain(1));
        wait(&mut done, waker);
        world.note(1, true);
        world.catch_up();
        drop(done);
    }),
    drops("sync_notify, moved to another task", |world, waker| {
        let _reader = world.manager.subscribe();
        let mut done = world.manager.sync_notify(Odd::plain(1));
        wait(&mut done, waker);
        world.note(1, true);
        world.catch_up();
        let _ = done.now_or_never();
    }),
    wakes("ack_notify, received", |world, waker| {
        let mut reader = world.manager.subscribe();
        let mut received = world.manager.ack_notify(Odd::plain(1));
        wait(&mut received, waker);
        world.note(1, true);
        world.catch_up();
        assert_eq!(read(&mut reader), Some(1));
    }),
    wakes("flush, answered by the next poll", |world, waker| {
        flushed(world, waker, |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            let _ = reader.next().now_or_never();
        });
    }),
    wakes("flush, answered by ack", |world, waker| {
        flushed(world, waker, |mut reader| {
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
        });
    }),
    wakes("flush, answered by one who leaves", |world, waker| {
        flushed(world, waker, drop);
    }),
    wakes("flush, answered by a disconnection", |world, waker| {
        flushed(world, waker, |reader| {
            assert!(world.manager.disconnect(reader.id()));
        });
    }),
    drops("flush, given up", |world, waker| {
        let _reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut flush = world.manager.flush();
        wait(&mut flush, waker);
        drop(flush);
    }),
    drops("flush, moved to another task", |world, waker| {
        let _reader = world.manager.subscribe();
        world.publish(Odd::plain(1));
        world.catch_up();
        let mut flush = world.manager.flush();
        wait(&mut flush, waker);
        let _ = flush.now_or_never();
    }),
];
