//! The event published by the checks.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A numbered event. An adapter passes events on and never makes an event.
///
/// ```
/// fn is_what_channels_ask_for<E: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
/// is_what_channels_ask_for::<genevent_conformance::Event>();
/// ```
pub struct Event {
    number: u64,
    /// Counts the existing clones.
    alive: Arc<()>,
    interruption: Option<Arc<Interruption>>,
}

/// A call in the middle of a clone.
struct Interruption {
    /// The number of clones before the clone with the call.
    before: AtomicUsize,
    call: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Event {
    pub(crate) fn new(number: u64) -> Self {
        let alive = Arc::new(());
        Self {
            number,
            alive,
            interruption: None,
        }
    }

    /// Makes a clone of the event call `call`, after `before` other clones and until the result is dropped.
    pub(crate) fn interrupt(
        &mut self,
        before: usize,
        call: impl FnOnce() + Send + 'static,
    ) -> Armed {
        let interruption = Arc::new(Interruption {
            before: AtomicUsize::new(before),
            call: Mutex::new(Some(Box::new(call))),
        });
        self.interruption = Some(Arc::clone(&interruption));
        Armed(interruption)
    }

    /// The place of the event in the order of publishing, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A handle for asking whether a clone of the event still exists.
    pub(crate) fn trace(&self) -> Trace {
        Trace(Arc::downgrade(&self.alive))
    }
}

/// Disarms an interruption when dropped.
pub(crate) struct Armed(Arc<Interruption>);

impl Drop for Armed {
    fn drop(&mut self) {
        // The call is dropped here at the latest: a channel may keep the event for long.
        drop(self.0.call.lock().unwrap().take());
    }
}

impl Clone for Event {
    fn clone(&self) -> Self {
        if let Some(interruption) = &self.interruption {
            // Wraps below zero, and so calls once.
            if interruption.before.fetch_sub(1, Ordering::Relaxed) == 0 {
                // Taken first: the call may clone the event again.
                let call = interruption.call.lock().unwrap().take();
                if let Some(call) = call {
                    call();
                }
            }
        }
        Self {
            number: self.number,
            alive: Arc::clone(&self.alive),
            interruption: self.interruption.clone(),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({})", self.number)
    }
}

/// Tells whether a clone of an event still exists.
pub(crate) struct Trace(std::sync::Weak<()>);

impl Trace {
    pub(crate) fn is_freed(&self) -> bool {
        self.0.strong_count() == 0
    }
}
