//! The pages, which are part of the program.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// Nothing but this service's own files: names and items of strangers cannot bring scripts along.
const POLICY: &str = "default-src 'self'";

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    const HTML: &str = "text/html; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const STYLE: &str = "text/css; charset=utf-8";
    Router::new()
        .route("/", file(HTML, include_str!("page/orders.html")))
        .route("/orders.js", file(SCRIPT, include_str!("page/orders.js")))
        .route("/stats", file(HTML, include_str!("page/stats.html")))
        .route("/stats.js", file(SCRIPT, include_str!("page/stats.js")))
        .route("/style.css", file(STYLE, include_str!("page/style.css")))
}

fn file<S: Clone + Send + Sync + 'static>(
    content_type: &'static str,
    text: &'static str,
) -> axum::routing::MethodRouter<S> {
    get(async move || {
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, text).into_response()
    })
}
