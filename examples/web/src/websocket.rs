//! `GET /customers/{name}/ws`: the orders of one customer, over a WebSocket.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use genevent::{EndReason, Filtered};
use tokio::time::timeout;

use crate::order::{Customer, Stored};
use crate::server::Connection;
use crate::service::Shared;

/// The longest message of a browser, in bytes. Messages of browsers are ignored.
const LONGEST_MESSAGE: usize = 1024;

pub(crate) async fn orders_of_customer(
    State(shared): State<Shared>,
    Extension(connection): Extension<Connection>,
    Path(customer): Path<Customer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        // Each order is sent at once, so that unsent orders stay unread in the subscription, where
        // the window counts them.
        .write_buffer_size(0);
    upgrade.on_upgrade(async move |socket| {
        let peer = connection.peer().to_string();
        let orders = shared.feed.of_customer(customer, &peer);
        serve(socket, orders, &shared).await;
        // The place of the connection is free from now on.
        drop(connection);
    })
}

async fn serve(mut socket: WebSocket, mut orders: Filtered<Arc<Stored>>, shared: &Shared) {
    let gone = orders.disconnected();
    let talk = async {
        loop {
            tokio::select! {
                stored = orders.next() => match stored {
                    Some(stored) => {
                        let text = serde_json::to_string(&*stored).unwrap_or_default();
                        socket.send(Message::text(text)).await.ok()?;
                    }
                    None => return orders.end_reason(),
                },
                // Reading answers pings and a close frame, and notices that the browser has left.
                message = socket.recv() => match message {
                    Some(Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                },
            }
        }
    };
    let reason = tokio::select! {
        biased;
        // The browser reads nothing, so `talk` waits for the socket, perhaps for ever.
        reason = gone => reason,
        reason = talk => reason,
    };
    let (code, reason) = match reason {
        Some(reason @ EndReason::Disconnected { .. }) => {
            shared.cut_off.fetch_add(1, Ordering::Relaxed);
            (close_code::POLICY, reason.to_string())
        }
        Some(_) => (close_code::AWAY, "the service is shutting down".to_owned()),
        None => return,
    };
    let close = CloseFrame {
        code,
        reason: reason.into(),
    };
    // A browser that does not read is not told, and its socket is closed after the grace period.
    let _ = timeout(shared.grace, async {
        socket.send(Message::Close(Some(close))).await?;
        // Wait for the browser's answer: closing a socket with unread input would discard the reason.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    })
    .await;
}
