//! The testing kit.

use std::task::Poll;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, StreamExt, poll};
use genevent::test_util::{Probe, assert_ended, assert_next, assert_no_event};
use genevent::{EventManager, Subscription};

pub(crate) struct Row {
    /// For macros, the function that the macro calls.
    pub(crate) name: &'static str,
    /// Whether the function expects events.
    expects: bool,
    /// Returns the events taken from the reader and from the probe.
    call: fn(&mut World) -> LocalBoxFuture<'_, [Option<u32>; 2]>,
}

struct World {
    reader: Subscription<u32>,
    /// Records the same events.
    probe: Probe<u32>,
    followed: Probe<u32>,
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "StreamCheck::next",
        expects: true,
        call: |world| async { [Some(assert_next!(world.reader).await), None] }.boxed_local(),
    },
    Row {
        name: "StreamCheck::equal",
        expects: true,
        call: |world| async { [Some(assert_next!(world.reader, 1).await), None] }.boxed_local(),
    },
    Row {
        name: "StreamCheck::no_event",
        expects: false,
        call: |world| {
            async {
                assert_no_event!(world.reader).await;
                [None; 2]
            }
            .boxed_local()
        },
    },
    Row {
        name: "StreamCheck::ended",
        expects: false,
        call: |world| {
            async {
                assert_ended!(world.reader).await;
                [None; 2]
            }
            .boxed_local()
        },
    },
    Row {
        name: "Probe::next",
        expects: true,
        call: |world| async { [None, world.probe.next().await] }.boxed_local(),
    },
    Row {
        name: "Probe::wait_for",
        expects: true,
        call: |world| {
            async {
                world.probe.wait_for(2).await;
                [None; 2]
            }
            .boxed_local()
        },
    },
    Row {
        name: "Probe::follow",
        expects: true,
        call: |world| {
            async {
                world.followed.follow(&mut world.reader).await;
                [None; 2]
            }
            .boxed_local()
        },
    },
];

#[tokio::test(start_paused = true)]
async fn assertions_and_probes_can_be_dropped_after_any_poll() {
    for row in ROWS {
        // An event before each poll from the `first` on, and the remaining events when the future
        // is dropped.
        for (first, polls) in (0..3).flat_map(|first| (0..4).map(move |polls| (first, polls))) {
            let (manager, probe) = (EventManager::new(8), Probe::new());
            let mut world = World {
                reader: manager.subscribe(),
                probe: probe.clone(),
                followed: Probe::new(),
            };
            let mut events = 1..=3;
            let mut publish = || {
                let event = events.next()?;
                manager.try_notify(event).unwrap();
                probe.record(event);
                Some(event)
            };
            let [mut read, mut taken] = [None; 2];
            let mut call = (row.call)(&mut world);
            for polled in 0..polls {
                if row.expects && polled >= first {
                    publish();
                }
                if let Poll::Ready(outcome) = poll!(&mut call) {
                    [read, taken] = outcome;
                    break;
                }
            }
            drop(call);

            while publish().is_some() {}
            manager.close();
            let mut all = world.followed.drain();
            all.extend(read);
            all.extend(world.reader.collect::<Vec<_>>().await);
            let case = format!("{} dropped after {polls} polls", row.name);
            assert_eq!(all, [1, 2, 3], "{case}: each is read once");
            let recorded: Vec<_> = taken.into_iter().chain(probe.drain()).collect();
            assert_eq!(recorded, [1, 2, 3], "{case}: each stays recorded");
        }
    }
}
