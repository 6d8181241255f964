//! A listener that records every log entry.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Level, Metadata, Subscriber};

type Told = Arc<Mutex<Vec<String>>>;

/// Writes everything down, and then does something.
struct Listener<F> {
    told: Told,
    then: F,
}

/// The message first, then the fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> Listener<F> {
    fn note(&self, line: &str) {
        self.told.lock().unwrap().push(line.to_owned());
        (self.then)(line);
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> Subscriber for Listener<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Tokio's own entries are not tested here.
        metadata.target() == "genevent" || metadata.target().starts_with("tracing")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        span.record(&mut line);
        self.note(&format!("new {}:{}", span.metadata().name(), line.fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level();
        self.note(&format!("{level} {}:{}", line.message, line.fields));
    }

    fn enter(&self, _: &Id) {
        self.note("enter");
    }

    fn exit(&self, _: &Id) {
        self.note("exit");
    }
}

/// Listens on this thread, and does something whenever it has heard something.
pub(crate) fn listen_and(then: impl Fn(&str) + Send + Sync + 'static) -> (Told, DefaultGuard) {
    let told = Told::default();
    let listener = Listener {
        told: Arc::clone(&told),
        then,
    };
    (told, set_default(listener))
}

pub(crate) fn listen() -> (Told, DefaultGuard) {
    listen_and(|_| {})
}

/// Returns the entries since the last call.
pub(crate) fn news(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().unwrap())
}

/// As `news`, of this level alone.
pub(crate) fn news_at(told: &Told, level: Level) -> Vec<String> {
    let mut news = news(told);
    news.retain(|line| line.starts_with(level.as_str()));
    news
}
