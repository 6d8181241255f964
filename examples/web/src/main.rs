//! A web service with live orders.
//!
//! `cargo run -p genevent-web` prints the address to open in a browser. A posted order is an event
//! with three consumers, and the answer to the request is the receipt. Browsers watch the stored
//! orders as observers. Ctrl-c or SIGTERM drains the service; a second ctrl-c ends the process at once.
//!
//! ```text
//!  POST ──▶ orders ──▶ database ──stored──▶ feed ──▶ browsers (server-sent events)
//!   ▲         ├──────▶ billing                └────▶ customers (WebSocket, by topic)
//!   │         └──────▶ kitchen
//!   └─────── receipt
//! ```
//!
//! `service.rs` puts the parts together and drains them, and is the file to read first.

use std::process::{ExitCode, exit};

use tokio::sync::oneshot;

use crate::arguments::Arguments;
use crate::output::{say, warn};
use crate::service::Service;
use crate::signals::Signals;

mod arguments;
mod consumers;
mod database;
mod drawing;
mod events;
mod feed;
mod order;
mod output;
mod pages;
mod place_order;
mod server;
mod service;
mod signals;
mod stats;
mod websocket;

#[tokio::main]
async fn main() -> ExitCode {
    let words = || std::env::args_os().skip(1);
    if words().any(|word| word == "--help" || word == "-h") {
        say(format_args!("{}", arguments::USAGE));
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(words()) {
        Ok(arguments) => arguments,
        Err(message) => {
            warn(format_args!("{message}\n\n{}", arguments::USAGE));
            return ExitCode::FAILURE;
        }
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            warn(format_args!("{message}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let listener =
        server::listen(arguments.address).map_err(|e| format!("{}: {e}", arguments.address))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let service = Service::start(&arguments)
        .await
        .map_err(|e| format!("{}: {e}", arguments.database_name()))?;
    // Before the address is printed: until here, a signal kills the process without a drain.
    let signals = Signals::new().map_err(|e| format!("signals are unavailable: {e}"))?;
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(stop_then_exit(signals, stop));
    say(format_args!("listening on http://{address}"));
    let drained = service.run(listener, async { drop(stopped.await) }).await;
    say(format_args!("drained: {drained}"));
    match drained.broken {
        None => Ok(()),
        Some(consumer) => Err(format!("the consumer {consumer} ended before the service")),
    }
}

/// Starts the drain at the first signal. Ends the process at the second signal: a drain takes time.
async fn stop_then_exit(mut signals: Signals, stop: oneshot::Sender<()>) {
    signals.next().await;
    say(format_args!("draining"));
    // An error means that the drain has begun already.
    let _ = stop.send(());
    signals.next().await;
    warn(format_args!("ended at once, without the rest of the drain"));
    exit(130);
}
