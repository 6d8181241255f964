//! How a combinator between a subscription and its consumer changes the meaning of `sync_notify`.
//!
//! A stream of plain events acknowledges an event when the stream is polled again. A combinator
//! that polls again only after the consumer's work keeps the acknowledgement exact; a combinator
//! that reads ahead acknowledges too early. A delivery is acknowledged by its holder, however far
//! ahead a combinator reads. This file has the table with both columns, a test measuring every row,
//! and a test comparing the rows with the docs page `genevent::combinators`.

mod docs_page;
mod items;
mod table;
mod work;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::{Deliveries, EventManager, Subscription};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

use self::Verdict::{Dropped, Early, Exact, Open};
use self::table::TABLE;
use self::work::Work;

use crate::receipts::UnfinishedIds;

/// When `sync_notify` resolves, compared with the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// "Finished" when the consumer's work on the event is done.
    Exact,
    /// "Finished" while the work still runs, or before the work has begun.
    Early,
    /// Never, not even when the work is done.
    Open,
    /// "Not finished": the event counts as dropped.
    Dropped,
}

impl Verdict {
    /// The word of the docs page for the verdict.
    fn word(self) -> &'static str {
        match self {
            Exact => "exact",
            Early => "early",
            Open => "open",
            Dropped => "dropped",
        }
    }
}

/// A consumer that calls [`Work::on`] for each event.
type Pipeline<S> = fn(S, Work) -> Consumer;
type Consumer = Pin<Box<dyn Future<Output = ()>>>;
type Column<S> = Option<(Verdict, Pipeline<S>)>;

/// A row of the table; a column is `None` where the pipeline does not exist.
struct Row {
    /// The name on the docs page, without backticks. Rows with the same name share their verdicts.
    name: &'static str,
    implicit: Column<Subscription<u32>>,
    deliveries: Column<Deliveries<u32>>,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Runs the consumer as far as it goes, and lets a little time pass.
async fn run(consumer: &mut task::Spawn<Consumer>) {
    let mut continue_on_error = true;
    while continue_on_error {
        if consumer.poll().is_ready() {
            // The pipeline is dropped, as at the end of its task.
            *consumer = task::spawn(Box::pin(pending()));
            return;
        }
        // Also runs the tasks spawned by the pipeline.
        advance(10 * MILLISECOND).await;
        continue_on_error = consumer.is_woken();
    }
}

/// Measures when `sync_notify` of `pipeline` resolves, with or without another event to read ahead.
async fn judge<S>(
    made: fn(Subscription<u32>) -> S,
    pipeline: Pipeline<S>,
    followed: bool,
) -> Verdict {
    let manager = EventManager::new(8);
    let work = Work::new();
    let mut consumer = task::spawn(pipeline(made(manager.subscribe()), work.clone()));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    if followed {
        manager.try_notify(2).unwrap();
    }
    run(&mut consumer).await;
    if work.begun() == 0 && !done.is_woken() {
        assert!(!followed, "only `chunks` waits for a second event");
        manager.try_notify(2).unwrap();
        run(&mut consumer).await;
    }

    let mut is_done = work.done() > 0;
    assert!(!is_done, "it takes until we say so");
    let mut answer = done.is_woken().then(|| done.poll());
    if !matches!(answer, Some(Poll::Ready(_))) {
        assert!(work.begun() > 0);
        work.let_the_first_finish();
        run(&mut consumer).await;
        assert_eq!(work.done(), 1);
        is_done = true;
        answer = Some(done.poll());
    }
    match answer {
        Some(Poll::Ready(receipt)) => match receipt.unwrap().dropped() {
            0 if is_done => Exact,
            0 => Early,
            _ => Dropped,
        },
        _ => Open,
    }
}

#[tokio::test(start_paused = true)]
async fn combinators_affect_when_sync_notify_resolves() {
    let mut wrong = Vec::new();
    for row in TABLE {
        for followed in [false, true] {
            let mut check = |column, verdict, measured| {
                if verdict != measured {
                    wrong.push((row.name, column, followed, verdict, measured));
                }
            };
            if let Some((verdict, pipeline)) = row.implicit {
                let measured = judge(|s| s, pipeline, followed).await;
                check("implicit", verdict, measured);
            }
            if let Some((verdict, pipeline)) = row.deliveries {
                let measured = judge(Subscription::deliveries, pipeline, followed).await;
                check("deliveries", verdict, measured);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "(name, column, followed, told, measured): {wrong:#?}"
    );
}

#[test]
fn holding_the_stream_keeps_the_event_unfinished() {
    type Way = fn(Subscription<u32>) -> Option<Subscription<u32>>;
    let ways: [(Way, usize); 3] = [
        (
            |mut s| {
                s.ack();
                Some(s)
            },
            1,
        ),
        (
            |mut s| {
                assert!(StreamExt::next(&mut s).now_or_never().is_none());
                Some(s)
            },
            1,
        ),
        (|_| None, 0),
    ];
    for (end, acked) in ways {
        let manager = EventManager::new(8);
        let mut s = manager.subscribe();
        let mut done = task::spawn(manager.sync_notify(1));
        let mut settled = task::spawn(manager.flush());
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        assert_eq!(StreamExt::next(&mut s).now_or_never(), Some(Some(1)));
        assert_pending!(done.poll());
        let _held = end(s);
        assert_eq!(assert_ready_ok!(done.poll()).acked(), acked);
        assert_ready!(settled.poll()).unwrap();
    }
}

#[test]
fn a_panic_dropping_the_stream_finishes_nothing() {
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
    assert_eq!(assert_ready_ok!(done.poll()).unfinished_ids(), [id]);
}
