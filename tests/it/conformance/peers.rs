//! What the tests of the channels that people come from promise, for ours: tokio's `broadcast` and
//! `mpsc`, `async-broadcast`, and the `mpsc` of futures. Each file names the peer, and each test says
//! where ours promises more, or something else.
//!
//! What has no counterpart here: receivers that are cloned where they stand (`resubscribe`,
//! `new_receiver` begin at the newest event, and so does `subscribe`), weak senders beyond
//! `WeakEventManager`, blocking calls (any executor's `block_on` does), `same_channel`.

mod async_broadcast;
mod broadcast;
mod mpsc;
