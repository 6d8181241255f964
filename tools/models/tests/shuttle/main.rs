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
mod key_logs;
mod observers;
mod permits;
mod pipelines;
mod publishers;
mod readers;
mod receipts;
mod topics;
mod try_next;
mod waiting;
mod within;

use futures::StreamExt;
use genevent::{EventManager, SubscribeOptions, Subscription};
use genevent_models::{Task, spawn};

async fn read_all(reader: Subscription<u64>) -> Vec<u64> {
    reader.collect().await
}

/// Subscribes in the first poll, and reads to the end.
async fn read_late(manager: EventManager<u64>, options: SubscribeOptions) -> Vec<u64> {
    let reader = manager.subscribe_with(options);
    drop(manager);
    read_all(reader).await
}

/// Publishes each event from a task of its own.
fn publish_each<const N: usize>(manager: &EventManager<u64>, events: [u64; N]) -> [Task<usize>; N] {
    events.map(|n| {
        let manager = manager.clone();
        spawn(async move { manager.notify(n).await.unwrap() })
    })
}
