//! What `cargo mutants` would try.

use std::path::Path;

use serde_json::Value;

use crate::cargo;

/// Line and column, from 1.
pub(crate) type Position = (usize, usize);

pub(crate) struct Mutant {
    /// As `cargo mutants` names it: the file, the place in it, what becomes what.
    pub(crate) name: String,
    /// From the project's folder.
    pub(crate) file: String,
    pub(crate) kind: Kind,
    /// Where that which is replaced begins.
    pub(crate) start: Position,
    /// Where the function around it ends; no place if it is in none.
    pub(crate) function_end: Position,
    pub(crate) replacement: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body of a function.
    Body,
    BinaryOperator,
    UnaryOperator,
    Arm,
    Guard,
    /// What cannot be planted.
    Other,
}

/// All of them; a mutant's index is its number from here on.
pub(crate) fn mutants(home: &Path) -> Vec<Mutant> {
    let arguments = ["mutants", "--list", "--json", "--all-features"];
    let output = (cargo(home, &arguments).output()).expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo-mutants is needed: cargo install --locked cargo-mutants\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let list: Value = serde_json::from_slice(&output.stdout).expect("a list in JSON");
    let list = list.as_array().expect("a list").iter();
    list.map(mutant).collect()
}

fn mutant(from: &Value) -> Mutant {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Mutant {
        name: text(&from["name"]),
        file: text(&from["file"]),
        kind: match from["genre"].as_str() {
            Some("FnValue") => Kind::Body,
            Some("BinaryOperator") => Kind::BinaryOperator,
            Some("UnaryOperator") => Kind::UnaryOperator,
            Some("MatchArm") => Kind::Arm,
            Some("MatchArmGuard") => Kind::Guard,
            _ => Kind::Other,
        },
        start: position(&from["span"]["start"]),
        function_end: position(&from["function"]["span"]["end"]),
        replacement: text(&from["replacement"]),
    }
}

fn position(from: &Value) -> Position {
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).expect("a line");
    (number(&from["line"]), number(&from["column"]))
}
