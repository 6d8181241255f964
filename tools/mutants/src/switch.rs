//! The active mutant, and a record of the reached mutants. `genevent-mutants` adds this module.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

static CHOSEN: LazyLock<Option<usize>> =
    LazyLock::new(|| env::var("MUTANT").ok()?.parse().ok());

struct Reached {
    already: Vec<AtomicBool>,
    file: Mutex<File>,
}

static REACHED: LazyLock<Option<Reached>> = LazyLock::new(|| {
    let path = env::var_os("MUTANTS_REACHED")?;
    let file = OpenOptions::new().create(true).append(true).open(path);
    let already = std::iter::repeat_with(|| AtomicBool::new(false));
    Some(Reached {
        already: already.take(100_000).collect(),
        file: Mutex::new(file.expect("the file can be written")),
    })
});

pub(crate) fn is(id: usize) -> bool {
    if let Some(reached) = &*REACHED {
        if !reached.already[id].swap(true, Ordering::Relaxed) {
            let mut file = reached.file.lock().expect("no writer panics");
            writeln!(file, "{id}").expect("the file can be written");
        }
    }
    *CHOSEN == Some(id)
}
