//! Finds wrong lines in the library without a test to notice them.
//!
//! `cargo run --release -p genevent-mutants` takes the list of `cargo mutants` (which honours
//! `.cargo/mutants.toml`), and builds all mutants into the same copy of the library, each behind a
//! switch. The tests are built once, and a mutant costs only the tests reaching its code.
//!
//! Arguments select the mutants with any of them in the name. Mutants that cannot be built in are
//! listed, for `cargo mutants -F 'their name'`.
//!
//! With `--nats` as the first argument, the mutants are those of `genevent-nats`.

mod compile;
mod insert;
mod judge;
mod list;
mod reach;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// The required percentage of noticed mutants among the compiled mutants.
const ENOUGH: usize = 98;

/// A package with mutants.
struct Package {
    name: &'static str,
    /// From the project's folder.
    folder: &'static str,
    /// Selects the programs of tests.
    tests: &'static [&'static str],
    /// From which length on a test is left out where many others reach the mutant.
    long: Duration,
}

const GENEVENT: Package = Package {
    name: "genevent",
    folder: "",
    tests: &["--tests"],
    long: Duration::from_millis(1_500),
};

/// Without the test `processes`, whose program has arguments of its own.
const NATS: Package = Package {
    name: "genevent-nats",
    folder: "nats",
    tests: &["--lib", "--test=it"],
    // Promises about time take time.
    long: Duration::from_secs(10),
};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let package = if words.first().is_some_and(|word| word == "--nats") {
        words.remove(0);
        &NATS
    } else {
        &GENEVENT
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = folder
        .ancestors()
        .nth(2)
        .expect("the folder is `tools/mutants`");
    let tree = home.join("target/mutants/tree");
    let mutants = list::mutants(home, package);
    let inserted = compile::insert_compiling(home, &tree, package, &mutants);
    let programs = compile::test_programs(&tree, package);
    let tests = reach::tests(&tree, &programs);

    let is_asked_for = |id: &usize| {
        let name = &mutants[*id].name;
        words.is_empty() || words.iter().any(|word| name.contains(word))
    };
    let judged: BTreeSet<usize> = inserted.ids.iter().copied().filter(is_asked_for).collect();
    println!("{} of {} mutants are judged", judged.len(), mutants.len());
    let missed = judge::missed(&tree, package, &tests, &judged, &mutants);

    for id in inserted.not_inserted.iter().copied().filter(is_asked_for) {
        println!("not built in: {}", mutants[id].name);
    }
    let caught = judged.len() - missed;
    println!("{caught} of {} noticed", judged.len());
    if caught * 100 < judged.len() * ENOUGH {
        println!("fewer than {ENOUGH} percent");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Returns `cargo` in `folder`, with settings for fast builds.
fn cargo<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env_remove("CARGO_TARGET_DIR");
    command
}
