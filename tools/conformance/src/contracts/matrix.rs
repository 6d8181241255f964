//! Behaviours as rows, kinds as columns.

use std::any::Any;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Held;

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The behaviour was seen.
    Holds,
    /// Another behaviour was seen: the broken condition.
    Deviates(String),
}

impl Cell {
    /// Runs a check. A panic deviates.
    pub(super) fn of(check: impl FnOnce() -> Held) -> Self {
        match catch_unwind(AssertUnwindSafe(check)) {
            Ok(Ok(())) => Self::Holds,
            Ok(Err(condition)) => Self::Deviates(condition),
            Err(panic) => Self::Deviates(format!("a panic: {}", message(&*panic))),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("not a text")
}

/// A behaviour in every column.
#[derive(Debug)]
pub struct Row {
    /// The number of the behaviour or rule.
    pub number: String,
    /// The behaviour in a sentence.
    pub fact: &'static str,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// Numbers of rows, heads of columns, and the reason why these deviate by design.
pub(super) type Reason = (
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

/// All behaviours of a contract.
#[derive(Debug)]
pub struct Matrix {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    pub(super) reasons: &'static [Reason],
}

impl Matrix {
    /// The heads of the columns.
    pub fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    /// The behaviours.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn reason(&self, row: &Row, column: usize) -> Option<usize> {
        let head = &self.columns[column];
        let mut reasons = self.reasons.iter();
        reasons.position(|(rows, heads, _)| {
            rows.contains(&row.number.as_str()) && heads.contains(head)
        })
    }

    /// The deviations without a reason, and the reasons without a deviation: both must be empty.
    pub fn unexplained(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            for (column, cell) in row.cells.iter().enumerate() {
                let head = self.columns[column];
                match (cell, self.reason(row, column)) {
                    (Cell::Deviates(condition), None) => {
                        lines.push(format!(
                            "{} ({}), {head}: {condition}",
                            row.number, row.fact
                        ));
                    }
                    (Cell::Holds, Some(_)) => {
                        lines.push(format!(
                            "{}, {head}: holds, and has a reason why not",
                            row.number
                        ));
                    }
                    _ => {}
                }
            }
        }
        lines
    }

    /// The matrix as Markdown, with the reasons below.
    pub fn markdown(&self) -> String {
        let heads: Vec<_> = self
            .columns
            .iter()
            .map(|head| format!(" {head} |"))
            .collect();
        let mut text = format!("| | behaviour |{}\n", heads.concat());
        writeln!(text, "|---|---|{}", "---|".repeat(heads.len())).expect(INFALLIBLE);
        for row in &self.rows {
            write!(text, "| {} | {} |", row.number, row.fact).expect(INFALLIBLE);
            for (column, cell) in row.cells.iter().enumerate() {
                let cell = match (cell, self.reason(row, column)) {
                    (Cell::Holds, _) => "yes".to_owned(),
                    (Cell::Deviates(_), Some(reason)) => format!("no ({})", reason + 1),
                    (Cell::Deviates(_), None) => "NO".to_owned(),
                };
                write!(text, " {cell} |").expect(INFALLIBLE);
            }
            text.push('\n');
        }
        text.push('\n');
        for (at, (_, _, reason)) in self.reasons.iter().enumerate() {
            writeln!(text, "{}. {reason}", at + 1).expect(INFALLIBLE);
        }
        text
    }
}

const INFALLIBLE: &str = "writing to a string cannot fail";
