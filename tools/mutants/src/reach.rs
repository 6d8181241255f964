//! The tests, with their times and the mutants each reaches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Test {
    pub(crate) program: PathBuf,
    pub(crate) name: String,
    pub(crate) takes: Duration,
    pub(crate) reaches: BTreeSet<usize>,
}

/// Returns the tests passing without a mutant, the fastest first.
pub(crate) fn tests(tree: &Path, programs: &[PathBuf]) -> Vec<Test> {
    let names = programs.iter().flat_map(|program| {
        let list = Command::new(program)
            .args(["--list", "--format", "terse"])
            .current_dir(tree)
            .output()
            .expect("the program has just been built");
        let list = String::from_utf8(list.stdout).expect("names are UTF-8");
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        names
            .map(|name| (program.clone(), name.to_owned()))
            .collect::<Vec<_>>()
    });
    let left = Mutex::new(names);
    let tests = Mutex::new(Vec::new());
    in_parallel(|worker| {
        let file = tree.join(format!("reached-{worker}"));
        loop {
            let Some((program, name)) = left.lock().unwrap().next() else {
                return;
            };
            match look(tree, &file, program, name) {
                Ok(test) => tests.lock().unwrap().push(test),
                Err(name) => println!("fails without a mutant: {name}"),
            }
        }
    });
    let mut tests = tests.into_inner().unwrap();
    tests.sort_by_key(|test| test.takes);
    tests
}

fn look(tree: &Path, file: &Path, program: PathBuf, name: String) -> Result<Test, String> {
    let _ = fs::remove_file(file);
    let mut command = run(tree, &program, [name.as_str()]);
    let begin = Instant::now();
    let passed = command.env("MUTANTS_REACHED", file).status();
    let takes = begin.elapsed();
    if !passed.is_ok_and(|status| status.success()) {
        return Err(name);
    }
    let ids = fs::read_to_string(file).unwrap_or_default();
    let ids = ids
        .lines()
        .map(|id| id.parse().expect("each line is a number"));
    Ok(Test {
        reaches: ids.collect(),
        program,
        name,
        takes,
    })
}

/// Runs tests of a program, by their full names.
pub(crate) fn run<'a>(
    tree: &Path,
    program: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--quiet", "--exact", "--test-threads=2"])
        .args(names)
        .current_dir(tree)
        // Programs that are killed leave files behind.
        .env("TMPDIR", tree.join("target/tmp"))
        .env("PROPTEST_CASES", "400")
        .env("RUST_BACKTRACE", "0")
        .env_remove("MUTANT")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs `work` on as many workers as there are processors.
pub(crate) fn in_parallel(work: impl Fn(usize) + Sync) {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
}
