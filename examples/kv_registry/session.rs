//! Commands in, answers and news out.

use std::fmt;
use std::io;
use std::pin::pin;
use std::task::Poll;

use futures::stream::{self, StreamExt, TryStreamExt};
use genevent::EventManager;
use genevent::kv::{Registry, RegistryStreamExt};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::Mutex;

use crate::answer::{Printable, TooLong, answer, mistake};
use crate::line::{Line, next_line};

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
            Some(Line::TooLong) => mistake(number, &TooLong),
            Some(Line::Whole | Line::Unended) => answer(&registry, number, &line).await,
        };
        output.say(answer).await?;
    }
    Ok(())
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
