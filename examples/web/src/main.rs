//! A web service with live orders.
//!
//! `cargo run -p genevent-web` prints the address to open in a browser. An order that is posted is an
//! event with three consumers, and the answer to the request is the receipt. Browsers watch the stored
//! orders as observers. Ctrl-c drains the service; a second ctrl-c ends it at once.
//!
//! ```text
//!  POST ──▶ orders ──▶ database ──stored──▶ feed ──▶ browsers (server-sent events)
//!   ▲         ├──────▶ billing                └────▶ customers (WebSocket, by topic)
//!   │         └──────▶ kitchen
//!   └─────── receipt
//! ```
//!
//! `service.rs` puts the parts together and drains them, and is the file to read first.

use std::io::{self, Write};
use std::pin::pin;
use std::process::{ExitCode, exit};

use futures_util::FutureExt;
use tokio::signal::ctrl_c;

use crate::arguments::Arguments;
use crate::service::Service;

mod arguments;
mod consumers;
mod database;
mod drawing;
mod events;
mod feed;
mod order;
mod pages;
mod place_order;
mod server;
mod service;
mod stats;
mod websocket;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.any(|word| word == "--help" || word == "-h") {
        say(format_args!("{}", arguments::USAGE));
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{}", arguments::USAGE);
            return ExitCode::FAILURE;
        }
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let path = arguments.database.display().to_string();
    let listener =
        server::listen(arguments.address).map_err(|e| format!("{}: {e}", arguments.address))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let service = Service::start(&arguments)
        .await
        .map_err(|e| format!("{path}: {e}"))?;
    // The first poll installs the handler. A ctrl-c before would kill the process without a drain, so
    // the address is printed afterwards.
    let mut interrupt = pin!(ctrl_c());
    if let Some(Err(error)) = interrupt.as_mut().now_or_never() {
        return Err(format!("ctrl-c is unavailable: {error}"));
    }
    say(format_args!("listening on http://{address}"));
    let stop = async {
        let _ = interrupt.await;
        say(format_args!("draining"));
        tokio::spawn(end_at_once());
    };
    let drained = service.run(listener, stop).await;
    say(format_args!("drained: {drained}"));
    Ok(())
}

/// Ends the process at a second ctrl-c: nobody has to wait for a drain.
async fn end_at_once() {
    if ctrl_c().await.is_ok() {
        eprintln!("ended at once, without the rest of the drain");
        exit(130);
    }
}

/// Prints a line. A write error is ignored: the reader of the output may be gone.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
