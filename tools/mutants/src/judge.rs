//! Judges mutants. A mutant is noticed if a test reaching its code fails or does not end.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Package;
use crate::list::Mutant;
use crate::reach::{Test, in_parallel, run};

/// The number of tests from which tests longer than [`Package::long`] are left out.
const MANY: usize = 12;
/// The time of the first batch of tests; each further batch has four times as long.
const FIRST: Duration = Duration::from_millis(300);
const MOST: Duration = Duration::from_secs(6);

/// Prints the unnoticed mutants of `judged` and the progress, and returns their number.
pub(crate) fn missed(
    tree: &Path,
    package: &Package,
    tests: &[Test],
    judged: &BTreeSet<usize>,
    mutants: &[Mutant],
) -> usize {
    let left = Mutex::new(judged.iter().copied().enumerate());
    let missed = AtomicUsize::new(0);
    in_parallel(|_| {
        loop {
            let Some((index, id)) = left.lock().unwrap().next() else {
                return;
            };
            if index % 100 == 0 {
                println!("{index} judged, next {}", mutants[id].name);
            }
            if !is_noticed(tree, package, tests, id) {
                println!("missed: {}", mutants[id].name);
                missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    missed.into_inner()
}

fn is_noticed(tree: &Path, package: &Package, tests: &[Test], id: usize) -> bool {
    let mut reaching: Vec<&Test> = (tests.iter()).filter(|t| t.reaches.contains(&id)).collect();
    if reaching.len() > MANY {
        // The random model is not left out.
        reaching.retain(|test| test.takes < package.long || test.name.contains("the_reference"));
    }
    let (mut rest, mut most) = (&reaching[..], FIRST);
    while !rest.is_empty() {
        let mut takes = Duration::ZERO;
        let more = rest.iter().position(|test| {
            takes += test.takes;
            takes > most
        });
        let (together, later) = rest.split_at(more.unwrap_or(rest.len()).max(1));
        if fails(tree, together, id) {
            return true;
        }
        (rest, most) = (later, (most * 4).min(MOST));
    }
    false
}

/// Runs the tests, with a process for each program.
fn fails(tree: &Path, tests: &[&Test], id: usize) -> bool {
    let programs: BTreeSet<&Path> = tests.iter().map(|test| test.program.as_path()).collect();
    programs.into_iter().any(|program| {
        let its = || tests.iter().filter(|test| test.program == program);
        let takes: Duration = its().map(|test| test.takes).sum();
        let mut command = run(tree, program, its().map(|test| test.name.as_str()));
        !passes(
            command.env("MUTANT", id.to_string()),
            Duration::from_secs(4) + takes * 4,
        )
    })
}

/// Returns whether the program succeeds within the time.
fn passes(command: &mut Command, within: Duration) -> bool {
    let end = Instant::now() + within;
    let mut child = command
        .process_group(0)
        .spawn()
        .expect("the program has run before");
    loop {
        if let Some(status) = child.try_wait().expect("the process is our child") {
            return status.success();
        }
        if Instant::now() > end {
            // Also the servers that the tests have started.
            let group = format!("-{}", child.id());
            let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
            assert!(
                killed.is_ok_and(|status| status.success()),
                "a group is killed"
            );
            child.wait().expect("the process is our child");
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
