//! A listener that records every log entry.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Level, Metadata, Subscriber};

type Entries = Arc<Mutex<Vec<String>>>;

/// Records every entry, and then runs its closure.
struct Listener<F> {
    entries: Entries,
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
        self.entries.lock().unwrap().push(line.to_owned());
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

/// Listens on this thread, and runs `then` after each entry.
pub(crate) fn listen_and(then: impl Fn(&str) + Send + Sync + 'static) -> (Entries, DefaultGuard) {
    let entries = Entries::default();
    let listener = Listener {
        entries: Arc::clone(&entries),
        then,
    };
    (entries, set_default(listener))
}

pub(crate) fn listen() -> (Entries, DefaultGuard) {
    listen_and(|_| {})
}

/// Returns the entries since the last call.
pub(crate) fn new_entries(entries: &Entries) -> Vec<String> {
    std::mem::take(&mut *entries.lock().unwrap())
}

/// Like `new_entries`, but only entries of this level.
pub(crate) fn new_entries_at(entries: &Entries, level: Level) -> Vec<String> {
    let mut new_entries = new_entries(entries);
    new_entries.retain(|line| line.starts_with(level.as_str()));
    new_entries
}
