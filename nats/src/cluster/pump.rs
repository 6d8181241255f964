//! The task that delivers the stream's events in this process.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_nats::jetstream::Message;
use futures_util::future::BoxFuture;
use genevent::EventManager;
use tokio::task::JoinSet;

use super::node::{Node, decode};
use super::protocol::{REPORT_TO, Report};
use crate::headers::{self, MESSAGE_ID};
use crate::reader::{Read, Reader};
use crate::running::Stop;

type Reporting = BoxFuture<'static, ()>;

/// Delivers the events of `reader` to the node's own manager, in the order of the stream.
pub(super) async fn run<E: Send + Sync + 'static>(
    node: Arc<Node<E>>,
    manager: EventManager<E>,
    mut reader: Reader,
    mut stop: Stop,
) {
    // Tasks of their own: a report must not wait for the room of later events.
    let mut reporting = JoinSet::new();
    let mut closed = pin!(manager.closed());
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = &mut closed => break,
            Some(_) = reporting.join_next() => {}
            read = reader.next() => {
                if let Some(report) = deliver(&node, &manager, read).await {
                    reporting.spawn(report);
                }
            }
        }
    }
    while reporting.join_next().await.is_some() {}
}

/// Stores one event. Returns the work that waits for the subscribers and reports, if the publisher
/// waits for a report.
async fn deliver<E: Send + Sync + 'static>(
    node: &Arc<Node<E>>,
    manager: &EventManager<E>,
    Read { number, message }: Read,
) -> Option<Reporting> {
    let report_to = header(&message, REPORT_TO);
    let id = headers::get(message.headers.as_ref(), MESSAGE_ID).unwrap_or_default();
    let mut report = Report {
        node: node.name.clone(),
        id: id.to_owned(),
        acked: 0,
        unfinished: Vec::new(),
    };
    let event = match decode(node, &message) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(number, error, "an event of the cluster cannot be decoded");
            let report_to = report_to?;
            report.unfinished.push(format!("not decodable: {error}"));
            node.send_report(&report_to, report).await;
            return None;
        }
    };
    let Some(report_to) = report_to else {
        let _ = manager.notify(event).await; // a closed manager ends the loop of the caller
        return None;
    };
    let (node, publisher) = (Arc::clone(node), manager.clone());
    let mut work: Reporting = Box::pin(async move {
        match publisher.sync_notify(event).await {
            Ok(receipt) => {
                report.acked = receipt.acked();
                let lines = receipt.unfinished().iter().map(ToString::to_string);
                report.unfinished.extend(lines);
            }
            Err(_) => report
                .unfinished
                .push("the node's manager is closed".to_owned()),
        }
        node.send_report(&report_to, report).await;
    });
    let stored = stored(&mut work, manager).await;
    (!stored).then_some(work)
}

/// Polls `work` until its event is stored, so that the next event is behind it. Returns whether the
/// work is even done.
async fn stored<E: Send + Sync + 'static>(work: &mut Reporting, manager: &EventManager<E>) -> bool {
    // Publishers get room in the order in which they ask. So once there is room for a second one,
    // the first had room before, and was polled since.
    let mut next = manager.reserve();
    let mut next = Pin::new(&mut next);
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        next.as_mut().poll(cx).map(|_| false)
    })
    .await
}

fn header(message: &Message, name: &'static str) -> Option<String> {
    headers::get(message.headers.as_ref(), name).map(str::to_owned)
}
