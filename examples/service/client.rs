//! One client: its commands, its answers, and the news that it watches.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::pin::pin;

use futures::{FutureExt, StreamExt};
use genevent::{Received, SubscribeOptions, WithMissed};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, copy_buf, sink};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until, timeout};

use crate::answer::{Printable, TooLong, answer, mistake};
use crate::command::{Command, ParseError};
use crate::line::{Line, next_line};
use crate::outgoing::Outgoing;
use crate::service::{News, Shared};

/// The longest name of a bucket, in bytes. So a line of news and a page of names are short.
pub(crate) const MAX_NAME: usize = 256;

/// How many names are sent at once. At most 100 KiB, if each byte of them is escaped.
const PAGE: usize = 64;

/// Serves one client until it hangs up, is idle for too long, or the service closes.
///
/// An error means that the client was cut off because it did not take what it was sent. A client
/// that just goes has done nothing wrong.
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
    match client.converse(&mut input).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
        Err(_) => return Ok(()),
    }
    // To close a connection with something unread resets it, and the goodbye may be lost. So the
    // client has some time to hang up first.
    let _ = timeout(goodbye, copy_buf(&mut input, &mut sink())).await;
    Ok(())
}

struct Client<W> {
    name: String,
    outgoing: Outgoing<W>,
    watching: Option<Watching>,
    shared: Shared,
}

/// The news of a client that watches.
struct Watching {
    news: WithMissed<News>,
    /// One of the places for those who watch.
    _place: OwnedSemaphorePermit,
}

/// What happens next to a client that may send a command.
enum Next {
    Line(Line),
    HungUp,
    Goodbye(&'static str),
}

impl<W: AsyncWrite + Unpin> Client<W> {
    /// Obeys and answers, one line at a time, and tells the news in between.
    ///
    /// A command that was answered was carried out. A command that has no answer when the goodbye
    /// comes was not.
    async fn converse(&mut self, input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let answer = match self.next(input, &mut line).await? {
                Next::Goodbye(reason) => return self.say_goodbye(reason).await,
                // The end of the input may have cut a command in half, and half of `STOP workshop`
                // is `STOP work`. So half a line is not obeyed.
                Next::HungUp | Next::Line(Line::Unended) => return self.outgoing.close().await,
                Next::Line(Line::TooLong) => mistake(number, &TooLong),
                Next::Line(Line::Whole) => match self.obey(number, &line).await? {
                    Some(answer) => answer,
                    None => return self.say_goodbye(SHUTTING_DOWN).await,
                },
            };
            self.say(&answer).await?;
        }
        Ok(())
    }

    /// Waits for the next line, and tells the news meanwhile.
    async fn next(
        &mut self,
        input: &mut (impl AsyncBufRead + Unpin),
        line: &mut Vec<u8>,
    ) -> io::Result<Next> {
        // The time runs until there is a whole line: a byte now and then does not keep a place.
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
        self.tell_news_until(next).await?
    }

    /// Carries out a command, and gives the answer, or the end of the answer. `None` if the service
    /// takes no more commands.
    async fn obey(&mut self, number: u64, line: &[u8]) -> io::Result<Option<String>> {
        if first_word(line) == b"WATCH" {
            return Ok(Some(
                self.watch(line)
                    .unwrap_or_else(|refused| mistake(number, &*refused)),
            ));
        }
        let command = std::str::from_utf8(line).map(Command::parse);
        if let Ok(Ok(Some(Command::Names))) = command {
            return self.list_names().await.map(Some);
        }
        // Held only while the command is carried out: the registry ends with its last owner.
        let Some(registry) = self.shared.open.borrow().clone() else {
            return Ok(None);
        };
        if let Ok(Ok(Some(Command::Create { bucket }))) = command {
            if bucket.len() > MAX_NAME {
                return Ok(Some(mistake(number, &Refused::NameTooLong)));
            }
        }
        let answer = pin!(answer(&registry, number, line));
        self.tell_news_until(answer).await.map(Some)
    }

    /// Says all names but for the end, `OK`. A name that is created or stopped meanwhile may be
    /// among them or not.
    async fn list_names(&mut self) -> io::Result<String> {
        let mut last = None;
        loop {
            let page = self.shared.directory.page(last.as_deref(), PAGE);
            if page.is_empty() {
                return Ok("OK\n".to_owned());
            }
            self.tell_news_so_far().await?;
            for name in &page {
                self.outgoing.push(&format!("{}\n", Printable(name)));
            }
            // The next page is made when the client has taken this one.
            self.outgoing.send().await?;
            last = page.into_iter().next_back();
        }
    }

    /// From now on, the client is told the news. To ask again changes nothing.
    fn watch(&mut self, line: &[u8]) -> Result<String, Box<dyn Error>> {
        if words(line).count() > 1 {
            return Err(ParseError::TooMany("WATCH").into());
        }
        if self.watching.is_none() {
            let place = self.shared.watchers.clone().try_acquire_owned();
            let options = SubscribeOptions::new().name(self.name.as_str());
            self.watching = Some(Watching {
                _place: place.map_err(|_| Refused::TooManyWatch)?,
                news: self.shared.news.subscribe_with(options).with_missed(),
            });
        }
        Ok("OK\n".to_owned())
    }

    // ---- What the client is told ---------------------------------------------------------------

    /// Tells news until `until` is ready. Whatever the client does, `until` is polled: a client
    /// that reads nothing does not keep its own command from being carried out.
    async fn tell_news_until<T>(&mut self, until: impl Future<Output = T>) -> io::Result<T> {
        let Self {
            outgoing, watching, ..
        } = self;
        let telling = async {
            loop {
                outgoing.send().await?;
                match watching {
                    None => pending().await,
                    Some(Watching { news, .. }) => match news.next().await {
                        Some(received) => outgoing.push(&in_words(received)),
                        // The service is closing: `until` is ready soon.
                        None => pending().await,
                    },
                }
            }
        };
        tokio::select! {
            ready = until => Ok(ready),
            failed = telling => failed,
        }
    }

    /// Says something to the client, after the news that came before.
    async fn say(&mut self, lines: &str) -> io::Result<()> {
        self.tell_news_so_far().await?;
        self.outgoing.push(lines);
        self.outgoing.send().await
    }

    async fn tell_news_so_far(&mut self) -> io::Result<()> {
        let Some(Watching { news, .. }) = &mut self.watching else {
            return Ok(());
        };
        // No more than what waits by now, and one line about a loss: others may never stop.
        for _ in 0..=news.get_ref().len() {
            // Not by tokio's budget, which may say that nothing is there when something is.
            let next = unconstrained(news.next()).now_or_never();
            let Some(Some(received)) = next else { break };
            self.outgoing.push(&in_words(received));
            if self.outgoing.is_full() {
                self.outgoing.send().await?;
            }
        }
        Ok(())
    }

    /// Says the rest of the news, and why there is no more. When the service shuts down, the rest
    /// comes until the news have ended.
    async fn say_goodbye(&mut self, reason: &str) -> io::Result<()> {
        if let Some(Watching { news, .. }) = &mut self.watching {
            while let Some(received) = news.next().await {
                self.outgoing.push(&in_words(received));
                self.outgoing.send().await?;
            }
        }
        self.watching = None;
        self.outgoing.push(&format!("* goodbye: {reason}\n"));
        self.outgoing.close().await
    }
}

const SHUTTING_DOWN: &str = "the service is shutting down";

/// A line of news, or how many are missing here.
fn in_words(received: Received<News>) -> News {
    match received {
        Received::Event(line) => line,
        Received::Missed(n) => format!("* missed {n} events\n").into(),
        // `Received` may get further variants; there is nothing to say about them yet.
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

/// Why a command was not carried out although it is one.
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
