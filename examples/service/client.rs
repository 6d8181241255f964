//! One client: its commands, its answers, and its news.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::{EndReason, SubscribeOptions, Subscription};
use tokio::io::{AsyncBufRead, AsyncWriteExt, BufReader, copy_buf, sink};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;

use crate::answer::{TooLong, answer, mistake};
use crate::command::ParseError;
use crate::line::{Line, next_line};
use crate::service::{House, News};

/// Serves one client until it hangs up or the house closes. Its error is why it was cut off:
/// it did not take what it was sent. Who just goes has done nothing wrong.
pub(crate) async fn serve(socket: TcpStream, peer: SocketAddr, house: House) -> io::Result<()> {
    // Answers are written whole. If this fails, they are slower, or the client has gone.
    let _ = socket.set_nodelay(true);
    let (input, output) = socket.into_split();
    let mut input = BufReader::new(input);
    let mut client = Client {
        name: peer.to_string(),
        teller: Teller {
            output,
            unsent: VecDeque::new(),
            news: None,
            stall: house.settings.stall,
        },
        house,
    };
    match client.converse(&mut input).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
        Err(_) => return Ok(()),
    }
    // To close with something unread resets the connection, and takes the goodbye with it.
    let mut nowhere = sink();
    let hung_up = copy_buf(&mut input, &mut nowhere);
    let _ = timeout(client.house.settings.goodbye, hung_up).await;
    Ok(())
}

struct Client {
    name: String,
    house: House,
    teller: Teller,
}

/// What a client that may send commands does next.
enum Next {
    Line(Option<Line>),
    Closing,
}

impl Client {
    /// Obeys and answers, one line at a time, and tells the news in between. What has its answer
    /// was done; what has none when the goodbye comes was not, if it was a whole line at all.
    async fn converse(&mut self, input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let read = {
                let open = &mut self.house.open;
                let closing = async { drop(open.wait_for(Option::is_none).await) };
                let next = async {
                    tokio::select! {
                        biased;
                        () = closing => Ok(Next::Closing),
                        read = next_line(input, &mut line) => read.map(Next::Line),
                    }
                };
                match self.teller.tell_until(next).await? {
                    Some(next) => next?,
                    None => return self.say_goodbye().await,
                }
            };
            let answer = match read {
                Next::Closing => return self.say_goodbye().await,
                // Half a line may be another command than the whole: `STOP work`, `STOP workshop`.
                Next::Line(None | Some(Line::Unended)) => return self.teller.hang_up().await,
                Next::Line(Some(Line::TooLong)) => mistake(number, &TooLong),
                Next::Line(Some(Line::Whole)) if words(&line).next() == Some(b"WATCH") => {
                    self.watch(number, &line)
                }
                Next::Line(Some(Line::Whole)) => {
                    let Some(registry) = self.house.open.borrow().clone() else {
                        return self.say_goodbye().await;
                    };
                    // The news must go on: the command waits until everybody has room for its
                    // own, this client as well.
                    let mut answer = pin!(answer(&registry, number, &line));
                    match self.teller.tell_until(answer.as_mut()).await? {
                        Some(answer) => answer,
                        None => answer.await,
                    }
                }
            };
            self.teller.say(&answer).await?;
        }
        Ok(())
    }

    /// From now on, the client is told the news. To ask again changes nothing.
    fn watch(&mut self, number: u64, line: &[u8]) -> String {
        if words(line).count() > 1 {
            return mistake(number, &ParseError::TooMany("WATCH"));
        }
        let (house, name) = (&self.house.news, self.name.as_str());
        self.teller
            .news
            .get_or_insert_with(|| house.subscribe_with(SubscribeOptions::new().name(name)));
        "OK\n".to_owned()
    }

    /// The rest of the news, and why there will be no more.
    async fn say_goodbye(&mut self) -> io::Result<()> {
        if self.teller.news.is_some() {
            self.teller.tell_until(pending::<()>()).await?;
        }
        let news = self.teller.news.take();
        let reason = match news.and_then(|news| news.end_reason()) {
            None | Some(EndReason::Closed) => "the service is shutting down".to_owned(),
            Some(reason) => reason.to_string(),
        };
        self.teller.say(&format!("* goodbye: {reason}\n")).await?;
        self.teller.hang_up().await
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| b" \t".contains(byte))
        .filter(|word| !word.is_empty())
}

/// What a client is told.
struct Teller {
    output: OwnedWriteHalf,
    /// Whole lines, but for the first, which may have been sent in part.
    unsent: VecDeque<u8>,
    /// `None` if the client does not watch.
    news: Option<Subscription<News>>,
    stall: Duration,
}

impl Teller {
    /// How much is gathered before it is sent, in bytes.
    const ENOUGH: usize = 64 * 1024;

    /// Tells news until `until` is ready. `None` if the news have ended before.
    ///
    /// Whatever the client does, `until` is polled: nobody else waits for it.
    async fn tell_until<T>(&mut self, until: impl Future<Output = T>) -> io::Result<Option<T>> {
        let telling = async {
            loop {
                self.send().await?;
                match &mut self.news {
                    None => pending().await,
                    Some(news) => match news.next().await {
                        None => return Ok(()),
                        Some(line) => self.unsent.extend(line.as_bytes()),
                    },
                }
            }
        };
        tokio::select! {
            ready = until => Ok(Some(ready)),
            ended = telling => ended.map(|()| None),
        }
    }

    /// Says something to the client, after the news that came before.
    async fn say(&mut self, lines: &str) -> io::Result<()> {
        for _ in 0..self.news.as_ref().map_or(0, Subscription::pending) {
            let due = self
                .news
                .as_mut()
                .and_then(|news| news.next().now_or_never());
            let Some(Some(line)) = due else { break };
            self.unsent.extend(line.as_bytes());
            if self.unsent.len() >= Self::ENOUGH {
                self.send().await?;
            }
        }
        self.unsent.extend(lines.as_bytes());
        self.send().await
    }

    /// Sends what is unsent. Dropped in between, it has sent a part, and the rest is unsent.
    async fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            let sent = timeout(self.stall, self.output.write_buf(&mut self.unsent)).await;
            if sent?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        self.news = None;
        self.send().await?;
        self.output.shutdown().await
    }
}
