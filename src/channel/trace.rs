//! What feature `tracing` tells, and to whom: nothing of it is there without the feature.
//!
//! Whoever listens is other people's code, which may call back into the manager and may panic: it
//! is called without any lock of ours, and shielded. What the ring decides is told as
//! [`Record`] among the effects. Events of the user are not formatted, nor even at hand here.
//!
//! What a listener causes on its thread while it is told something is not told again
//! ([`listener`]): one that publishes over each event would call itself until the stack overflows.

/// Tells something, by a function of module `trace`; without the feature, its arguments are not
/// even looked at.
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

#[cfg(feature = "tracing")]
pub(crate) use events::*;

#[cfg(feature = "tracing")]
mod listener {
    use std::cell::Cell;

    use crate::util::panic_guard::catch;

    thread_local! {
        /// The listener is being called on this thread.
        static CALLED: Cell<bool> = const { Cell::new(false) };
    }

    /// Resets `CALLED` to its value before the call, however the call ends.
    struct Return(bool);

    impl Return {
        fn after_call() -> Self {
            // The flag has no destructor: a thread that is ending has it, too.
            Self(CALLED.replace(true))
        }
    }

    impl Drop for Return {
        fn drop(&mut self) {
            CALLED.set(self.0);
        }
    }

    /// Calls the listener, shielded, unless this is caused by a call of it on the same thread.
    /// Gives whether it was called.
    pub(super) fn call(code: impl FnOnce()) -> bool {
        let back = Return::after_call();
        if !back.0 {
            catch(code);
        }
        !back.0
    }

    /// Calls the listener, shielded, whatever causes this: it must hear of the end of a span, or would
    /// keep its data for ever.
    #[cfg(feature = "rt")]
    pub(super) fn call_always(code: impl FnOnce()) {
        let _back = Return::after_call();
        catch(code);
    }
}

#[cfg(feature = "tracing")]
mod events {
    use tracing::{Level, event, level_enabled};

    use super::listener;
    use crate::channel::subscriber::SubscriberState;
    use crate::end_reason::EndReason;
    use crate::error::CLOSED;
    #[cfg(feature = "rt")]
    use crate::inspect::SubscriberInfo;
    use crate::receipt::Receipt;
    use crate::receipt::Stored;
    use crate::util::sync::Arc;

    /// Tells, if anybody might listen.
    macro_rules! emit {
        ($level:ident, $($fields:tt)+) => {
            if level_enabled!(Level::$level) {
                listener::call(|| event!(target: "genevent", Level::$level, $($fields)+));
            }
        };
    }

    /// As [`emit!`], of a subscriber.
    macro_rules! emit_for {
        ($level:ident, $place:expr, $($fields:tt)+) => {{
            let place: &SubscriberState = $place;
            emit!(
                $level,
                manager = place.manager.as_deref(),
                subscriber = place.id.number,
                name = place.name(),
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

    /// `joined`: not if the manager is closed.
    pub(crate) fn joined(place: &SubscriberState, joined: bool) {
        if !joined {
            return;
        }
        emit_for!(
            DEBUG,
            place,
            kind = ?place.kind,
            at = %place.created_at,
            overflow = ?place.overflow,
            window = place.window,
            "subscribed"
        );
    }

    /// The stream has been dropped before its end, and counted until then.
    pub(crate) fn dropped(place: &SubscriberState) {
        left(place, "its stream was dropped");
    }

    /// The stream has come to its end.
    pub(crate) fn ended(place: &SubscriberState, reason: EndReason) {
        if reason == EndReason::Closed {
            left(place, CLOSED);
        }
    }

    fn left(place: &SubscriberState, why: &str) {
        emit_for!(DEBUG, place, why, "left");
    }

    /// What the ring has decided, to be told once its lock is free.
    pub(crate) enum Record {
        /// It was disconnected, and why.
        Left(Arc<SubscriberState>, &'static str),
        /// It has lost the event of number `seq`, and so many `missed` with it.
        Lost {
            place: Arc<SubscriberState>,
            seq: u64,
            missed: u64,
        },
        /// It has held so many publishers for as long as it says.
        #[cfg(feature = "rt")]
        Holds(Arc<SubscriberState>, Box<SubscriberInfo>, usize),
    }

    impl Record {
        /// That `place` has just lost event `seq`, if anybody might listen.
        pub(crate) fn lost(place: &Arc<SubscriberState>, seq: u64) -> Option<Self> {
            level_enabled!(Level::DEBUG).then(|| Self::Lost {
                place: Arc::clone(place),
                seq,
                missed: place.missed(),
            })
        }

        pub(crate) fn emit(self) {
            match self {
                Self::Left(place, why) => left(&place, why),
                Self::Lost { place, seq, missed } => {
                    emit_for!(DEBUG, &place, seq, missed, "lost an event");
                }
                #[cfg(feature = "rt")]
                Self::Holds(place, info, waiting) => emit_for!(
                    WARN,
                    &place,
                    at = %info.created_at(),
                    unread = info.unread(),
                    window = info.window(),
                    held = ?info.blocking_for().unwrap_or_default(),
                    waiting,
                    "a subscriber holds publishers up"
                ),
            }
        }
    }
}

/// Of handlers.
#[cfg(all(feature = "tracing", feature = "rt"))]
pub(crate) use handlers::*;

#[cfg(all(feature = "tracing", feature = "rt"))]
mod handlers {
    use tracing::{Dispatch, Level, Span, event, level_enabled, span};

    use super::listener;
    use crate::channel::subscriber::SubscriberState;
    use crate::handler::StopReason;
    use crate::util::sync::Arc;

    /// What a handler is called.
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
        ($level:ident, $called:expr, $($fields:tt)+) => {{
            let HandlerLabel { manager, name } = $called;
            if level_enabled!(Level::$level) {
                listener::call(|| event!(
                    target: "genevent",
                    Level::$level,
                    manager = manager.as_deref(),
                    handler = &**name,
                    $($fields)+
                ));
            }
        }};
    }

    pub(crate) fn stopped(called: &HandlerLabel, reason: &StopReason) {
        if let StopReason::Panicked(_) = reason {
            emit_for!(WARN, called, why = reason.to_string(), "handler stopped");
        } else {
            emit_for!(DEBUG, called, why = reason.to_string(), "handler stopped");
        }
    }

    pub(crate) fn restarted(called: &HandlerLabel, reason: &StopReason) {
        emit_for!(WARN, called, why = reason.to_string(), "handler made anew");
    }

    /// What the code of a handler, or of the handlers of a group, runs in. There is no span for those
    /// that a listener adds while it is told something.
    pub(crate) struct Scope(Option<Span>);

    impl Scope {
        pub(crate) fn new(place: &SubscriberState) -> Self {
            let mut scope = None;
            if level_enabled!(Level::INFO) {
                listener::call(|| {
                    scope = Some(span!(
                        target: "genevent",
                        parent: None,
                        Level::INFO,
                        "handler",
                        manager = place.manager.as_deref(),
                        subscriber = place.id.number,
                        name = place.name(),
                    ));
                });
            }
            Self(scope)
        }

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

    /// In the span until it is dropped. As `Span::enter`, but shielded.
    struct Entered<'a>(&'a Span);

    impl<'a> Entered<'a> {
        /// `None` if a listener runs the handler's task while it is told something: it does not hear
        /// of the exit then, either.
        fn enter(span: &'a Span) -> Option<Self> {
            with(span, Dispatch::enter).then(|| Self(span))
        }
    }

    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            with(self.0, Dispatch::exit);
        }
    }

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
        #[expect(clippy::unused_self, reason = "with the feature it is used")]
        pub(crate) fn run<R>(&self, code: impl FnOnce() -> R) -> R {
            code()
        }
    }
}
