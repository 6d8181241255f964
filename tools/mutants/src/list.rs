//! The list of mutants, by `cargo mutants`.

use std::path::Path;

use serde_json::Value;

use crate::{Package, cargo};

/// Line and column, counted from 1.
pub(crate) type Position = (usize, usize);

pub(crate) struct Mutant {
    /// The name by `cargo mutants`: the file, the position, and the change.
    pub(crate) name: String,
    /// The path from the project's folder.
    pub(crate) file: String,
    pub(crate) kind: Kind,
    /// The beginning of the replaced code.
    pub(crate) start: Position,
    /// The end of the enclosing function, if any.
    pub(crate) function_end: Position,
    pub(crate) replacement: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Replaces the body of a function.
    Body,
    BinaryOperator,
    UnaryOperator,
    Arm,
    Guard,
    /// An unsupported mutant.
    Other,
}

/// Returns all mutants of a package. The index of a mutant is its number.
pub(crate) fn mutants(home: &Path, package: &Package) -> Vec<Mutant> {
    let arguments = ["mutants", "--list", "--json", "--all-features", "--package"];
    let arguments = arguments.into_iter().chain([package.name]);
    let output = (cargo(home, arguments).output()).expect("cargo is installed");
    assert!(
        output.status.success(),
        "cargo-mutants is needed: cargo install --locked cargo-mutants\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let list: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let list = list.as_array().expect("the output is a list").iter();
    list.map(mutant).collect()
}

fn mutant(from: &Value) -> Mutant {
    let text = |value: &Value| value.as_str().expect("the field is a text").to_owned();
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
    let number = |value: &Value| {
        usize::try_from(value.as_u64().unwrap_or(0)).expect("the field is a number")
    };
    (number(&from["line"]), number(&from["column"]))
}
