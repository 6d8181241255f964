//! Tests of comparable channels, repeated for this crate: tokio's `broadcast` and `mpsc`,
//! `async-broadcast`, and the `mpsc` of futures. Each file names its peer, and each test names the
//! differences. What the documentation of `broadcast` states, and the promises that the peers share, are
//! checked in `tools/conformance`.
//!
//! Features of the peers without a counterpart here: cloning a receiver at its position
//! (`resubscribe` and `new_receiver` begin at the newest event, and so does `subscribe`), weak
//! senders other than `WeakEventManager`, blocking calls (the `block_on` of any executor suffices),
//! `same_channel`.

mod async_broadcast;
mod broadcast;
mod mpsc;
