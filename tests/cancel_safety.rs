//! Dropping any future of the crate, after any number of polls, whatever happens meanwhile:
//! delivered to all or to none, nothing lost, nobody left hanging.
//!
//! [`MANAGER_ROWS`], [`kv::ROWS`], [`handlers::ROWS`] and [`kit::ROWS`] list every public function
//! that waits; a test reads the sources and fails if one is missing. Whoever adds a function adds
//! its row.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt, TryFutureExt};
use genevent::error::{DeadlineError, NotifyError, ReserveError};
use genevent::ext::{Batches, FilterAcked, ReadyBatches};
use genevent::{
    Batch, Deliveries, Delivery, EndReason, EventManager, EventStreamExt, Filtered,
    FilteredDeliveries, FilteredWithMissed, Permit, Receipt, Received, SubscribeOptions,
    SubscriberId, Subscription, WithMissed,
};

// ---- The rows -----------------------------------------------------------------------------------

/// A function that waits, and how to call it.
struct Row {
    /// As `Type::function`.
    name: &'static str,
    call: Call,
}

enum Call {
    Manager(for<'a> fn(&'a EventManager<u32>) -> LocalBoxFuture<'a, Outcome>),
    /// `next` on what this makes of a subscription.
    Next(fn(Subscription<u32>) -> Box<dyn Source>),
    /// The same of a filtered one, which wants everything.
    Filtered(fn(Filtered<u32>) -> Box<dyn Source>),
    /// Reads deliveries on its own, and notes each event that it takes.
    Work(for<'a> fn(&'a mut Deliveries<u32>, &'a Taken) -> LocalBoxFuture<'a, Outcome>),
}

impl Row {
    /// Stored in one poll, and ready in a later one.
    fn waits_on_once_stored(&self) -> bool {
        let publishes = ["ack_notify", "sync_notify", "Notify::within"];
        self.name.contains("Sink::") || publishes.iter().any(|name| self.name.ends_with(name))
    }

    /// Time must pass for it.
    fn looks_at_the_clock(&self) -> bool {
        self.name.ends_with("::within") || self.name.starts_with("Batches")
    }
}

/// The events that the future has taken.
type Taken = RefCell<Vec<u32>>;

/// What a future gave, if it was not dropped before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stored,
    Refused,
    Read,
    Done,
}

/// The event that the functions to be cancelled publish.
const MINE: u32 = 100;

const MANAGER_ROWS: &[Row] = &[
    Row {
        name: "EventManager::notify",
        call: Call::Manager(|manager| manager.notify(MINE).map(stored).boxed_local()),
    },
    Row {
        name: "EventManager::ack_notify",
        call: Call::Manager(|manager| manager.ack_notify(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::sync_notify",
        call: Call::Manager(|manager| manager.sync_notify(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::flush",
        call: Call::Manager(|manager| manager.flush().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::stop",
        call: Call::Manager(|manager| manager.stop().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::closed",
        call: Call::Manager(|manager| manager.closed().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::wait_for_subscribers",
        call: Call::Manager(|manager| manager.wait_for_subscribers(4).map(done).boxed_local()),
    },
    Row {
        name: "EventManager::reserve",
        call: Call::Manager(|manager| manager.reserve().map_ok(used).map(sent).boxed_local()),
    },
    // The permit is not used.
    Row {
        name: "EventManager::reserve",
        call: Call::Manager(|manager| manager.reserve().map(done).boxed_local()),
    },
    Row {
        name: "EventSink::send",
        call: Call::Manager(|manager| {
            async move { sent(manager.sink().send(MINE).await) }.boxed_local()
        }),
    },
    Row {
        name: "EventSink::flush",
        call: Call::Manager(|manager| {
            let sink = manager.sink();
            flushed(sink).boxed_local()
        }),
    },
    Row {
        name: "EventSink::close",
        call: Call::Manager(|manager| {
            let sink = manager.sink();
            closed(sink).boxed_local()
        }),
    },
    Row {
        name: "SyncSink::send",
        call: Call::Manager(|manager| {
            async move { sent(manager.sync_sink().send(MINE).await) }.boxed_local()
        }),
    },
    Row {
        name: "SyncSink::flush",
        call: Call::Manager(|manager| {
            let sink = manager.sync_sink();
            flushed(sink).boxed_local()
        }),
    },
    Row {
        name: "SyncSink::close",
        call: Call::Manager(|manager| {
            let sink = manager.sync_sink();
            closed(sink).boxed_local()
        }),
    },
    Row {
        name: "Subscription::next",
        call: Call::Next(|subscription| Box::new(subscription)),
    },
    Row {
        name: "WithMissed::next",
        call: Call::Next(|subscription| Box::new(subscription.with_missed())),
    },
    Row {
        name: "Deliveries::next",
        call: Call::Next(|subscription| Box::new(InHand::of(subscription.deliveries()))),
    },
    Row {
        name: "Filtered::next",
        call: Call::Filtered(|filtered| Box::new(filtered)),
    },
    Row {
        name: "FilteredWithMissed::next",
        call: Call::Filtered(|filtered| Box::new(filtered.with_missed())),
    },
    Row {
        name: "FilteredDeliveries::next",
        call: Call::Filtered(|filtered| {
            Box::new(OneOut {
                stream: filtered.deliveries(),
                out: None,
            })
        }),
    },
    Row {
        name: "FilterAcked::next",
        call: Call::Next(|subscription| {
            let all = subscription
                .deliveries()
                .filter_acked((|_| true) as fn(&u32) -> bool);
            Box::new(InHand::of(all))
        }),
    },
    Row {
        name: "ReadyBatches::next",
        call: Call::Next(|subscription| {
            Box::new(InHand::of(subscription.deliveries().ready_batches(2)))
        }),
    },
    Row {
        name: "Batches::next",
        call: Call::Next(|subscription| {
            let batches = subscription.deliveries().batches(2, 3 * MILLISECOND);
            Box::new(InHand::of(Box::pin(batches)))
        }),
    },
    Row {
        name: "EventStreamExt::for_each_acked",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                one_poll_later()
            };
            deliveries.for_each_acked(2, work).map(done).boxed_local()
        }),
    },
    Row {
        name: "EventStreamExt::try_for_each_acked",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                // Fails at the event of him who stands in line.
                one_poll_later().map(move |()| if event == 3 { Err(()) } else { Ok(()) })
            };
            let work = deliveries.try_for_each_acked(2, work);
            work.map(done).boxed_local()
        }),
    },
    Row {
        name: "TryForEachAcked::go_on",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                one_poll_later().map(move |()| if event == 3 { Err(()) } else { Ok(()) })
            };
            let work = deliveries.try_for_each_acked(2, work).go_on(drop);
            work.map(done).boxed_local()
        }),
    },
    Row {
        name: "SyncNotify::within",
        call: Call::Manager(|manager| {
            manager
                .sync_notify(MINE)
                .within(5 * MILLISECOND)
                .map(in_time)
                .boxed_local()
        }),
    },
    Row {
        name: "SyncNotify::within",
        call: Call::Manager(|manager| {
            manager
                .sync_notify(MINE)
                .within(A_LONG_TIME)
                .map(in_time)
                .boxed_local()
        }),
    },
    Row {
        name: "AckNotify::within",
        call: Call::Manager(|manager| {
            manager
                .ack_notify(MINE)
                .within(5 * MILLISECOND)
                .map(in_time)
                .boxed_local()
        }),
    },
    Row {
        name: "AckNotify::within",
        call: Call::Manager(|manager| {
            manager
                .ack_notify(MINE)
                .within(A_LONG_TIME)
                .map(in_time)
                .boxed_local()
        }),
    },
    Row {
        name: "Flush::within",
        call: Call::Manager(|manager| {
            manager
                .flush()
                .within(5 * MILLISECOND)
                .map(done)
                .boxed_local()
        }),
    },
    Row {
        name: "Flush::within",
        call: Call::Manager(|manager| manager.flush().within(A_LONG_TIME).map(done).boxed_local()),
    },
    Row {
        name: "Stop::within",
        call: Call::Manager(|manager| {
            manager
                .stop()
                .within(5 * MILLISECOND)
                .map(done)
                .boxed_local()
        }),
    },
    Row {
        name: "Stop::within",
        call: Call::Manager(|manager| manager.stop().within(A_LONG_TIME).map(done).boxed_local()),
    },
];

const MILLISECOND: Duration = Duration::from_millis(1);
const A_LONG_TIME: Duration = Duration::from_secs(3_600);

fn used(permit: Permit<u32>) {
    permit.notify(MINE);
}

fn sent(result: Result<(), ReserveError>) -> Outcome {
    result.map_or(Outcome::Refused, |()| Outcome::Stored)
}

async fn flushed(mut sink: impl Sink<u32, Error = ReserveError> + Unpin) -> Outcome {
    if sink.feed(MINE).await.is_err() {
        return Outcome::Refused;
    }
    sent(sink.flush().await)
}

async fn closed(mut sink: impl Sink<u32, Error = ReserveError> + Unpin) -> Outcome {
    if sink.feed(MINE).await.is_err() {
        return Outcome::Refused;
    }
    sent(sink.close().await)
}

fn in_time(result: Result<Receipt, DeadlineError<u32>>) -> Outcome {
    let back = result.err().and_then(DeadlineError::into_event);
    back.map_or(Outcome::Stored, |_| Outcome::Refused)
}

/// Work that is done when it is polled again.
async fn one_poll_later() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn stored(result: Result<usize, NotifyError<u32>>) -> Outcome {
    result.map_or(Outcome::Refused, |_| Outcome::Stored)
}

fn answered(result: Result<Receipt, NotifyError<u32>>) -> Outcome {
    result.map_or(Outcome::Refused, |_| Outcome::Stored)
}

fn done<T>(_: T) -> Outcome {
    Outcome::Done
}

/// A stream of events, one or several at a time, that says "finished" when it is polled again.
trait Source {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>>;

    fn subscription(&self) -> (SubscriberId, Option<EndReason>);

    fn has_ended(&self) -> bool {
        self.subscription().1.is_some()
    }

    fn as_deliveries(&mut self) -> Option<&mut Deliveries<u32>> {
        None
    }
}

impl Source for Subscription<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| Some(vec![next?]))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.id(), self.end_reason())
    }
}

impl Source for WithMissed<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| match next? {
            Received::Event(event) => Some(vec![event]),
            Received::Missed(_) => panic!("lossless readers miss nothing"),
        })
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        self.get_ref().subscription()
    }
}

impl Source for Filtered<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| Some(vec![next?]))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.id(), self.end_reason())
    }
}

impl Source for FilteredWithMissed<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| match next? {
            Received::Event(event) => Some(vec![event]),
            Received::Missed(_) => panic!("lossless readers miss nothing"),
        })
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        self.get_ref().subscription()
    }
}

/// As `InHand`, of what a filter lets through.
struct OneOut {
    stream: FilteredDeliveries<u32>,
    out: Option<Delivery<u32>>,
}

impl Source for OneOut {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.out.take().into_iter().for_each(Item::done);
        self.out = ready!(self.stream.poll_next_unpin(cx));
        Poll::Ready(self.out.as_ref().map(Item::events))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.stream.id(), self.stream.end_reason())
    }
}

/// Acknowledges what it has in hand when it is polled again.
struct InHand<S: Stream> {
    stream: S,
    item: Option<S::Item>,
}

impl<S: Stream> InHand<S> {
    fn of(stream: S) -> Self {
        Self { stream, item: None }
    }
}

trait Item {
    fn events(&self) -> Vec<u32>;
    fn done(self);
}

impl Item for Delivery<u32> {
    fn events(&self) -> Vec<u32> {
        vec![**self]
    }

    fn done(self) {
        self.ack();
    }
}

impl Item for Batch<u32> {
    fn events(&self) -> Vec<u32> {
        self.to_vec()
    }

    fn done(self) {
        self.ack();
    }
}

/// What is made of deliveries, and lets one look at them.
trait OfDeliveries: Stream<Item: Item> + Unpin {
    fn deliveries(&self) -> &Deliveries<u32>;

    fn deliveries_mut(&mut self) -> Option<&mut Deliveries<u32>> {
        None
    }
}

impl OfDeliveries for Deliveries<u32> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self
    }

    fn deliveries_mut(&mut self) -> Option<&mut Deliveries<u32>> {
        Some(self)
    }
}

impl OfDeliveries for FilterAcked<Deliveries<u32>, fn(&u32) -> bool> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl OfDeliveries for ReadyBatches<Deliveries<u32>, u32> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl OfDeliveries for Pin<Box<Batches<Deliveries<u32>, u32>>> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl<S: OfDeliveries> Source for InHand<S> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.item.take().into_iter().for_each(Item::done);
        let next = ready!(self.stream.poll_next_unpin(cx));
        self.item = next;
        Poll::Ready(self.item.as_ref().map(Item::events))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        let deliveries = self.stream.deliveries();
        (deliveries.id(), deliveries.end_reason())
    }

    /// Its deliveries may end in the poll that yields the last batch.
    fn has_ended(&self) -> bool {
        self.item.is_none() && self.subscription().1.is_some()
    }

    fn as_deliveries(&mut self) -> Option<&mut Deliveries<u32>> {
        self.stream.deliveries_mut()
    }
}

// ---- Time ---------------------------------------------------------------------------------------

/// Tokio's clock, which goes on only when told to.
mod clock {
    use tokio::runtime::{Builder, Runtime};

    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }

    /// Runs `story` where futures find the clock.
    pub(crate) fn run(story: impl FnOnce()) {
        RUNTIME.with(|runtime| {
            let _guard = runtime.enter();
            story();
        });
    }

    pub(crate) fn advance() {
        RUNTIME.with(|runtime| runtime.block_on(tokio::time::advance(super::MILLISECOND)));
    }
}

/// What happens at some point of the future's life, all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Nothing,
    Close,
    /// The first reader is dropped, with what it has in hand and has not read.
    ReaderLeaves,
    ReaderIsDisconnected,
    /// Every reader reads on.
    RoomComesFree,
    /// The publisher that stands before the future in line is cancelled.
    FirstInLineLeaves,
}

const TROUBLES: [Trouble; 6] = [
    Trouble::Nothing,
    Trouble::Close,
    Trouble::ReaderLeaves,
    Trouble::ReaderIsDisconnected,
    Trouble::RoomComesFree,
    Trouble::FirstInLineLeaves,
];

// ---- The world around the future ----------------------------------------------------------------

/// Whether a task is woken; a task that waits is polled again only then.
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A task that an executor would run: not while it waits and has not been woken.
struct Task<'a> {
    name: &'static str,
    alarm: Arc<Alarm>,
    future: Option<LocalBoxFuture<'a, Outcome>>,
    outcome: Option<Outcome>,
}

impl<'a> Task<'a> {
    fn new(name: &'static str, future: LocalBoxFuture<'a, Outcome>) -> Self {
        Self {
            name,
            alarm: Arc::new(Alarm(AtomicBool::new(true))),
            future: Some(future),
            outcome: None,
        }
    }

    /// Polls it if it has something to do; false if not.
    fn run(&mut self) -> bool {
        let Some(future) = &mut self.future else {
            return false;
        };
        if !self.alarm.0.swap(false, Ordering::Relaxed) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        if let Poll::Ready(outcome) = future.poll_unpin(&mut Context::from_waker(&waker)) {
            self.outcome = Some(outcome);
            self.future = None;
        }
        true
    }
}

/// A task that reads one event, then does something else, and then comes back for the next.
struct Reader {
    alarm: Arc<Alarm>,
    source: Box<dyn Source>,
    got: Vec<u32>,
}

impl Reader {
    fn new(source: Box<dyn Source>) -> Self {
        Self {
            alarm: Arc::new(Alarm(AtomicBool::new(true))),
            source,
            got: Vec::new(),
        }
    }

    fn of(manager: &EventManager<u32>) -> Self {
        Self::new(Box::new(manager.subscribe().with_missed()))
    }

    fn has_ended(&self) -> bool {
        self.source.has_ended()
    }

    fn run(&mut self) -> bool {
        if self.has_ended() || !self.alarm.0.swap(false, Ordering::Relaxed) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        let mut cx = Context::from_waker(&waker);
        if let Poll::Ready(next) = self.source.poll_events(&mut cx) {
            self.got.extend(next.into_iter().flatten());
            self.alarm.0.store(true, Ordering::Relaxed);
        }
        true
    }
}

/// The reader that runs beside the future, or the one that it reads from.
fn make_mine(manager: &EventManager<u32>, call: &Call) -> Reader {
    let options = SubscribeOptions::new().max_unacked(2);
    if let Call::Filtered(make) = call {
        return Reader::new(make(manager.subscribe_where_with(options, |_| true)));
    }
    let mine = manager.subscribe_with(options);
    Reader::new(match call {
        Call::Manager(_) | Call::Filtered(_) => Box::new(mine),
        Call::Next(make) => make(mine),
        Call::Work(_) => Box::new(InHand::of(mine.deliveries())),
    })
}

/// The future of `row`, which reads from `mine`, if it does.
fn call<'a>(
    row: &Row,
    manager: &'a EventManager<u32>,
    mine: &'a mut Option<Reader>,
    taken: &'a Taken,
) -> LocalBoxFuture<'a, Outcome> {
    match row.call {
        Call::Manager(call) => call(manager),
        Call::Next(_) | Call::Filtered(_) => {
            let source = &mut mine.as_mut().expect("it was taken").source;
            let next = poll_fn(|cx| source.poll_events(cx));
            next.map(|next| {
                taken.borrow_mut().extend(next.into_iter().flatten());
                Outcome::Read
            })
            .boxed_local()
        }
        Call::Work(call) => {
            let source = &mut mine.as_mut().expect("it was taken").source;
            call(source.as_deliveries().expect("they are"), taken)
        }
    }
}

/// Two events are stored for `first` and `second`, which fills the manager; a third waits in
/// line as the task `ahead`. `mine` came after the two events.
struct World<'a> {
    manager: &'a EventManager<u32>,
    first: Option<Reader>,
    /// What `first` had got when it was dropped.
    left_with: Vec<u32>,
    second: Reader,
    /// Held by the future that is to be cancelled, if that is its `next`.
    mine: Option<Reader>,
    late: Option<Reader>,
    ahead: Task<'a>,
    behind: Option<Task<'a>>,
    others: Vec<Task<'a>>,
    trouble: Trouble,
}

/// What goes on around the future, a step after each of its polls.
#[derive(Clone, Copy)]
enum Step {
    First,
    Second,
    Mine,
    Ahead,
    Subscribe,
    Close,
}

/// Enough for every function to become ready somewhere on the way.
fn script(step: usize) -> Option<Step> {
    // `first`, whom trouble befalls, is the slowest: everybody waits for it.
    const ROUND: [Step; 4] = [Step::Second, Step::Mine, Step::Ahead, Step::First];
    match step {
        0..20 | 22..40 => Some(ROUND[step % 4]),
        20 => Some(Step::Subscribe),
        21 => Some(Step::Close),
        _ => None,
    }
}

impl<'a> World<'a> {
    fn new(manager: &'a EventManager<u32>, trouble: Trouble, call: &Call) -> Self {
        let (first, second) = (Reader::of(manager), Reader::of(manager));
        assert_eq!(
            (manager.try_notify(1), manager.try_notify(2)),
            (Ok(2), Ok(2))
        );
        let mine = make_mine(manager, call);
        let mut ahead = Task::new("ahead", manager.sync_notify(3).map(answered).boxed_local());
        let mut others = vec![
            Task::new("flush", manager.flush().map(done).boxed_local()),
            Task::new("closed", manager.closed().map(done).boxed_local()),
            Task::new(
                "wait",
                manager.wait_for_subscribers(9).map(done).boxed_local(),
            ),
        ];
        for task in std::iter::once(&mut ahead).chain(&mut others) {
            assert!(task.run());
        }
        Self {
            manager,
            first: Some(first),
            left_with: Vec::new(),
            second,
            mine: Some(mine),
            late: None,
            ahead,
            behind: None,
            others,
            trouble,
        }
    }

    /// Somebody stands in line behind the future.
    fn queue_behind(&mut self) {
        let behind = self.manager.ack_notify(4).map(answered).boxed_local();
        self.behind.insert(Task::new("behind", behind)).run();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::First => _ = self.first.as_mut().is_some_and(Reader::run),
            Step::Second => _ = self.second.run(),
            Step::Mine => _ = self.mine.as_mut().is_some_and(Reader::run),
            Step::Ahead => _ = self.ahead.run(),
            Step::Subscribe => self.late = Some(Reader::of(self.manager)),
            Step::Close => self.manager.close(),
        }
    }

    fn strike(&mut self) {
        match self.trouble {
            Trouble::Nothing => {}
            Trouble::Close => self.manager.close(),
            Trouble::ReaderLeaves => {
                let leaver = self.first.take().expect("trouble strikes once");
                self.left_with = leaver.got;
            }
            Trouble::ReaderIsDisconnected => {
                let first = self.first.as_ref().expect("it stays");
                self.manager.disconnect(first.source.subscription().0);
            }
            Trouble::RoomComesFree => {
                for step in [Step::First, Step::Second, Step::Mine] {
                    self.step(step);
                }
            }
            Trouble::FirstInLineLeaves => self.ahead.future = None,
        }
    }

    /// Runs every task until all of them are done or wait. None may wait in vain: see
    /// [`check`](Self::check).
    fn settle(&mut self) {
        loop {
            let mut busy = false;
            let Self {
                first,
                second,
                mine,
                late,
                ahead,
                behind,
                others,
                ..
            } = self;
            for reader in [first.as_mut(), Some(second), mine.as_mut(), late.as_mut()] {
                busy |= reader.is_some_and(Reader::run);
            }
            for task in std::iter::once(ahead).chain(behind).chain(others) {
                busy |= task.run();
            }
            if !busy {
                return;
            }
        }
    }

    /// The same, and lets time pass, too.
    fn settle_with_time(&mut self) {
        for _ in 0..8 {
            self.settle();
            clock::advance();
        }
        self.settle();
    }

    fn tasks(&self) -> impl Iterator<Item = &Task<'a>> {
        std::iter::once(&self.ahead)
            .chain(&self.behind)
            .chain(&self.others)
    }

    /// Lets everybody go on, and then checks that they did, and that all agree on what they saw.
    fn check(mut self, mine_is_stored: Option<bool>, takes_time: bool) {
        let settle = if takes_time {
            Self::settle_with_time
        } else {
            Self::settle
        };
        settle(&mut self);
        if !self.manager.is_closed() {
            for task in self
                .tasks()
                .filter(|task| !["closed", "wait"].contains(&task.name))
            {
                assert!(task.future.is_none(), "{} hangs", task.name);
            }
            let probe = self.manager.sync_notify(5).map(answered).boxed_local();
            self.others.push(Task::new("probe", probe));
            settle(&mut self);
            let probe = self.others.last().expect("it was just added");
            assert_eq!(probe.outcome, Some(Outcome::Stored), "nobody can publish");
            self.manager.close();
            settle(&mut self);
        }
        for task in self.tasks() {
            assert!(task.future.is_none(), "{} hangs at the close", task.name);
        }

        let all = &self.second.got;
        let is_in = |event| all.contains(&event);
        let in_order = [1, 2, 3, MINE, 4, 5]
            .into_iter()
            .filter(|&event| is_in(event));
        assert!(
            all.iter().copied().eq(in_order),
            "{all:?}: in order, and each once"
        );
        assert!(is_in(1) && is_in(2), "what was stored is read");
        if let Some(stored) = mine_is_stored {
            assert_eq!(is_in(MINE), stored);
        }
        for (task, event) in [(&self.ahead, 3), (self.behind.as_ref().expect("queued"), 4)] {
            if let Some(outcome) = task.outcome {
                assert_eq!(is_in(event), outcome == Outcome::Stored, "{}", task.name);
            }
        }

        let mine = self.mine.as_ref().expect("it was given back");
        assert_eq!(mine.got, all[2..], "delivered to some");
        if let Some(late) = &self.late {
            assert!(all.ends_with(&late.got), "delivered to some");
        }
        let Some(first) = &self.first else {
            assert!(all.starts_with(&self.left_with));
            return;
        };
        if first.source.subscription().1 == Some(EndReason::Closed) {
            assert_eq!(&first.got, all, "delivered to some");
        } else {
            assert_eq!(self.trouble, Trouble::ReaderIsDisconnected);
            assert!(
                all.starts_with(&first.got),
                "what it had not read is still yielded"
            );
        }
        let readers = [
            Some(first),
            Some(&self.second),
            Some(mine),
            self.late.as_ref(),
        ];
        assert!(
            readers.into_iter().flatten().all(Reader::has_ended),
            "a reader hangs"
        );
    }
}

// ---- Cancelling ---------------------------------------------------------------------------------

/// Runs the story of one future: polled `polls` times with a step of the world after each,
/// `trouble` before poll number `at` (or after the last one), then dropped. Gives whether the
/// future was ready, and whether that was before the trouble.
fn cancel(row: &Row, trouble: Trouble, at: usize, polls: usize) -> (bool, bool) {
    let manager = EventManager::new(2);
    let mut world = World::new(&manager, trouble, &row.call);
    let reads = !matches!(row.call, Call::Manager(_));
    let mut mine = reads.then(|| world.mine.take().expect("unused"));
    let taken = RefCell::new(Vec::new());
    let mut outcome = None;
    let mut struck = false;
    {
        let mut future = call(row, &manager, &mut mine, &taken);
        let mut cx = Context::from_waker(Waker::noop());
        for poll in 0..polls {
            if poll == at {
                world.strike();
                struck = true;
            }
            if let Poll::Ready(ready) = future.poll_unpin(&mut cx) {
                outcome = Some(ready);
                break;
            }
            if poll == 0 {
                world.queue_behind();
            }
            if let Some(step) = script(poll) {
                world.step(step);
            }
            if row.looks_at_the_clock() {
                clock::advance();
            }
        }
        if !struck && outcome.is_none() {
            world.strike();
        }
    }
    if world.behind.is_none() {
        world.queue_behind();
    }
    let mine_is_stored = match outcome {
        Some(outcome) => Some(outcome == Outcome::Stored),
        None if row.waits_on_once_stored() && polls > 0 => None,
        None => Some(false),
    };
    if let Some(mut reader) = mine {
        reader.got = taken.into_inner();
        world.mine = Some(reader);
    }
    world.check(mine_is_stored, row.looks_at_the_clock());
    (outcome.is_some(), outcome.is_some() && !struck)
}

#[test]
fn a_future_dropped_after_any_number_of_polls_harms_nobody() {
    clock::run(|| MANAGER_ROWS.iter().for_each(drop_after_any_number_of_polls));
}

fn drop_after_any_number_of_polls(row: &Row) {
    const MORE_THAN_ENOUGH: usize = 50;
    for trouble in TROUBLES {
        'moments: for at in 0.. {
            for polls in at.. {
                assert!(polls < MORE_THAN_ENOUGH, "{} never becomes ready", row.name);
                let _said = OnPanic(|| format!("{}, {trouble:?} at {at} of {polls}", row.name));
                match cancel(row, trouble, at, polls) {
                    (true, true) => break 'moments,
                    (true, false) => break,
                    (false, _) => {}
                }
            }
        }
    }
}

/// The other half of the promise: kept instead of dropped, it is woken when it can go on.
#[test]
fn a_future_that_is_kept_is_woken_through_any_trouble() {
    clock::run(|| MANAGER_ROWS.iter().for_each(keep_through_any_trouble));
}

fn keep_through_any_trouble(row: &Row) {
    for trouble in TROUBLES {
        for at in 0..45 {
            let _said = OnPanic(|| format!("{}, {trouble:?} at {at}", row.name));
            let manager = EventManager::new(2);
            let mut world = World::new(&manager, trouble, &row.call);
            let reads = !matches!(row.call, Call::Manager(_));
            let mut mine = reads.then(|| world.mine.take().expect("unused"));
            let taken = RefCell::new(Vec::new());
            let future = call(row, &manager, &mut mine, &taken);
            let mut kept = Task::new(row.name, future);
            kept.run();
            world.queue_behind();
            for step in (0..at).filter_map(script) {
                world.step(step);
                kept.run();
            }
            world.strike();
            for step in [Step::First, Step::Subscribe, Step::Close] {
                while kept.run() {}
                world.settle();
                while kept.run() {}
                world.settle();
                world.step(step);
            }
            world.settle();
            while kept.run() {
                world.settle();
            }
            assert!(kept.outcome.is_some(), "it hangs");
        }
    }
}

/// A sink outlives the futures of `send` and `flush`.
#[test]
fn a_sink_keeps_its_place_in_line_and_what_it_waits_for_when_a_future_of_it_is_dropped() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).expect("room");
    let mut sink = manager.sync_sink();
    assert!(sink.send(2).now_or_never().is_none());
    let mut behind = manager.notify(3);
    assert!((&mut behind).now_or_never().is_none());

    assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    assert!((&mut behind).now_or_never().is_none(), "the sink is first");
    assert!(sink.send(4).now_or_never().is_none(), "sent, not answered");
    assert_eq!(
        reader.next().now_or_never(),
        Some(Some(4)),
        "2 was not sent"
    );
    assert_eq!(behind.now_or_never(), Some(Ok(1)));
    assert!(sink.flush().now_or_never().is_none(), "it still waits");
    reader.ack();
    assert_eq!(sink.flush().now_or_never(), Some(Ok(())));
    drop(sink);
    assert_eq!(reader.next().now_or_never(), Some(Some(3)));
    assert!(manager.try_notify(5).is_ok(), "no room is held");
}

/// Says where it happened, if it happens.
struct OnPanic<F: Fn() -> String>(F);

impl<F: Fn() -> String> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("  in the story of {}", self.0());
        }
    }
}

// ---- The registry -------------------------------------------------------------------------------

mod kv {
    use std::task::{Context, Poll, Waker};

    use futures::future::LocalBoxFuture;
    use futures::stream::LocalBoxStream;
    use futures::{FutureExt, StreamExt};
    use genevent::kv::{Bucket, Registry, RegistryEvent, RegistryStreamExt, View, WatchEvent};
    use genevent::{EventManager, SubscriberId, Subscription};
    use tokio::task::yield_now;

    use super::OnPanic;

    pub(crate) struct Row {
        pub(crate) name: &'static str,
        call: Call,
    }

    enum Call {
        Handles(fn(Registry<u32>, Bucket<u32>) -> LocalBoxFuture<'static, Outcome>),
        /// `next` on what this makes of the registry's events.
        Adapter(fn(Subscription<RegistryEvent<u32>>) -> Told),
        /// `next` on what this makes of the registry.
        Watch(fn(&Registry<u32>) -> Told),
    }

    /// What happened, as `+name` and `-name`.
    type Told = LocalBoxStream<'static, String>;

    #[derive(Debug)]
    enum Outcome {
        Told(Option<String>),
        Done,
    }

    fn done<T>(_: T) -> Outcome {
        Outcome::Done
    }

    fn told(event: &RegistryEvent<u32>) -> String {
        let sign = if matches!(event, RegistryEvent::Created { .. }) {
            '+'
        } else {
            '-'
        };
        format!("{sign}{}", event.name())
    }

    /// The values of `"key"`: at first, and once a row has changed it.
    const BEFORE: u32 = 1;
    const AFTER: u32 = 2;

    pub(crate) const ROWS: &[Row] = &[
        Row {
            name: "Registry::create",
            call: Call::Handles(|registry, _| {
                async move { registry.create("new").await.map(done).expect("room") }.boxed_local()
            }),
        },
        Row {
            name: "Registry::flush",
            call: Call::Handles(|registry, _| {
                async move { registry.flush().await }
                    .map(done)
                    .boxed_local()
            }),
        },
        Row {
            name: "Bucket::get",
            call: Call::Handles(|_, bucket| {
                async move { done(bucket.get("key").await) }.boxed_local()
            }),
        },
        Row {
            name: "Bucket::put",
            call: Call::Handles(|_, bucket| {
                async move { done(bucket.put("key", AFTER).await) }.boxed_local()
            }),
        },
        Row {
            name: "Bucket::delete",
            call: Call::Handles(|_, bucket| {
                async move { done(bucket.delete("key").await) }.boxed_local()
            }),
        },
        Row {
            name: "Bucket::update",
            call: Call::Handles(|_, bucket| {
                async move { done(bucket.update("key", |_| Some(AFTER)).await) }.boxed_local()
            }),
        },
        Row {
            name: "Bucket::stopped",
            call: Call::Handles(|_, bucket| bucket.stopped().map(done).boxed_local()),
        },
        Row {
            name: "Created::next",
            call: Call::Adapter(|events| {
                events
                    .created()
                    .map(|(name, _)| format!("+{name}"))
                    .boxed_local()
            }),
        },
        Row {
            name: "Exited::next",
            call: Call::Adapter(|events| {
                events
                    .exited()
                    .map(|(name, ..)| format!("-{name}"))
                    .boxed_local()
            }),
        },
        Row {
            name: "Named::next",
            call: Call::Adapter(|events| events.named("main").map(|e| told(&e)).boxed_local()),
        },
        Row {
            name: "Reflect::next",
            call: Call::Adapter(|events| {
                let events = events.reflect(View::new());
                events.map(|e| told(&e)).boxed_local()
            }),
        },
        Row {
            name: "Watch::next",
            call: Call::Watch(|registry| {
                let changes = registry.watch().filter_map(|event| async move {
                    match event {
                        WatchEvent::Created { name, .. } => Some(format!("+{name}")),
                        WatchEvent::Exited { name, .. } => Some(format!("-{name}")),
                        _ => None, // `Ready`: nothing exists before "main"
                    }
                });
                changes.boxed_local()
            }),
        },
    ];

    impl Row {
        /// What `"key"` is after this, if it was ready.
        fn changes_to(&self) -> Option<u32> {
            match self.name {
                "Bucket::put" | "Bucket::update" => Some(AFTER),
                "Bucket::delete" => None,
                _ => Some(BEFORE),
            }
        }

        /// Whether an adapter lets this through.
        fn passes(&self, told: &str) -> bool {
            match self.name {
                "Created::next" => told.starts_with('+'),
                "Exited::next" => told.starts_with('-'),
                "Named::next" => told.ends_with("main"),
                _ => true,
            }
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Trouble {
        Nothing,
        BucketStops,
        RegistryGoes,
        ManagerCloses,
        ObserverLeaves,
        ObserverIsDisconnected,
        ObserversReadOn,
    }

    const TROUBLES: [Trouble; 7] = [
        Trouble::Nothing,
        Trouble::BucketStops,
        Trouble::RegistryGoes,
        Trouble::ManagerCloses,
        Trouble::ObserverLeaves,
        Trouble::ObserverIsDisconnected,
        Trouble::ObserversReadOn,
    ];

    struct Observer {
        stream: Option<Told>,
        got: Vec<String>,
    }

    impl Observer {
        fn new(stream: Option<Told>) -> Self {
            Self {
                stream,
                got: Vec::new(),
            }
        }

        /// Reads one event; false if there is none to read.
        fn read(&mut self) -> bool {
            let next = self
                .stream
                .as_mut()
                .and_then(|stream| stream.next().now_or_never());
            let event = next.flatten();
            let has_read = event.is_some();
            self.got.extend(event);
            has_read
        }
    }

    /// A registry with the bucket "main", and two observers; a third if the row is one.
    struct World {
        trouble: Trouble,
        events: EventManager<RegistryEvent<u32>>,
        registry: Option<Registry<u32>>,
        bucket: Bucket<u32>,
        first: Observer,
        first_id: SubscriberId,
        second: Observer,
        mine: Observer,
    }

    impl World {
        async fn new(row: &Row, trouble: Trouble) -> Self {
            let events = EventManager::new(2);
            let (first, second) = (events.subscribe(), events.subscribe());
            let first_id = first.id();
            let registry = Registry::new(events.clone());
            let mine = match row.call {
                Call::Adapter(adapt) => Some(adapt(events.subscribe())),
                Call::Watch(watch) => Some(watch(&registry)),
                Call::Handles(_) => None,
            };
            let bucket = registry.create("main").await.unwrap();
            bucket.put("key", BEFORE).await;
            Self {
                trouble,
                events,
                registry: Some(registry),
                bucket,
                first: Observer::new(Some(first.map(|e| told(&e)).boxed_local())),
                first_id,
                second: Observer::new(Some(second.map(|e| told(&e)).boxed_local())),
                mine: Observer::new(mine),
            }
        }

        fn strike(&mut self) {
            match self.trouble {
                Trouble::Nothing => {}
                Trouble::BucketStops => self.bucket.stop(),
                Trouble::RegistryGoes => self.registry = None,
                Trouble::ManagerCloses => self.events.close(),
                Trouble::ObserverLeaves => self.first.stream = None,
                Trouble::ObserverIsDisconnected => _ = self.events.disconnect(self.first_id),
                Trouble::ObserversReadOn => _ = (self.first.read(), self.second.read()),
            }
        }

        /// What goes on around the future, a step after each of its polls.
        async fn step(&mut self, step: usize) {
            match step {
                9 => self.bucket.stop(),
                _ if step % 3 == 0 => yield_now().await,
                _ if step % 3 == 1 => _ = self.first.read(),
                _ => _ = self.second.read(),
            }
        }

        /// Lets everybody run until nobody has anything to do.
        async fn settle(&mut self) {
            let mut idle = 0;
            while idle < 5 {
                yield_now().await;
                let read = [self.first.read(), self.second.read(), self.mine.read()];
                idle = if read.contains(&true) { 0 } else { idle + 1 };
            }
        }

        /// Lets everybody go on, then checks that they did, and agree on what happened.
        async fn check(mut self, row: &Row, was_ready: bool) {
            let was_closed = self.events.is_closed();
            let lives = self.bucket.stopped().now_or_never().is_none();
            let value = if was_ready {
                row.changes_to()
            } else {
                Some(BEFORE)
            };
            let found = self
                .bucket
                .get("key")
                .now_or_never()
                .expect("it never waits");
            assert_eq!(found, value.filter(|_| lives));

            let creates = row.name == "Registry::create" && was_ready;
            if let Some(registry) = self.registry.take() {
                assert_eq!(registry.lookup("new").is_some(), creates, "half created");
                let mut flush = registry.flush().boxed_local();
                if (&mut flush).now_or_never().is_none() {
                    self.settle().await;
                    flush.now_or_never().expect("flush hangs");
                }
            }
            // That was the last registry: its buckets end.
            self.settle().await;
            let stopped = self.bucket.stopped().now_or_never();
            assert!(stopped.is_some(), "who waits for the bucket's end hangs");

            let all = &self.second.got;
            if !was_closed {
                let place = |told: &str| all.iter().position(|other| other == told);
                assert_eq!(all.len(), if creates { 4 } else { 2 }, "{all:?}");
                assert!(place("+main").is_some() && place("+main") < place("-main"));
                assert_eq!(place("+new").is_some(), creates);
                assert!(place("+new") < place("-new") || !creates);
            }
            assert!(all.starts_with(&self.first.got), "told to some");
            let leaves = [Trouble::ObserverLeaves, Trouble::ObserverIsDisconnected];
            if !leaves.contains(&self.trouble) {
                assert_eq!(self.first.got, *all, "told to some");
            }
            if self.mine.stream.is_some() {
                let passed = all.iter().filter(|told| row.passes(told));
                assert!(
                    self.mine.got.iter().eq(passed),
                    "{:?} of {all:?}",
                    self.mine.got
                );
            }
        }
    }

    /// As [`super::cancel`].
    async fn cancel(row: &Row, trouble: Trouble, at: usize, polls: usize) -> (bool, bool) {
        let mut world = World::new(row, trouble).await;
        let (mut outcome, mut struck) = (None, false);
        let mut mine = world.mine.stream.take();
        {
            let mut future = match (&row.call, &mut mine) {
                (Call::Handles(call), _) => call(
                    world.registry.clone().expect("it stands"),
                    world.bucket.clone(),
                ),
                (Call::Adapter(_) | Call::Watch(_), mine) => {
                    let stream = mine.as_mut().expect("it is an observer");
                    stream.next().map(Outcome::Told).boxed_local()
                }
            };
            let mut cx = Context::from_waker(Waker::noop());
            for poll in 0..polls {
                if poll == at {
                    world.strike();
                    struck = true;
                }
                if let Poll::Ready(ready) = future.poll_unpin(&mut cx) {
                    outcome = Some(ready);
                    break;
                }
                world.step(poll).await;
            }
            if !struck && outcome.is_none() {
                world.strike();
            }
        }
        world.mine.stream = mine;
        let was_ready = outcome.is_some();
        if let Some(Outcome::Told(told)) = outcome {
            world.mine.got.extend(told);
        }
        world.check(row, was_ready).await;
        (was_ready, was_ready && !struck)
    }

    #[tokio::test]
    async fn a_future_of_the_registry_dropped_after_any_number_of_polls_harms_nobody() {
        const MORE_THAN_ENOUGH: usize = 30;
        for row in ROWS {
            for trouble in TROUBLES {
                'moments: for at in 0.. {
                    for polls in at.. {
                        assert!(polls < MORE_THAN_ENOUGH, "{} never becomes ready", row.name);
                        let name = row.name;
                        let _said = OnPanic(|| format!("{name}, {trouble:?} at {at} of {polls}"));
                        match cancel(row, trouble, at, polls).await {
                            (true, true) => break 'moments,
                            (true, false) => break,
                            (false, _) => {}
                        }
                    }
                }
            }
        }
    }

    /// Changes that wait their turn are the only ones of a bucket that wait.
    #[tokio::test]
    async fn a_change_dropped_in_line_is_not_made_and_passes_its_turn_on() {
        let waits = ["Bucket::put", "Bucket::delete", "Bucket::update"];
        for row in ROWS.iter().filter(|row| waits.contains(&row.name)) {
            for trouble in TROUBLES {
                for (strikes_inside, drops_inside) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    let name = row.name;
                    let _said = OnPanic(|| {
                        format!("{name}, {trouble:?} inside: {strikes_inside}, {drops_inside}")
                    });
                    let mut world = World::new(row, trouble).await;
                    let bucket = world.bucket.clone();
                    let Call::Handles(call) = row.call else {
                        unreachable!("it is called on a bucket");
                    };
                    let registry = world.registry.clone().expect("it stands");
                    let mut dropped = Some(call(registry, bucket.clone()));
                    let mut behind = bucket.put("other", 9).boxed_local();
                    let running = bucket.update("busy", |_| {
                        let first = dropped.as_mut().expect("not yet").now_or_never();
                        assert!(first.is_none(), "a change is running");
                        assert!((&mut behind).now_or_never().is_none(), "and one waits");
                        if drops_inside {
                            dropped = None;
                        }
                        if strikes_inside {
                            world.strike();
                        }
                        Some(0)
                    });
                    let _ = running.await;
                    // Its turn has come, but it is not polled any more.
                    drop(dropped);
                    if !strikes_inside {
                        world.strike();
                    }
                    behind.now_or_never().expect("who comes after it hangs");
                    let other = bucket.get("other").now_or_never().flatten();
                    let lives = bucket.stopped().now_or_never().is_none();
                    assert_eq!(other, lives.then_some(9));
                    world.check(row, false).await;
                }
            }
        }
    }
}

// ---- Handlers -----------------------------------------------------------------------------------

mod handlers {
    use std::ops::ControlFlow;
    use std::sync::{Arc, Mutex};

    use futures::future::LocalBoxFuture;
    use futures::{FutureExt, poll};
    use genevent::{EventManager, Handler, HandlerGroup, HandlerRef};
    use tokio::task::yield_now;

    pub(crate) struct Row {
        pub(crate) name: &'static str,
        /// Whether the handler goes on after it, so that somebody sees every event.
        goes_on: bool,
        call: fn(World) -> LocalBoxFuture<'static, ()>,
    }

    /// A handler on its own and one in a group, each the only one to be acted upon.
    struct World {
        manager: EventManager<u32>,
        group: HandlerGroup<u32>,
        handler: HandlerRef<u32, Collect>,
    }

    #[derive(Clone, Default)]
    struct Collect(Arc<Mutex<Vec<u32>>>);

    impl Handler<u32> for Collect {
        async fn handle_event(&mut self, event: &u32) -> ControlFlow<()> {
            yield_now().await;
            self.0.lock().unwrap().push(*event);
            ControlFlow::Continue(())
        }
    }

    pub(crate) const ROWS: &[Row] = &[
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

    /// Long enough for every row that ends.
    const POLLS: usize = 24;

    #[tokio::test(start_paused = true)]
    async fn a_future_of_a_handler_dropped_after_any_number_of_polls_harms_nobody() {
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
}

// ---- The testing kit ----------------------------------------------------------------------------

mod kit {
    use std::task::Poll;

    use futures::future::LocalBoxFuture;
    use futures::{FutureExt, StreamExt, poll};
    use genevent::test_util::{Probe, assert_ended, assert_next, assert_pending};
    use genevent::{EventManager, Subscription};

    pub(crate) struct Row {
        /// Of the macros, what they call.
        pub(crate) name: &'static str,
        /// Expects events; the others expect none.
        expects: bool,
        /// Gives what it took from the reader, and from the probe.
        call: fn(&mut World) -> LocalBoxFuture<'_, [Option<u32>; 2]>,
    }

    struct World {
        reader: Subscription<u32>,
        /// Told of the same events.
        probe: Probe<u32>,
        followed: Probe<u32>,
    }

    pub(crate) const ROWS: &[Row] = &[
        Row {
            name: "Asked::next",
            expects: true,
            call: |world| async { [Some(assert_next!(world.reader).await), None] }.boxed_local(),
        },
        Row {
            name: "Asked::equal",
            expects: true,
            call: |world| async { [Some(assert_next!(world.reader, 1).await), None] }.boxed_local(),
        },
        Row {
            name: "Asked::pending",
            expects: false,
            call: |world| {
                async {
                    assert_pending!(world.reader).await;
                    [None; 2]
                }
                .boxed_local()
            },
        },
        Row {
            name: "Asked::ended",
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
    async fn an_assertion_or_a_probe_dropped_after_any_number_of_polls_loses_nothing() {
        for row in ROWS {
            // An event before each poll from the `first` on, and the others when it is dropped.
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
}

// ---- The table is complete ----------------------------------------------------------------------

#[test]
fn every_public_function_that_waits_has_its_row() {
    let rows: BTreeSet<String> = rows().map(str::to_owned).collect();
    let found = functions_that_wait(&sources());
    let missing: Vec<_> = found.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "in src, but without a row here: {missing:?}"
    );
    let stale: Vec<_> = rows.difference(&found).collect();
    assert!(stale.is_empty(), "rows of what is not in src: {stale:?}");
}

fn rows() -> impl Iterator<Item = &'static str> {
    let rows = MANAGER_ROWS.iter().map(|row| row.name);
    rows.chain(kv::ROWS.iter().map(|row| row.name))
        .chain(handlers::ROWS.iter().map(|row| row.name))
        .chain(kit::ROWS.iter().map(|row| row.name))
        .chain(WRITTEN_BY_USERS.iter().copied())
}

/// These are called by the crate; what dropping them means is for who writes them to say.
const WRITTEN_BY_USERS: &[&str] = &["Handler::handle_event", "Handler::terminate"];

/// Every file under `src`, without its comments, and with its macros expanded.
fn sources() -> Vec<String> {
    fn read(folder: &Path, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("src can be read") {
            let path: PathBuf = entry.expect("src can be read").path();
            if path.is_dir() {
                read(&path, files);
            } else {
                let text = std::fs::read_to_string(path).expect("src can be read");
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                files.push(expanded(&code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    let mut files = Vec::new();
    read(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files,
    );
    files
}

/// Appends what each macro of the file makes of each type that it is called with, one a line:
/// as far as `$name` goes.
fn expanded(text: &str) -> String {
    let mut made = Vec::new();
    for definition in text.split("\nmacro_rules! ").skip(1) {
        let name = words(definition).next().expect("a macro has a name");
        let body = definition.split("\n}").next().unwrap_or_default();
        let depth = |line: &str| line.len() - line.trim_start().len();
        let is_impl = |line: &&str| line.trim_start().starts_with("impl");
        let dedent = body.lines().find(is_impl).map_or(0, depth);
        let body: Vec<_> = body
            .lines()
            .map(|line| &line[dedent.min(depth(line))..])
            .collect();
        for call in text.split(&format!("\n{name}! {{\n")).skip(1) {
            let lines = call.split("\n}").next().unwrap_or_default().lines();
            let types = lines.filter_map(|line| words(line).next());
            let types = types.filter(|word| word.starts_with(char::is_uppercase));
            made.extend(types.map(|name| body.join("\n").replace("$name", name)));
        }
    }
    let mut parts = text.split("\nmacro_rules! ");
    let before = parts.next().unwrap_or_default();
    let after = parts.filter_map(|part| part.split_once("\n}"));
    let code = std::iter::once(before).chain(after.map(|(_, after)| after));
    let made = made.iter().map(String::as_str);
    code.chain(made).collect::<Vec<_>>().join("\n")
}

/// `Type::function` for every `pub async fn`, every public function that gives a future,
/// `Type::next` for every stream, and what waits on every sink. Leans on rustfmt: an `impl` or a `trait` begins its line.
fn functions_that_wait(files: &[String]) -> BTreeSet<String> {
    let futures: BTreeSet<&str> = files
        .iter()
        .flat_map(|text| {
            let imports = text.split("use crate::future::").skip(1);
            let imported = imports.flat_map(|rest| words(rest.split(';').next().unwrap_or("")));
            let futures = headers(text).filter(|header| header.contains(" Future for "));
            imported.chain(futures.map(implementor))
        })
        .collect();
    let mut found = BTreeSet::new();
    for text in files {
        let streams = headers(text).filter(|header| header.contains(" Stream for "));
        found.extend(streams.map(|header| format!("{}::next", implementor(header))));
        for sink in headers(text).filter(|header| header.contains(" Sink<")) {
            let waits = ["send", "flush", "close"];
            found.extend(waits.map(|waits| format!("{}::{waits}", implementor(sink))));
        }

        let mut owner = "";
        for (start, line) in lines(text) {
            let indented = line.starts_with(' ');
            if !indented && (line.starts_with("impl") || line.starts_with("pub trait")) {
                owner = implementor(line);
            }
            let line = line.trim_start();
            let is_of_trait = indented && owner_is_trait(text, owner);
            let Some(public) = line.strip_prefix("pub ").or(is_of_trait.then_some(line)) else {
                continue;
            };
            let Some(after) = public
                .strip_prefix("async fn ")
                .or(public.strip_prefix("fn "))
            else {
                continue;
            };
            let name = words(after).next().expect("a function has a name");
            let signature = &text[start..];
            let signature = &signature[..signature.find(['{', ';']).unwrap_or(signature.len())];
            let gives = result_of(signature);
            let waits = public.starts_with("async")
                || gives.contains("impl Future")
                || gives.contains("impl Stream")
                || words(gives).any(|word| futures.contains(word));
            if waits {
                found.insert(format!("{owner}::{name}"));
            }
        }
    }
    found
}

fn owner_is_trait(text: &str, owner: &str) -> bool {
    text.contains(&format!("\npub trait {owner}"))
}

/// The lines, each with where it starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |start, line| {
        let here = *start;
        *start += line.len() + 1;
        Some((here, line))
    })
}

fn headers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("impl"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}

/// `Type` of `impl<…> Type<…>`, `impl<…> Trait<…> for Type<…>` or `pub trait Type: …`.
fn implementor(header: &str) -> &str {
    let mut rest = header.split(" for ").last().unwrap_or(header);
    if let Some(plain) = rest.strip_prefix("impl<") {
        let (mut depth, mut before) = (1, ' ');
        let end = plain.find(|c| {
            let is_arrow = before == '-';
            before = c;
            depth += i32::from(c == '<') - i32::from(c == '>' && !is_arrow);
            depth == 0
        });
        rest = &plain[end.map_or(0, |end| end + 1)..];
    }
    let mut names = words(rest).filter(|word| !["impl", "pub", "trait"].contains(word));
    names.next().unwrap_or_default()
}

/// What comes after the arrow of a function: not that of a closure among its parameters.
fn result_of(signature: &str) -> &str {
    let mut depth = 0;
    let mut parameters_have_ended = false;
    for (at, c) in signature.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                parameters_have_ended |= depth == 0;
            }
            '-' if parameters_have_ended && depth == 0 && signature[at..].starts_with("->") => {
                return signature[at..].split("where").next().unwrap_or_default();
            }
            _ => {}
        }
    }
    ""
}

#[test]
fn the_reader_of_the_sources_can_read() {
    let file = r"
use crate::future::{Notify, Flush as _};
impl<E: Fn() -> Vec<u8>> Manager<E> {
    pub fn notify(&self, event: E) -> Notify<'_, E> {
    pub fn count(&self, f: impl Fn() -> Notify<'_, E>) -> usize {
    pub(crate) async fn inner(&self) {
    fn private(&self) -> Notify<'_, E> {
    pub async fn asked<F>(&self, f: F) -> u8
    where
        F: FnOnce() -> u8,
    {
    pub fn later<F>(
        &self,
        f: F,
    ) -> impl Future<Output = u8> + use<E>
    {
}
impl<S: Stream<Item = u8>> Stream for Batches<S> {
}
impl<E> Future for Named<E> {
}
pub trait Ext: Sized {
    fn named(self) -> Named<Self> {
    fn other(self) -> u8;
}
impl<E> Sink<E> for Drain<E> {
}

macro_rules! late {
    ($($name:ident $result:ty;)+) => {$(
        impl<E> $name<E> {
            pub fn late(self) -> Late<$name<E>> {
        }

        impl<E> Future for Late<$name<E>> {
        }
    )+};
}

late! {
    Slow u8;
    Slower u8;
}
";
    let found = functions_that_wait(&[expanded(file)]);
    let all = [
        "Batches::next",
        "Drain::close",
        "Drain::flush",
        "Drain::send",
        "Ext::named",
        "Manager::asked",
        "Manager::later",
        "Manager::notify",
        "Slow::late",
        "Slower::late",
    ];
    assert_eq!(found, all.map(str::to_owned).into());
}
