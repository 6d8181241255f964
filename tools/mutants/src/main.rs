//! Which wrong lines in the library no test notices.
//!
//! `cargo run --release -p genevent-mutants` takes the list of `cargo mutants` (which honours
//! `.cargo/mutants.toml`), and plants all of it into one copy of the library, each mutant behind
//! a switch. So the tests are built once, and each mutant costs no more than the tests that reach
//! it.
//!
//! With words behind it, only mutants whose names contain one of them are judged. Those that
//! cannot be planted are named, for `cargo mutants -F 'their name'`.

mod compile;
mod judge;
mod list;
mod plant;
mod reach;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

/// This part of those that compile must be noticed, in percent.
const ENOUGH: usize = 95;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tree = home.join("target/mutants/tree");
    let mutants = list::mutants(home);
    let planted = compile::plant_what_compiles(home, &tree, &mutants);
    let programs = compile::test_programs(&tree);
    let tests = reach::tests(&tree, &programs);

    let is_asked_for = |id: &usize| {
        let name = &mutants[*id].name;
        words.is_empty() || words.iter().any(|word| name.contains(word))
    };
    let judged: BTreeSet<usize> = planted.ids.iter().copied().filter(is_asked_for).collect();
    println!("{} of {} mutants are judged", judged.len(), mutants.len());
    let missed = judge::missed(&tree, &tests, &judged, &mutants);

    for id in planted.not_planted.iter().copied().filter(is_asked_for) {
        println!("not planted: {}", mutants[id].name);
    }
    let caught = judged.len() - missed;
    println!("{caught} of {} noticed", judged.len());
    if caught * 100 < judged.len() * ENOUGH {
        println!("fewer than {ENOUGH} percent");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// `cargo` in `folder`, with what makes builds quick.
fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env_remove("CARGO_TARGET_DIR");
    command
}
