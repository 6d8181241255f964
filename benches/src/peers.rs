//! The peers, each in the code a user would write.

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

/// A producer's end of a channel to many readers. Dropping the producer ends the readers.
pub(crate) trait Fanout<E>: Sized + Send + 'static {
    const NAME: &'static str;

    type Reader: Reader<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>);

    /// Sends once every reader has room.
    fn send(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Reader<E>: Send + 'static {
    /// Returns the next event, or `None` after the last event of the last producer.
    fn next(&mut self) -> impl Future<Output = Option<E>> + Send;
}

/// A producer's end with acknowledgements.
pub(crate) trait Acked<E>: Sized + Send + 'static {
    const NAME: &'static str;

    type Worker: Worker<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>);

    /// Sends and waits until every worker has processed the event.
    fn round_trip(&mut self, event: E) -> impl Future<Output = ()> + Send;
}

pub(crate) trait Worker<E>: Reader<E> {
    /// Acknowledges the current event.
    fn done(&mut self);
}

/// A producer's end for readers joining and leaving at any time.
pub(crate) trait Open<E>: Sized + Clone + Send + Sync + 'static {
    const NAME: &'static str;

    type Reader: Reader<E>;

    fn open(capacity: usize) -> Self;

    fn subscribe(&self) -> Self::Reader;

    /// Sends to the present readers.
    fn publish(&mut self, event: E) -> impl Future<Output = ()> + Send;
}
