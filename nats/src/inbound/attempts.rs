//! The futures of the messages under way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::FutureExt;
use futures_util::task::AtomicWaker;

/// Futures of which only the woken are polled, as those of `FuturesUnordered`. Places and their wakers
/// are used again for later futures, so a future needs no allocation; there stay as many places as
/// there were futures at once.
///
/// # Invariants
/// 1. `free` has each place without a future, once.
/// 2. A place is queued, in `due` or in `woken`, if and only if its `queued` is set, and then once.
/// 3. The place of a future that was not polled since it was added or woken is queued.
pub(super) struct Attempts<F> {
    places: Vec<Place<F>>,
    free: Vec<usize>,
    /// The places to poll next.
    due: VecDeque<usize>,
    woken: Arc<Woken>,
}

struct Place<F> {
    future: Option<F>,
    signal: Arc<Signal>,
    /// Wakes `signal`.
    waker: Waker,
}

impl<F: Future + Unpin> Attempts<F> {
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            due: VecDeque::new(),
            woken: Arc::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Adds a future, to be polled by [`next`](Self::next) in the order of the calls.
    pub(super) fn push(&mut self, future: F) {
        let index = self.free.pop().unwrap_or_else(|| self.add_place());
        let place = &mut self.places[index];
        debug_assert!(place.future.is_none(), "invariant 1");
        place.future = Some(future);
        // A late wake-up of the place's last future may have queued the place.
        if !place.signal.queued.swap(true, Ordering::AcqRel) {
            self.due.push_back(index);
        }
    }

    fn add_place(&mut self) -> usize {
        let index = self.places.len();
        let signal = Arc::new(Signal {
            index,
            queued: AtomicBool::new(false),
            woken: Arc::clone(&self.woken),
        });
        self.places.push(Place {
            future: None,
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        });
        index
    }

    /// Waits for a future to end. `None`: there is no future.
    ///
    /// # Cancel safety
    /// Dropping the future loses no result.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(result) = self.poll_due() {
            return Poll::Ready(Some(result));
        }
        // Register before looking: a wake-up in between would be missed.
        self.woken.task.register(cx.waker());
        self.due.extend(self.woken.places().drain(..));
        // A future that its own poll has woken waits for the next turn, so that other tasks have theirs.
        self.poll_due()
            .map_or(Poll::Pending, |result| Poll::Ready(Some(result)))
    }

    /// Polls the futures that are due, up to the first that ends.
    fn poll_due(&mut self) -> Option<F::Output> {
        while let Some(index) = self.due.pop_front() {
            let place = &mut self.places[index];
            // Before the poll: a wake-up during the poll calls for another poll. Acquires what was done before
            // the wake-ups that found the place queued: the poll has to see it.
            place.signal.queued.swap(false, Ordering::AcqRel);
            let Some(future) = &mut place.future else {
                continue; // a late wake-up of an ended future
            };
            let mut cx = Context::from_waker(&place.waker);
            if let Poll::Ready(result) = future.poll_unpin(&mut cx) {
                place.future = None;
                self.free.push(index);
                return Some(result);
            }
        }
        None
    }
}

/// The places woken since the last look.
#[derive(Default)]
struct Woken {
    places: Mutex<Vec<usize>>,
    /// The task that polls the futures.
    task: AtomicWaker,
}

impl Woken {
    fn places(&self) -> MutexGuard<'_, Vec<usize>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues its place.
struct Signal {
    index: usize,
    queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let is_first = {
            let mut places = self.woken.places();
            places.push(self.index);
            places.len() == 1
        };
        // The first has woken the task for all.
        if is_first {
            self.woken.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::BoxFuture;
    use tokio::sync::oneshot;

    use super::*;

    /// Counts its wake-ups.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll<F: Future + Unpin>(
        attempts: &mut Attempts<F>,
        task: &Arc<Task>,
    ) -> Poll<Option<F::Output>> {
        attempts.poll_next(&mut Context::from_waker(&Waker::from(Arc::clone(task))))
    }

    #[test]
    fn futures_end_in_any_order_and_their_places_are_used_again() {
        let task = Arc::new(Task::default());
        let mut attempts = Attempts::new();
        assert_eq!(poll(&mut attempts, &task), Poll::Ready(None));
        for _ in 0..3 {
            let before = task.0.load(Ordering::Relaxed);
            let (mut senders, receivers): (Vec<_>, Vec<_>) =
                (0..3).map(|_| oneshot::channel()).unzip();
            for receiver in receivers {
                attempts.push(receiver);
            }
            assert!(poll(&mut attempts, &task).is_pending());
            // One wake-up for both.
            senders.remove(2).send(2).unwrap();
            senders.remove(0).send(0).unwrap();
            assert_eq!(task.0.load(Ordering::Relaxed), before + 1);
            assert_eq!(poll(&mut attempts, &task), Poll::Ready(Some(Ok(2))));
            assert_eq!(poll(&mut attempts, &task), Poll::Ready(Some(Ok(0))));
            drop(senders);
            assert!(matches!(
                poll(&mut attempts, &task),
                Poll::Ready(Some(Err(_)))
            ));
            assert!(attempts.is_empty());
            assert_eq!(attempts.places.len(), 3);
        }
    }

    #[test]
    fn a_wake_up_between_two_polls_is_seen_by_the_next_whoever_polled_last() {
        let task = Arc::new(Task::default());
        let mut attempts = Attempts::new();
        let (sender, receiver) = oneshot::channel();
        attempts.push(receiver);
        assert!(attempts.next().now_or_never().is_none());
        sender.send(()).unwrap();
        assert_eq!(poll(&mut attempts, &task), Poll::Ready(Some(Ok(()))));
    }

    #[test]
    fn a_late_wake_up_neither_ends_nor_hides_the_next_future_of_the_place() {
        let task = Arc::new(Task::default());
        let mut attempts = Attempts::<BoxFuture<'_, u32>>::new();
        let late = Arc::new(Mutex::new(None));
        let first = {
            let late = Arc::clone(&late);
            poll_fn(move |cx| {
                *late.lock().unwrap() = Some(cx.waker().clone());
                Poll::Ready(1)
            })
        };
        attempts.push(first.boxed());
        assert_eq!(poll(&mut attempts, &task), Poll::Ready(Some(1)));
        let late = late.lock().unwrap().take().unwrap();
        late.wake_by_ref();
        let (sender, receiver) = oneshot::channel();
        attempts.push(receiver.map(Result::unwrap).boxed());
        assert!(poll(&mut attempts, &task).is_pending());
        late.wake();
        assert!(poll(&mut attempts, &task).is_pending());
        sender.send(2).unwrap();
        assert_eq!(poll(&mut attempts, &task), Poll::Ready(Some(2)));
    }

    #[test]
    fn a_future_that_wakes_itself_lets_other_tasks_have_their_turn() {
        let task = Arc::new(Task::default());
        let mut attempts = Attempts::new();
        let restless = poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        attempts.push(restless.boxed());
        for turn in 1..=3 {
            assert!(poll(&mut attempts, &task).is_pending());
            assert_eq!(task.0.load(Ordering::Relaxed), turn);
        }
    }
}
