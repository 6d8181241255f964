//! Handlers.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use futures::future::LocalBoxFuture;
use futures::{FutureExt, poll};
use genevent::{EventManager, Handled, Handler, HandlerGroup, HandlerRef};
use tokio::task::yield_now;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Whether the handler continues afterwards, so that a handler sees every event.
    goes_on: bool,
    call: fn(World) -> LocalBoxFuture<'static, ()>,
}

/// A single handler and a member of a group; the row acts upon either.
struct World {
    manager: EventManager<u32>,
    group: HandlerGroup<u32>,
    handler: HandlerRef<u32, Collect>,
}

#[derive(Clone, Default)]
struct Collect(Arc<Mutex<Vec<u32>>>);

impl Handler<u32> for Collect {
    async fn handle_event(&mut self, event: &u32) -> Handled {
        yield_now().await;
        self.0.lock().unwrap().push(*event);
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "AnyHandlerRef::remove",
        goes_on: false,
        call: |world| {
            async move { assert_eq!(world.handler.erase().remove().await, Ok(())) }.boxed_local()
        },
    },
    Row {
        name: "AnyHandlerRef::stopped",
        goes_on: true,
        call: |world| async move { drop(world.handler.erase().stopped().await) }.boxed_local(),
    },
    Row {
        name: "EventManager::remove_handler",
        goes_on: false,
        call: |world| {
            async move { assert!(world.manager.remove_handler("single").await) }.boxed_local()
        },
    },
    Row {
        name: "HandlerGroup::remove_handler",
        goes_on: false,
        call: |world| {
            async move { assert!(world.group.remove_handler("member").await) }.boxed_local()
        },
    },
    Row {
        name: "HandlerGroup::stopped",
        goes_on: true,
        call: |world| async move { drop(world.group.stopped().await) }.boxed_local(),
    },
    Row {
        name: "HandlerRef::call",
        goes_on: true,
        call: |world| {
            async move {
                let seen = world.handler.call(|h| h.0.lock().unwrap().len()).await;
                assert_eq!(seen.unwrap(), 3);
            }
            .boxed_local()
        },
    },
    Row {
        name: "HandlerRef::call_async",
        goes_on: true,
        call: |world| {
            async move {
                let seen = world.handler.call_async(|h| {
                    Box::pin(async {
                        yield_now().await;
                        h.0.lock().unwrap().len()
                    })
                });
                assert_eq!(seen.await.unwrap(), 3);
            }
            .boxed_local()
        },
    },
    Row {
        name: "HandlerRef::remove",
        goes_on: false,
        call: |world| async move { drop(world.handler.remove().await) }.boxed_local(),
    },
    Row {
        name: "HandlerRef::stopped",
        goes_on: true,
        call: |world| async move { drop(world.handler.stopped().await) }.boxed_local(),
    },
    Row {
        name: "HandlerRef::swap",
        goes_on: true,
        call: |world| {
            async move { drop(world.handler.swap(|old| Collect(old.0)).await) }.boxed_local()
        },
    },
    Row {
        name: "HandlerRef::swap_async",
        goes_on: true,
        call: |world| {
            async move {
                let swap = world.handler.swap_async(|old| async {
                    yield_now().await;
                    Collect(old.0)
                });
                drop(swap.await);
            }
            .boxed_local()
        },
    },
    Row {
        name: "HandlerRef::try_swap",
        goes_on: true,
        call: |world| {
            async move {
                let swap = world.handler.try_swap(|old| Ok(Collect(old.0)));
                drop(swap.await);
            }
            .boxed_local()
        },
    },
];

/// Long enough for every resolving row.
const POLLS: usize = 24;

#[tokio::test(start_paused = true)]
async fn handler_futures_can_be_dropped_after_any_poll() {
    for row in ROWS {
        for polls in 0..POLLS {
            drop_after(row, polls).await;
        }
    }
}

async fn drop_after(row: &Row, polls: usize) {
    let manager = EventManager::new(2);
    let [bystander, single, member] = [(); 3].map(|()| Collect::default());
    manager.add_handler("bystander", bystander.clone()).unwrap();
    let handler = manager.add_handler("single", single.clone()).unwrap();
    let group = manager.handler_group("group").unwrap();
    group.add_handler("member", member.clone()).unwrap();
    for event in 1..=3 {
        manager.notify(event).await.unwrap();
    }

    let world = World {
        manager: manager.clone(),
        group,
        handler,
    };
    let mut call = (row.call)(world);
    for _ in 0..polls {
        if poll!(&mut call).is_ready() {
            break;
        }
        yield_now().await;
    }
    drop(call);

    for event in 4..=6 {
        manager.notify(event).await.unwrap();
    }
    manager.stop().await.unwrap();

    let case = format!("{} dropped after {polls} polls", row.name);
    let all = [1, 2, 3, 4, 5, 6];
    assert_eq!(*bystander.0.lock().unwrap(), all, "{case}");
    for seen in [single.0, member.0] {
        let seen = seen.lock().unwrap();
        assert!(
            all.starts_with(&seen),
            "{case}: in order, none twice: {seen:?}"
        );
        assert!(seen.len() >= 3, "{case}: what was stored before is handled");
        assert!(
            seen.len() == 6 || !row.goes_on,
            "{case}: none lost: {seen:?}"
        );
    }
}
