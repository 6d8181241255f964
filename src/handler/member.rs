//! One handler as its task sees it: of any type, with its life, its owner, and how it is revived.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use super::exit::NameRegistration;
use super::owner::Owner;
use super::user_value::UserValue;
use super::{Handler, StopReason};
use crate::util::clock::Instant;

pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Handler`] of whatever type.
pub(super) trait AnyHandler<E>: Any + Send {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>>;
    fn handle<'a>(&'a mut self, event: &'a E) -> Boxed<'a, ControlFlow<()>>;
    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> Boxed<'a, ()>;
    fn as_any(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

// Each call of the user's code is made in the first poll of its future, where a panic is caught.
impl<E: Sync, H: Handler<E>> AnyHandler<E> for H {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>> {
        Handler::handle_now(self, event)
    }

    fn handle<'a>(&'a mut self, event: &'a E) -> Boxed<'a, ControlFlow<()>> {
        Box::pin(async move { self.handle_event(event).await })
    }

    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> Boxed<'a, ()> {
        Box::pin(async move { Handler::terminate(self, reason).await })
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// One handler in its runner.
pub(super) struct Member<E> {
    pub(super) registration: NameRegistration,
    /// Taken when it was lost in a swap or a restart.
    pub(super) handler: Option<UserValue<Box<dyn AnyHandler<E>>>>,
    pub(super) owner: Option<Owner<E>>,
    pub(super) restart_state: Option<RestartState<E>>,
}

/// How often a handler that panics is made anew: for
/// [`add_handler_with`](crate::EventManager::add_handler_with).
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
    /// The first panic ends it.
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

    /// Up to `max` times within any stretch of time as long as `within`; one panic more ends it.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, Restart, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let broken = || handler_fn(|n: &u8| assert!(*n > 9, "broken"));
    /// let twice = Restart::on_failure(2, Duration::from_secs(60));
    /// let broken = manager.add_handler_with("broken", broken, twice).unwrap();
    /// for n in 1..=2 {
    ///     manager.sync_notify(n).await.unwrap();
    /// }
    /// assert_eq!(manager.which_handlers(), ["broken"], "made anew twice");
    /// manager.sync_notify(3).await.unwrap();
    /// assert_eq!(broken.stopped().await, StopReason::Panicked("broken".into()));
    /// # }
    /// ```
    #[must_use]
    pub fn on_failure(max: usize, within: Duration) -> Self {
        Self { max, within }
    }
}

/// A factory of whatever type.
pub(super) trait AnyFactory<E>: Send {
    fn make(&mut self) -> Box<dyn AnyHandler<E>>;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<E: Sync, H: Handler<E>, F: FnMut() -> H + Send + 'static> AnyFactory<E> for F {
    fn make(&mut self) -> Box<dyn AnyHandler<E>> {
        Box::new(self())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The means to make a handler anew.
pub(super) struct RestartState<E> {
    pub(super) factory: UserValue<Box<dyn AnyFactory<E>>>,
    pub(super) restart: Restart,
    /// When it was, within the last stretch, at most `max` times.
    pub(super) restarts: VecDeque<Instant>,
}

impl<E> RestartState<E> {
    /// Whether it may be done once more, which is then counted.
    pub(super) fn is_allowed(&mut self) -> bool {
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
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::handler::handler_fn;
    use crate::subscriber_id::SubscriberId;

    #[tokio::test(start_paused = true)]
    async fn what_is_long_ago_is_not_kept_however_often_it_may_be() {
        let id = SubscriberId {
            manager: 0,
            number: 0,
        };
        let factory = || handler_fn(|_: &u32| ());
        let factory: Box<dyn AnyFactory<u32>> = Box::new(factory);
        let mut revival = RestartState {
            factory: UserValue::new(factory, id),
            restart: Restart::on_failure(usize::MAX, Duration::from_secs(10)),
            restarts: VecDeque::new(),
        };
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(6)).await;
            assert!(revival.is_allowed());
        }
        assert_eq!(revival.restarts.len(), 2);
    }
}
