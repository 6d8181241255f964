//! The table of page `comparison`: every promise, for every channel of [`tested`].

use std::fmt::Write;

use crate::{Outcome, Promise, Report, tested};

/// The crates in the table, as named in `Cargo.lock`.
const CRATES: [&str; 8] = [
    "async-broadcast",
    "crossfire",
    "flume",
    "futures-channel",
    "kanal",
    "postage",
    "tokio",
    "tokio-stream",
];

const LOCK: &str = include_str!("../../../Cargo.lock");

/// The page with the table.
pub const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/comparison.md");

const BEGIN: &str = "<!-- table of promises: begin -->\n";
const END: &str = "<!-- table of promises: end -->\n";

/// The reports of the table.
#[derive(Debug)]
pub struct Reports {
    /// Every kind of subscription of genevent.
    pub genevent: Vec<Report>,
    /// The other columns.
    pub others: Vec<Report>,
}

/// Runs every check for every channel.
pub fn run() -> Reports {
    let mut others = vec![tested::genevent_lossy().run()];
    others.extend(tested::peers().iter().map(crate::Kit::run));
    Reports {
        genevent: tested::genevent().iter().map(crate::Kit::run).collect(),
        others,
    }
}

/// Returns the page with `table` in place of its table.
///
/// # Panics
/// If the page has no markers.
pub fn replace(page: &str, table: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("a marker begins the table");
    let (_, after) = rest.split_once(END).expect("a marker ends the table");
    format!("{before}{BEGIN}{table}{END}{after}")
}

/// Writes the table, its notes and the versions as Markdown.
pub fn markdown(reports: &Reports) -> String {
    let mut notes = Notes::default();
    let mut table = String::from("| promise | genevent |");
    for report in &reports.others {
        write!(table, " {} |", report.name()).expect(INFALLIBLE);
    }
    let columns = reports.others.len() + 2;
    writeln!(table, "\n|{}", "---|".repeat(columns)).expect(INFALLIBLE);
    for (row, promise) in Promise::ALL.into_iter().enumerate() {
        let genevent = merged(&reports.genevent, row, &mut notes);
        write!(table, "| {} | {genevent} |", promise.sentence()).expect(INFALLIBLE);
        for report in &reports.others {
            let cell = cell(report.name(), &report.outcomes()[row].1, &mut notes);
            write!(table, " {cell} |").expect(INFALLIBLE);
        }
        table.push('\n');
    }
    table.push('\n');
    for (at, note) in notes.0.iter().enumerate() {
        writeln!(table, "{}. {note}.", at + 1).expect(INFALLIBLE);
    }
    let kinds: Vec<_> = reports.genevent.iter().map(Report::name).collect();
    writeln!(
        table,
        "\nColumn `genevent` stands for {} subscriptions. Versions: {}.",
        join(&kinds),
        versions()
    )
    .expect(INFALLIBLE);
    table
}

const INFALLIBLE: &str = "writing to a string cannot fail";

/// The numbered notes below the table.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// Returns the number of the note.
    fn number(&mut self, note: String) -> usize {
        let known = self.0.iter().position(|known| *known == note);
        known.unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        }) + 1
    }
}

fn cell(channel: &str, outcome: &Outcome, notes: &mut Notes) -> String {
    match outcome {
        Outcome::Kept => "yes".to_owned(),
        Outcome::NotApplicable(_) => "–".to_owned(),
        Outcome::ByDesign { reason, .. } => {
            let number = notes.number(format!("{channel}: {reason}"));
            format!("by design ({number})")
        }
        Outcome::NotKept(counterexample) => {
            let number = notes.number(format!("{channel}: {counterexample}"));
            format!("no ({number})")
        }
    }
}

/// The cell of several kinds: `yes` with a note for each exception.
fn merged(kinds: &[Report], row: usize, notes: &mut Notes) -> String {
    let kept = kinds
        .iter()
        .any(|kind| kind.outcomes()[row].1 == Outcome::Kept);
    let exceptions = kinds
        .iter()
        .map(|kind| (kind.name(), &kind.outcomes()[row].1));
    let exceptions: Vec<_> = exceptions
        .filter(|(_, outcome)| **outcome != Outcome::Kept)
        .map(|(kind, outcome)| cell(&format!("genevent, {kind}"), outcome, notes))
        .collect();
    let yes = kept.then(|| "yes".to_owned());
    let cells: Vec<_> = yes.into_iter().chain(exceptions).collect();
    cells.join("; ")
}

/// The versions of the crates, from `Cargo.lock`.
fn versions() -> String {
    versions_of(&CRATES)
}

pub(crate) fn versions_of(crates: &[&str]) -> String {
    let packages = LOCK.split("[[package]]\n").filter_map(|package| {
        let field = |name: &str| {
            let prefix = format!("{name} = \"");
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(prefix.as_str()));
            line.map(|value| value.trim_end_matches('"').to_owned())
        };
        Some((field("name")?, field("version")?))
    });
    let versions: Vec<_> = packages
        .filter(|(name, _)| crates.contains(&name.as_str()))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    versions.join(", ")
}

fn join(words: &[&str]) -> String {
    let (last, others) = words.split_last().expect("there is a kind");
    format!("{} and {last}", others.join(", "))
}
