//! The registry as a service: clients send lines over TCP and may watch the registry's events.
//!
//! `cargo run --example service -- 127.0.0.1:0` prints the address it listens on. Clients send
//! the commands of the example `kv_registry`, and `WATCH`: from then on they are told of every
//! bucket that comes or goes, in lines that begin with `* `, between two answers. Ctrl-c drains it.
//!
//! Strangers may connect, so everything that a client can make the service do is bounded
//! ([`Settings`]), and a client that is slow, silent or broken harms itself alone:
//!
//! - It reads nothing, or a byte now and then: what waits for it is bounded (`outgoing.rs`), and it
//!   is cut off if that takes too long. News that it is too slow for are lost to it, and it is told
//!   how many.
//! - It says nothing: if it does not watch either, it loses its place to the next client.
//! - It sends garbage, or a line without an end: it gets an error, and the line is skipped.
//! - It chooses names: they are printed with everything escaped that could fool a terminal. Values
//!   are sent as they were put, byte for byte. (A value may begin with `* `, too: who must tell them
//!   apart watches on a connection of its own.)
//!
//! There is no limit to how many buckets and values clients may store. A service for strangers
//! needs one, and access control.

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
