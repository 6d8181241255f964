//! Models of the concurrent engine: random schedules of every lock and every atomic step.
//!
//! A schedule in which a task waits for ever is a deadlock to the checker, so "no wakeup is lost"
//! needs no assertion: each model only has to end. Run by `.ci/models`; `GENEVENT_SCHEDULES` sets the
//! number of schedules of a model.
#![cfg(genevent_shuttle)]

mod deliveries;
mod grants;
mod handler_ends;
mod handlers;
mod kept_events;
mod observers;
mod permits;
mod publishers;
mod readers;
mod receipts;
mod topics;
mod try_next;

use futures::StreamExt;
use genevent::Subscription;

async fn read_all(reader: Subscription<u64>) -> Vec<u64> {
    reader.collect().await
}
