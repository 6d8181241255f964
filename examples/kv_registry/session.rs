//! A session: commands in, answers and news out.

use std::fmt;
use std::io;
use std::pin::pin;
use std::task::Poll;

use futures::stream::{self, StreamExt, TryStreamExt};
use genevent::EventManager;
use genevent::kv::{Registry, RegistryStreamExt};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::Mutex;

use crate::answer::{Printable, TooLong, answer, error_answer};
use crate::line::{Line, next_line};

/// Executes the commands of `input` on a new registry, until the input has ended and all events are
/// printed.
///
/// A pipeline over the registry's events prints each event before the answer to the command.
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
    let print = news.map(Ok).try_for_each(|line| output.print(line));

    // `execute_all` drops the registry after the last command, which ends `news`.
    let ended = futures::try_join!(execute_all(registry, input, &output), print);
    let flushed = output.flush().await;
    ended.map(|_| ()).and(flushed)
}

async fn execute_all<R, W>(
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
                    // The source of the next command may be waiting for these answers.
                    output.flush().await?;
                    read.await
                }
            }
        };
        let answer = match read.map_err(SessionError::Read)? {
            None => break,
            Some(Line::TooLong) => error_answer(number, &TooLong),
            Some(Line::Whole | Line::Unended) => answer(&registry, number, &line).await,
        };
        output.print(answer).await?;
    }
    Ok(())
}

/// The output that commands and news share. Each text is written in one piece.
struct Output<W>(Mutex<BufWriter<W>>);

impl<W: AsyncWrite + Unpin> Output<W> {
    async fn print(&self, lines: String) -> Result<(), SessionError> {
        let written = self.0.lock().await.write_all(lines.as_bytes()).await;
        written.map_err(SessionError::Write)
    }

    async fn flush(&self) -> Result<(), SessionError> {
        let flushed = self.0.lock().await.flush().await;
        flushed.map_err(SessionError::Write)
    }
}

/// The error that ended a session before the end of the input.
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
