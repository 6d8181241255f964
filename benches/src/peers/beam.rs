//! Elixir's GenEvent: another runtime, with its own scheduler, memory and compiler. The comparison is
//! between the results for a user with the same callbacks.

use std::path::Path;
use std::process::{Command, exit};

use crate::load::{Load, Sample};

/// Callbacks in the process of the event manager.
pub(crate) fn handlers(load: Load) -> Sample {
    run("handlers", load)
}

/// A process and a stream for each callback.
pub(crate) fn streams(load: Load) -> Sample {
    run("streams", load)
}

fn run(mode: &str, load: Load) -> Sample {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("beam/genevent.exs");
    let output = Command::new("elixir")
        .arg(script)
        .args([mode, &load.subscribers.to_string()])
        .arg(load.time.as_millis().to_string())
        .output();
    let Ok(output) = output else {
        eprintln!("elixir is not installed (apt-get install elixir)");
        exit(1);
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "elixir: {errors}");
    serde_json::from_slice(&output.stdout).expect("the script prints a sample")
}
