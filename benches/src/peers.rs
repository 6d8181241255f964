//! Who is measured: each the way a user would write it.

pub(crate) mod async_broadcast;
pub(crate) mod beam;
pub(crate) mod broadcast;
pub(crate) mod each;
pub(crate) mod filtered;
pub(crate) mod floor;
pub(crate) mod genevent;
pub(crate) mod hand_ack;
pub(crate) mod hub;
pub(crate) mod postage;

use std::future::Future;

use crate::load::Load;

/// One producer's end of a channel to many readers. Dropping it ends their reading.
pub(crate) trait Fanout<E>: Sized + Send + 'static {
    const NAME: &'static str;

    type Reader: Reader<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>);

    /// Sends once everybody has room.
    fn send(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Reader<E>: Send + 'static {
    /// The next event; `None` once all producers are gone and all is read.
    fn next(&mut self) -> impl Future<Output = Option<E>> + Send;
}

/// A producer's end that knows when an event has been processed.
pub(crate) trait Acked<E>: Sized + Send + 'static {
    const NAME: &'static str;

    type Worker: Worker<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>);

    /// Sends, and waits until every worker has processed the event.
    fn round_trip(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Worker<E>: Reader<E> {
    /// The event in hand is processed.
    fn done(&mut self);
}

/// A producer's end that readers come to and leave at any time.
pub(crate) trait Open<E>: Sized + Clone + Send + Sync + 'static {
    const NAME: &'static str;

    type Reader: Reader<E>;

    fn open(capacity: usize) -> Self;

    fn subscribe(&self) -> Self::Reader;

    /// Sends; what has no reader is gone.
    fn publish(&mut self, event: E) -> impl Future<Output = ()> + Send;
}
