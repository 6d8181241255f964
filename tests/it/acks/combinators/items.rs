//! The items of streams: an event, or several, with or without their acknowledgements.

use genevent::{Batch, Delivery};
use tokio_stream::Elapsed;

/// An item of a stream: an event, or several, with or without their acknowledgements.
pub(crate) trait Item: Sized {
    /// Whether it is about the event that the test waits for.
    fn is_first(&self) -> bool;

    /// Acknowledges explicitly, where the item can, and takes the value out.
    fn done(self) -> u32;
}

/// A single event, in both columns.
pub(crate) trait Event: Item {
    /// The value alone.
    fn value(&self) -> u32;

    /// Another value, for the same event.
    fn change(self) -> Self;
}

impl Item for u32 {
    fn is_first(&self) -> bool {
        self % 10 == 1
    }

    fn done(self) -> u32 {
        self
    }
}

impl Event for u32 {
    fn value(&self) -> u32 {
        *self
    }

    fn change(self) -> Self {
        self + 10
    }
}

impl Item for Delivery<u32> {
    fn is_first(&self) -> bool {
        self.seq() == 1
    }

    fn done(self) -> u32 {
        self.ack()
    }
}

impl Event for Delivery<u32> {
    fn value(&self) -> u32 {
        **self
    }

    fn change(self) -> Self {
        self.map(Event::change)
    }
}

impl Item for Batch<u32> {
    fn is_first(&self) -> bool {
        self.seqs().any(|seq| seq == 1)
    }

    fn done(self) -> u32 {
        self.ack().done()
    }
}

impl<T: Item> Item for Vec<T> {
    fn is_first(&self) -> bool {
        self.iter().any(Item::is_first)
    }

    fn done(self) -> u32 {
        self.into_iter().map(Item::done).sum()
    }
}

/// The item of `zip`.
impl<T: Item> Item for (T, char) {
    fn is_first(&self) -> bool {
        self.0.is_first()
    }

    fn done(self) -> u32 {
        self.0.done()
    }
}

/// The item of `StreamMap`.
impl<T: Item> Item for (&str, T) {
    fn is_first(&self) -> bool {
        self.1.is_first()
    }

    fn done(self) -> u32 {
        self.1.done()
    }
}

/// The item of `timeout`.
impl<T: Item> Item for Result<T, Elapsed> {
    fn is_first(&self) -> bool {
        self.as_ref().is_ok_and(Item::is_first)
    }

    fn done(self) -> u32 {
        self.expect("no timeout is reached").done()
    }
}
