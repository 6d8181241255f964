//! Compares the speed of `genevent` with that of channels a user would choose instead.
//!
//! `cargo run --release -p genevent-benches` takes under two minutes, prints Markdown, and leaves
//! the samples as JSON lines and a chart under `target/bench`; `--full` measures all cells and
//! takes some twenty minutes. Read the ratios, not the figures: the peers of a cell take turns
//! (A B C A B C …), so load on the machine slows all of them alike, and each sample of genevent is
//! compared with the next sample of a peer. Every sample runs in a process of its own.
//!
//! | file | |
//! |---|---|
//! | `workloads/` | the workloads, and the peers that take part |
//! | `peers/` | the peers, each in the code a user would write |
//! | `load.rs` | the size of a measurement, and its result |
//! | `measure.rs`, `process.rs` | the samples of a cell, in turn, each in its own process |
//! | `tally.rs` | checks the events of every subscriber: a fast channel with errors is no peer |
//! | `minima.rs` | the minima genevent must reach; a cell below its minimum fails the command |
//! | `report.rs`, `chart.rs` | tables, JSON lines, the chart |
//! | `growth.rs`, `memory.rs` | genevent alone: growth of costs, bytes on the heap |
//! | `fairness.rs` | the shares of several producers |
//!
//! All allocations go to the system's allocator, through a wrapper that counts bytes for W6.

mod args;
mod by_hand;
mod chart;
mod event;
mod fairness;
mod growth;
mod load;
mod measure;
mod memory;
mod minima;
mod peers;
mod process;
mod report;
mod runtime;
mod stats;
mod tally;
mod workloads;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use args::{Args, Mode};
use measure::Measured;
use workloads::{Cell, Workload};

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n\n{}", args::USAGE);
            return ExitCode::FAILURE;
        }
    };
    match &args.mode {
        Mode::Help => println!("{}", args::USAGE),
        Mode::List => list(&args),
        Mode::Sample { cell, peer } => process::answer(cell, peer, args.sample),
        Mode::Memory => print!("{}", memory::table()),
        Mode::Fairness => print!("{}", fairness::table(args.rounds)),
        Mode::Growth => return code(growth::run(&args)),
        Mode::Measure => return code(measure_all(&args)),
    }
    ExitCode::SUCCESS
}

/// Returns whether all minima are reached.
fn code(result: Result<bool, Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the cells `args` selects, with their workloads.
fn cells(args: &Args) -> Vec<(&'static Workload, Cell)> {
    let all = workloads::ALL.iter();
    let cells =
        all.flat_map(|&workload| (workload.cells)().into_iter().map(move |c| (workload, c)));
    cells.filter(|(_, cell)| args.wants_cell(cell)).collect()
}

fn list(args: &Args) {
    for (_, cell) in cells(args) {
        let peers: Vec<_> = cell.peers.iter().map(|peer| peer.name).collect();
        println!("{}: {}", cell.name, peers.join("; "));
    }
}

fn measure_all(args: &Args) -> Result<bool, Box<dyn Error>> {
    let began = Instant::now();
    let cells = cells(args);
    let mut results = Vec::new();
    for (index, (workload, cell)) in cells.iter().enumerate() {
        eprintln!("{}/{} {}", index + 1, cells.len(), cell.name);
        results.push(Measured::of(workload, cell, args));
    }

    let verdicts = minima::judge(&results, args);
    let tables = report::tables(&results, &verdicts, args);
    print!("{tables}");
    fs::create_dir_all(&args.out)?;
    fs::write(args.out.join("tables.md"), tables)?;
    fs::write(
        args.out.join("samples.jsonl"),
        report::json_lines(&results)?,
    )?;
    chart::draw(&args.out.join("chart.svg"), &results)?;
    eprintln!(
        "{:.0} s; see {}",
        began.elapsed().as_secs_f64(),
        args.out.display()
    );

    let failed = results.iter().any(Measured::ours_failed);
    Ok(!failed && verdicts.iter().all(|verdict| verdict.holds))
}
