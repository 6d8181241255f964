//! Who is measured: each the way a user would write it, with the system's allocator.

pub(crate) mod broadcast;
pub(crate) mod genevent;
pub(crate) mod hand_ack;
pub(crate) mod kanal;

use std::future::Future;

/// One producer's end of a lossless channel to many readers. Dropping it ends their reading.
pub(crate) trait Fanout<E>: Sized + Send + 'static {
    type Reader: Reader<E>;

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>);

    /// Sends once everybody has room.
    fn send(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Reader<E>: Send + 'static {
    /// The next event; `None` once the producer is gone and all is read.
    fn next(&mut self) -> impl Future<Output = Option<E>> + Send;
}

/// A producer's end that knows when an event has been processed.
pub(crate) trait Acked<E>: Sized + Send + 'static {
    type Worker: Worker<E>;

    fn open(capacity: usize, workers: usize) -> (Self, Vec<Self::Worker>);

    /// Sends, and waits until every worker has processed the event.
    fn round_trip(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Worker<E>: Reader<E> {
    /// The event in hand is processed.
    fn done(&mut self);
}
