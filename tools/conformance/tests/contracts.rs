//! The contracts of others.
#![cfg(feature = "table")]

use genevent_conformance::contracts::{Cell, broadcast};

#[test]
fn tokio_does_what_its_documentation_says_and_so_does_every_kind_but_for_a_reason() {
    let matrix = broadcast::matrix();
    assert_eq!(matrix.rows().len(), 42);
    let unexplained = matrix.unexplained();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(matrix.rows().iter().all(|row| row.cells[0] == Cell::Holds));
}
