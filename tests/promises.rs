//! Every promise has its file; together they are one program, which is compiled and linked once.
//! `cargo test --test promises notify::` runs those of one file. What needs a process of its own,
//! or other features, is a program of its own: see `Cargo.toml`.

use std::fs;
use std::path::Path;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

#[path = "support/drive.rs"]
mod drive;

mod ack_notify;
#[cfg(feature = "rt")]
mod acks_through_combinators;
mod auto_traits;
#[cfg(feature = "rt")]
mod blocking;
#[cfg(feature = "rt")]
mod cancel_safety;
mod closing;
#[cfg(feature = "rt")]
mod deadline;
#[cfg(feature = "rt")]
mod deadlocks;
mod deliveries;
mod delivery_scale;
mod drawing;
#[cfg(feature = "rt")]
mod event_stream_ext;
mod executors;
#[cfg(feature = "rt")]
mod ext_bounds;
#[cfg(feature = "rt")]
mod fairness;
mod filter_foreign;
#[cfg(feature = "rt")]
mod filter_policies;
mod filters;
mod foreign_code;
#[cfg(feature = "rt")]
mod genevent_parity;
#[cfg(feature = "rt")]
mod handler;
#[cfg(feature = "rt")]
mod handler_cut;
#[cfg(feature = "rt")]
mod handler_ends;
#[cfg(feature = "rt")]
mod handler_foreign;
#[cfg(feature = "rt")]
mod handler_group;
#[cfg(feature = "rt")]
mod handler_group_ends;
#[cfg(feature = "rt")]
mod handler_lines;
#[cfg(feature = "rt")]
mod handler_model;
#[cfg(feature = "rt")]
mod handler_overflow;
#[cfg(feature = "rt")]
mod handler_permits;
#[cfg(feature = "rt")]
mod handler_reasons;
#[cfg(feature = "rt")]
mod handler_restart;
#[cfg(feature = "rt")]
mod handler_scale;
#[cfg(feature = "rt")]
mod handler_told;
#[cfg(feature = "rt")]
mod handler_turns;
#[cfg(feature = "rt")]
mod handler_ways;
mod inspect;
#[cfg(feature = "rt")]
mod kv_bounds;
#[cfg(feature = "rt")]
mod kv_foreign;
#[cfg(feature = "rt")]
mod kv_registry;
#[cfg(feature = "rt")]
mod kv_scale;
#[cfg(feature = "rt")]
mod kv_slow_observers;
#[cfg(feature = "rt")]
mod kv_values;
#[cfg(feature = "rt")]
mod kv_watch;
mod notify;
mod order;
mod overflow;
mod peers_promises;
mod permit;
mod public_api;
mod reactive_streams;
mod readme;
mod replay;
mod scale;
#[cfg(feature = "rt")]
mod seeing;
mod sink;
mod stage_losses;
mod stages;
mod subscription;
mod sync_notify;
mod texts;
mod turnover;
#[cfg(feature = "rt")]
mod wait_at_most;
mod wakeups;
#[cfg(feature = "rt")]
mod would_deadlock;

/// The files below `folder`, by their paths in `tests`.
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

/// Whether `file` is a program, or a module of one.
fn is_declared(file: &str) -> bool {
    let says = |file: &str, line: &str| {
        let text = fs::read_to_string(Path::new(TESTS).join(file));
        text.is_ok_and(|text| text.lines().any(|other| other == line))
    };
    let (parents, name) = match file.rsplit_once('/') {
        None => (["promises.rs".to_owned(), String::new()], file),
        Some((folder, name)) => ([format!("{folder}/main.rs"), format!("{folder}.rs")], name),
    };
    let module = format!("mod {};", name.trim_end_matches(".rs"));
    says("../Cargo.toml", &format!("path = \"tests/{file}\""))
        || says("promises.rs", &format!("#[path = \"{file}\"]"))
        || parents.iter().any(|parent| says(parent, &module))
}

/// Cargo does not look for them, and so would not miss one.
#[test]
fn every_file_of_tests_is_part_of_a_program() {
    let mut forgotten = files(Path::new(TESTS));
    forgotten.retain(|file| !is_declared(file));
    assert_eq!(forgotten, [""; 0], "declare them in tests/promises.rs");
}
