//! The task that delivers the stream's events in this process.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_nats::jetstream::Message;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use genevent::error::NotifyError;
use genevent::future::SyncNotifyOwned;
use genevent::{EventManager, Receipt};
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
    let mut delivery = manager.sync_notify_owned(event);
    let result = stored(&mut delivery).await;
    let is_finished = result.is_some();
    let node = Arc::clone(node);
    let reporting = async move {
        let result = match result {
            Some(result) => result,
            None => delivery.await,
        };
        match result {
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
    };
    if is_finished {
        reporting.await;
        return None;
    }
    Some(Box::pin(reporting))
}

/// Waits until the event is stored, so that the next event is behind it. Returns the result of the
/// delivery if the subscribers have even finished.
async fn stored<E>(delivery: &mut SyncNotifyOwned<E>) -> Option<Result<Receipt, NotifyError<E>>> {
    poll_fn(|cx| match delivery.poll_unpin(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        // Waits for subscribers: only a stored event does.
        Poll::Pending if delivery.waiting_for().is_some() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

fn header(message: &Message, name: &'static str) -> Option<String> {
    headers::get(message.headers.as_ref(), name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_is_stored_before_the_next_is_read_also_if_this_task_is_late() {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        manager.try_notify(1).unwrap();
        let mut delivery = manager.sync_notify_owned(2);
        let mut stored = pin!(stored(&mut delivery));
        assert!((&mut stored).now_or_never().is_none());
        assert_eq!(reader.try_next(), Ok(1));
        assert!(reader.try_next().is_err());
        // A granted place that is not taken for this long goes to the next publisher that waits.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(stored.await.is_none(), "the reader has yet to finish");
        assert_eq!(manager.stats().published(), 2);
    }
}
