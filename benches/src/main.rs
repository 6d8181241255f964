//! How fast `genevent` is beside what a user would pick instead.
//!
//! `cargo run --release -p genevent-benches` takes about a minute and prints Markdown. Read the
//! ratios, not the figures: the peers of a cell take turns (A B C A B C …), so whatever else the
//! machine does slows all of them alike, and each sample of ours is compared with the one that a
//! peer took right after it.
//!
//! | file | |
//! |---|---|
//! | `workloads/` | what is done, and who takes part |
//! | `peers/` | who does it: each the way a user would write it |
//! | `cell.rs` | one workload at one size on one runtime: sizes the samples, takes them in turn |
//! | `tally.rs` | every subscriber checks what it received: a fast wrong channel is no peer |

mod args;
mod cell;
mod event;
mod peers;
mod report;
mod runtime;
mod stats;
mod tally;
mod workloads;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n\n{}", args::USAGE);
            return ExitCode::FAILURE;
        }
    };
    if args.help {
        println!("{}", args::USAGE);
        return ExitCode::SUCCESS;
    }

    let cells: Vec<_> = cell::all()
        .into_iter()
        .filter(|cell| args.wants_cell(&cell.name()))
        .collect();
    if args.list {
        for cell in &cells {
            println!("{}: {}", cell.name(), cell.peer_names().join(", "));
        }
        return ExitCode::SUCCESS;
    }

    let began = Instant::now();
    let mut results = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        eprintln!("{}/{} {}", index + 1, cells.len(), cell.name());
        results.push(cell.measure(&args));
    }
    report::print(&results, &args);
    eprintln!("{:.0} s", began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
