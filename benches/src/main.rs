//! How fast `genevent` is beside what a user would pick instead.
//!
//! `cargo run --release -p genevent-benches` takes under two minutes, prints Markdown, and leaves
//! the samples as JSON lines and a chart under `target/bench`; with `--full` it measures
//! everything, which takes some twenty minutes. Read the ratios, not the figures: the peers of a
//! cell take turns (A B C A B C …), so whatever else the machine does slows all of them alike, and
//! each sample of ours is compared with the one that a peer took right after it. Every sample is a
//! process of its own.
//!
//! | file | |
//! |---|---|
//! | `workloads/` | what is done, and who takes part |
//! | `peers/` | who does it: each the way a user would write it |
//! | `measure.rs`, `process.rs` | takes the samples of a cell in turn, each in its own process |
//! | `tally.rs` | every subscriber checks what it received: a fast wrong channel is no peer |
//! | `minima.rs` | what ours must reach; a cell below it makes the command fail |
//! | `report.rs`, `chart.rs` | tables, JSON lines, the picture |
//! | `growth.rs`, `memory.rs` | ours alone: how costs grow, what lies on the heap |
//!
//! All of them allocate from the system's allocator, by way of one that counts bytes for W6.

mod args;
mod by_hand;
mod chart;
mod event;
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
        Mode::Growth => return code(growth::run(&args)),
        Mode::Measure => return code(measure_all(&args)),
    }
    ExitCode::SUCCESS
}

/// Whether all is as it must be.
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

/// The cells that `args` asks for, with their workloads.
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
