//! The service: who is connected, what they share, and how it ends.
//!
//! ```text
//!  clients ──commands──▶ registry ──its events──▶ relay ──notify──▶ news ──▶ clients that watch
//! ```
//!
//! A command that creates or stops a bucket is answered when the observers of the registry have
//! *finished* with its event. If each client that watches were such an observer, all of them would
//! go at the pace of the slowest. So the relay is the only one. It publishes each event once more as
//! a line of news, to a second manager whose subscribers are lossy (`DropOldest`): a client that
//! falls behind by more than a window loses the oldest lines, and nobody waits for it.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use genevent::kv::{Registry, RegistryEvent};
use genevent::{EventManager, Overflow, Subscription};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::answer::Printable;
use crate::client;
use crate::directory::Directory;
use crate::outgoing::Queued;

/// A line of news, made once for all who watch.
pub(crate) type News = Arc<str>;

/// What the service puts up with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How many clients may be connected at once. More wait until one leaves.
    pub(crate) clients: usize,
    /// How many of them may watch. They may be silent, so they must not take all places.
    pub(crate) watchers: usize,
    /// How many lines of news may wait for a client that watches, before it loses the oldest.
    pub(crate) window: usize,
    /// How long a client that does not watch may take for its next command.
    pub(crate) idle: Duration,
    /// How long a client may take for everything that waits to be sent to it.
    pub(crate) send_within: Duration,
    /// How long each step of the drain may take: to tell what has happened, and to hear it.
    pub(crate) drain: Duration,
    /// How long a client that was told goodbye may take to hang up.
    pub(crate) goodbye: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clients: 500,
            watchers: 250,
            window: 1_024,
            idle: Duration::from_secs(300),
            send_within: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            goodbye: Duration::from_secs(1),
        }
    }
}

/// What all clients share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// `None` once no more commands are taken.
    pub(crate) open: watch::Receiver<Option<Registry<String>>>,
    pub(crate) news: EventManager<News>,
    pub(crate) directory: Directory,
    /// A permit for each client that may still begin to watch.
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) queued: Queued,
    pub(crate) settings: Settings,
}

/// A service with no clients yet.
pub(crate) struct Service {
    open: watch::Sender<Option<Registry<String>>>,
    relay: JoinHandle<()>,
    shared: Shared,
}

impl Service {
    pub(crate) fn start(settings: Settings) -> Self {
        let registry = Registry::new(EventManager::default());
        let news = EventManager::builder()
            .name("news")
            .capacity(settings.window)
            .default_overflow(Overflow::DropOldest)
            .build();
        let directory = Directory::default();
        let relay = relay(registry.events(), directory.clone(), news.clone());
        let (open, opened) = watch::channel(Some(registry));
        Self {
            open,
            relay: tokio::spawn(relay),
            shared: Shared {
                open: opened,
                news,
                directory,
                watchers: Arc::new(Semaphore::new(settings.watchers)),
                queued: Queued::default(),
                settings,
            },
        }
    }

    /// Serves until `stop` is ready, then drains: commands that were begun are answered, buckets
    /// end, clients that watch hear of it, and everybody is told goodbye. A client that does not
    /// take that in time is cut off.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let mut clients = Clients::default();
        clients.welcome(listener, &self.shared, stop).await;
        let deadline = self.close().await;
        clients.finish(deadline).await
    }

    /// Takes no more commands and tells the rest of the news. Gives the time when the clients must
    /// have taken it.
    async fn close(self) -> Instant {
        let Settings { drain, goodbye, .. } = self.shared.settings;
        // The registry goes with the last command, its manager when all is told, and then the
        // relay, which has nothing more to hear.
        self.open.send_replace(None);
        let overdue = self.relay.abort_handle();
        if timeout(drain, self.relay).await.is_err() {
            overdue.abort();
        }
        let deadline = Instant::now() + drain;
        if let Err(late) = self.shared.news.stop().within(drain).await {
            report(format_args!("draining: {late}"));
        }
        deadline + goodbye
    }

    /// What a client of this service shares with the others.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

/// Tells the operator. If nobody is there to read it, the service goes on.
fn report(what: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Passes on what happens to the registry, in words.
async fn relay(
    mut events: Subscription<RegistryEvent<String>>,
    directory: Directory,
    news: EventManager<News>,
) {
    while let Some(event) = events.next().await {
        directory.update(&event);
        let line = match event {
            RegistryEvent::Created { name, .. } => format!("* created {}\n", Printable(&name)),
            RegistryEvent::Exited { name, reason, .. } => {
                format!("* exited {} ({reason})\n", Printable(&name))
            }
            _ => continue,
        };
        // Nobody closes the news while there is something to tell, unless time is up.
        if news.notify(line.into()).await.is_err() {
            return;
        }
    }
}

/// Those who are connected, and what became of the others.
#[derive(Default)]
struct Clients {
    tasks: JoinSet<(SocketAddr, io::Result<()>)>,
    gone: Drained,
}

impl Clients {
    /// Accepts clients until `stop` is ready.
    async fn welcome(
        &mut self,
        listener: TcpListener,
        shared: &Shared,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                Some(gone) = self.tasks.join_next() => self.gone.count(gone.ok()),
                accepted = listener.accept(), if self.tasks.len() < shared.settings.clients => {
                    match accepted {
                        Ok((socket, peer)) => self.let_in(socket, peer, shared.clone()),
                        Err(error) => {
                            // Most likely, no more files can be opened until a client leaves.
                            report(format_args!("cannot accept: {error}"));
                            sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
            }
        }
    }

    fn let_in(&mut self, socket: TcpStream, peer: SocketAddr, shared: Shared) {
        // Answers are written whole. If this fails, they are slower, or the client has gone.
        let _ = socket.set_nodelay(true);
        let (input, output) = socket.into_split();
        let client = client::serve(input, output, peer.to_string(), shared);
        self.tasks.spawn(async move { (peer, client.await) });
    }

    /// Waits for those who are still connected, and cuts off who is there after the deadline.
    async fn finish(mut self, deadline: Instant) -> Drained {
        while let Ok(Some(gone)) = timeout_at(deadline, self.tasks.join_next()).await {
            self.gone.count(gone.ok());
        }
        self.tasks.abort_all();
        while let Some(gone) = self.tasks.join_next().await {
            self.gone.count(gone.ok());
        }
        self.gone
    }
}

/// What became of the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Drained {
    /// Those who had all they were owed, or hung up before.
    pub(crate) served: usize,
    /// Those who did not take it in time.
    pub(crate) cut_off: usize,
}

impl Drained {
    /// `None`: its task was aborted, or has panicked.
    fn count(&mut self, gone: Option<(SocketAddr, io::Result<()>)>) {
        match gone {
            Some((_, Ok(()))) => self.served += 1,
            Some((peer, Err(error))) => {
                report(format_args!("{peer}: {error}"));
                self.cut_off += 1;
            }
            None => self.cut_off += 1,
        }
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} served, {} cut off", self.served, self.cut_off)
    }
}
