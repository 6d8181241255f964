//! Restarts: how often a failed handler is made again, and by which factory.

use std::any::Any;
use std::collections::VecDeque;
use std::time::Duration;

use super::Handler;
use super::dyn_handler::DynHandler;
use super::user_value::UserValue;
use crate::util::clock::Instant;

/// How often a panicking handler is restarted: for
/// [`HandlerOptions::restart`](crate::HandlerOptions::restart). An error that a handler returns does not
/// restart the handler.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent::Restart;
///
/// let patient = Restart::on_failure(3, Duration::from_secs(60));
/// assert_ne!(patient, Restart::never());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Restart {
    max: usize,
    within: Duration,
}

impl Restart {
    /// Returns a policy without restarts: the first panic ends the handler.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::Restart;
    ///
    /// assert_eq!(Restart::never(), Restart::on_failure(0, Duration::ZERO));
    /// ```
    #[must_use]
    pub fn never() -> Self {
        Self::on_failure(0, Duration::ZERO)
    }

    /// Returns a policy of at most `max` restarts within any period of length `within`. One more
    /// panic in the same period ends the handler.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, HandlerOptions, Restart, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let broken = || handler_fn(|n: &u8| assert!(*n > 9, "broken"));
    /// let twice = Restart::on_failure(2, Duration::from_secs(60));
    /// let broken = manager
    ///     .add_handler_with(HandlerOptions::new("broken").restart(twice), broken)
    ///     .unwrap();
    /// for n in 1..=2 {
    ///     manager.sync_notify(n).await.unwrap();
    /// }
    /// assert_eq!(manager.which_handlers(), ["broken"], "restarted twice");
    /// manager.sync_notify(3).await.unwrap();
    /// assert_eq!(broken.stopped().await, StopReason::Panicked("broken".into()));
    /// # }
    /// ```
    #[must_use]
    pub fn on_failure(max: usize, within: Duration) -> Self {
        Self { max, within }
    }
}

/// A factory of handlers of any type.
pub(super) trait AnyFactory<E>: Send {
    fn make(&mut self) -> Box<dyn DynHandler<E>>;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<E: Sync, H: Handler<E>, F: FnMut() -> H + Send + 'static> AnyFactory<E> for F {
    fn make(&mut self) -> Box<dyn DynHandler<E>> {
        Box::new(self())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The factory of a handler, and the restarts so far.
///
/// # Invariants
/// 1. `restarts` holds at most `restart.max` times, oldest first. Each panic removes the times before the
///    period: the memory is that of the panics within a period, also if `max` is large.
pub(super) struct RestartState<E> {
    factory: UserValue<Box<dyn AnyFactory<E>>>,
    restart: Restart,
    restarts: VecDeque<Instant>,
}

impl<E> RestartState<E> {
    pub(super) fn new(factory: UserValue<Box<dyn AnyFactory<E>>>, restart: Restart) -> Self {
        Self {
            factory,
            restart,
            restarts: VecDeque::new(),
        }
    }

    /// Returns whether one more restart is allowed, and counts the restart.
    pub(super) fn allow(&mut self) -> bool {
        let Restart { max, within } = self.restart;
        if max == 0 {
            return false;
        }
        let now = Instant::now();
        let is_over = |then: &Instant| now.duration_since(*then) > within;
        while self.restarts.front().is_some_and(is_over) {
            self.restarts.pop_front();
        }
        if self.restarts.len() == max {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    /// Calls the factory.
    pub(super) fn make(&mut self) -> Box<dyn DynHandler<E>> {
        self.factory.make()
    }

    pub(super) fn into_factory_and_restart(self) -> (Box<dyn AnyFactory<E>>, Restart) {
        (self.factory.take(), self.restart)
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::handler::handler_fn;
    use crate::subscriber_id::SubscriberId;

    #[tokio::test(start_paused = true)]
    async fn restarts_out_of_the_period_are_forgotten() {
        let id = SubscriberId {
            manager: 0,
            number: 0,
        };
        let factory = || handler_fn(|_: &u32| ());
        let factory: Box<dyn AnyFactory<u32>> = Box::new(factory);
        let often = Restart::on_failure(usize::MAX, Duration::from_secs(10));
        let mut state = RestartState::new(UserValue::new(factory, id), often);
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(6)).await;
            assert!(state.allow());
        }
        assert_eq!(state.restarts.len(), 2);
    }
}
