//! The service: the connected clients, their shared state, and the shutdown.
//!
//! ```text
//!  clients ──commands──▶ registry ──its events──▶ relay ──notify──▶ news ──▶ clients that watch
//! ```
//!
//! A command that creates or stops a bucket is answered when the subscribers of the registry have
//! *finished* with its event. If every watching client were such a subscriber, all clients would be
//! as slow as the slowest. So the relay is the only subscriber. The relay publishes each event again
//! as a line of news, to a second manager whose subscribers are lossy (`DropOldest`): a client that
//! falls behind by more than a window misses the oldest lines, and delays no other client.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

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

/// A line of news, formatted once for all watching clients.
pub(crate) type News = Arc<str>;

/// The limits of the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// The maximum number of connected clients. Further clients wait for a free slot.
    pub(crate) clients: usize,
    /// The maximum number of watching clients. Watching clients may be silent, so they must not be
    /// able to use all slots.
    pub(crate) watchers: usize,
    /// The number of unread lines of news of a client, before the client misses the oldest lines.
    pub(crate) window: usize,
    /// The time for the next command of a client without `WATCH`.
    pub(crate) idle: Duration,
    /// The time for a client to read its queued output.
    pub(crate) send_within: Duration,
    /// The time for each step of the drain: publishing the last events, and delivering the news.
    pub(crate) drain: Duration,
    /// The time for a client to hang up after the goodbye.
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

/// The state shared by all clients.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// The registry; `None` once the service accepts no more commands.
    pub(crate) open: watch::Receiver<Option<Registry<String>>>,
    pub(crate) news: EventManager<News>,
    pub(crate) directory: Directory,
    /// The permits to watch.
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) queued: Queued,
    pub(crate) settings: Settings,
}

/// A service without clients.
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
        let (open, open_rx) = watch::channel(Some(registry));
        Self {
            open,
            relay: tokio::spawn(relay),
            shared: Shared {
                open: open_rx,
                news,
                directory,
                watchers: Arc::new(Semaphore::new(settings.watchers)),
                queued: Queued::default(),
                settings,
            },
        }
    }

    /// Serves clients until `stop` is ready, then drains: started commands are answered, buckets
    /// end, watching clients receive the last news, and all clients receive a goodbye. A client
    /// that does not read its output in time is cut off.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let mut clients = Clients::default();
        clients.accept(listener, &self.shared, stop).await;
        let deadline = self.close().await;
        clients.finish(deadline).await
    }

    /// Stops accepting commands and publishes the remaining news. Returns the time when the clients
    /// must have read the news.
    async fn close(self) -> Instant {
        let Settings { drain, goodbye, .. } = self.shared.settings;
        // The last command drops the registry; the registry's task then delivers the last events
        // and drops the manager, which ends the relay.
        self.open.send_replace(None);
        let relay = self.relay.abort_handle();
        if timeout(drain, self.relay).await.is_err() {
            relay.abort();
        }
        let deadline = Instant::now() + drain;
        if let Err(error) = self.shared.news.stop().within(drain).await {
            report(format_args!("draining: {error}"));
        }
        deadline + goodbye
    }

    /// Returns the state shared with a client of this service.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

/// Reports to the operator. A write error is ignored, so the service continues without a reader.
fn report(message: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Publishes each event of the registry as a line of news.
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
        // An error means that the drain has timed out, and the news manager is closed already.
        if news.notify(line.into()).await.is_err() {
            return;
        }
    }
}

/// The connected clients, and the counts of the disconnected clients.
#[derive(Default)]
struct Clients {
    tasks: JoinSet<(SocketAddr, io::Result<()>)>,
    gone: Drained,
}

impl Clients {
    /// Accepts clients until `stop` is ready.
    async fn accept(
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
                        Ok((socket, peer)) => self.spawn(socket, peer, shared.clone()),
                        Err(error) => {
                            // Most likely the process has no free file descriptor: retry soon.
                            report(format_args!("cannot accept: {error}"));
                            sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
            }
        }
    }

    fn spawn(&mut self, socket: TcpStream, peer: SocketAddr, shared: Shared) {
        // Send answers without delay. On an error, answers are only slower, or the client is gone.
        let _ = socket.set_nodelay(true);
        let (input, output) = socket.into_split();
        let client = client::serve(input, output, peer.to_string(), shared);
        self.tasks.spawn(async move { (peer, client.await) });
    }

    /// Waits for the remaining clients, and cuts off each client still connected at the deadline.
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

/// The number of clients by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Drained {
    /// Clients finished: all output was received, or the client hung up before.
    pub(crate) served: usize,
    /// Clients cut off for not reading their output in time.
    pub(crate) cut_off: usize,
}

impl Drained {
    /// Counts a client. `None` means that the client's task was aborted or has panicked.
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
