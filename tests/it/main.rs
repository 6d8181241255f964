//! The tests of the public API, by area, in a single program, which is compiled and linked once.
//! `cargo test --test it publish::notify::` runs the tests of one file. Tests that need a separate
//! process, or other features, are separate programs: the other folders of `tests`.

#[path = "../support/drive.rs"]
mod drive;

mod acks;
mod backpressure;
mod conformance;
#[cfg(feature = "rt")]
mod handlers;
#[cfg(feature = "rt")]
mod kv;
mod publish;
mod receipts;
mod robustness;
mod subscribe;

use std::fs;
use std::path::Path;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");

/// The `.rs` files below `folder`, as paths relative to `tests/it`.
fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let path = path.strip_prefix(TESTS).unwrap();
            files.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
    files
}

/// Whether the parent module of `file` declares the file.
fn is_declared(file: &str) -> bool {
    let (parent, name) = match file.rsplit_once('/') {
        None => ("main.rs".to_owned(), file),
        Some((folder, name)) => (format!("{folder}.rs"), name),
    };
    let declaration = format!("mod {};", name.trim_end_matches(".rs"));
    let text = fs::read_to_string(Path::new(TESTS).join(parent));
    file == "main.rs" || text.is_ok_and(|text| text.lines().any(|line| line == declaration))
}

/// The compiler ignores a file without a declaring module, so its tests would never run.
#[test]
fn every_test_file_is_declared() {
    let mut undeclared = files(Path::new(TESTS));
    undeclared.retain(|file| !is_declared(file));
    assert_eq!(
        undeclared, [""; 0],
        "declare them in the file of their folder"
    );
}
