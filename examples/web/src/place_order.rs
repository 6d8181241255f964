//! `POST /orders`: an order is an event, and the answer is its receipt.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use genevent::error::DeadlineError;
use genevent::{SubscriberInfo, Unfinished};
use serde::Serialize;
use serde_json::json;

use crate::order::{Order, Placed};
use crate::service::{CONSUMERS, Shared};

/// Publishes an order and waits until its consumers have finished with the order.
///
/// | status | |
/// |---|---|
/// | 201 | all consumers have finished |
/// | 202 | the order is placed, and `late` names the consumers that have not finished yet |
/// | 400, 413, 415, 422 | the request is no valid order: nothing was published |
/// | 500 | the order is placed, and `failed` names the consumers that will not finish the order, with the cause |
/// | 503 | the consumers have no room, or the service is shutting down: nothing was published |
pub(crate) async fn place_order(
    State(shared): State<Shared>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    let order = match order {
        Ok(Json(order)) => order,
        Err(rejection) => return refuse(rejection.status(), rejection.body_text()),
    };
    let Ok(_permit) = shared.publishers.acquire().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, SHUTTING_DOWN);
    };
    let placed = Arc::new(Placed::new(order));
    let answer = shared.orders.sync_notify(Arc::clone(&placed));
    let (receipt, late) = match answer.within(shared.within).await {
        Ok(receipt) => (receipt, Vec::new()),
        // The order stays with the late consumers, which finish the order later.
        Err(DeadlineError::Unanswered(late)) => (late.receipt().clone(), names(late.waiting_for())),
        Err(DeadlineError::NotStored(full)) => {
            let text = format!("{full}: try again later");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        Err(DeadlineError::Closed(_)) => {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, SHUTTING_DOWN);
        }
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let mut failed: Vec<_> = receipt.unfinished().iter().map(Failed::from).collect();
    // An ended consumer owes no acknowledgement, and is absent from the receipt. Without this
    // check, the order would be confirmed though the consumer never sees the order.
    let gone = CONSUMERS.saturating_sub(receipt.acked() + receipt.dropped() + late.len());
    if gone > 0 {
        failed.push(Failed {
            name: "service".to_owned(),
            cause: format!("runs without {gone} of {CONSUMERS} consumers"),
        });
    }
    let status = if !failed.is_empty() {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if !late.is_empty() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::CREATED
    };
    let answer = Answer {
        id: placed.id.get().map(|id| shared.feed.id(*id).to_string()),
        receipt: format!("event {}: acked by {}", receipt.seq(), receipt.acked()),
        late,
        failed,
    };
    (status, Json(answer)).into_response()
}

/// The answer to a placed order.
#[derive(Debug, Serialize)]
struct Answer {
    /// The id of the event for browsers; `None` while the database has not stored the order.
    id: Option<String>,
    /// The receipt in a line.
    receipt: String,
    late: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    name: String,
    cause: String,
}

impl From<&Unfinished> for Failed {
    fn from(consumer: &Unfinished) -> Self {
        Self {
            name: consumer.name().unwrap_or_default().to_owned(),
            cause: consumer.cause().to_string(),
        }
    }
}

fn names(consumers: &[SubscriberInfo]) -> Vec<String> {
    let names = consumers
        .iter()
        .map(|info| info.name().unwrap_or_default().to_owned());
    names.collect()
}

const SHUTTING_DOWN: &str = "the service is shutting down";

/// Answers a request without publishing an order.
fn refuse(status: StatusCode, error: impl Into<String>) -> Response {
    let body = Json(json!({ "error": error.into() }));
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            (status, [(header::RETRY_AFTER, "1")], body).into_response()
        }
        _ => (status, body).into_response(),
    }
}

/// `PUT /kitchen` with `true` or `false`: the kitchen works, or takes a break and is late.
pub(crate) async fn set_kitchen(
    State(shared): State<Shared>,
    works: Result<Json<bool>, JsonRejection>,
) -> Response {
    match works {
        Ok(Json(works)) => {
            shared.kitchen.send_replace(works);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(rejection) => refuse(rejection.status(), rejection.body_text()),
    }
}
