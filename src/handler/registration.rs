//! The name of a running handler or group.

use super::StopReason;
use super::exit::{CurrentExit, ExitState};
use crate::channel::handlers::names::{Entry, HandlerNames};
use crate::channel::trace::HandlerLabel;
use crate::util::sync::Arc;

/// A name in use, with the duty to free the name and to set the stop reason, once.
///
/// Dropping a registration without `end` sets [`StopReason::Aborted`]: the runtime of the handler
/// is gone.
pub(super) struct NameRegistration {
    names: Arc<HandlerNames>,
    key: u64,
    pub(super) exit: Arc<ExitState>,
    pub(super) current: Arc<CurrentExit>,
    #[cfg_attr(
        not(feature = "tracing"),
        expect(dead_code, reason = "only trace events have a label")
    )]
    pub(super) label: HandlerLabel,
}

impl NameRegistration {
    /// Reserves `name`. Returns `None` if `name` is in use. `manager` is the name of the manager.
    pub(super) fn new(
        names: &Arc<HandlerNames>,
        name: &Arc<str>,
        manager: Option<&str>,
    ) -> Option<Self> {
        let exit = Arc::default();
        Some(Self {
            names: Arc::clone(names),
            key: names.reserve(name)?,
            current: Arc::new(CurrentExit::new(&exit)),
            exit,
            label: HandlerLabel::new(manager, name),
        })
    }

    /// Returns a function that lists an address under the name once the member is on its way, unless
    /// the name has been freed by then.
    pub(super) fn listing(&self) -> impl FnOnce(Entry) + use<> {
        let (names, key) = (Arc::clone(&self.names), self.key);
        move |entry| names.fill(key, entry)
    }

    /// Lists the successor's `entry` under the name, and ends the handler before it by
    /// [`StopReason::Swapped`].
    pub(super) fn hand_over(&mut self, exit: Arc<ExitState>, entry: Entry) {
        let old = std::mem::replace(&mut self.exit, exit);
        self.names.fill(self.key, entry);
        self.current.hand_over(&old, &self.exit);
        trace!(stopped(&self.label, &StopReason::Swapped, false));
        old.set_reason(StopReason::Swapped);
    }

    /// Frees the name and sets the reason, in this order.
    pub(super) fn end(self, reason: StopReason) {
        self.free(reason);
    }

    fn free(&self, reason: StopReason) {
        self.names.free(self.key);
        trace!(stopped(
            &self.label,
            &reason,
            matches!(reason, StopReason::Panicked(_))
        ));
        self.exit.set_reason(reason);
    }
}

impl Drop for NameRegistration {
    fn drop(&mut self) {
        // `end` has set the reason and then drops `self` as well.
        if self.exit.reason().is_none() {
            self.free(StopReason::Aborted);
        }
    }
}
