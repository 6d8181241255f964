//! The assertion: a future with repeated checks, up to a time limit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::Duration;

use crate::util::timer::Deadline;

/// The time limit of `assert_receive` in `ExUnit`.
const DEFAULT_LIMIT: Duration = Duration::from_millis(100);

/// The check of an [`Assertion`]. Only this module implements the trait.
///
/// The trait serves in the return types of functions that return assertions.
///
/// # Examples
/// ```
/// use genevent::Subscription;
/// use genevent::test_util::{Assertion, Check, assert_next};
///
/// fn begins<'a>(orders: &'a mut Subscription<u32>) -> Assertion<impl Check<Output = u32> + 'a> {
///     assert_next!(orders, 1)
/// }
///
/// let manager = genevent::EventManager::new(8);
/// let mut orders = manager.subscribe();
/// manager.try_notify(1).unwrap();
/// assert_eq!(begins(&mut orders).now(), 1);
/// ```
pub trait Check: sealed::Sealed {
    /// The result of a successful check.
    type Output;

    /// Checks once. `Err` describes the expected item and the actual item.
    #[doc(hidden)]
    fn poll_check(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Output, String>>;

    /// Decides when time is up and the last check was pending.
    #[doc(hidden)]
    fn timed_out(&mut self) -> Result<Self::Output, String>;

    /// Panics with `message`, at the line of the assertion.
    #[doc(hidden)]
    fn fail(&self, message: &str) -> !;
}

pub(super) mod sealed {
    #[expect(unnameable_types, reason = "only the macros and `Probe` create checks")]
    pub trait Sealed {}
}

/// An assertion about a stream or a probe, made by the [macros](super) and by
/// [`Probe::wait_for`](super::Probe::wait_for). Either await the assertion, or check once with
/// [`now`](Self::now).
///
/// An awaited assertion waits for at most 100 ms, counted from the first poll. When time is up, the
/// assertion checks once more, so an item counts as in time even if its arrival woke no task.
///
/// # Panics
/// Panics if the assertion does not hold, with the expected item and the actual item. Panics if the
/// assertion is dropped without having been polled, because the test would assert nothing.
///
/// # Cancel safety
/// An assertion dropped before completion has taken nothing from the stream.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent::EventManager;
/// use genevent::test_util::{assert_next, assert_no_event};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe();
/// tokio::spawn(async move {
///     tokio::time::sleep(Duration::from_secs(1)).await;
///     manager.notify("tea").await
/// });
///
/// assert_no_event!(orders).now();
/// assert_no_event!(orders).await;
/// let order = assert_next!(orders).within(Duration::from_secs(1)).await;
/// assert_eq!(order, "tea");
/// # }
/// ```
#[must_use = "an assertion asserts nothing until awaited, or checked with `now()`"]
pub struct Assertion<C: Check> {
    check: C,
    limit: Duration,
    deadline: Option<Deadline>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unpolled,
    Polled,
    Finished,
}

impl<C: Check> Assertion<C> {
    pub(super) fn new(check: C) -> Self {
        Self {
            check,
            limit: DEFAULT_LIMIT,
            deadline: None,
            progress: Progress::Unpolled,
        }
    }

    /// Sets the time limit in place of 100 ms. With a limit of zero, the assertion checks once.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    /// use genevent::test_util::assert_next;
    ///
    /// let manager = EventManager::new(8);
    /// let mut orders = manager.subscribe();
    /// let kitchen = std::thread::spawn(move || block_on(manager.notify("tea")));
    /// let order = block_on(assert_next!(orders).within(Duration::from_secs(60)));
    /// assert_eq!(order, "tea");
    /// # kitchen.join().unwrap().unwrap();
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Checks once, without waiting.
    ///
    /// # Panics
    /// Panics if the assertion does not hold.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    /// use genevent::test_util::{assert_next, assert_no_event};
    ///
    /// let manager = EventManager::new(8);
    /// let mut orders = manager.subscribe();
    /// manager.try_notify("tea").unwrap();
    /// assert_eq!(assert_next!(orders).now(), "tea");
    /// assert_no_event!(orders).now();
    /// ```
    ///
    /// ```should_panic
    /// # use genevent::EventManager;
    /// # use genevent::test_util::assert_next;
    /// let manager = EventManager::<u8>::new(8);
    /// let mut orders = manager.subscribe();
    /// assert_next!(orders, 1).now(); // the stream has no item
    /// ```
    pub fn now(mut self) -> C::Output {
        self.limit = Duration::ZERO;
        self.final_check(&mut Context::from_waker(Waker::noop()))
    }

    fn final_check(&mut self, cx: &mut Context<'_>) -> C::Output {
        self.progress = Progress::Polled;
        let result = match without_budget(|cx| self.check.poll_check(cx), cx) {
            Poll::Ready(result) => result,
            Poll::Pending => self.check.timed_out(),
        };
        self.finish(result)
    }

    fn finish(&mut self, result: Result<C::Output, String>) -> C::Output {
        self.progress = Progress::Finished;
        result.unwrap_or_else(|mismatch| {
            let limit = self.limit;
            self.check
                .fail(&format!("\n{mismatch}\n   within: {limit:?}"))
        })
    }
}

/// Runs `check` regardless of the task's coop budget: with an exhausted budget, a stream is pending
/// although an item is available.
fn without_budget<T>(
    mut check: impl FnMut(&mut Context<'_>) -> Poll<T>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let checking = std::future::poll_fn(|cx| Poll::Ready(check(cx)));
    let checking = std::pin::pin!(tokio::task::unconstrained(checking));
    match checking.poll(cx) {
        Poll::Ready(result) => result,
        Poll::Pending => Poll::Pending,
    }
}

/// No field is structurally pinned: a timer pins its parts in a box.
impl<C: Check> Unpin for Assertion<C> {}

impl<C: Check> Future for Assertion<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = self.get_mut();
        assert!(
            this.progress != Progress::Finished,
            "an assertion must not be polled after completion"
        );
        this.progress = Progress::Polled;
        if !this.limit.is_zero() {
            if let Poll::Ready(result) = this.check.poll_check(cx) {
                return Poll::Ready(this.finish(result));
            }
            let limit = this.limit;
            let deadline = this.deadline.get_or_insert_with(|| Deadline::after(limit));
            ready!(deadline.poll(cx));
        }
        Poll::Ready(this.final_check(cx))
    }
}

impl<C: Check> Drop for Assertion<C> {
    fn drop(&mut self) {
        if self.progress == Progress::Unpolled && !thread::panicking() {
            let message = " asserts nothing: neither awaited nor checked with `now()`";
            self.check.fail(message);
        }
    }
}

impl<C: Check> fmt::Debug for Assertion<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("limit", &self.limit)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
