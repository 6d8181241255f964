//! Runs many lives of event managers on each kind of executor: subscribers join, leave, panic, stall
//! and are aborted; observers and subscribers of topics come and go; readers nack and publish follow-ups;
//! handlers fail, crash and restart; publishers are cancelled; managers are closed
//! meanwhile. Every event is accounted for: see [`book`].
//!
//! ```sh
//! cargo run --release -p genevent-soak -- --seconds 600
//! ```
//!
//! `--seed N` repeats the rounds of a seed (the schedule of the threads remains random).

mod book;
mod crowd;
mod event;
mod executor;
mod filters;
mod handlers;
mod publisher;
mod reader;
mod round;
mod stages;
mod stops;

use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use book::Totals;
use executor::Executor;
use executor::IntendedPanic;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The timeout of a round, which normally takes well under a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// The number of rounds until all lasting allocations have been made.
const WARM_UP: u64 = 30;
/// The interval of rounds with a crowd coming and leaving while its manager lives: see [`crowd`].
const TIDE: u64 = 10;
/// The tolerance for buffers of the runtimes and of the test itself.
const SLACK: usize = 256 * 1024;

fn main() -> ExitCode {
    let Some((time, first)) = arguments() else {
        eprintln!("usage: genevent-soak [--seconds N] [--seed N]");
        return ExitCode::from(2);
    };
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<IntendedPanic>() {
            print(info);
        }
    }));
    let (tell, news) = channel();
    let rounds = std::thread::spawn(move || {
        let executors = Executor::all();
        let began = Instant::now();
        let mut totals = Totals::default();
        let mut kept = 0;
        for (seed, executor) in (first..).zip(executors.iter().cycle()) {
            // Fewer rounds give no heap to compare with.
            if began.elapsed() >= time && totals.rounds > WARM_UP {
                break;
            }
            tell.send((seed, executor.name())).ok();
            round::play(executor, seed, &mut totals);
            if totals.rounds % TIDE == 0 {
                crowd::rise_and_fall(seed, || MEMORY.current_usage());
            }
            if totals.rounds == WARM_UP {
                kept = MEMORY.current_usage();
            }
        }
        (totals, kept, MEMORY.current_usage())
    });
    let mut last = None;
    loop {
        match news.recv_timeout(PATIENCE) {
            Ok(round) => last = Some(round),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let alive = event::alive();
                eprintln!("{last:?} has not ended within {PATIENCE:?}; {alive} events are left");
                return ExitCode::FAILURE;
            }
        }
    }
    let Ok((totals, kept, now)) = rounds.join() else {
        eprintln!("failed in {last:?}");
        return ExitCode::FAILURE;
    };
    print_totals(&totals);
    println!("{kept} bytes on the heap after {WARM_UP} rounds, {now} at the end");
    if now > kept + SLACK {
        eprintln!("memory has grown");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print_totals(totals: &Totals) {
    println!(
        "{} rounds, {} subscribers",
        totals.rounds, totals.subscribers
    );
    println!(
        "{} events published, {} refused, {} given up on",
        totals.published, totals.refused, totals.cancelled
    );
    println!(
        "{} deliveries in order, none lost or doubled; {} losses, each told of",
        totals.deliveries, totals.lost
    );
    println!(
        "{} receipts, each right; {} readers panicked",
        totals.receipts, totals.panics
    );
}

fn arguments() -> Option<(Duration, u64)> {
    let (mut seconds, mut seed) = (30, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match &*name {
            "--seconds" => seconds = value,
            "--seed" => seed = Some(value),
            _ => return None,
        }
    }
    Some((
        Duration::from_secs(seconds),
        seed.unwrap_or_else(|| fastrand::u64(..)),
    ))
}
