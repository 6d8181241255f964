//! Commands in, answers and news out.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::pin;
use std::task::Poll;

use futures::stream::{self, StreamExt, TryStreamExt};
use genevent::EventManager;
use genevent::kv::{Registry, RegistryStreamExt};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter,
};
use tokio::sync::Mutex;

use crate::command::Command;

/// Longest line that is read, in bytes, without its end.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Runs the commands of `input` on a new registry, until the input ends and all is told.
///
/// What the registry tells is printed by a pipeline over its events, before the answer to the
/// command that caused it.
pub(crate) async fn run<R, W>(input: R, output: W) -> Result<(), SessionError>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let registry = Registry::new(EventManager::default());
    let output = Output(Mutex::new(BufWriter::new(output)));

    let created = registry.events().created();
    let exited = registry.events().exited();
    let news = stream::select(
        created.map(|(name, _)| format!("created {}\n", Printable(&name))),
        exited.map(|(name, _, reason)| format!("exited {} ({reason})\n", Printable(&name))),
    );
    let print = news.map(Ok).try_for_each(|line| output.say(line));

    // The registry goes with the commands; then the news end as well.
    let ended = futures::try_join!(obey(registry, input, &output), print);
    let flushed = output.flush().await;
    ended.map(|_| ()).and(flushed)
}

async fn obey<R, W>(
    registry: Registry<String>,
    mut input: R,
    output: &Output<W>,
) -> Result<(), SessionError>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    for number in 1_u64.. {
        let read = {
            let mut read = pin!(next_line(&mut input, &mut line));
            match futures::poll!(read.as_mut()) {
                Poll::Ready(read) => read,
                Poll::Pending => {
                    // The next command may be waiting for these answers.
                    output.flush().await?;
                    read.await
                }
            }
        };
        let answer = match read.map_err(SessionError::Read)? {
            None => break,
            Some(Line::TooLong) => Err(Refusal::Wrong(
                format!("longer than {MAX_LINE} bytes").into(),
            )),
            Some(Line::Read) => answer(&registry, &line).await,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(Refusal::NotFound) => "NOT FOUND\n".to_owned(),
            Err(Refusal::Wrong(error)) => format!("error on line {number}: {error}\n"),
        };
        output.say(answer).await?;
    }
    Ok(())
}

/// Does what the line asks for, and gives what is to be said then.
async fn answer(registry: &Registry<String>, line: &[u8]) -> Result<String, Refusal> {
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
    Wrong(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Wrong(error.into())
    }
}

enum Line {
    Read,
    TooLong,
}

/// Reads a line without its end, LF or CRLF; one that is too long is skipped. `None` at the end
/// of the input. Never holds more than the longest line.
async fn next_line<R: AsyncBufRead + Unpin>(
    input: &mut R,
    line: &mut Vec<u8>,
) -> io::Result<Option<Line>> {
    const LONGEST: usize = MAX_LINE + "\r\n".len();

    let mut too_long = false;
    loop {
        line.clear();
        let read = (&mut *input)
            .take(LONGEST as u64)
            .read_until(b'\n', line)
            .await?;
        if read == 0 && !too_long {
            return Ok(None);
        }
        let ended = line.ends_with(b"\n");
        if ended {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        too_long |= line.len() > MAX_LINE;
        if ended || read < LONGEST {
            return Ok(Some(if too_long { Line::TooLong } else { Line::Read }));
        }
    }
}

/// Where commands and news write their lines, each in one piece.
struct Output<W>(Mutex<BufWriter<W>>);

impl<W: AsyncWrite + Unpin> Output<W> {
    async fn say(&self, lines: String) -> Result<(), SessionError> {
        let said = self.0.lock().await.write_all(lines.as_bytes()).await;
        said.map_err(SessionError::Write)
    }

    async fn flush(&self) -> Result<(), SessionError> {
        let flushed = self.0.lock().await.flush().await;
        flushed.map_err(SessionError::Write)
    }
}

/// A name as it is printed: control characters cannot reach the terminal, and no two names look
/// the same for it.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

/// What ended a session before its input did.
#[derive(Debug)]
pub(crate) enum SessionError {
    Read(io::Error),
    Write(io::Error),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read the commands: {error}"),
            Self::Write(error) => write!(f, "cannot write the answers: {error}"),
        }
    }
}
