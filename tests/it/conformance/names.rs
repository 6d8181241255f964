//! The table of names on page `migrating`: each leads to a public item, and the search of the docs
//! finds the item by the name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../docs/migrating.md");
const PUBLIC_API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/api/public-api.txt");

/// The rows of the table: the name elsewhere, and the path here.
fn rows() -> Vec<(&'static str, &'static str)> {
    let (_, table) = PAGE.split_once("\n# Names\n").unwrap();
    let table = table.split("\n# ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, _, name, here, _] = cells[..] else {
            panic!("a row has three cells: {row}");
        };
        // What needs feature `rt` is not a link: it would be broken without the feature.
        let (text, path) = here.split_once("](crate::").unwrap_or((here, here));
        let path = path.trim_matches(['`', ')']);
        assert_eq!(
            text.trim_matches(['[', '`']),
            path,
            "the link shows its path"
        );
        (name.trim_matches('`'), path)
    })
    .collect()
}

/// The paths of the public items, without generics.
fn public_paths(public_api: &str) -> BTreeSet<String> {
    public_api
        .lines()
        .map(|line| {
            let mut depth = 0;
            let mut plain: String = String::new();
            let mut before = ' ';
            for c in line.chars() {
                match c {
                    '<' => depth += 1,
                    '>' if before != '-' => depth -= 1,
                    _ if depth == 0 => plain.push(c),
                    _ => {}
                }
                before = c;
            }
            plain
        })
        .flat_map(|plain| {
            let words = plain.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let words = words.filter(|word| word.starts_with("genevent::"));
            words
                .map(|word| word.trim_end_matches(':').to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else {
            *text += &fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn every_name_leads_to_a_public_item() {
    if super::is_package() {
        return; // the list is in a package of its own
    }
    let public = public_paths(&fs::read_to_string(PUBLIC_API).unwrap());
    let rows = rows();
    assert!(rows.len() > 30, "the table was read");
    let missing = rows.iter().filter(|(_, path)| {
        let modules = ["", "ext::", "filter::", "handler::"];
        let mut paths = modules
            .iter()
            .map(|module| format!("genevent::{module}{path}"));
        !paths.any(|path| public.contains(&path))
    });
    assert_eq!(missing.collect::<Vec<_>>(), [] as [&(&str, &str); 0]);
}

#[test]
fn the_search_finds_every_name() {
    let mut text = String::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    );
    let unknown = rows().into_iter().filter(|(name, path)| {
        let is_same = path.ends_with(&format!("::{name}"));
        !is_same && !text.contains(&format!("#[doc(alias = \"{name}\")]"))
    });
    assert_eq!(unknown.collect::<Vec<_>>(), [] as [(&str, &str); 0]);
}

#[test]
fn no_name_is_told_twice() {
    let rows = rows();
    let names: BTreeSet<_> = rows.iter().collect();
    assert_eq!(names.len(), rows.len());
}
