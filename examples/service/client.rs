//! A client: its commands, its answers, and the watched news.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::pin::pin;

use futures::FutureExt;
use genevent::{Received, SubscribeOptions, WithMissed};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, copy_buf, sink};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until, timeout};

use crate::answer::{Printable, TooLong, answer, error_answer};
use crate::command::{Command, ParseError};
use crate::line::{Line, next_line};
use crate::outgoing::Outgoing;
use crate::service::{News, Shared};

/// The longest name of a bucket, in bytes. The limit keeps lines of news and pages of names short.
pub(crate) const MAX_NAME: usize = 256;

/// The number of names per page. A page has at most 100 KiB, if every byte of the names is escaped.
const PAGE_LEN: usize = 64;

/// Serves a client until the client hangs up, is idle for too long, or the service closes.
///
/// # Errors
/// The client was cut off because the client did not read its output in time. A client that hangs
/// up is no error.
pub(crate) async fn serve(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
    name: String,
    shared: Shared,
) -> io::Result<()> {
    let goodbye = shared.settings.goodbye;
    let mut input = BufReader::new(input);
    let mut client = Client {
        name,
        outgoing: Outgoing::new(output, shared.settings.send_within, shared.queued.clone()),
        watching: None,
        shared,
    };
    match client.run(&mut input).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
        Err(_) => return Ok(()),
    }
    // Closing a connection with unread input resets the connection, and the goodbye may be lost. So
    // give the client some time to hang up first.
    let _ = timeout(goodbye, copy_buf(&mut input, &mut sink())).await;
    Ok(())
}

struct Client<W> {
    name: String,
    outgoing: Outgoing<W>,
    watching: Option<Watching>,
    shared: Shared,
}

/// The news subscription of a watching client.
struct Watching {
    news: WithMissed<News>,
    /// The client's share of the limit of watching clients.
    _permit: OwnedSemaphorePermit,
}

/// The next event for a client that may send a command.
enum Next {
    Line(Line),
    HungUp,
    Goodbye(&'static str),
}

impl<W: AsyncWrite + Unpin> Client<W> {
    /// Executes and answers commands, one line at a time, and sends news in between.
    ///
    /// Every answered command was executed. A command without an answer before the goodbye was not
    /// executed.
    async fn run(&mut self, input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let answer = match self.next(input, &mut line).await? {
                Next::Goodbye(reason) => return self.say_goodbye(reason).await,
                // Do not execute half a line: the connection may have broken within a command, and
                // half of `STOP workshop` is `STOP work`.
                Next::HungUp | Next::Line(Line::Unended) => return self.outgoing.close().await,
                Next::Line(Line::TooLong) => error_answer(number, &TooLong),
                Next::Line(Line::Whole) => match self.execute(number, &line).await? {
                    Some(answer) => answer,
                    None => return self.say_goodbye(SHUTTING_DOWN).await,
                },
            };
            self.send(&answer).await?;
        }
        Ok(())
    }

    /// Waits for the next line, and sends news meanwhile.
    async fn next(
        &mut self,
        input: &mut (impl AsyncBufRead + Unpin),
        line: &mut Vec<u8>,
    ) -> io::Result<Next> {
        // The limit covers a whole line: otherwise a client could keep its slot with single bytes.
        let idle_at = match self.watching {
            Some(_) => None,
            None => Some(Instant::now() + self.shared.settings.idle),
        };
        let mut open = self.shared.open.clone();
        let closing = async { drop(open.wait_for(Option::is_none).await) };
        let next = async {
            tokio::select! {
                biased;
                () = closing => Ok(Next::Goodbye(SHUTTING_DOWN)),
                read = next_line(input, line) => Ok(read?.map_or(Next::HungUp, Next::Line)),
                () = sleep_until_some(idle_at) => Ok(Next::Goodbye("nothing was heard for too long")),
            }
        };
        self.send_news_until(next).await?
    }

    /// Executes a command, and returns the answer, or the remainder of the answer. Returns `None`
    /// if the service accepts no more commands.
    async fn execute(&mut self, number: u64, line: &[u8]) -> io::Result<Option<String>> {
        if first_word(line) == b"WATCH" {
            return Ok(Some(
                self.watch(line)
                    .unwrap_or_else(|refused| error_answer(number, &*refused)),
            ));
        }
        let command = std::str::from_utf8(line).map(Command::parse);
        if let Ok(Ok(Some(Command::Names))) = command {
            return self.send_names().await.map(Some);
        }
        // Hold the registry only for this command: the registry ends when its last clone is
        // dropped.
        let Some(registry) = self.shared.open.borrow().clone() else {
            return Ok(None);
        };
        if let Ok(Ok(Some(Command::Create { bucket }))) = command {
            if bucket.len() > MAX_NAME {
                return Ok(Some(error_answer(number, &Refused::NameTooLong)));
            }
        }
        let answer = pin!(answer(&registry, number, line));
        self.send_news_until(answer).await.map(Some)
    }

    /// Sends all names, and returns the final `OK`. A name created or stopped meanwhile may or may
    /// not be included.
    async fn send_names(&mut self) -> io::Result<String> {
        let mut last = None;
        loop {
            let page = self.shared.directory.page(last.as_deref(), PAGE_LEN);
            if page.is_empty() {
                return Ok("OK\n".to_owned());
            }
            self.push_queued_news().await?;
            for name in &page {
                self.outgoing.push(&format!("{}\n", Printable(name)));
            }
            // Build the next page only when the client has read this page, to bound the memory.
            self.outgoing.send().await?;
            last = page.into_iter().next_back();
        }
    }

    /// Subscribes the client to the news. A second call changes nothing.
    fn watch(&mut self, line: &[u8]) -> Result<String, Box<dyn Error>> {
        if words(line).count() > 1 {
            return Err(ParseError::TooMany("WATCH").into());
        }
        if self.watching.is_none() {
            let permit = self.shared.watchers.clone().try_acquire_owned();
            let options = SubscribeOptions::new().name(self.name.as_str());
            self.watching = Some(Watching {
                _permit: permit.map_err(|_| Refused::TooManyWatch)?,
                news: self.shared.news.subscribe_with(options).with_missed(),
            });
        }
        Ok("OK\n".to_owned())
    }

    // ---- Output ---------------------------------------------------------------------------------

    /// Sends news until `until` is ready. Both are polled together, so a client that reads nothing
    /// cannot delay its own command.
    async fn send_news_until<T>(&mut self, until: impl Future<Output = T>) -> io::Result<T> {
        let Self {
            outgoing, watching, ..
        } = self;
        let send_news = async {
            loop {
                outgoing.send().await?;
                match watching {
                    None => pending().await,
                    Some(Watching { news, .. }) => match news.next().await {
                        Some(received) => outgoing.push(&news_line(received)),
                        // The service is closing: `until` becomes ready soon.
                        None => pending().await,
                    },
                }
            }
        };
        tokio::select! {
            ready = until => Ok(ready),
            failed = send_news => failed,
        }
    }

    /// Sends lines to the client, after the queued news.
    async fn send(&mut self, lines: &str) -> io::Result<()> {
        self.push_queued_news().await?;
        self.outgoing.push(lines);
        self.outgoing.send().await
    }

    async fn push_queued_news(&mut self) -> io::Result<()> {
        let Some(Watching { news, .. }) = &mut self.watching else {
            return Ok(());
        };
        // Read only the lines unread now, and one line about missed events: publishers may never
        // pause.
        for _ in 0..=news.get_ref().len() {
            // Ignore the coop budget: with an exhausted budget, unread news would be reported as
            // absent, and the answer would overtake the news.
            let next = unconstrained(news.next()).now_or_never();
            let Some(Some(received)) = next else { break };
            self.outgoing.push(&news_line(received));
            if self.outgoing.is_full() {
                self.outgoing.send().await?;
            }
        }
        Ok(())
    }

    /// Sends the remaining news, and the reason of the end. When the service shuts down, the
    /// remaining news end with the news manager.
    async fn say_goodbye(&mut self, reason: &str) -> io::Result<()> {
        if let Some(Watching { news, .. }) = &mut self.watching {
            while let Some(received) = news.next().await {
                self.outgoing.push(&news_line(received));
                self.outgoing.send().await?;
            }
        }
        self.watching = None;
        self.outgoing.push(&format!("* goodbye: {reason}\n"));
        self.outgoing.close().await
    }
}

const SHUTTING_DOWN: &str = "the service is shutting down";

/// Returns the line of an event, or a line about missed events.
fn news_line(received: Received<News>) -> News {
    match received {
        Received::Event(line) => line,
        Received::Missed(n) => format!("* missed {n} events\n").into(),
        // `Received` may get further variants, which have no text yet.
        _ => "".into(),
    }
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| b" \t".contains(byte))
        .filter(|word| !word.is_empty())
}

fn first_word(line: &[u8]) -> &[u8] {
    words(line).next().unwrap_or_default()
}

/// The reason why a valid command was refused.
#[derive(Debug)]
enum Refused {
    NameTooLong,
    TooManyWatch,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTooLong => write!(f, "a name longer than {MAX_NAME} bytes"),
            Self::TooManyWatch => f.write_str("too many clients watch already"),
        }
    }
}

impl Error for Refused {}
