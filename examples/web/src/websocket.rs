//! `GET /customers/{name}/ws`: the orders of a customer, over a WebSocket.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use genevent::future::Disconnected;
use genevent::{EndReason, Filtered};
use tokio::time::sleep;

use crate::order::{Customer, Stored};
use crate::server::Connection;
use crate::service::Shared;

/// The longest message of a browser, in bytes. Messages of browsers are ignored.
const LONGEST_MESSAGE: usize = 1024;

/// The largest number of unsent bytes of a browser in memory: room for several orders.
const UNSENT: usize = 16 * 1024;

pub(crate) async fn orders_of_customer(
    State(shared): State<Shared>,
    Extension(connection): Extension<Connection>,
    Path(customer): Path<Customer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        // Each order is sent at once: unsent orders stay unread in the subscription, where the
        // window counts them.
        .write_buffer_size(0)
        // Each ping of a browser is answered. Without a limit, unread answers would fill the memory.
        .max_write_buffer_size(UNSENT);
    // Before the answer: from then on, the customer expects every order.
    let orders = shared
        .feed
        .of_customer(customer, &connection.peer().to_string());
    upgrade.on_upgrade(async move |socket| {
        let gone = orders.disconnected();
        tokio::select! {
            () = serve(socket, orders, &shared) => {}
            // Dropping the socket closes the connection.
            () = cut_off_if_stuck(gone, &shared) => {}
        }
        // The place of the connection is free from now on.
        drop(connection);
    })
}

/// Waits until a customer is cut off and has had the time to read the last orders and the reason.
async fn cut_off_if_stuck(gone: Disconnected, shared: &Shared) {
    let Some(EndReason::Disconnected { .. }) = gone.await else {
        // The customer has left, or the service ends: the drain has a time limit of its own.
        return pending().await;
    };
    shared.cut_off.fetch_add(1, Ordering::Relaxed);
    sleep(shared.grace).await;
}

/// Sends orders until the stream has ended or the customer has left.
async fn serve(mut socket: WebSocket, mut orders: Filtered<Arc<Stored>>, shared: &Shared) {
    loop {
        let message = tokio::select! {
            stored = orders.next() => match stored {
                Some(stored) => Message::text(serde_json::to_string(&*stored).unwrap_or_default()),
                None => break,
            },
            // Reading answers pings and a close frame, and notices the end of the browser.
            message = socket.recv() => match message {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            // If the browser has vanished, the system reports an error some time after the ping.
            () = sleep(shared.alive) => Message::Ping(Bytes::new()),
        };
        if socket.send(message).await.is_err() {
            return;
        }
    }
    let (code, reason) = match orders.end_reason() {
        Some(reason @ EndReason::Disconnected { .. }) => (close_code::POLICY, reason.to_string()),
        _ => (close_code::AWAY, "the service is shutting down".to_owned()),
    };
    let reason = reason.into();
    let close = Message::Close(Some(CloseFrame { code, reason }));
    if socket.send(close).await.is_ok() {
        // Wait for the browser's answer: closing a socket with unread input would discard the reason.
        while let Some(Ok(_)) = socket.recv().await {}
    }
}
