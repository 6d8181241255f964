//! Helpers shared by several cases.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::FutureExt;
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerRef, Receipt, StopReason};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

/// The records of handlers.
pub(crate) type Diary = Probe<String>;

/// Records every event, and its end. A fragile handler ends at event 0, and panics at event 13.
pub(crate) struct Scribe {
    pub(crate) name: &'static str,
    pub(crate) diary: Diary,
    pub(crate) seen: Vec<u32>,
    takes: Duration,
    fragile: bool,
}

impl Scribe {
    pub(crate) fn new(name: &'static str, diary: &Diary) -> Self {
        Self {
            name,
            diary: diary.clone(),
            seen: Vec::new(),
            takes: Duration::ZERO,
            fragile: false,
        }
    }

    pub(crate) fn fragile(name: &'static str, diary: &Diary) -> Self {
        Self {
            fragile: true,
            ..Self::new(name, diary)
        }
    }

    /// The same with another name.
    pub(crate) fn renamed(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Takes the given time for an event.
    pub(crate) fn slow(name: &'static str, diary: &Diary, millis: u64) -> Self {
        Self {
            takes: ms(millis),
            ..Self::new(name, diary)
        }
    }
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        work(self.takes).await;
        self.diary.record(format!("{} {n}", self.name));
        match n {
            0 if self.fragile => return Ok(ControlFlow::Break(())),
            13 if self.fragile => panic!("thirteen"),
            _ => self.seen.push(*n),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

pub(crate) fn add(
    manager: &EventManager<u32>,
    name: &'static str,
    diary: &Diary,
) -> HandlerRef<u32, Scribe> {
    manager.add_handler(name, Scribe::new(name, diary)).unwrap()
}

/// A task that reads a stream to its end, and takes this many milliseconds for each event.
pub(crate) fn reader(manager: &EventManager<u32>, millis: u64) -> JoinHandle<Vec<u32>> {
    let mut stream = manager.subscribe();
    tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(n) = stream.next().await {
            work(ms(millis)).await;
            read.push(n);
        }
        read
    })
}

/// The three ways to notify in `GenEvent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Async,
    Ack,
    Sync,
}

pub(crate) const MODES: [Mode; 3] = [Mode::Async, Mode::Ack, Mode::Sync];

pub(crate) async fn publish(manager: &EventManager<u32>, mode: Mode, n: u32) {
    drop(receipt(manager, mode, n).await);
}

/// The receipt of the event, in the modes that return a receipt.
pub(crate) async fn receipt(manager: &EventManager<u32>, mode: Mode, n: u32) -> Option<Receipt> {
    match mode {
        Mode::Async => {
            manager.notify(n).await.unwrap();
            None
        }
        Mode::Ack => Some(manager.ack_notify(n).await.unwrap()),
        Mode::Sync => Some(manager.sync_notify(n).await.unwrap()),
    }
}

async fn work(takes: Duration) {
    if takes.is_zero() {
        yield_now().await;
    } else {
        sleep(takes).await;
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns the duration in milliseconds of the (paused) clock, and the output.
pub(crate) async fn timed<F: Future>(future: F) -> (u128, F::Output) {
    let start = Instant::now();
    let output = future.await;
    (start.elapsed().as_millis(), output)
}

/// Runs the other tasks of this thread until they all wait.
pub(crate) async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Polls the future once and returns its output.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("the future does not wait")
}
