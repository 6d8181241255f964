//! Operators over streams of [deliveries](crate::Delivery), with exact acknowledgement.
//!
//! Every combinator of `futures` and `tokio-stream` works on a stream of deliveries. The operators
//! of this module also acknowledge each delivery at the right moment:
//!
//! | operator | an event is acknowledged when | dropped when |
//! |---|---|---|
//! | [`filter_acked`](EventStreamExt::filter_acked) | the predicate rejects the event | the predicate panics |
//! | [`latest`](EventStreamExt::latest) | a newer event is taken before it is yielded | the stream is dropped |
//! | `debounce_acked` (feature `rt`) | a newer event of its key is taken before it is yielded | its key panics, or the stream is dropped |
//! | `for_each_acked` (feature `rt`) | its work completes | its work panics or is cancelled |
//! | `try_for_each_acked` (feature `rt`) | its work returns `Ok`, at the first try or at a `retry` | its work fails, panics or is cancelled |
//! | [`ready_batches`](EventStreamExt::ready_batches) | its [`Batch`] is acknowledged | its [`Batch`] is dropped |
//! | `batches` (feature `rt`) | its [`Batch`] is acknowledged | its [`Batch`], or the unfinished batch in the stream, is dropped |
//!
//! No operator loses a delivery or leaves a delivery unsettled: dropping an operator drops its held
//! deliveries, which count as dropped in the receipts.

mod batch;
mod batch_buffer;
#[cfg(feature = "rt")]
mod batches;
#[cfg(feature = "rt")]
mod debounce_acked;
mod event_stream_ext;
mod filter_acked;
#[cfg(feature = "rt")]
mod for_each_acked;
#[cfg(feature = "rt")]
mod in_flight;
mod latest;
#[cfg(feature = "rt")]
mod newest_by_key;
mod ready_batches;
#[cfg(feature = "rt")]
mod retry;
mod settle;
mod take_ready;
#[cfg(feature = "rt")]
mod tries;
#[cfg(feature = "rt")]
mod try_for_each_acked;

pub use batch::Batch;
#[cfg(feature = "rt")]
pub use batches::Batches;
#[cfg(feature = "rt")]
pub use debounce_acked::DebounceAcked;
pub use event_stream_ext::EventStreamExt;
pub use filter_acked::FilterAcked;
#[cfg(feature = "rt")]
pub use for_each_acked::ForEachAcked;
#[cfg(feature = "rt")]
pub use in_flight::OneTry;
pub use latest::Latest;
pub use ready_batches::ReadyBatches;
#[cfg(feature = "rt")]
pub use retry::Retries;
#[cfg(feature = "rt")]
pub use try_for_each_acked::{ContinueOnError, TryForEachAcked};
