//! Payloads of panics in handlers, in concurrent work, and in the registry.

use std::future::{pending, poll_fn};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::kv::Registry;
use genevent::{
    EventManager, EventStreamExt, Handled, Handler, HandlerOptions, HandlerRef, Restart,
    StopReason, handler_fn,
};
use tokio::task::yield_now;

use super::{BadWaker, Bomb, Payloads};

/// Panics at once at event 1, when awaited at event 2, and in `terminate`.
struct Panics {
    payloads: Payloads,
    _bomb: Bomb,
}

impl Panics {
    fn new(payloads: &Payloads) -> Self {
        Self {
            payloads: payloads.clone(),
            _bomb: payloads.bomb(),
        }
    }
}

impl Handler<u8> for Panics {
    async fn handle_event(&mut self, n: &u8) -> Handled {
        if *n == 2 {
            yield_now().await;
        }
        if *n > 0 {
            self.payloads.panic();
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        self.payloads.panic();
    }
}

fn add(manager: &EventManager<u8>, payloads: &Payloads) -> HandlerRef<u8, Panics> {
    manager.add_handler("a", Panics::new(payloads)).unwrap()
}

type Story = (&'static str, fn(Payloads) -> BoxFuture<'static, ()>);

const STORIES: &[Story] = &[
    (
        "a handler over an event, at its end, and dropped",
        |payloads| {
            async move {
                for n in [1, 2] {
                    let manager = EventManager::new(2);
                    let handler = add(&manager, &payloads);
                    manager.sync_notify(n).await.unwrap();
                    handler.stopped().await;
                    manager.stop().await.unwrap();
                }
            }
            .boxed()
        },
    ),
    ("a handler without futures", |payloads| {
        async move {
            let manager = EventManager::<u8>::new(2);
            let handler = handler_fn(move |_: &u8| -> () { payloads.panic() });
            let handler = manager.add_handler("a", handler).unwrap();
            manager.sync_notify(1).await.unwrap();
            handler.stopped().await;
        }
        .boxed()
    }),
    ("a handler that is restarted, and its factory", |payloads| {
        async move {
            let manager = EventManager::<u8>::new(2);
            let mut lives = 0;
            let make = move || {
                lives += 1;
                if lives > 2 {
                    payloads.panic();
                }
                Panics::new(&payloads)
            };
            let restart = Restart::on_failure(usize::MAX, Duration::MAX);
            let handler = manager
                .add_handler_with(HandlerOptions::new("a").restart(restart), make)
                .unwrap();
            for _ in 0..2 {
                manager.sync_notify(1).await.unwrap();
            }
            handler.stopped().await;
        }
        .boxed()
    }),
    ("a call, a swap, and who waits for an answer", |payloads| {
        async move {
            let manager = EventManager::<u8>::new(2);
            let panics = payloads.clone();
            let handler = add(&manager, &payloads);
            assert!(
                handler
                    .call(move |_| -> () { panics.panic() })
                    .await
                    .is_err()
            );
            handler.stopped().await;
            let panics = payloads.clone();
            // Not a handler whose `Drop` panics, too: the handler is dropped while the closure
            // unwinds.
            let plain = handler_fn(|_: &u8| ());
            let plain = manager.add_handler("a", plain).unwrap();
            assert!(
                plain
                    .swap(move |_| -> Panics { panics.panic() })
                    .await
                    .is_err()
            );
            let handler = add(&manager, &payloads);
            let mut call = pin!(handler.call(|_| ()));
            let waker = Waker::from(Arc::new(BadWaker(payloads.clone())));
            let asked = call.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(asked.is_pending());
            manager.remove_handler("a").await;
        }
        .boxed()
    }),
    ("an owner that is polled, and dropped", |payloads| {
        async move {
            let manager = EventManager::<u8>::new(2);
            let panics = payloads.clone();
            let owner = poll_fn(move |_| -> Poll<()> { panics.panic() });
            let handler = handler_fn(|_: &u8| ());
            let handler = manager.add_mon_handler("a", handler, owner).unwrap();
            handler.stopped().await;
            let bomb = payloads.bomb();
            let owner = async move {
                pending::<()>().await;
                drop(bomb);
            };
            let handler = handler_fn(|_: &u8| ());
            let handler = manager.add_mon_handler("a", handler, owner).unwrap();
            assert!(handler.remove().await.is_ok());
        }
        .boxed()
    }),
    ("work over deliveries that is dropped", |payloads| {
        async move {
            let manager = EventManager::<u8>::new(2);
            let jobs = manager.subscribe().deliveries();
            manager.try_notify(1).unwrap();
            let work = jobs.for_each_acked(None, move |_| {
                let bomb = payloads.bomb();
                async move {
                    pending::<()>().await;
                    drop(bomb);
                }
            });
            assert!(work.now_or_never().is_none());
        }
        .boxed()
    }),
    ("a change of a bucket, and its values", |payloads| {
        async move {
            let registry = Registry::<Bomb>::new(EventManager::default());
            let bucket = registry.create("a").await.unwrap();
            bucket.put("key", payloads.bomb()).await;
            bucket.put("other", payloads.bomb()).await;
            let change = |_| -> Option<Bomb> { payloads.panic() };
            assert!(bucket.update("key", change).await.is_err());
        }
        .boxed()
    }),
    ("those that wait for the end of a bucket", |payloads| {
        async move {
            let registry = Registry::<u8>::new(EventManager::default());
            let bucket = registry.create("a").await.unwrap();
            let waker = Waker::from(Arc::new(BadWaker(payloads)));
            let mut stopped = [(); 3].map(|()| bucket.stopped().boxed());
            for stopped in &mut stopped {
                let polled = stopped.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            bucket.stop();
        }
        .boxed()
    }),
];

#[tokio::test]
async fn handler_tasks_drop_caught_panic_payloads() {
    for (what, story) in STORIES {
        for again in 0..3 {
            let payloads = Payloads::new(again);
            story(payloads.clone()).await;
            for _ in 0..16 {
                yield_now().await;
            }
            let left = Arc::strong_count(&payloads.alive) - 1;
            assert_eq!(left, 0, "{what}; payloads that panic {again} times");
        }
    }
}
