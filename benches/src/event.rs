//! What is sent.

/// An event that knows its number, so that whoever receives it can check the order.
pub(crate) trait Event: Clone + Send + Sync + Unpin + 'static {
    fn numbered(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Event for u64 {
    fn numbered(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}
