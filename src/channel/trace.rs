//! Feature `tracing`: events for the user's `tracing` subscriber. Without the feature, the functions
//! here do not exist, and `trace!` expands to nothing.
//!
//! In this module, *listener* means the `tracing` subscriber: user code, which may call back into the
//! manager and may panic. The listener is called without any lock, and under `catch_unwind`. The
//! machine, which runs under the lock, writes a [`Record`] into the effects instead. The user's events
//! are never formatted.
//!
//! Events that a listener causes on its thread while it is called are not emitted ([`listener`]): a
//! listener that publishes on each event would call itself until the stack overflows.

/// Calls a function of module `trace`. Without the feature, the arguments are not evaluated.
#[cfg(feature = "tracing")]
macro_rules! trace {
    ($what:ident($($argument:expr),+ $(,)?)) => {
        $crate::channel::trace::$what($($argument),+)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! trace {
    ($($anything:tt)*) => {};
}

/// Emits an event if its level is enabled.
#[cfg(feature = "tracing")]
macro_rules! emit {
    ($level:ident, $($fields:tt)+) => {
        if tracing::level_enabled!(tracing::Level::$level) {
            listener::call(|| {
                tracing::event!(target: "genevent", tracing::Level::$level, $($fields)+);
            });
        }
    };
}

#[cfg(feature = "tracing")]
pub(crate) use events::*;

#[cfg(feature = "tracing")]
mod listener {
    use std::cell::Cell;

    use crate::util::panic_guard::catch;

    thread_local! {
        /// True while the listener is called on this thread.
        static CALLED: Cell<bool> = const { Cell::new(false) };
    }

    /// Resets `CALLED` to its previous value when dropped, also by a panic.
    struct ResetCalled(bool);

    impl ResetCalled {
        fn set() -> Self {
            // The flag has no destructor, so it exists while other thread-locals are dropped.
            Self(CALLED.replace(true))
        }
    }

    impl Drop for ResetCalled {
        fn drop(&mut self) {
            CALLED.set(self.0);
        }
    }

    /// Calls the listener, catching panics, unless the same thread is in a call of the listener.
    /// Returns whether the listener was called.
    pub(super) fn call(code: impl FnOnce()) -> bool {
        let previous = ResetCalled::set();
        if !previous.0 {
            catch(code);
        }
        !previous.0
    }

    /// Calls the listener, catching panics, even inside of a call of the listener. For the end of a
    /// span: a listener that misses the end would keep the data of the span for ever.
    #[cfg(feature = "rt")]
    pub(super) fn call_always(code: impl FnOnce()) {
        let _previous = ResetCalled::set();
        catch(code);
    }
}

#[cfg(feature = "tracing")]
mod events {
    use std::fmt;

    use tracing::{Level, level_enabled};

    use super::listener;
    use crate::channel::subscriber::SubscriberState;
    use crate::end_reason::{DisconnectCause, EndReason};
    use crate::error::CLOSED;
    use crate::receipt::{Receipt, Stored};
    use crate::util::sync::Arc;

    /// Emits an event about a subscriber, as [`emit!`] does.
    macro_rules! emit_for {
        ($level:ident, $subscriber:expr, $($fields:tt)+) => {{
            let subscriber: &SubscriberState = $subscriber;
            emit!(
                $level,
                manager = subscriber.manager.as_deref(),
                subscriber = subscriber.id.number,
                name = subscriber.name.as_deref(),
                $($fields)+
            );
        }};
    }

    pub(crate) fn published(manager: Option<&str>, stored: Stored) {
        let Stored { seq, audience } = stored;
        emit!(TRACE, manager, seq, subscribers = audience, "published");
    }

    pub(crate) fn settled(manager: Option<&str>, receipt: &Receipt) {
        let (seq, acked, dropped) = (receipt.seq(), receipt.acked(), receipt.dropped());
        emit!(TRACE, manager, seq, acked, dropped, "settled");
    }

    /// Emits a new subscription, unless `joined` is false: the manager is closed.
    pub(crate) fn joined(subscriber: &SubscriberState, joined: bool) {
        if !joined {
            return;
        }
        emit_for!(
            DEBUG,
            subscriber,
            kind = ?subscriber.kind,
            observer = subscriber.is_observer,
            at = %subscriber.created_at,
            overflow = ?subscriber.overflow,
            window = subscriber.window,
            "subscribed"
        );
    }

    /// The reason why a subscriber left.
    pub(crate) enum LeaveReason {
        /// The stream was dropped before its end.
        Dropped,
        /// The manager was closed, and the stream has ended.
        Closed,
        Disconnected(DisconnectCause),
        /// The runner of a handler has unsubscribed, because its last handler has ended.
        NoHandler,
    }

    impl From<DisconnectCause> for LeaveReason {
        fn from(cause: DisconnectCause) -> Self {
            Self::Disconnected(cause)
        }
    }

    impl fmt::Display for LeaveReason {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Dropped => f.write_str("its stream was dropped"),
                Self::Closed => f.write_str(CLOSED),
                Self::Disconnected(cause) => cause.fmt(f),
                Self::NoHandler => f.write_str("no handler reads it any more"),
            }
        }
    }

    /// Emits that the stream of an attached subscriber was dropped before its end.
    pub(crate) fn dropped(subscriber: &SubscriberState) {
        left(subscriber, &LeaveReason::Dropped);
    }

    /// Emits the end of a stream, unless a [`Record`] of the disconnect was emitted before.
    pub(crate) fn ended(subscriber: &SubscriberState, reason: EndReason) {
        if reason == EndReason::Closed {
            left(subscriber, &LeaveReason::Closed);
        }
    }

    fn left(subscriber: &SubscriberState, why: &LeaveReason) {
        emit_for!(DEBUG, subscriber, why = why.to_string(), "left");
    }

    /// A decision of the machine, to be emitted after unlocking.
    pub(crate) enum Record {
        /// The subscriber was disconnected.
        Left(Arc<SubscriberState>, LeaveReason),
        /// The event `seq` was overwritten before the subscriber read it, as `missed` events were
        /// altogether.
        Lost {
            subscriber: Arc<SubscriberState>,
            seq: u64,
            missed: u64,
        },
    }

    impl Record {
        /// Creates the record that `subscriber` has missed event `seq`, if its level is enabled.
        pub(crate) fn lost(subscriber: &Arc<SubscriberState>, seq: u64) -> Option<Self> {
            level_enabled!(Level::DEBUG).then(|| Self::Lost {
                subscriber: Arc::clone(subscriber),
                seq,
                missed: subscriber.missed(),
            })
        }

        pub(crate) fn emit(self) {
            match self {
                Self::Left(subscriber, why) => left(&subscriber, &why),
                Self::Lost {
                    subscriber,
                    seq,
                    missed,
                } => {
                    emit_for!(DEBUG, &subscriber, seq, missed, "lost an event");
                }
            }
        }
    }
}

#[cfg(all(feature = "tracing", feature = "rt"))]
pub(crate) use handlers::*;

#[cfg(all(feature = "tracing", feature = "rt"))]
mod handlers {
    use std::fmt::Display;

    use tracing::{Dispatch, Level, Span, level_enabled, span};

    use super::listener;
    use crate::channel::subscriber::SubscriberState;
    use crate::util::sync::Arc;

    /// The names by which events identify a handler.
    pub(crate) struct HandlerLabel {
        manager: Option<Arc<str>>,
        name: Arc<str>,
    }

    impl HandlerLabel {
        pub(crate) fn new(manager: Option<&str>, name: &Arc<str>) -> Self {
            Self {
                manager: manager.map(Arc::from),
                name: Arc::clone(name),
            }
        }
    }

    macro_rules! emit_for {
        ($level:ident, $label:expr, $($fields:tt)+) => {{
            let HandlerLabel { manager, name } = $label;
            emit!($level, manager = manager.as_deref(), handler = &**name, $($fields)+);
        }};
    }

    /// Emits the end of a handler. A panic is worth a warning.
    pub(crate) fn stopped(label: &HandlerLabel, reason: &impl Display, is_panic: bool) {
        if is_panic {
            emit_for!(WARN, label, why = reason.to_string(), "handler stopped");
        } else {
            emit_for!(DEBUG, label, why = reason.to_string(), "handler stopped");
        }
    }

    /// Emits that a handler has returned an error, with this text.
    pub(crate) fn failed(label: &HandlerLabel, text: &str) {
        emit_for!(WARN, label, why = text, "handler failed");
    }

    /// Emits the restart of a handler that failed for `reason`.
    pub(crate) fn restarted(label: &HandlerLabel, reason: &impl Display) {
        emit_for!(WARN, label, why = reason.to_string(), "handler restarted");
    }

    /// The span that the code of a handler, or of the handlers of a group, runs in. `None` if the level
    /// is disabled, or if the listener added the handler while it was called.
    pub(crate) struct Scope(Option<Span>);

    impl Scope {
        pub(crate) fn new(subscriber: &SubscriberState) -> Self {
            let mut scope = None;
            if level_enabled!(Level::INFO) {
                listener::call(|| {
                    scope = Some(span!(
                        target: "genevent",
                        parent: None,
                        Level::INFO,
                        "handler",
                        manager = subscriber.manager.as_deref(),
                        subscriber = subscriber.id.number,
                        name = subscriber.name.as_deref(),
                    ));
                });
            }
            Self(scope)
        }

        /// Runs `code` in the span.
        #[inline]
        pub(crate) fn run<R>(&self, code: impl FnOnce() -> R) -> R {
            let _leave = self.0.as_ref().and_then(Entered::enter);
            code()
        }
    }

    impl Drop for Scope {
        fn drop(&mut self) {
            let span = self.0.take();
            listener::call_always(|| drop(span));
        }
    }

    /// A guard that leaves the span when dropped: `Span::enter` with panics of the listener caught.
    struct Entered<'a>(&'a Span);

    impl<'a> Entered<'a> {
        /// Enters the span. Returns `None` if the listener runs the handler's task while it is called:
        /// the listener then sees neither the entry nor the exit.
        fn enter(span: &'a Span) -> Option<Self> {
            with(span, Dispatch::enter).then(|| Self(span))
        }
    }

    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            with(self.0, Dispatch::exit);
        }
    }

    /// Calls the listener about `span`, and returns whether it was called.
    fn with(span: &Span, step: impl FnOnce(&Dispatch, &tracing::span::Id)) -> bool {
        listener::call(|| {
            span.with_subscriber(|(id, dispatch)| step(dispatch, id));
        })
    }
}

#[cfg(all(not(feature = "tracing"), feature = "rt"))]
pub(crate) use disabled::*;

#[cfg(all(not(feature = "tracing"), feature = "rt"))]
mod disabled {
    use crate::channel::subscriber::SubscriberState;
    use crate::util::sync::Arc;

    pub(crate) struct HandlerLabel;

    impl HandlerLabel {
        #[inline]
        pub(crate) fn new(_: Option<&str>, _: &Arc<str>) -> Self {
            Self
        }
    }

    pub(crate) struct Scope;

    impl Scope {
        #[inline]
        pub(crate) fn new(_: &SubscriberState) -> Self {
            Self
        }

        #[inline]
        #[expect(clippy::unused_self, reason = "feature `tracing` has a span in `self`")]
        pub(crate) fn run<R>(&self, code: impl FnOnce() -> R) -> R {
            code()
        }
    }
}
