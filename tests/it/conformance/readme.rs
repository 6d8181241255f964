//! Checks the claims of README and of the crate's front page. Every program in README is also a
//! doctest: see `Readme` in `src/lib.rs`.

use std::collections::BTreeMap;

const README: &str = include_str!("../../../README.md");
const FRONT_PAGE: &str = include_str!("../../../src/lib.rs");
const CARGO_TOML: &str = include_str!("../../../Cargo.toml");

/// Returns the text between the heading and the next heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, from_here) = page.split_once(heading).expect(heading);
    from_here.split("# ").next().unwrap()
}

/// The rows of the first table, without its head, as cells.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().map(|line| line.trim_start_matches("//! "));
    let table = lines.skip_while(|line| !line.starts_with('|'));
    let table = table.take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// Returns the verdicts of a table for each pipeline: with plain events, and with deliveries.
fn verdicts(text: &str) -> BTreeMap<&str, (&str, &str)> {
    let mut said = BTreeMap::new();
    for row in rows(text) {
        for name in row[0].split("; ") {
            said.insert(name, (row[1], row[2]));
        }
    }
    said
}

#[test]
fn the_first_example_is_shown_and_short() {
    let hello = include_str!("../../../examples/hello.rs");
    assert!(README.contains(&format!("```rust\n{hello}```")));
    assert!(hello.lines().count() <= 30);
}

#[test]
fn every_example_named_in_readme_exists() {
    let list = README.split("`cargo run --example NAME`").nth(1).unwrap();
    let list = list.split("\n- ").next().unwrap();
    let names: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 3);
    for name in names {
        let path = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), "{name}");
    }
}

#[test]
fn every_link_target_in_readme_exists() {
    let links: Vec<_> = README.split("](").skip(1).collect();
    assert!(links.len() > 8);
    for link in links {
        let file = link.split(')').next().unwrap();
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let exists = std::path::Path::new(&path).exists();
        assert!(exists || super::is_left_out(file), "{file}");
    }
}

/// The verdicts of the full table are measured in `tests/it/acks/combinators.rs`.
#[test]
fn the_short_combinator_tables_match_the_full_table() {
    let whole = verdicts(include_str!("../../../docs/combinators.md"));
    let front = verdicts(section(FRONT_PAGE, "# What a combinator does"));
    assert!(front.len() > 10);
    for (name, verdict) in &front {
        assert_eq!(whole.get(name), Some(verdict), "{name}");
    }
}

/// The calls or variants of the first table of `page` whose head begins with `head`.
fn first_cells(page: &str, head: &str) -> Vec<String> {
    let (_, table) = page.split_once(head).expect(head);
    let is_name = |char: &char| char.is_alphanumeric() || *char == '_';
    let name = |cell: &str| {
        let name = cell.trim_start_matches(['[', '`']);
        name.chars().take_while(is_name).collect()
    };
    rows(&format!("{head}{table}"))
        .iter()
        .map(|row| name(row[0]))
        .collect()
}

#[test]
fn readme_and_the_front_page_have_the_same_calls_and_policies() {
    let calls = first_cells(README, "| call |");
    assert_eq!(calls, ["try_notify", "notify", "ack_notify", "sync_notify"]);
    assert_eq!(calls, first_cells(FRONT_PAGE, "| call |"));
    let policies = first_cells(README, "| `Overflow` |");
    assert_eq!(policies, ["Wait", "WaitAtMost", "DropOldest", "Disconnect"]);
    assert_eq!(policies, first_cells(FRONT_PAGE, "| [`Overflow`] |"));
}

#[test]
fn readme_is_short_and_links_to_rendered_pages() {
    assert!(README.lines().count() <= 150);
    assert!(!README.contains(".rs)"));
}

#[test]
fn features_and_rust_version_match_cargo_toml() {
    let version = CARGO_TOML.split("rust-version = \"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    let (_, features) = CARGO_TOML.split_once("[features]\n").unwrap();
    let features = features.lines().take_while(|line| !line.is_empty());
    let features: Vec<_> = features.filter(|line| line.contains(" = ")).collect();
    assert_eq!(features[0], "default = [\"rt\"]");
    let mut there = vec![("none".to_owned(), "")];
    for feature in &features[1..] {
        let (name, _) = feature.split_once(" = ").unwrap();
        there.push((format!("`{name}`"), if name == "rt" { "yes" } else { "" }));
    }
    let features = section(FRONT_PAGE, "# Features and runtimes");
    assert!(features.contains(&format!("Rust {version} or later")));
    let rows = rows(features);
    let told: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1])).collect();
    assert_eq!(told, there);
    // README says the same in a few lines.
    let features = section(README, "## Features and more");
    assert!(features.contains(&format!("Rust {version} or later")));
    for (name, default) in &there[1..] {
        assert!(features.contains(name), "{name}");
        assert_eq!(
            features.contains(&format!("{name} (default)")),
            *default == "yes"
        );
    }
}

/// Appends the text of every Rust file below `folder`.
fn add_sources(folder: &std::path::Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_functions_files_and_tests_named_in_design_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let design = include_str!("../../../DESIGN.md");

    let (_, path) = design.split_once("## How does an event get from").unwrap();
    assert!(rows(path).len() > 15);
    for row in rows(path) {
        let [function, file] = [row[1], row[2]].map(|cell| cell.trim_matches('`'));
        let source = std::fs::read_to_string(root.join(file)).expect(file);
        let (_, name) = function.rsplit_once("::").expect(function);
        let ends = ["(", "<"].map(|end| format!("fn {name}{end}"));
        assert!(ends.iter().any(|end| source.contains(end)), "{function}");
    }

    for name in design.split('`').skip(1).step_by(2) {
        let is_file = [".rs", ".md"].iter().any(|end| name.ends_with(end));
        if is_file && name.contains('/') {
            let exists = root.join(name).exists() || root.join("src").join(name).exists();
            assert!(exists || super::is_left_out(name), "{name}");
        }
    }

    let mut tests = String::new();
    add_sources(&root.join("tests"), &mut tests);
    let (_, table) = design
        .split_once("## What can misbehaving code do?")
        .unwrap();
    let cells: Vec<_> = rows(table).iter().map(|row| row[3]).collect();
    let names = cells
        .iter()
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    for name in names.filter(|name| !name.contains("::") && name.contains('_')) {
        assert!(tests.contains(&format!("fn {name}(")), "{name}");
    }
}

#[test]
fn the_list_of_models_is_complete() {
    if super::is_left_out("tools/") {
        return;
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = root.join("tools/models/tests");
    let list = std::fs::read_to_string(root.join("tools/models/README.md")).unwrap();
    let mut sources = String::new();
    add_sources(&tests, &mut sources);
    let (table, _) = list.split_once("## Without a model").unwrap();
    let mut named = Vec::new();
    for row in rows(table) {
        for name in row[2].split('`').skip(1).step_by(2) {
            if name.contains('.') {
                assert!(tests.join(name).exists(), "{name}");
                named.push(name);
            } else {
                assert!(sources.contains(&format!("fn {name}(")), "{name}");
            }
        }
    }
    let shuttle = std::fs::read_to_string(tests.join("shuttle/main.rs")).unwrap();
    let modules = shuttle
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let mut modules: Vec<_> = modules.map(|name| format!("shuttle/{name}.rs")).collect();
    assert!(modules.len() > 10);
    modules.extend(["loom.rs", "shuttle_filters.rs", "shuttle_kv.rs"].map(String::from));
    for file in modules {
        assert!(named.contains(&file.as_str()), "{file}");
    }

    // The operations of the random model, as its source has them.
    let (_, table) = list.split_once("## The random model").unwrap();
    let operations = std::fs::read_to_string(root.join("tests/model/ops.rs")).unwrap();
    let (_, operations) = operations.split_once("pub(crate) enum Op {").unwrap();
    let operations = operations.split("\n}").next().unwrap();
    let variants = operations.lines().map(str::trim);
    let variants = variants.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
    for variant in variants {
        let name = variant.split(['(', ',']).next().unwrap();
        let is_listed = table.contains(&format!("`{name}`"));
        // The clock is no call.
        assert!(is_listed || name == "Advance", "{name}");
    }
}
