//! Compares the table of the docs page with the measured verdicts.

use std::collections::BTreeMap;

use super::Verdict;
use super::table::TABLE;

/// Verdicts by the name of the combinator: implicit, deliveries.
type Documented = BTreeMap<String, [String; 2]>;

/// The only table of the page. A row stands for all the names in its first cell.
fn documented() -> Documented {
    let page = include_str!("../../../../docs/combinators.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix('|'));
    let mut reported = Documented::new();
    for row in rows.skip(2) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        let [names, implicit, deliveries, _] = &cells[..] else {
            panic!("a row of three cells: {row}");
        };
        for name in names.split("; ") {
            let verdicts = [implicit.clone(), deliveries.clone()];
            let before = reported.insert(name.replace('`', ""), verdicts);
            assert_eq!(before, None, "{name} is told once");
        }
    }
    reported
}

#[test]
fn the_documented_table_matches_the_measured_verdicts() {
    let word = |verdict: Option<Verdict>| verdict.map_or("–", Verdict::word).to_owned();
    let mut measured = Documented::new();
    for row in TABLE {
        let verdicts = [
            word(row.implicit.map(|(verdict, _)| verdict)),
            word(row.deliveries.map(|(verdict, _)| verdict)),
        ];
        let before = measured.insert(row.name.to_owned(), verdicts.clone());
        assert!(
            before.is_none_or(|before| before == verdicts),
            "{}",
            row.name
        );
    }
    let reported = documented();
    for (name, verdicts) in &measured {
        assert_eq!(reported.get(name), Some(verdicts), "{name}, on the page");
    }
    for name in reported.keys() {
        assert!(measured.contains_key(name), "{name} is on the page alone");
    }
}
