//! What is looked for, and for how long.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::Duration;

use super::timer::Timer;

/// As `assert_receive` of `ExUnit`.
const LIMIT: Duration = Duration::from_millis(100);

/// A question that an [`Assertion`] asks. Only this module implements it.
///
/// For the type of a function that returns an assertion.
///
/// # Examples
/// ```
/// use genevent::Subscription;
/// use genevent::test_util::{Assertion, Look, assert_next};
///
/// fn begins<'a>(orders: &'a mut Subscription<u32>) -> Assertion<impl Look<Output = u32> + 'a> {
///     assert_next!(orders, 1)
/// }
///
/// let manager = genevent::EventManager::new(8);
/// let mut orders = manager.subscribe();
/// manager.try_notify(1).unwrap();
/// assert_eq!(begins(&mut orders).now(), 1);
/// ```
pub trait Check: sealed::Sealed {
    /// The answer.
    type Output;

    /// `Err` tells what was expected, and what came instead.
    #[doc(hidden)]
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Output, String>>;

    /// The same when time is up and the last look was pending.
    #[doc(hidden)]
    fn late(&mut self) -> Result<Self::Output, String>;

    #[doc(hidden)]
    fn fail(&self, told: &str) -> !;
}

pub(super) mod sealed {
    #[expect(unnameable_types, reason = "the macros make the questions")]
    pub trait Sealed {}
}

/// An assertion about what comes, made by the [macros](super) and by
/// [`Probe::wait_for`](super::Probe::wait_for): await it, or ask it [`now`](Self::now).
///
/// Awaited, it waits for at most 100 ms, counted from the first poll. When time is up it looks
/// once more: what is there then has come in time, even if it woke nobody.
///
/// # Panics
/// If it does not hold, with what was expected and what came. Inside of a tokio runtime that was
/// built without its clock, if it has to wait. Also when it is dropped without having been polled,
/// as nothing was asserted then.
///
/// # Cancel safety
/// Dropped before it is ready, it has taken nothing from the stream.
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
#[must_use = "nothing is asserted until it is awaited, or asked with `now()`"]
pub struct Assertion<L: Check> {
    look: L,
    limit: Duration,
    alarm: Option<Timer>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unasked,
    StreamCheck,
    Answered,
}

impl<L: Check> Assertion<L> {
    pub(super) fn new(look: L) -> Self {
        Self {
            look,
            limit: LIMIT,
            alarm: None,
            progress: Progress::Unasked,
        }
    }

    /// The same, with `limit` in place of 100 ms. With none at all, it looks once.
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

    /// Looks once, and does not wait: what is there, is.
    ///
    /// # Panics
    /// If the assertion does not hold.
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
    /// assert_next!(orders, 1).now(); // there is nothing
    /// ```
    pub fn now(mut self) -> L::Output {
        self.limit = Duration::ZERO;
        self.final_check(&mut Context::from_waker(Waker::noop()))
    }

    fn final_check(&mut self, cx: &mut Context<'_>) -> L::Output {
        self.progress = Progress::StreamCheck;
        let result = match uncooped(|cx| self.look.look(cx), cx) {
            Poll::Ready(result) => result,
            Poll::Pending => self.look.late(),
        };
        self.judge(result)
    }

    fn judge(&mut self, result: Result<L::Output, String>) -> L::Output {
        self.progress = Progress::Answered;
        result.unwrap_or_else(|told| {
            let limit = self.limit;
            self.look.fail(&format!("\n{told}\n   within: {limit:?}"))
        })
    }
}

/// Runs `look` whatever is left of the task's budget.
#[cfg(feature = "rt")]
fn uncooped<T>(mut look: impl FnMut(&mut Context<'_>) -> Poll<T>, cx: &mut Context<'_>) -> Poll<T> {
    let looking = std::future::poll_fn(|cx| Poll::Ready(look(cx)));
    let looking = std::pin::pin!(tokio::task::unconstrained(looking));
    match looking.poll(cx) {
        Poll::Ready(looked) => looked,
        Poll::Pending => Poll::Pending,
    }
}

#[cfg(not(feature = "rt"))]
fn uncooped<T>(look: impl FnOnce(&mut Context<'_>) -> Poll<T>, cx: &mut Context<'_>) -> Poll<T> {
    look(cx)
}

/// Nothing in it is pinned, but for what has its own box.
impl<L: Check> Unpin for Assertion<L> {}

impl<L: Check> Future for Assertion<L> {
    type Output = L::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Output> {
        let this = self.get_mut();
        assert!(
            this.progress != Progress::Answered,
            "an assertion was polled again after it was ready"
        );
        this.progress = Progress::StreamCheck;
        if !this.limit.is_zero() {
            if let Poll::Ready(result) = this.look.look(cx) {
                return Poll::Ready(this.judge(result));
            }
            let limit = this.limit;
            ready!(
                this.alarm
                    .get_or_insert_with(|| Timer::after(limit))
                    .poll(cx)
            );
        }
        Poll::Ready(this.final_check(cx))
    }
}

impl<L: Check> Drop for Assertion<L> {
    fn drop(&mut self) {
        if self.progress == Progress::Unasked && !thread::panicking() {
            let told = " asserts nothing: it was neither awaited nor asked with `now()`";
            self.look.fail(told);
        }
    }
}

impl<L: Check> fmt::Debug for Assertion<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("limit", &self.limit)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
