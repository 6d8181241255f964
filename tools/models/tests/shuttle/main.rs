//! Models of the concurrent core: random schedules of every lock and every atomic step.
//!
//! A schedule in which somebody waits for ever is a deadlock to the checker, so "no wake-up is
//! lost" needs no assertion of its own: each model only has to come to its end. Run by
//! `.ci/run`; `GENEVENT_SCHEDULES` says how many schedules a model tries.
#![cfg(genevent_shuttle)]

mod answers;
mod deliveries;
mod handlers;
mod permits;
mod publishers;
mod readers;

use futures::StreamExt;
use genevent::Subscription;

async fn read_all(reader: Subscription<u64>) -> Vec<u64> {
    reader.collect().await
}
