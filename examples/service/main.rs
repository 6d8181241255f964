//! The registry as a service: clients send lines over TCP and may watch what happens.
//!
//! `cargo run --example service -- 127.0.0.1:0` prints the address it listens on. Clients send
//! the commands of the example `kv_registry`, and `WATCH`: from then on they are told of every
//! bucket that comes or goes, in lines that begin with `* `, between two answers. (A value may
//! begin so, too: who must tell them apart watches on a connection of its own.) Ctrl-c drains it.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio::signal::ctrl_c;

use crate::service::{Service, Settings};

#[path = "../kv_registry/answer.rs"]
mod answer;
mod client;
#[path = "../kv_registry/command.rs"]
mod command;
#[path = "../kv_registry/line.rs"]
mod line;
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
    let service = Service::bind(address, Settings::default()).await?;
    writeln!(io::stdout(), "listening on {}", service.address()?)?;

    let interrupted = async {
        let heard = ctrl_c().await;
        // Who started this may have stopped reading.
        let _ = match heard {
            Ok(()) => writeln!(io::stdout(), "draining"),
            Err(error) => writeln!(io::stderr(), "draining, as ctrl-c cannot be heard: {error}"),
        };
    };
    let drained = service.run(interrupted).await;
    let _ = writeln!(io::stdout(), "drained: {drained}");
    Ok(())
}
