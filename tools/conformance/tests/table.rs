//! The table of page `comparison`.
#![cfg(feature = "table")]

use genevent_conformance::{Outcome, Promise, table, tested};

#[test]
fn the_table_on_the_page_is_what_a_run_prints() {
    let reports = table::run();
    for report in &reports.genevent {
        report.assert_kept();
    }
    let page = std::fs::read_to_string(table::PAGE).unwrap();
    let expected = table::replace(&page, &table::markdown(&reports));
    assert!(
        page == expected,
        "run `cargo run -p genevent-conformance -- --record`, and look at the difference"
    );
}

#[test]
fn every_declared_departure_is_one() {
    let kits = tested::genevent().into_iter().chain(tested::peers());
    for kit in kits.chain([tested::genevent_lossy()]) {
        for promise in Promise::ALL {
            if kit.declined(promise).is_some() {
                let outcome = kit.check(promise);
                let departs = matches!(outcome, Outcome::ByDesign { .. });
                assert!(departs, "{}, {promise:?}: {outcome}", kit.name());
            }
        }
    }
}

#[test]
fn every_kind_of_subscription_has_every_capability() {
    for kit in tested::genevent() {
        for promise in Promise::ALL {
            let outcome = kit.check(promise);
            let applies = !matches!(outcome, Outcome::NotApplicable(_));
            assert!(applies, "{}, {promise:?}: {outcome}", kit.name());
        }
    }
}
