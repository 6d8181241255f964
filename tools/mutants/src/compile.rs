//! The copy of the project with all mutants, and the programs of its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::insert::{SWITCH, insert};
use crate::list::Mutant;
use crate::{Package, cargo};

pub(crate) struct Planted {
    /// The mutants in the copy.
    pub(crate) ids: BTreeSet<usize>,
    /// The mutants not built in: in constants, or of an unsupported kind.
    pub(crate) not_inserted: BTreeSet<usize>,
}

/// Makes the copy with every compiling mutant.
pub(crate) fn insert_compiling(
    home: &Path,
    tree: &Path,
    package: &Package,
    mutants: &[Mutant],
) -> Planted {
    copy(home, tree);
    let all: BTreeSet<usize> = (0..mutants.len()).collect();
    let mut wanted = all.clone();
    let mut first: Option<BTreeSet<usize>> = None;
    loop {
        let inserted = insert_all(home, tree, package, mutants, &wanted);
        let placed = first.get_or_insert_with(|| inserted.clone());
        let wrong = do_not_compile(tree, package);
        println!(
            "{} mutants in the copy, {} too many",
            inserted.len(),
            wrong.len()
        );
        if wrong.is_empty() {
            return Planted {
                not_inserted: all.difference(placed).copied().collect(),
                ids: inserted,
            };
        }
        let before = wanted.len();
        wanted.retain(|id| inserted.contains(id) && !wrong.contains(id));
        assert!(wanted.len() < before, "the copy does not compile");
    }
}

/// Returns all files git tracks.
fn copy(home: &Path, tree: &Path) {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(home)
        .output()
        .expect("git is installed");
    let list = String::from_utf8(list.stdout).expect("names are UTF-8");
    // Remove files the project no longer has, and keep the build.
    for entry in fs::read_dir(tree).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            fs::remove_dir_all(path).expect("the copy's folder can be removed");
        }
    }
    for name in list.lines().filter(|name| home.join(name).is_file()) {
        let to = tree.join(name);
        fs::create_dir_all(to.parent().expect("a tracked file has a folder"))
            .expect("a folder can be created");
        fs::copy(home.join(name), to).expect("a file can be copied");
    }
}

fn insert_all(
    home: &Path,
    tree: &Path,
    package: &Package,
    mutants: &[Mutant],
    wanted: &BTreeSet<usize>,
) -> BTreeSet<usize> {
    let files: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file.as_str()).collect();
    let mut all = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(home.join(file)).expect("a listed file can be read");
        let (text, inserted) = insert(&text, file, mutants, wanted);
        write_if_new(&tree.join(file), &text);
        all.extend(inserted);
    }
    let source = Path::new(package.folder).join("src");
    write_if_new(&tree.join(&source).join("mutant.rs"), SWITCH);
    let lib = tree.join(&source).join("lib.rs");
    let text = fs::read_to_string(home.join(&source).join("lib.rs")).expect("lib.rs can be read");
    write_if_new(&lib, &format!("{text}\nmod mutant;\n"));
    all
}

/// Writes only changed files, so the rest is not built again.
fn write_if_new(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(path, text).expect("a file can be written");
}

/// Returns the mutants in the compiler's errors.
fn do_not_compile(tree: &Path, package: &Package) -> BTreeSet<usize> {
    let arguments = ["build", "--lib", "--all-features", "--message-format=json"];
    let arguments = arguments.into_iter().chain(["--package", package.name]);
    let output = (cargo(tree, arguments).output()).expect("cargo is installed");
    let mut wrong = BTreeSet::new();
    for message in messages(&output.stdout) {
        let message = &message["message"];
        if message["level"] == "error" {
            let spans = message["spans"].as_array().into_iter().flatten();
            let mut spans: Vec<&Value> = spans.collect();
            spans.sort_by_key(|span| span["is_primary"] != true);
            // A `match` with a missing arm: the mutant is in an arm below.
            let down = message["code"]["code"] == "E0004";
            wrong.extend(
                spans
                    .into_iter()
                    .find_map(|span| mutant_at(tree, span, down)),
            );
        }
    }
    assert!(
        output.status.success() || !wrong.is_empty(),
        "the copy does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    wrong
}

/// Returns the mutant around the place of a compiler error: the switch is there, just above, or with
/// `down` below.
fn mutant_at(tree: &Path, span: &Value, down: bool) -> Option<usize> {
    let text = fs::read_to_string(tree.join(span["file_name"].as_str()?)).ok()?;
    let line = usize::try_from(span["line_start"].as_u64()?).ok()?;
    let id_in = |line: &str| {
        let (_, id) = line.rsplit_once("mutant::is(")?;
        id.split_once(')')?.0.parse().ok()
    };
    if down {
        return text.lines().skip(line).find_map(id_in);
    }
    let up_to_there: Vec<&str> = text.lines().take(line).collect();
    up_to_there.into_iter().rev().take(6).find_map(id_in)
}

/// Builds the tests, with every feature.
pub(crate) fn test_programs(tree: &Path, package: &Package) -> Vec<PathBuf> {
    let arguments = [
        "test",
        "--no-run",
        "--all-features",
        "--message-format=json",
    ];
    let arguments = arguments.into_iter().chain(["--package", package.name]);
    let arguments = arguments.chain(package.tests.iter().copied());
    let output = (cargo(tree, arguments).output()).expect("cargo is installed");
    assert!(
        output.status.success(),
        "the tests do not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let is_test = |message: &Value| message["profile"]["test"] == true;
    let messages = messages(&output.stdout).filter(is_test);
    messages
        .filter_map(|message| Some(message["executable"].as_str()?.into()))
        .collect()
}

/// Parses a JSON value per line.
fn messages(output: &[u8]) -> impl Iterator<Item = Value> {
    let lines = output.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}
