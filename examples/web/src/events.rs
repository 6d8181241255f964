//! `GET /events`: the stored orders as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `start-over` | a text; the newest orders follow, perhaps with a gap after the last order in the browser |
//! | `order` | the order |
//! | `cut-off` | why the browser is cut off. A browser that comes back resumes after its last order |
//! | `farewell` | why the service ends |

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use genevent::EndReason;
use genevent::future::Disconnected;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::feed::{Reader, Received};
use crate::output::warn;
use crate::server::Connection;
use crate::service::Shared;

/// The time for a browser to read the missed orders. A slower browser is cut off, comes back and resumes.
const CATCH_UP: Duration = Duration::from_secs(60);

/// The pause before a browser comes back.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize)]
pub(crate) struct Since {
    /// The same as header `Last-Event-ID`, which a script cannot set on a new `EventSource`.
    since: Option<String>,
}

pub(crate) async fn events(
    State(shared): State<Shared>,
    Extension(connection): Extension<Connection>,
    Query(Since { since }): Query<Since>,
    headers: HeaderMap,
) -> Response {
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // With an invalid id, as without an id, the browser starts over.
    let last = header.or(since.as_deref()).and_then(|id| id.parse().ok());
    let name = format!("browser {}", connection.peer());
    let reader = match shared.feed.read(last, &name).await {
        Ok(reader) => reader,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    let (live, is_live) = oneshot::channel();
    connection.stay_open();
    tokio::spawn(cut_off_if_stuck(shared.clone(), connection, is_live));
    // If the browser has vanished, the system reports an error some time after a sign of life.
    let signs_of_life = KeepAlive::new().interval(shared.alive);
    let events = stream::unfold(Step::Start(reader, live), write_event);
    let events = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(signs_of_life);
    // The connection ends with the events: closing the connection harms no later request.
    ([(header::CONNECTION, "close")], events).into_response()
}

/// Closes the connection if the browser is cut off and does not read the last events.
///
/// The stream of events cannot close the connection: the stream is polled only while the browser reads.
async fn cut_off_if_stuck(
    shared: Shared,
    connection: Connection,
    is_live: oneshot::Receiver<Disconnected>,
) {
    match timeout(CATCH_UP, is_live).await {
        Ok(Ok(gone)) => match gone.await {
            Some(EndReason::Disconnected { .. }) => {}
            // The browser has left, or the service ends: the drain has a time limit of its own.
            _ => return,
        },
        // The browser has left before catching up.
        Ok(Err(_)) => return,
        Err(_) => {}
    }
    shared.cut_off.fetch_add(1, Ordering::Relaxed);
    // A slow browser gets its last events and `cut-off` meanwhile.
    sleep(shared.grace).await;
    connection.cut();
}

/// What is left to write to a browser.
enum Step {
    Start(Reader, oneshot::Sender<Disconnected>),
    Read(Reader, Option<oneshot::Sender<Disconnected>>),
    Ended,
}

async fn write_event(step: Step) -> Option<(Event, Step)> {
    let (mut reader, mut live) = match step {
        Step::Start(reader, live) => {
            let event = start(&reader);
            return Some((event, Step::Read(reader, Some(live))));
        }
        Step::Read(reader, live) => (reader, live),
        Step::Ended => return None,
    };
    loop {
        match reader.next().await {
            Ok(Received::Order(stored)) => {
                let event = Event::default().id(reader.id().to_string());
                // An order consists of texts and numbers, which JSON can express.
                let event = event.event("order").json_data(&*stored).ok()?;
                return Some((event, Step::Read(reader, live)));
            }
            Ok(Received::Live(gone)) => {
                if let Some(live) = live.take() {
                    // An error means that the guard has cut the browser off.
                    let _ = live.send(gone);
                }
            }
            Ok(Received::End(reason)) => return Some((end(reason), Step::Ended)),
            Err(error) => {
                warn(format_args!(
                    "a browser is cut off, as the database failed: {error}"
                ));
                let event = Event::default().event("cut-off").data(error.to_string());
                return Some((event, Step::Ended));
            }
        }
    }
}

/// Returns the first event. Its id lets a browser resume before the first order.
fn start(reader: &Reader) -> Event {
    let event = Event::default().retry(RETRY);
    if reader.resumes() {
        event.comment("resumed")
    } else {
        // A browser ignores an event without data.
        let data = "the newest orders follow";
        event
            .id(reader.id().to_string())
            .event("start-over")
            .data(data)
    }
}

fn end(reason: Option<EndReason>) -> Event {
    match reason {
        Some(reason @ EndReason::Disconnected { .. }) => {
            Event::default().event("cut-off").data(reason.to_string())
        }
        _ => Event::default()
            .event("farewell")
            .data("the service is shutting down"),
    }
}
