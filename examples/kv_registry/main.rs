//! The registry as a program: reads commands, and prints answers and the news of every bucket.
//!
//! `cargo run --example kv_registry -- examples/shopping.txt`, or without a file to type
//! `CREATE shopping`, `PUT shopping milk 3`, `GET shopping milk`, `DELETE shopping milk`,
//! `STOP shopping`, `NAMES`.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::fs::File;
use tokio::io::{BufReader, stdin, stdout};

use crate::session::SessionError;

mod answer;
mod command;
mod line;
mod session;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (file, extra) = (arguments.next(), arguments.next());
    if extra.is_some() {
        eprintln!("usage: kv_registry [file of commands]");
        return ExitCode::FAILURE;
    }

    let session = match &file {
        None => session::run(BufReader::new(stdin()), stdout()).await,
        Some(path) => match File::open(path).await {
            Ok(file) => session::run(BufReader::new(file), stdout()).await,
            Err(error) => Err(SessionError::Read(error)),
        },
    };
    match session {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the answers has closed its end, as `head` does, which is no error.
        Err(SessionError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let input = file.unwrap_or_else(|| "standard input".into());
            eprintln!("{}: {error}", input.display());
            ExitCode::FAILURE
        }
    }
}
