//! What was seen, in order.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
#[cfg(feature = "rt")]
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::assertion::{Assertion, Check, sealed};
use crate::util::panic_guard::{self, Guarded, GuardedVec};
use crate::util::sync::{Arc, Mutex};

/// Records what a handler or a stream sees, in order, to be asked at any time. Cheap to clone; all
/// clones are the same probe.
///
/// It records
/// - as a handler (feature `rt`): `manager.add_handler("probe", probe.clone())`;
/// - what a stream yields: [`follow`](Self::follow);
/// - what it is told, [`record`](Self::record): from a closure, and where events are not `Clone`
///   or only a part of them matters.
///
/// What it has recorded can be looked at ([`seen`](Self::seen)), drained ([`drain`](Self::drain)), or
/// awaited one by one: a probe is itself a stream, of all that was not taken, for
/// [`assert_next!`](super::assert_next). That stream does not end.
///
/// An event is recorded before it is acknowledged, so what `sync_notify` has a receipt for is
/// there.
///
/// # Examples
/// ```
/// use genevent::EventManager;
/// use genevent::test_util::{Probe, assert_next, assert_no_event};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let mut probe = Probe::new();
/// manager.add_handler("probe", probe.clone()).unwrap();
///
/// manager.notify("tea").await.unwrap();
/// assert_next!(probe, "tea").await;
/// assert_no_event!(probe).await;
///
/// manager.notify("coffee").await.unwrap();
/// manager.sync_notify("bill").await.unwrap();
/// assert_eq!(probe.drain(), ["coffee", "bill"]);
/// # }
/// ```
///
/// From a closure, and without a runtime:
///
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::EventManager;
/// use genevent::test_util::Probe;
///
/// let manager = EventManager::new(8);
/// let orders = manager.subscribe().map(str::len);
/// let probe = Probe::new();
/// let mut reading = probe.follow(orders).boxed();
/// manager.try_notify("tea").unwrap();
/// assert!((&mut reading).now_or_never().is_none(), "there may be more");
/// assert_eq!(probe.seen(), [3]);
/// ```
pub struct Probe<T> {
    notes: Arc<Mutex<Inner<T>>>,
    /// Names this clone's waker in `wakers`, once it has waited.
    waiter: Option<u64>,
}

struct Inner<T> {
    /// Shared, so that they are cloned without the lock.
    items: VecDeque<Arc<T>>,
    /// The waker of each clone that waits: the one of its last poll, until the clone is dropped.
    wakers: BTreeMap<u64, Waker>,
    /// How many clones have waited so far.
    waiters: u64,
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        panic_guard::drop_all_caught(std::mem::take(&mut self.items));
    }
}

impl<T> Probe<T> {
    /// A probe that has seen nothing.
    pub fn new() -> Self {
        let notes = Inner {
            items: VecDeque::new(),
            wakers: BTreeMap::new(),
            waiters: 0,
        };
        Self {
            notes: Arc::new(Mutex::new(notes)),
            waiter: None,
        }
    }

    /// Records `item`, and wakes who waits for it.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let probe = Probe::new();
    /// let lengths = probe.clone();
    /// let handler = handler_fn(move |order: &String| lengths.record(order.len()));
    /// manager.add_handler("lengths", handler).unwrap();
    /// manager.sync_notify("tea".to_owned()).await.unwrap();
    /// assert_eq!(probe.seen(), [3]);
    /// # }
    /// ```
    pub fn record(&self, item: T) {
        let item = Arc::new(item);
        let wakers = {
            let mut notes = self.notes.lock();
            notes.items.push_back(item);
            std::mem::take(&mut notes.wakers)
        };
        wakers.into_values().for_each(panic_guard::wake);
    }

    /// Reads `stream` to its end, and records what it yields: a future, for a task or to be polled.
    ///
    /// It comes back for the next event at once, so each is acknowledged when it is recorded.
    ///
    /// # Cancel safety
    /// Dropping it drops the stream; what was recorded stays.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let probe = Probe::new();
    /// tokio::spawn(probe.follow(manager.subscribe()));
    /// manager.notify("tea").await.unwrap();
    /// manager.stop().await.unwrap();
    /// assert_eq!(probe.seen(), ["tea"]);
    /// # }
    /// ```
    pub fn follow<S>(&self, stream: S) -> impl Future<Output = ()> + use<T, S>
    where
        S: Stream<Item = T>,
    {
        let probe = self.clone();
        async move {
            let mut stream = pin!(stream);
            while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                probe.record(item);
            }
        }
    }

    /// Asserts that `n` items or more are recorded that were not taken: to be awaited, or asked
    /// with `now()`. It takes none.
    ///
    /// # Panics
    /// When it is awaited or asked: if there are fewer when time is up, after 100 ms or what
    /// [`within`](Assertion::within) says.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    /// use genevent::test_util::Probe;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let probe = Probe::new();
    /// manager.add_handler("probe", probe.clone()).unwrap();
    /// for order in ["tea", "coffee"] {
    ///     manager.notify(order).await.unwrap();
    /// }
    /// probe.wait_for(2).await;
    /// assert_eq!(probe.seen(), ["tea", "coffee"]);
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_for(&self, n: usize) -> Assertion<WaitFor<T>> {
        Assertion::new(WaitFor {
            probe: self.clone(),
            n,
            caller: Location::caller(),
        })
    }

    /// Leaves the waker of `cx`, in place of this clone's former one, if what `look` finds is not
    /// there.
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut VecDeque<Arc<T>>) -> Option<R>,
    ) -> Poll<R> {
        let waker = cx.waker().clone();
        let mut notes = self.notes.lock();
        let found = look(&mut notes.items);
        let former = if found.is_some() {
            let waiter = self.waiter.as_ref();
            waiter.and_then(|waiter| notes.wakers.remove(waiter))
        } else {
            let waiter = *self.waiter.get_or_insert_with(|| {
                notes.waiters += 1;
                notes.waiters
            });
            notes.wakers.insert(waiter, waker)
        };
        drop(notes);
        panic_guard::drop_caught(former);
        found.map_or(Poll::Pending, Poll::Ready)
    }
}

/// The waker goes with the clone that waited: kept on, it would keep the task as well.
impl<T> Drop for Probe<T> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            let waker = self.notes.lock().wakers.remove(&waiter);
            panic_guard::drop_caught(waker);
        }
    }
}

impl<T: Clone> Probe<T> {
    /// What was recorded and not taken yet, oldest first.
    ///
    /// # Examples
    /// ```
    /// use genevent::test_util::Probe;
    ///
    /// let probe = Probe::new();
    /// probe.record("tea");
    /// assert_eq!(probe.seen(), ["tea"]);
    /// assert_eq!(probe.seen(), ["tea"], "it stays");
    /// ```
    pub fn seen(&self) -> Vec<T> {
        let items = self.notes.lock().items.clone();
        take_out(items)
    }

    /// As [`seen`](Self::seen), and takes it all.
    ///
    /// # Examples
    /// ```
    /// use genevent::test_util::Probe;
    ///
    /// let probe = Probe::new();
    /// probe.record("tea");
    /// assert_eq!(probe.drain(), ["tea"]);
    /// assert!(probe.drain().is_empty());
    /// ```
    pub fn drain(&self) -> Vec<T> {
        let items = std::mem::take(&mut self.notes.lock().items);
        take_out(items)
    }
}

/// Shielded one by one: if a `Clone` panics on the way, what is dropped with it may panic as well.
fn take_out<T: Clone>(items: VecDeque<Arc<T>>) -> Vec<T> {
    let mut items: VecDeque<_> = items.into_iter().map(Guarded::new).collect();
    let mut all = GuardedVec::new();
    while let Some(item) = items.pop_front() {
        all.push(match Arc::try_unwrap(item.into_inner()) {
            Ok(item) => item,
            Err(shared) => T::clone(&Guarded::new(shared)),
        });
    }
    all.into_vec()
}

/// Takes the oldest; pending while there is none.
impl<T: Clone> Stream for Probe<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        (self.get_mut().poll(cx, VecDeque::pop_front)).map(|item| Some(Arc::unwrap_or_clone(item)))
    }
}

/// A handler that goes on for ever.
#[cfg(feature = "rt")]
impl<E: Clone + Send + Sync + 'static> crate::Handler<E> for Probe<E> {
    async fn handle_event(&mut self, event: &E) -> ControlFlow<()> {
        self.record(event.clone());
        ControlFlow::Continue(())
    }
}

impl<T> Clone for Probe<T> {
    fn clone(&self) -> Self {
        Self {
            notes: Arc::clone(&self.notes),
            waiter: None,
        }
    }
}

impl<T> Default for Probe<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.notes.lock().items.len();
        f.debug_struct("Probe")
            .field("items", &items)
            .finish_non_exhaustive()
    }
}

/// The question of [`Probe::wait_for`], for the type of its [`Assertion`].
///
/// # Examples
/// ```
/// use genevent::test_util::{Assertion, Probe, WaitFor};
///
/// let probe = Probe::new();
/// probe.record("tea");
/// let one: Assertion<WaitFor<&str>> = probe.wait_for(1);
/// one.now();
/// ```
pub struct WaitFor<T> {
    probe: Probe<T>,
    n: usize,
    caller: &'static Location<'static>,
}

impl<T> fmt::Debug for WaitFor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for WaitFor<T> {}

impl<T> Check for WaitFor<T> {
    type Output = ();

    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let n = self.n;
        let found = |items: &mut VecDeque<_>| (items.len() >= n).then_some(Ok(()));
        self.probe.poll(cx, found)
    }

    fn late(&mut self) -> Result<(), String> {
        let (n, there) = (self.n, self.probe.notes.lock().items.len());
        Err(format!(" expected: {n} items\n     came: {there}"))
    }

    fn fail(&self, told: &str) -> ! {
        let Self { n, caller, .. } = self;
        panic!("wait_for({n}) at {caller}{told}")
    }
}
