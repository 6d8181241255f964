//! `GET /stats`: the state of both managers, live: as a drawing, as text, and for Graphviz.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::drawing;
use crate::service::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/stats.svg", get(svg))
        .route("/stats.txt", get(text))
        .route("/stats/{manager}", get(dot))
}

async fn svg(State(shared): State<Shared>) -> Response {
    let drawing = drawing::draw(&[shared.orders.stats(), shared.feed.stats()]);
    fresh("image/svg+xml", drawing)
}

async fn text(State(shared): State<Shared>) -> Response {
    let (orders, feed) = (shared.orders.stats(), shared.feed.stats());
    fresh("text/plain; charset=utf-8", format!("{orders}\n\n{feed}\n"))
}

/// `orders.dot` and `feed.dot`, for `dot -Tsvg`.
async fn dot(State(shared): State<Shared>, Path(manager): Path<String>) -> Response {
    let stats = match manager.as_str() {
        "orders.dot" => shared.orders.stats(),
        "feed.dot" => shared.feed.stats(),
        _ => return (StatusCode::NOT_FOUND, "orders.dot or feed.dot\n").into_response(),
    };
    fresh("text/vnd.graphviz; charset=utf-8", stats.to_dot())
}

fn fresh(content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
