//! The values sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number which counts its clones.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) number: u32,
    clones: Arc<AtomicUsize>,
}

impl Value {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            clones: Arc::default(),
        }
    }

    pub(super) fn trace(&self) -> Trace {
        Trace(Arc::clone(&self.clones))
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        Self {
            number: self.number,
            clones: Arc::clone(&self.clones),
        }
    }
}

/// Observes a value.
pub(super) struct Trace(Arc<AtomicUsize>);

impl Trace {
    pub(super) fn clones(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn is_released(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}
