//! Two public contracts, checked through shims written from public documentation alone: tokio's
//! `sync::broadcast`, and the rules of Reactive Streams. A column for each kind of subscription shows where the kinds
//! differ.

pub mod broadcast;
mod kinds;
mod matrix;
pub mod streams;

use crate::table::versions_of;
pub use kinds::Kind;
pub use matrix::{Cell, Matrix, Row};

/// Ends a check unless the condition holds.
macro_rules! holds {
    ($condition:expr) => {
        if !$condition {
            return Err(concat!("not so: ", stringify!($condition)).to_owned());
        }
    };
}
use holds;

/// The page with the matrices.
pub const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/CONTRACTS.md");

const BEGIN: &str = "<!-- matrices: begin -->\n";
const END: &str = "<!-- matrices: end -->\n";

/// Checks both contracts, and returns their matrices as Markdown.
pub fn markdown() -> String {
    let rules = streams::NOT_TRANSLATED.iter();
    let rules: Vec<_> = rules
        .map(|(rules, reason)| format!("| {rules} | {reason} |"))
        .collect();
    let rules = rules.join("\n");
    format!(
        "\n## tokio's broadcast\n\nWith {}.\n\n{}\n## Reactive Streams\n\n{}\nRules that do not translate:\n\n| rules | reason |\n|---|---|\n{rules}\n\n",
        versions_of(&["tokio"]),
        broadcast::matrix().markdown(),
        streams::matrix().markdown(),
    )
}

/// Returns the page with `matrices` in place of its matrices.
///
/// # Panics
/// If the page has no markers.
pub fn replace(page: &str, matrices: &str) -> String {
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("a marker begins the matrices");
    let (_, after) = rest.split_once(END).expect("a marker ends the matrices");
    format!("{before}{BEGIN}{matrices}{END}{after}")
}

/// The result of a check, with the broken condition.
type Held = Result<(), String>;
