//! Reading without a trait in scope: `next`, `try_next` and `seq`, on every kind of stream.

mod next;
mod seq;
mod try_next;

use std::sync::atomic::{AtomicBool, Ordering};

/// An event whose next clone panics, once.
struct Fragile {
    number: u32,
    panics: &'static AtomicBool,
}

impl Fragile {
    fn new(number: u32, panics: bool) -> Self {
        Self {
            number,
            panics: Box::leak(Box::new(AtomicBool::new(panics))),
        }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "clone");
        Self { ..*self }
    }
}
