//! The two public contracts, for each kind of subscription.
#![cfg(feature = "table")]

use genevent_conformance::contracts::{self, Cell, broadcast, streams};

#[test]
fn tokio_does_what_its_documentation_says() {
    let matrix = broadcast::matrix();
    assert_eq!(matrix.columns()[0], "tokio");
    assert_eq!(matrix.rows().len(), 42);
    for row in matrix.rows() {
        assert_eq!(row.cells[0], Cell::Holds, "{}: {}", row.number, row.fact);
    }
}

#[test]
fn every_kind_does_what_tokio_documents_but_for_a_reason() {
    assert_eq!(broadcast::matrix().unexplained(), [""; 0]);
}

#[test]
fn every_kind_follows_the_rules_of_reactive_streams_but_for_a_reason() {
    assert_eq!(streams::matrix().unexplained(), [""; 0]);
}

#[test]
fn the_page_shows_what_a_run_prints() {
    let page = std::fs::read_to_string(contracts::PAGE).unwrap();
    assert!(
        page == contracts::replace(&page, &contracts::markdown()),
        "run `cargo run -p genevent-conformance -- contracts --record`, and look at the difference"
    );
}
