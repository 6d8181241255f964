//! The registry as a service: clients send lines over TCP and may watch the registry's events.
//!
//! `cargo run --example service -- 127.0.0.1:0` prints the address of the service. Clients send the
//! commands of the example `kv_registry`, and `WATCH`: a watching client receives a line beginning
//! with `* ` for each bucket that is created or ends, between two answers. Ctrl-c drains the
//! service.
//!
//! Strangers may connect, so every resource a client can use is bounded ([`Settings`]), and a slow,
//! silent or broken client harms only itself:
//!
//! - A client reads nothing, or a byte now and then: its queued output is bounded (`outgoing.rs`),
//!   and the client is cut off if sending takes too long. A client too slow for the news misses the
//!   oldest lines, and receives the number of missed lines.
//! - A client sends nothing: unless the client watches, its connection is closed, which makes room
//!   for the next client.
//! - A client sends garbage, or a line without an end: the client receives an error, and the line
//!   is skipped.
//! - A client chooses malicious names: all characters that could mislead a terminal are escaped.
//!   Values are sent unchanged, byte for byte. A value may also begin with `* `, so a client that
//!   must tell values from news watches on a separate connection.
//!
//! Nothing limits the number of buckets and values that clients may store. A service for strangers
//! needs such a limit, and access control.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

use crate::service::{Service, Settings};

#[path = "../kv_registry/answer.rs"]
mod answer;
mod client;
#[path = "../kv_registry/command.rs"]
mod command;
mod directory;
#[path = "../kv_registry/line.rs"]
mod line;
mod outgoing;
mod service;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: service <address>:<port>, for example 127.0.0.1:0 for any free port");
        return ExitCode::FAILURE;
    };
    match serve(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;

    let interrupted = async {
        let interrupt = ctrl_c().await;
        // Ignore write errors: the reader of the output may be gone.
        let _ = match interrupt {
            Ok(()) => writeln!(io::stdout(), "draining"),
            Err(error) => writeln!(io::stderr(), "draining, as ctrl-c is unavailable: {error}"),
        };
    };
    let drained = Service::start(Settings::default())
        .run(listener, interrupted)
        .await;
    let _ = writeln!(io::stdout(), "drained: {drained}");
    Ok(())
}
