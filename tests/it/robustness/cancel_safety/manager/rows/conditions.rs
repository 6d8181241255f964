//! Functions waiting for a state of the manager or of a subscription.

use std::future::pending;

use futures::future::{join, select};
use futures::{FutureExt, Stream, StreamExt};
use genevent::future::Disconnected;
use genevent::{EventManager, Overflow, SubscribeOptions};

use super::{Call, Outcome, Row, done};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "EventManager::closed",
        call: Call::Manager(|manager| manager.closed().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::wait_for_subscribers",
        call: Call::Manager(|manager| manager.wait_for_subscribers(4).map(done).boxed_local()),
    },
    Row {
        name: "EventManager::unsubscribed",
        call: Call::Manager(|manager| {
            let other = EventManager::<u8>::new(1);
            let reader = other.subscribe();
            let unsubscribed = async move {
                let leaving = async {
                    manager.closed().await;
                    drop(reader);
                };
                join(other.unsubscribed(), leaving).await
            };
            unsubscribed.map(done).boxed_local()
        }),
    },
    Row {
        name: "Subscription::disconnected",
        call: Call::Manager(|manager| {
            let stream = manager.subscribe_with(screen());
            let gone = stream.disconnected();
            read_until(stream, gone).boxed_local()
        }),
    },
    Row {
        name: "Filtered::disconnected",
        call: Call::Manager(|manager| {
            let stream = manager.subscribe_filter_with(screen(), |n| n % 2 == 0);
            let gone = stream.disconnected();
            read_until(stream, gone).boxed_local()
        }),
    },
    Row {
        name: "Deliveries::disconnected",
        call: Call::Manager(|manager| {
            let stream = manager.subscribe_with(screen()).deliveries();
            let gone = stream.disconnected();
            read_until(stream, gone).boxed_local()
        }),
    },
];

/// Options of a subscription without influence on other subscriptions.
fn screen() -> SubscribeOptions {
    let options = SubscribeOptions::new().observer();
    options.overflow(Overflow::DropOldest).window(1)
}

/// Reads until the stream has ended, and waits for the future to know.
async fn read_until(stream: impl Stream + Unpin, gone: Disconnected) -> Outcome {
    let reading = async {
        stream.for_each(async |_| {}).await;
        pending::<()>().await;
    };
    select(gone, Box::pin(reading)).await;
    Outcome::Done
}
