//! What a combinator between the subscription and its consumer does to the truth of `sync_notify`.
//!
//! A stream of plain events says "done" by being polled again. A combinator that polls again only
//! after the consumer's work keeps that true; one that reads ahead makes it a lie. A delivery says
//! "done" itself, and is only as truthful as whoever holds it. Here is the table with both columns,
//! one test that measures every row of it, and one that holds it against the docs page
//! `genevent::combinators`.

use std::collections::BTreeMap;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::{FutureExt, SinkExt, Stream, StreamExt, sink, stream};
use genevent::{Batch, Deliveries, Delivery, EventManager, EventStreamExt, Subscription};
use tokio::sync::Semaphore;
use tokio::time::advance;
use tokio_stream::{Elapsed, StreamExt as TokioStreamExt, StreamMap};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

/// What `sync_notify` says, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// "Finished", when the consumer's work on the event is done.
    Exact,
    /// "Finished", while that work still goes on, or has not even begun.
    Early,
    /// Nothing, not even when the work is done.
    Open,
    /// "Not finished": the event counts as dropped.
    Dropped,
}
use Verdict::{Dropped, Early, Exact, Open};

impl Verdict {
    /// As the docs page writes it.
    fn word(self) -> &'static str {
        match self {
            Exact => "exact",
            Early => "early",
            Open => "open",
            Dropped => "dropped",
        }
    }
}

/// A consumer of the events, that calls [`Work::on`] for each.
type Pipeline<S> = fn(S, Work) -> Consumer;
type Consumer = Pin<Box<dyn Future<Output = ()>>>;
type Column<S> = Option<(Verdict, Pipeline<S>)>;

/// One way to consume; `None` where there is no such thing.
struct Row {
    /// As the docs page calls it, without backticks. Rows that share a name share their verdicts.
    name: &'static str,
    implicit: Column<Subscription<u32>>,
    deliveries: Column<Deliveries<u32>>,
}

/// The same code in both columns, or different code, or in one column alone.
macro_rules! row {
    ($name:literal, $implicit:ident, $deliveries:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: Some(($implicit, |$s, $work| Box::pin($body))),
            deliveries: Some(($deliveries, |$s, $work| Box::pin($body))),
        }
    };
    ($name:literal, implicit: $verdict:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: Some(($verdict, |$s, $work| Box::pin($body))),
            deliveries: None,
        }
    };
    ($name:literal, deliveries: $verdict:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: None,
            deliveries: Some(($verdict, |$s, $work| Box::pin($body))),
        }
    };
}

/// What a stream yields: an event, or several, with or without their acknowledgements.
trait Item: Sized {
    /// Whether it is about the event that the test waits for.
    fn is_first(&self) -> bool;

    /// Says that the work is done, where that is said, and takes the value out.
    fn done(self) -> u32;
}

/// A single one, in both columns.
trait Event: Item {
    /// The value alone.
    fn value(&self) -> u32;

    /// Another value, for the same event.
    fn change(self) -> Self;
}

impl Item for u32 {
    fn is_first(&self) -> bool {
        self % 10 == 1
    }

    fn done(self) -> u32 {
        self
    }
}

impl Event for u32 {
    fn value(&self) -> u32 {
        *self
    }

    fn change(self) -> Self {
        self + 10
    }
}

impl Item for Delivery<u32> {
    fn is_first(&self) -> bool {
        self.seq() == 1
    }

    fn done(self) -> u32 {
        self.ack()
    }
}

impl Event for Delivery<u32> {
    fn value(&self) -> u32 {
        **self
    }

    fn change(self) -> Self {
        self.map(Event::change)
    }
}

impl Item for Batch<u32> {
    fn is_first(&self) -> bool {
        self.seqs().any(|seq| seq == 1)
    }

    fn done(self) -> u32 {
        self.ack().done()
    }
}

impl<T: Item> Item for Vec<T> {
    fn is_first(&self) -> bool {
        self.iter().any(Item::is_first)
    }

    fn done(self) -> u32 {
        self.into_iter().map(Item::done).sum()
    }
}

/// Of `zip`.
impl<T: Item> Item for (T, char) {
    fn is_first(&self) -> bool {
        self.0.is_first()
    }

    fn done(self) -> u32 {
        self.0.done()
    }
}

/// Of `StreamMap`.
impl<T: Item> Item for (&str, T) {
    fn is_first(&self) -> bool {
        self.1.is_first()
    }

    fn done(self) -> u32 {
        self.1.done()
    }
}

/// Of `timeout`.
impl<T: Item> Item for Result<T, Elapsed> {
    fn is_first(&self) -> bool {
        self.as_ref().is_ok_and(Item::is_first)
    }

    fn done(self) -> u32 {
        self.expect("no timeout is reached").done()
    }
}

/// The consumer's work, which takes until the test says so.
#[derive(Clone)]
struct Work(Arc<Gate>);

struct Gate {
    begun: AtomicUsize,
    /// The work on the first event is.
    done: AtomicUsize,
    first: Semaphore,
}

impl Work {
    fn new() -> Self {
        Self(Arc::new(Gate {
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            first: Semaphore::new(0),
        }))
    }

    /// Works on an event, or on a batch of them; then acknowledges, if it is a delivery.
    fn on<T: Item>(&self, event: T) -> impl Future<Output = u32> + use<T> {
        let gate = Arc::clone(&self.0);
        async move {
            gate.begun.fetch_add(1, Ordering::Relaxed);
            if !event.is_first() {
                return pending().await;
            }
            gate.first.acquire().await.unwrap().forget();
            gate.done.fetch_add(1, Ordering::Relaxed);
            event.done()
        }
    }

    fn let_the_first_finish(&self) {
        self.0.first.add_permits(1);
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn done(&self) -> usize {
        self.0.done.load(Ordering::Relaxed)
    }
}

/// The work comes after the combinator: `stream` is read one by one.
async fn one_by_one<T: Item>(stream: impl Stream<Item = T>, work: Work) {
    let mut stream = pin!(stream);
    while let Some(event) = StreamExt::next(&mut stream).await {
        work.on(event).await;
    }
}

/// Works on `event`, and panics before that is acknowledged.
async fn work_and_panic<T: Event>(event: T, work: Work) {
    work.on(event.value()).await;
    resume_unwind(Box::new("the work failed"));
}

/// Nothing follows the work.
fn all_done<T: Item>(stream: impl Stream<Item = T>) -> impl Future<Output = ()> {
    stream.for_each(|event| {
        event.done();
        ready(())
    })
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// The table of the docs page. `GenEvent` cases 131 and 132.
const TABLE: &[Row] = &[
    // ---- They ask for the next event when the work on the one before is done ----
    row!("while let", Exact, Exact, |s, work| async move {
        let mut s = s;
        while let Some(event) = StreamExt::next(&mut s).await {
            work.on(event).await;
        }
    }),
    row!("for_each", Exact, Exact, |s, work| s
        .for_each(move |event| work.on(event).map(drop))),
    row!("then", Exact, Exact, |s, work| all_done(StreamExt::then(
        s,
        move |event| work.on(event)
    ))),
    row!("fold", Exact, Exact, |s, work| {
        let sum = move |sum, event| work.on(event).map(move |event| sum + event);
        StreamExt::fold(s, 0, sum).map(drop)
    }),
    row!("scan", Exact, Exact, |s, work| all_done(
        s.scan((), move |(), event| work.on(event).map(Some))
    )),
    row!("map", Exact, Exact, |s, work| one_by_one(
        StreamExt::map(s, Event::change),
        work
    )),
    // To a future, which is awaited before the next one is asked for.
    row!("map", Exact, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        map.for_each(|work| work.map(drop))
    }),
    row!("buffered(1)", Exact, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffered(1))
    }),
    row!("filter", Exact, Exact, |s, work| one_by_one(
        StreamExt::filter(s, |_| ready(true)),
        work
    )),
    // It works itself.
    row!("filter", Exact, Exact, |s, work| {
        let filter = move |event: &_| work.on(Event::value(event)).map(|_| true);
        all_done(StreamExt::filter(s, filter))
    }),
    row!("filter_map", Exact, Exact, |s, work| {
        let filter_map = move |event| work.on(event).map(Some);
        all_done(StreamExt::filter_map(s, filter_map))
    }),
    row!("flat_map", Exact, Exact, |s, work| all_done(
        s.flat_map(move |event| stream::once(work.on(event)))
    )),
    row!("flatten", Exact, Exact, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)));
        all_done(streams.flatten())
    }),
    row!("zip", Exact, Exact, |s, work| one_by_one(
        s.zip(stream::repeat('x')),
        work
    )),
    row!("select", Exact, Exact, |s, work| one_by_one(
        stream::select(s, stream::pending()),
        work
    )),
    row!("select", Exact, Exact, |s, work| one_by_one(
        stream::select(stream::pending(), s),
        work
    )),
    row!("merge", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::merge(s, stream::pending()),
        work
    )),
    row!("StreamMap", Exact, Exact, |s, work| async move {
        let mut streams = StreamMap::new();
        streams.insert("idle", stream::pending().left_stream());
        streams.insert("events", s.right_stream());
        one_by_one(streams, work).await;
    }),
    row!("take", Exact, Exact, |s, work| one_by_one(
        StreamExt::take(s, 1),
        work
    )),
    row!("timeout", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::timeout(s, HOUR),
        work
    )),
    row!("throttle", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::throttle(s, MILLISECOND),
        work
    )),
    row!("select!", Exact, Exact, |s, work| async move {
        let mut s = s;
        let mut other = stream::pending::<()>();
        loop {
            futures::select! {
                event = s.select_next_some() => { work.on(event).await; }
                _ = StreamExt::next(&mut other).fuse() => {}
                complete => break,
            }
        }
    }),
    // That of tokio.
    row!("select!", Exact, Exact, |s, work| async move {
        let mut s = s;
        loop {
            tokio::select! {
                Some(event) = StreamExt::next(&mut s) => { work.on(event).await; }
                () = pending() => {}
                else => break,
            }
        }
    }),
    row!("async_stream::stream!", Exact, Exact, |s, work| {
        let derived = async_stream::stream! {
            let mut s = s;
            while let Some(event) = StreamExt::next(&mut s).await {
                yield event.change();
            }
        };
        one_by_one(derived, work)
    }),
    row!("peekable", Exact, Exact, |s, work| one_by_one(
        StreamExt::peekable(s),
        work
    )),
    // It peeks between events.
    row!("peekable", Exact, Exact, |s, work| async move {
        let mut s = pin!(StreamExt::peekable(s));
        while s.as_mut().peek().await.is_some() {
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
        }
    }),
    row!("dropping the stream", Exact, Exact, |s, work| async move {
        let mut s = s;
        let event = StreamExt::next(&mut s).await.unwrap();
        work.on(event).await;
        drop(s);
        pending::<()>().await;
    }),
    // ---- They read ahead ----
    row!("buffered(n)", Early, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffered(2))
    }),
    row!("buffer_unordered(n)", Early, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffer_unordered(2))
    }),
    row!("for_each_concurrent(n)", Early, Exact, |s, work| s
        .for_each_concurrent(2, move |event| work
            .on(event)
            .map(drop))),
    row!("chunks", Early, Exact, |s, work| one_by_one(
        s.chunks(2),
        work
    )),
    row!("ready_chunks", Early, Exact, |s, work| one_by_one(
        s.ready_chunks(2),
        work
    )),
    row!("chunks_timeout", Early, Exact, |s, work| one_by_one(
        TokioStreamExt::chunks_timeout(s, 9, MILLISECOND),
        work
    )),
    row!("flatten_unordered", Early, Exact, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)).boxed_local());
        all_done(streams.flatten_unordered(2))
    }),
    row!("forward", Early, Exact, |s, work| {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        StreamExt::map(s, Ok).forward(sink).map(drop)
    }),
    row!("send_all", Early, Exact, |s, work| async move {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        pin!(sink)
            .send_all(&mut StreamExt::map(s, Ok))
            .await
            .unwrap();
    }),
    row!("a task for each event", Early, Exact, |s, work| s.for_each(
        move |event| {
            tokio::spawn(work.on(event));
            ready(())
        }
    )),
    row!(
        "peekable while an event is in hand",
        Early,
        Exact,
        |s, work| async move {
            let mut s = pin!(StreamExt::peekable(s));
            while let Some(event) = StreamExt::next(&mut s).await {
                let _ = s.as_mut().peek().now_or_never();
                work.on(event).await;
            }
        }
    ),
    // ---- They never come back ----
    row!(
        "holding the stream idle",
        Open,
        Exact,
        |s, work| async move {
            let mut s = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            pending::<()>().await; // and never looks at it again
            drop(s);
        }
    ),
    row!(
        "Subscription::ack before going idle",
        implicit: Exact,
        |s, work| async move {
            let mut s: Subscription<_> = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            s.ack();
            pending::<()>().await;
        }
    ),
    // ---- They part the event from its acknowledgement ----
    row!("map that acknowledges", deliveries: Early, |s, work| one_by_one(
        StreamExt::map(s, Delivery::ack),
        work
    )),
    row!(
        "map that copies the value out",
        Exact,
        Dropped,
        |s, work| one_by_one(StreamExt::map(s, |event| event.value()), work)
    ),
    row!("what filter filters out", Exact, Dropped, |s, work| {
        let filter = move |event: &_| work.on(Event::value(event)).map(|_| false);
        all_done(StreamExt::filter(s, filter))
    }),
    row!("keeping the item", Exact, Open, |s, work| async move {
        let (mut s, mut kept) = (s, Vec::new());
        while let Some(event) = StreamExt::next(&mut s).await {
            work.on(event.value()).await;
            kept.push(event);
        }
    }),
    // ---- They panic, and that is caught ----
    row!(
        "a caught panic, the stream lives on",
        Exact,
        Dropped,
        |s, work| {
            let consumer = s.for_each(move |event| work_and_panic(event, work.clone()));
            let caught = AssertUnwindSafe(consumer).catch_unwind();
            caught.map(|result| drop(result.unwrap_err()))
        }
    ),
    // It is held outside, and read on.
    row!(
        "a caught panic, the stream lives on",
        Exact,
        Dropped,
        |s, work| async move {
            let mut s = s;
            loop {
                let consumer = (&mut s).for_each(|event| work_and_panic(event, work.clone()));
                let result = AssertUnwindSafe(consumer).catch_unwind().await;
                result.unwrap_err();
            }
        }
    ),
    row!(
        "a caught panic, the stream goes with it",
        Dropped,
        Dropped,
        |s, work| {
            let consumer = async move {
                let mut s = s;
                while let Some(event) = StreamExt::next(&mut s).await {
                    work_and_panic(event, work.clone()).await;
                }
            };
            let caught = AssertUnwindSafe(consumer).catch_unwind();
            caught.map(|result| drop(result.unwrap_err()))
        }
    ),
    // ---- They acknowledge themselves ----
    row!("filter_acked", deliveries: Exact, |s, work| one_by_one(
        s.filter_acked(|_| true),
        work
    )),
    row!("ready_batches", deliveries: Exact, |s, work| one_by_one(
        s.ready_batches(2),
        work
    )),
    #[cfg(feature = "rt")]
    row!("batches", deliveries: Exact, |s, work| one_by_one(
        s.batches(9, MILLISECOND),
        work
    )),
    #[cfg(feature = "rt")]
    row!("for_each_acked", deliveries: Exact, |s, work| s
        .for_each_acked(2, move |event| work.on(event).map(drop))),
    #[cfg(feature = "rt")]
    row!("try_for_each_acked", deliveries: Exact, |s, work| s
        .try_for_each_acked(2, move |event| work.on(event).map(|_| Ok::<_, ()>(())))
        .map(drop)),
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
async fn what_each_combinator_does_to_the_truth_of_sync_notify() {
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

// ---- The docs page ------------------------------------------------------------------------------

/// What the verdicts are, by name: implicit, deliveries.
type Told = BTreeMap<String, [String; 2]>;

/// The only table of the page. A row tells of all the names in its first cell.
fn told_by_the_page() -> Told {
    let page = include_str!("../src/combinators.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! |"));
    let mut told = Told::new();
    for row in rows.skip(2) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        let [names, implicit, deliveries, _] = &cells[..] else {
            panic!("a row of three cells: {row}");
        };
        for name in names.split("; ") {
            let verdicts = [implicit.clone(), deliveries.clone()];
            let before = told.insert(name.replace('`', ""), verdicts);
            assert_eq!(before, None, "{name} is told once");
        }
    }
    told
}

#[test]
fn the_docs_tell_what_is_measured_here() {
    let word = |verdict: Option<Verdict>| verdict.map_or("–", Verdict::word).to_owned();
    let mut measured = Told::new();
    for row in TABLE {
        let verdicts = [
            word(row.implicit.map(|(verdict, _)| verdict)),
            word(row.deliveries.map(|(verdict, _)| verdict)),
        ];
        let before = measured.insert(row.name.to_owned(), verdicts.clone());
        assert!(
            before.is_none_or(|before| before == verdicts),
            "{}",
            row.name
        );
    }
    let told = told_by_the_page();
    for (name, verdicts) in &measured {
        assert_eq!(told.get(name), Some(verdicts), "{name}, on the page");
    }
    for name in told.keys() {
        assert!(measured.contains_key(name), "{name} is on the page alone");
    }
}

// ---- Closer looks -------------------------------------------------------------------------------

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
        assert_ready!(settled.poll()).unwrap();
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
