//! Every case has a test or a reason for having none, and every test has a case.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, iter};

const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/conformance/genevent_parity"
);

/// Parses `17. Text` at the start of a line.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, text) = line.split_once(". ")?;
    Some((number.parse().ok()?, text.trim()))
}

/// Returns the names of the tests called `case_…` that are run.
fn tests(source: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let name = line.strip_prefix("async ").unwrap_or(line);
        if let Some(name) = name.strip_prefix("fn ") {
            let name = name.split('(').next().unwrap_or(name);
            if is_test && name.starts_with("case_") {
                names.push(name);
            }
        }
        is_test = match line {
            "#[test]" => true,
            _ if line.starts_with("#[tokio::test") => true,
            // A doc comment may stand in between; `#[ignore]` and `#[cfg]` may not.
            _ => is_test && line.starts_with("///"),
        };
    }
    names
}

/// Returns every fault of the list.
fn faults(cases: &str, departures: &str, tests: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    // Whether the case needs a test, and how many tests and reasons it has.
    let mut answers: BTreeMap<u32, (bool, usize)> = BTreeMap::new();
    for (number, text) in cases.lines().filter_map(numbered) {
        let fits = ["**D**", "**A**", "**N**"].map(|fit| text.contains(fit));
        if fits.iter().filter(|fits| **fits).count() != 1 {
            faults.push(format!("case {number} has no fit"));
        }
        if answers.insert(number, (!fits[2], 0)).is_some() {
            faults.push(format!("case {number} stands there twice"));
        }
    }
    let of_departures = departures.lines().filter_map(numbered);
    let of_departures = of_departures.map(|(number, _)| (number, "departure".to_owned()));
    let of_tests = tests.iter().map(|name| {
        let words = name.strip_prefix("case_").and_then(|n| n.split_once('_'));
        let number = words.and_then(|(number, words)| {
            let has_words = words.split('_').count() > 2;
            (number.len() == 3 && has_words).then(|| number.parse().ok())?
        });
        (number.unwrap_or(0), (*name).to_owned())
    });
    for (number, what) in of_departures.chain(of_tests) {
        match answers.get_mut(&number) {
            Some((true, count)) => *count += 1,
            Some(_) => faults.push(format!("{what} {number}: that is not wanted")),
            None => faults.push(format!("{what} {number}: there is no such case")),
        }
    }
    for (number, (wanted, count)) in answers {
        match count {
            0 if wanted => faults.push(format!("case {number}: no test and no reason")),
            0 | 1 => {}
            _ => faults.push(format!("case {number} is answered {count} times")),
        }
    }
    faults
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(FOLDER).join(path)).unwrap()
}

#[test]
fn every_case_has_one_test_or_reason() {
    let mut sources = Vec::new();
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        // The names in here are made up.
        if path.extension().is_some_and(|rs| rs == "rs") && !path.ends_with("case_list.rs") {
            sources.push(read(path));
        }
    }
    let tests: Vec<_> = sources.iter().flat_map(|source| tests(source)).collect();
    let faults = faults(&read("CASES.md"), &read("DEPARTURES.md"), &tests);
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(tests.len() > 100, "{}", tests.len());
}

#[test]
fn the_cases_are_numbered_without_gaps() {
    let cases = read("CASES.md");
    let numbers = cases.lines().filter_map(numbered).map(|case| case.0);
    assert!(numbers.eq(1..=163));
}

#[test]
fn every_departure_has_a_reason() {
    let departures = read("DEPARTURES.md");
    let reasons: Vec<_> = departures.lines().filter_map(numbered).collect();
    assert!(!reasons.is_empty());
    assert!(reasons.iter().all(|(_, reason)| reason.len() > 40));
}

#[test]
fn the_checker_finds_every_fault() {
    let cases = "1. One. **D**\n2. Two. **A**\n3. Three. **N** (types)\n";
    let (one, two) = ("case_001_is_as_it_says", "case_002_is_as_it_says");
    let of = |departures: &str, tests: &[&str]| faults(cases, departures, tests);
    assert!(of("", &[one, two]).is_empty());
    assert!(of("2. Since.", &[one]).is_empty());

    assert_eq!(of("", &[one]), ["case 2: no test and no reason"]);
    let twice = of("2. Since.", &[one, two]);
    assert_eq!(twice, ["case 2 is answered 2 times"]);
    assert_eq!(of("", &[one, two, two]), ["case 2 is answered 2 times"]);
    let wrong = [
        "case_003_is_as_it_says",
        "case_004_is_as_it_says",
        "case_1_is_as_it_says",
        "case_001",
    ];
    for wrong in wrong {
        assert_eq!(of("", &[one, two, wrong]).len(), 1, "{wrong}");
    }
    assert_eq!(of("5. Since.", &[one, two]).len(), 1);
    assert_eq!(faults("1. One.\n", "1. Since.", &[]).len(), 1);
    assert_eq!(
        faults("1. A. **D**\n1. B. **D**\n", "1. Since.", &[]).len(),
        1
    );
}

#[test]
fn only_running_tests_count() {
    let source = "#[test]\nfn case_001_is_run() {\n}\n\
        #[tokio::test(start_paused = true)]\n/// Of which something is said.\n\
        async fn case_002_is_run() {\n}\n\
        fn case_003_is_none() {\n}\n\
        #[test]\n#[ignore]\nfn case_004_is_not_run() {\n}\n\
        #[test]\n// fn case_005_is_a_comment() {\n}\n\
        #[test]\nfn of_no_case() {\n}\n";
    assert_eq!(tests(source), ["case_001_is_run", "case_002_is_run"]);
    assert_eq!(tests(&source.replace("#[test]\n", "")).len(), 1);
    assert!(iter::empty::<&str>().eq(tests("")));
}
