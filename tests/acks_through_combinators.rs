//! What a combinator between the subscription and its consumer does to the truth of `sync_notify`.
//!
//! A stream of plain events says "done" by being polled again. A combinator that polls again only
//! after the consumer's work keeps that true; one that reads ahead makes it a lie. Here is the
//! table, and one test that measures every row of it.

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt, sink, stream};
use genevent::{EventManager, Subscription};
use tokio::sync::Semaphore;
use tokio::time::advance;
use tokio_stream::StreamExt as TokioStreamExt;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

/// When `sync_notify` resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// When the consumer's work on the event is done.
    Exact,
    /// While that work still goes on, or has not even begun.
    Early,
    /// Not even when the work is done.
    Open,
}
use Verdict::{Early, Exact, Open};

/// A consumer of the events, that calls [`Work::on`] for each.
type Pipeline = fn(Subscription<u32>, Work) -> Consumer;
type Consumer = Pin<Box<dyn Future<Output = ()>>>;

/// The consumer's work, which takes until the test says so.
#[derive(Clone)]
struct Work(Arc<Gate>);

struct Gate {
    begun: AtomicUsize,
    done: AtomicUsize,
    permits: Semaphore,
}

impl Work {
    fn new() -> Self {
        Self(Arc::new(Gate {
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            permits: Semaphore::new(0),
        }))
    }

    /// Works on an event, or on a batch of them.
    fn on<T>(&self, event: T) -> impl Future<Output = T> + use<T> {
        let gate = Arc::clone(&self.0);
        async move {
            gate.begun.fetch_add(1, Ordering::Relaxed);
            gate.permits.acquire().await.unwrap().forget();
            gate.done.fetch_add(1, Ordering::Relaxed);
            event
        }
    }

    fn let_one_finish(&self) {
        self.0.permits.add_permits(1);
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn done(&self) -> usize {
        self.0.done.load(Ordering::Relaxed)
    }
}

/// The work comes after the combinator: `stream` is read one by one.
async fn one_by_one<T>(stream: impl futures::Stream<Item = T>, work: Work) {
    let mut stream = pin!(stream);
    while let Some(event) = StreamExt::next(&mut stream).await {
        work.on(event).await;
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// The column *implicit* of the table in the docs. `GenEvent` cases 131 and 132.
const TABLE: &[(&str, Verdict, Pipeline)] = &[
    // ---- Exact ----
    ("while let", Exact, |s, work| {
        Box::pin(async move {
            let mut s = s;
            while let Some(event) = StreamExt::next(&mut s).await {
                work.on(event).await;
            }
        })
    }),
    ("for_each", Exact, |s, work| {
        Box::pin(s.for_each(move |event| work.on(event).map(drop)))
    }),
    ("then", Exact, |s, work| {
        Box::pin(StreamExt::then(s, move |event| work.on(event)).for_each(|_| ready(())))
    }),
    ("fold", Exact, |s, work| {
        let sum = move |sum, event| work.on(event).map(move |event| sum + event);
        Box::pin(StreamExt::fold(s, 0, sum).map(drop))
    }),
    ("scan", Exact, |s, work| {
        let scan = s.scan((), move |(), event| work.on(event).map(Some));
        Box::pin(scan.for_each(|_| ready(())))
    }),
    ("map, then work", Exact, |s, work| {
        Box::pin(one_by_one(StreamExt::map(s, |event| event + 1), work))
    }),
    ("map to a future, awaited in order", Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        Box::pin(map.for_each(|work| work.map(drop)))
    }),
    ("buffered(1)", Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        Box::pin(map.buffered(1).for_each(|_| ready(())))
    }),
    ("filter, then work", Exact, |s, work| {
        Box::pin(one_by_one(StreamExt::filter(s, |_| ready(true)), work))
    }),
    ("filter that works and keeps", Exact, |s, work| {
        let filter = StreamExt::filter(s, move |&event| work.on(event).map(|_| true));
        Box::pin(filter.for_each(|_| ready(())))
    }),
    ("filter that works and throws away", Exact, |s, work| {
        let filter = StreamExt::filter(s, move |&event| work.on(event).map(|_| false));
        Box::pin(filter.for_each(|_| ready(())))
    }),
    ("filter_map", Exact, |s, work| {
        let filter_map = StreamExt::filter_map(s, move |event| work.on(event).map(Some));
        Box::pin(filter_map.for_each(|_| ready(())))
    }),
    ("flat_map", Exact, |s, work| {
        let flat_map = s.flat_map(move |event| stream::once(work.on(event)));
        Box::pin(flat_map.for_each(|_| ready(())))
    }),
    ("flatten", Exact, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)));
        Box::pin(streams.flatten().for_each(|_| ready(())))
    }),
    ("zip", Exact, |s, work| {
        Box::pin(one_by_one(s.zip(stream::repeat('x')), work))
    }),
    ("select", Exact, |s, work| {
        Box::pin(one_by_one(stream::select(s, stream::pending()), work))
    }),
    ("select, as the other one", Exact, |s, work| {
        Box::pin(one_by_one(stream::select(stream::pending(), s), work))
    }),
    ("merge", Exact, |s, work| {
        Box::pin(one_by_one(
            TokioStreamExt::merge(s, stream::pending()),
            work,
        ))
    }),
    ("take", Exact, |s, work| {
        Box::pin(one_by_one(StreamExt::take(s, 1), work))
    }),
    ("timeout", Exact, |s, work| {
        Box::pin(one_by_one(TokioStreamExt::timeout(s, HOUR), work))
    }),
    ("throttle", Exact, |s, work| {
        Box::pin(one_by_one(TokioStreamExt::throttle(s, MILLISECOND), work))
    }),
    ("select! of futures", Exact, |s, work| {
        Box::pin(async move {
            let mut s = s;
            let mut other = stream::pending::<()>();
            loop {
                futures::select! {
                    event = s.select_next_some() => { work.on(event).await; }
                    _ = StreamExt::next(&mut other).fuse() => {}
                    complete => break,
                }
            }
        })
    }),
    ("select! of tokio", Exact, |s, work| {
        Box::pin(async move {
            let mut s = s;
            loop {
                tokio::select! {
                    Some(event) = StreamExt::next(&mut s) => { work.on(event).await; }
                    () = pending() => {}
                    else => break,
                }
            }
        })
    }),
    ("peekable", Exact, |s, work| {
        Box::pin(one_by_one(StreamExt::peekable(s), work))
    }),
    ("peekable, peeking between events", Exact, |s, work| {
        Box::pin(async move {
            let mut s = pin!(StreamExt::peekable(s));
            while s.as_mut().peek().await.is_some() {
                let event = StreamExt::next(&mut s).await.unwrap();
                work.on(event).await;
            }
        })
    }),
    ("ack() after the last event", Exact, |s, work| {
        Box::pin(async move {
            let mut s = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            s.ack();
            pending::<()>().await;
        })
    }),
    (
        "dropping the stream after the last event",
        Exact,
        |s, work| {
            Box::pin(async move {
                let mut s = s;
                let event = StreamExt::next(&mut s).await.unwrap();
                work.on(event).await;
                drop(s);
                pending::<()>().await;
            })
        },
    ),
    ("a caught panic counts as finished", Exact, |s, work| {
        let consumer = s.for_each(move |event| {
            let work = work.on(event);
            async move {
                work.await;
                panic!("over event {event}");
            }
        });
        let caught = AssertUnwindSafe(consumer).catch_unwind();
        Box::pin(caught.map(|panicked| panicked.unwrap_err()).map(drop))
    }),
    // ---- Early: these read ahead ----
    (
        "peekable, peeking with an event in hand",
        Early,
        |s, work| {
            Box::pin(async move {
                let mut s = pin!(StreamExt::peekable(s));
                while let Some(event) = StreamExt::next(&mut s).await {
                    let _ = s.as_mut().peek().now_or_never();
                    work.on(event).await;
                }
            })
        },
    ),
    ("buffered(2)", Early, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        Box::pin(map.buffered(2).for_each(|_| ready(())))
    }),
    ("buffer_unordered(2)", Early, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        Box::pin(map.buffer_unordered(2).for_each(|_| ready(())))
    }),
    ("for_each_concurrent(2)", Early, |s, work| {
        Box::pin(s.for_each_concurrent(2, move |event| work.on(event).map(drop)))
    }),
    ("chunks", Early, |s, work| {
        Box::pin(one_by_one(s.chunks(2), work))
    }),
    ("ready_chunks", Early, |s, work| {
        Box::pin(one_by_one(s.ready_chunks(2), work))
    }),
    ("chunks_timeout", Early, |s, work| {
        Box::pin(one_by_one(
            TokioStreamExt::chunks_timeout(s, 9, MILLISECOND),
            work,
        ))
    }),
    ("flatten_unordered", Early, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)).boxed());
        Box::pin(streams.flatten_unordered(2).for_each(|_| ready(())))
    }),
    ("forward", Early, |s, work| {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        Box::pin(StreamExt::map(s, Ok).forward(sink).map(drop))
    }),
    ("send_all", Early, |s, work| {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        Box::pin(async move {
            let mut sink = pin!(sink);
            sink.send_all(&mut StreamExt::map(s, Ok)).await.unwrap();
        })
    }),
    ("a spawn per event", Early, |s, work| {
        Box::pin(s.for_each(move |event| {
            tokio::spawn(work.on(event));
            ready(())
        }))
    }),
    // ---- Open ----
    (
        "holding the stream after the last event",
        Open,
        |s, work| {
            Box::pin(async move {
                let mut s = s;
                let event = StreamExt::next(&mut s).await.unwrap();
                work.on(event).await;
                pending::<()>().await; // and never looks at it again
            })
        },
    ),
];

/// Runs the consumer as far as it goes, and lets a little time pass.
async fn run(consumer: &mut task::Spawn<Consumer>) {
    let mut go_on = true;
    while go_on {
        if consumer.poll().is_ready() {
            // Like a task that has ended: it is dropped.
            *consumer = task::spawn(Box::pin(pending()));
            return;
        }
        // Also lets the tasks run that it has spawned.
        advance(10 * MILLISECOND).await;
        go_on = consumer.is_woken();
    }
}

/// What `sync_notify` makes of `pipeline`, with or without another event to read ahead.
async fn judge(pipeline: Pipeline, followed: bool) -> Verdict {
    let manager = EventManager::new(8);
    let work = Work::new();
    let mut consumer = task::spawn(pipeline(manager.subscribe(), work.clone()));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    if followed {
        manager.try_notify(2).unwrap();
    }

    run(&mut consumer).await;
    if let Poll::Ready(receipt) = done.poll() {
        assert_eq!(work.done(), 0, "the work still goes on");
        assert!(receipt.unwrap().all_acked());
        return Early;
    }
    assert_eq!(
        (work.begun(), work.done()),
        (1, 0),
        "only on the first event"
    );

    work.let_one_finish();
    run(&mut consumer).await;
    assert_eq!(work.done(), 1);
    match done.poll() {
        Poll::Ready(receipt) => {
            assert_eq!(receipt.unwrap().acked(), 1);
            Exact
        }
        Poll::Pending => Open,
    }
}

#[tokio::test(start_paused = true)]
async fn what_each_combinator_does_to_the_truth_of_sync_notify() {
    let mut wrong = Vec::new();
    for &(name, verdict, pipeline) in TABLE {
        for followed in [false, true] {
            let measured = judge(pipeline, followed).await;
            if measured != verdict {
                wrong.push((name, followed, verdict, measured));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "(name, followed, told, measured): {wrong:#?}"
    );
}

#[test]
fn holding_the_stream_keeps_the_last_event_open_until_ack_the_next_poll_or_drop() {
    type Way = fn(Subscription<u32>) -> Option<Subscription<u32>>;
    let ways: [Way; 3] = [
        |mut s| {
            s.ack();
            Some(s)
        },
        |mut s| {
            assert!(StreamExt::next(&mut s).now_or_never().is_none());
            Some(s)
        },
        |_| None,
    ];
    for end in ways {
        let manager = EventManager::new(8);
        let mut s = manager.subscribe();
        let mut done = task::spawn(manager.sync_notify(1));
        let mut settled = task::spawn(manager.flush());
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        assert_eq!(StreamExt::next(&mut s).now_or_never(), Some(Some(1)));
        assert_pending!(done.poll());
        let _held = end(s);
        assert!(assert_ready_ok!(done.poll()).all_acked());
        assert_ready!(settled.poll());
    }
}

#[test]
fn a_panic_that_takes_the_stream_with_it_does_not_count_as_finished() {
    let manager = EventManager::new(8);
    let mut s = manager.subscribe();
    let id = s.id();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    let mut consumer = task::spawn(Box::pin(async move {
        let event = StreamExt::next(&mut s).await;
        panic!("over {event:?}");
    }));
    catch_unwind(AssertUnwindSafe(|| consumer.poll().is_ready())).unwrap_err();
    assert_eq!(assert_ready_ok!(done.poll()).dropped_by(), [id]);
}
