//! Commands carried out.

use std::error::Error;
use std::fmt;

use genevent::kv::Registry;

use crate::command::Command;
use crate::line::MAX_LINE;

/// Does what the line asks for, and gives what is to be said then: whole lines, or nothing.
///
/// What it changes has been told to every observer by then.
pub(crate) async fn answer(registry: &Registry<String>, number: u64, line: &[u8]) -> String {
    match obey(registry, line).await {
        Ok(answer) => answer,
        Err(Refusal::NotFound) => "NOT FOUND\n".to_owned(),
        Err(Refusal::Wrong(error)) => mistake(number, &*error),
    }
}

/// What is said to a line that is no command.
pub(crate) fn mistake(number: u64, error: &dyn Error) -> String {
    format!("error on line {number}: {error}\n")
}

async fn obey(registry: &Registry<String>, line: &[u8]) -> Result<String, Refusal> {
    const OK: &str = "OK\n";

    let line = std::str::from_utf8(line)?;
    let Some(command) = Command::parse(line)? else {
        return Ok(String::new());
    };
    let find = |bucket| registry.lookup(bucket).ok_or(Refusal::NotFound);
    match command {
        Command::Create { bucket } => {
            registry.create(bucket).await?;
            registry.flush().await;
        }
        Command::Put { bucket, key, value } => {
            find(bucket)?.put(key, value.to_owned()).await;
        }
        Command::Get { bucket, key } => {
            let value = find(bucket)?.get(key).await;
            return Ok(value.ok_or(Refusal::NotFound)? + "\n");
        }
        Command::Delete { bucket, key } => {
            let value = find(bucket)?.delete(key).await;
            value.ok_or(Refusal::NotFound)?;
        }
        Command::Stop { bucket } => {
            find(bucket)?.stop();
            registry.flush().await;
        }
        Command::Names => {
            let names = registry.names();
            let lines = names.iter().map(|name| format!("{}\n", Printable(name)));
            return Ok(lines.chain([OK.to_owned()]).collect());
        }
    }
    Ok(OK.to_owned())
}

/// Why a line was not obeyed. The session goes on.
enum Refusal {
    NotFound,
    Wrong(Box<dyn Error + Send + Sync>),
}

impl<E: Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Wrong(error.into())
    }
}

/// Why a line of more than [`MAX_LINE`] bytes is not obeyed.
#[derive(Debug)]
pub(crate) struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than {MAX_LINE} bytes")
    }
}

impl Error for TooLong {}

/// A name as it is printed: control characters cannot reach the terminal, and no two names look
/// the same for it.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}
