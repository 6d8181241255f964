//! The rules of the Reactive Streams specification for the JVM (1.0.4), for each kind of subscription, through a shim
//! with `Publisher`, `Subscriber` and `Subscription`.

mod recorder;
mod rules;
mod shim;

use super::{Cell, Kind, Matrix, Row};

/// The rules without a translation, with the reason.
pub const NOT_TRANSLATED: &[(&str, &str)] = &[
    ("1.9, 1.10, 2.13 (`null`)", "Rust has no null."),
    (
        "2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.11",
        "Duties of a subscriber's author: a publisher cannot break them.",
    ),
    (
        "2.7, 3.1",
        "The shim's `Subscription` has a lock: it may be called from any thread.",
    ),
    (
        "2.13",
        "A subscriber's panic reaches the caller that polls; `robustness::user_code` has the tests.",
    ),
    (
        "4.1, 4.2",
        "A processor is a pipeline of a stream and a sink, whose ends are covered above.",
    ),
];

/// Checks every rule for each kind of subscription.
pub fn matrix() -> Matrix {
    let rows = rules::RULES.iter().map(|rule| Row {
        number: rule.number.to_owned(),
        fact: rule.fact,
        cells: Kind::ALL.map(|kind| Cell::of(|| (rule.check)(kind))).into(),
    });
    Matrix {
        columns: Kind::ALL.map(Kind::name).into(),
        rows: rows.collect(),
        reasons: rules::REASONS,
    }
}
