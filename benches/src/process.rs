//! Samples in processes of their own.

use std::io;
use std::process::{Child, Command, Stdio, exit};
use std::thread;
use std::time::Duration;

use crate::load::{Load, Sample};
use crate::workloads::{self, Peer};

/// The timeout of a sample, which is reported then: a hanging peer must not stop the run.
const AT_MOST: Duration = Duration::from_secs(30);

/// A sample whose process is running.
pub(crate) struct Started(Child);

pub(crate) fn start(cell: &str, peer: &str, time: Duration) -> io::Result<Started> {
    Command::new(std::env::current_exe()?)
        .args(["--sample", cell, peer])
        .args(["--sample-ms", &time.as_millis().to_string()])
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Started)
}

impl Started {
    /// # Errors
    /// Returns the output of the process if the sample was wrong or took too long.
    pub(crate) fn finish(self) -> Result<Sample, String> {
        let output = self.0.wait_with_output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            // The place and the message of the panic.
            let said = String::from_utf8_lossy(&output.stderr);
            let first: Vec<_> = said.trim().lines().take(2).collect();
            return Err(first.join(" "));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
    }
}

/// Runs in the process of a sample: prints the sample as a line of JSON.
pub(crate) fn answer(cell: &str, peer: &str, time: Duration) {
    thread::spawn(|| {
        thread::sleep(AT_MOST);
        eprintln!("no end after {} s", AT_MOST.as_secs());
        exit(1);
    });
    let mut cells = workloads::ALL
        .iter()
        .flat_map(|workload| (workload.cells)());
    let cell = cells.find(|found| found.name == cell);
    let cell = cell.expect("the parent names a cell of the list");
    let mut peers = cell.peers.iter();
    let peer = peers.find(|found| found.name == peer);
    let peer = peer.expect("the parent names a peer of the cell");
    let sample = take(peer, Load { time, ..cell.load });
    println!(
        "{}",
        serde_json::to_string(&sample).expect("figures are finite")
    );
}

fn take(peer: &Peer, load: Load) -> Sample {
    let events = peer.events.unwrap_or_else(|| size(peer, load));
    (peer.run)(Load { events, ..load })
}

/// Returns the number of events with which a sample takes about the intended time. Also warms up.
fn size(peer: &Peer, load: Load) -> u64 {
    let mut events = 64;
    loop {
        let began = std::time::Instant::now();
        (peer.run)(Load { events, ..load });
        let elapsed = began.elapsed();
        if elapsed > load.time / 8 {
            let scale = load.time.as_secs_f64() / elapsed.as_secs_f64();
            return ((events as f64 * scale) as u64).max(64);
        }
        events *= 4;
    }
}
