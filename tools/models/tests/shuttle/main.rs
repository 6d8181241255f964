//! Models of the engine: random schedules of every lock and every atomic step.
//!
//! The checker reports a task that waits for ever as a deadlock, so "no wake-up is lost" needs no
//! assertion: each model only has to end. `.ci/run` runs the models; `GENEVENT_SCHEDULES` sets the
//! number of schedules per model.
#![cfg(genevent_shuttle)]

mod deliveries;
mod handlers;
mod permits;
mod publishers;
mod readers;
mod receipts;

use futures::StreamExt;
use genevent::Subscription;

async fn read_all(reader: Subscription<u64>) -> Vec<u64> {
    reader.collect().await
}
