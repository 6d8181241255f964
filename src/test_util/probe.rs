//! A recorder of items.

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

/// A recorder of the items of a handler or a stream, in order. A probe is cheap to clone; all
/// clones share one record.
///
/// A probe records
/// - as a handler (feature `rt`): `manager.add_handler("probe", probe.clone())`;
/// - the items of a stream, with [`follow`](Self::follow);
/// - the items passed to [`record`](Self::record), for use in closures, and where events are not
///   `Clone` or only a part of each event matters.
///
/// The recorded items can be copied ([`seen`](Self::seen)), drained ([`drain`](Self::drain)), or
/// awaited one at a time: a probe is itself a stream of all untaken items, for
/// [`assert_next!`](super::assert_next). The stream never ends.
///
/// A probe records each event before its acknowledgement, so once `sync_notify` has returned the
/// receipt, the event is in the record.
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
/// assert!((&mut reading).now_or_never().is_none(), "the stream has not ended");
/// assert_eq!(probe.seen(), [3]);
/// ```
pub struct Probe<T> {
    inner: Arc<Mutex<Inner<T>>>,
    /// The key of this clone's waker in `wakers`, once this clone has waited.
    waiter_id: Option<u64>,
}

struct Inner<T> {
    /// Shared, so `T::clone` runs without the lock.
    items: VecDeque<Arc<T>>,
    /// The waker of each waiting clone: the waker of its last poll, until the clone is dropped.
    wakers: BTreeMap<u64, Waker>,
    /// The last assigned `waiter_id`.
    last_waiter_id: u64,
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        panic_guard::drop_all_caught(std::mem::take(&mut self.items));
    }
}

impl<T> Probe<T> {
    /// Creates a probe without items.
    pub fn new() -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            wakers: BTreeMap::new(),
            last_waiter_id: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            waiter_id: None,
        }
    }

    /// Records `item`, and wakes the waiting tasks.
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
            let mut inner = self.inner.lock();
            inner.items.push_back(item);
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_values().for_each(panic_guard::wake);
    }

    /// Returns a future that reads `stream` to its end and records each item. Spawn or poll the
    /// future.
    ///
    /// The future polls for the next event at once, so each event is acknowledged when recorded.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream; the recorded items stay.
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

    /// Asserts that at least `n` items are recorded and not taken. Takes no items. Await the
    /// assertion, or check once with `now()`.
    ///
    /// # Panics
    /// Panics when awaited or checked, if fewer items are recorded when time is up: after 100 ms or
    /// the time set with [`within`](Assertion::within).
    ///
    /// # Cancel safety
    /// Dropping the assertion changes nothing.
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

    /// Calls `find` on the items. If `find` returns `None`, stores the waker of `cx` in place of
    /// this clone's former waker, under the same lock: an item recorded in between would wake no
    /// task.
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        find: impl FnOnce(&mut VecDeque<Arc<T>>) -> Option<R>,
    ) -> Poll<R> {
        let waker = cx.waker().clone();
        let mut inner = self.inner.lock();
        let found = find(&mut inner.items);
        let former = if found.is_some() {
            let id = self.waiter_id.as_ref();
            id.and_then(|id| inner.wakers.remove(id))
        } else {
            let id = *self.waiter_id.get_or_insert_with(|| {
                inner.last_waiter_id += 1;
                inner.last_waiter_id
            });
            inner.wakers.insert(id, waker)
        };
        drop(inner);
        panic_guard::drop_caught(former);
        found.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Removes this clone's waker, which would otherwise keep the task alive.
impl<T> Drop for Probe<T> {
    fn drop(&mut self) {
        if let Some(id) = self.waiter_id {
            let waker = self.inner.lock().wakers.remove(&id);
            panic_guard::drop_caught(waker);
        }
    }
}

impl<T: Clone> Probe<T> {
    /// Returns clones of the untaken items, oldest first.
    ///
    /// # Examples
    /// ```
    /// use genevent::test_util::Probe;
    ///
    /// let probe = Probe::new();
    /// probe.record("tea");
    /// assert_eq!(probe.seen(), ["tea"]);
    /// assert_eq!(probe.seen(), ["tea"], "the item stays");
    /// ```
    pub fn seen(&self) -> Vec<T> {
        let items = self.inner.lock().items.clone();
        take_out(items)
    }

    /// Takes and returns all items, oldest first.
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
        let items = std::mem::take(&mut self.inner.lock().items);
        take_out(items)
    }
}

/// Unwraps or clones each item. The items are guarded individually: if a `Clone` panics, unwinding
/// drops the remaining items, and a second panic would abort the process.
fn take_out<T: Clone>(items: VecDeque<Arc<T>>) -> Vec<T> {
    let mut items: VecDeque<_> = items.into_iter().map(Guarded::new).collect();
    let mut out = GuardedVec::new();
    while let Some(item) = items.pop_front() {
        out.push(match Arc::try_unwrap(item.into_inner()) {
            Ok(item) => item,
            Err(shared) => T::clone(&Guarded::new(shared)),
        });
    }
    out.into_vec()
}

/// Takes the oldest item; pending while there is none.
impl<T: Clone> Stream for Probe<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        (self.get_mut().poll(cx, VecDeque::pop_front)).map(|item| Some(Arc::unwrap_or_clone(item)))
    }
}

/// Records each event, and never stops.
#[cfg(feature = "rt")]
impl<E: Clone + Send + Sync + 'static> crate::Handler<E> for Probe<E> {
    async fn handle_event(&mut self, event: &E) -> crate::Handled {
        self.record(event.clone());
        Ok(ControlFlow::Continue(()))
    }
}

impl<T> Clone for Probe<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            waiter_id: None,
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
        let items = self.inner.lock().items.len();
        f.debug_struct("Probe")
            .field("items", &items)
            .finish_non_exhaustive()
    }
}

/// The check of [`Probe::wait_for`], for the type of its [`Assertion`].
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

    fn poll_check(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let n = self.n;
        let find = |items: &mut VecDeque<_>| (items.len() >= n).then_some(Ok(()));
        self.probe.poll(cx, find)
    }

    fn timed_out(&mut self) -> Result<(), String> {
        let (n, len) = (self.n, self.probe.inner.lock().items.len());
        Err(format!(" expected: {n} items\n     came: {len}"))
    }

    fn fail(&self, message: &str) -> ! {
        let Self { n, caller, .. } = self;
        panic!("wait_for({n}) at {caller}{message}")
    }
}
