//! The house: who is let in, what they are told, and how it is closed.
//!
//! ```text
//!  clients ──commands──▶ registry ──its events──▶ relay ──notify──▶ news ──▶ clients that watch
//! ```
//!
//! The registry waits until its observers have *finished* with an event before it tells the next.
//! With `Overflow::WaitAtMost` an observer has a limited time for each, but still, all of them go
//! at the pace of the slowest. So clients do not observe the registry itself. A relay does, and is
//! done with an event when it stands in the news, a second manager with room for a whole window;
//! there a client may fall behind by that before anybody waits for it, and `WaitAtMost`
//! disconnects whoever holds up the others.

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
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::answer::Printable;
use crate::client;

/// A line of news, made once for all who watch.
pub(crate) type News = Arc<str>;

/// What the service puts up with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How many clients may be in at once; more wait outside.
    pub(crate) clients: usize,
    /// How many lines of news may wait for each client that watches.
    pub(crate) window: usize,
    /// For how long a client whose window is full may hold up everybody.
    pub(crate) patience: Duration,
    /// For how long a client may take nothing of what is written to it. That harms nobody else.
    pub(crate) stall: Duration,
    /// How long each step of the drain may take: to tell what has happened, and to hear it.
    pub(crate) drain: Duration,
    /// How long a client that was told goodbye may take to hang up.
    pub(crate) goodbye: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clients: 500,
            window: 1_024,
            patience: Duration::from_secs(2),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            goodbye: Duration::from_secs(1),
        }
    }
}

/// What all clients share.
#[derive(Debug, Clone)]
pub(crate) struct House {
    /// `None` once no more commands are taken. Held only while one is carried out, as the
    /// registry ends with the last of them.
    pub(crate) open: watch::Receiver<Option<Registry<String>>>,
    pub(crate) news: EventManager<News>,
    pub(crate) settings: Settings,
}

/// A service that listens already.
#[derive(Debug)]
pub(crate) struct Service {
    listener: TcpListener,
    settings: Settings,
}

impl Service {
    pub(crate) async fn bind(address: impl ToSocketAddrs, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, settings })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is ready, then drains: commands that were begun are answered, buckets
    /// end, whoever watches hears of it, and everybody is told goodbye. Who does not take that
    /// in time is cut off.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let settings = self.settings;
        let registry = Registry::new(EventManager::default());
        let news = EventManager::builder()
            .name("news")
            .capacity(settings.window)
            .default_overflow(Overflow::WaitAtMost(settings.patience))
            .build();
        let relay = tokio::spawn(relay(registry.events(), news.clone()));
        let (open, opened) = watch::channel(Some(registry));
        let house = House {
            open: opened,
            news,
            settings,
        };
        let mut clients = Clients::default();
        clients.welcome(self.listener, &house, stop).await;

        // The registry goes with the last command; its manager with it, when all is told; and
        // then the relay, which has nothing more to hear.
        open.send_replace(None);
        let overdue = relay.abort_handle();
        if timeout(settings.drain, relay).await.is_err() {
            overdue.abort();
        }
        let deadline = Instant::now() + settings.drain;
        if let Err(late) = house.news.stop().within(settings.drain).await {
            report(format_args!("draining: {late}"));
        }
        clients.finish(deadline + settings.goodbye).await
    }
}

/// Tells the operator. If nobody is there to read it, the service goes on.
fn report(what: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Passes on what happens to the registry, in words.
async fn relay(mut events: Subscription<RegistryEvent<String>>, news: EventManager<News>) {
    while let Some(event) = events.next().await {
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

/// Those who are in, and what became of the others.
#[derive(Default)]
struct Clients {
    tasks: JoinSet<(SocketAddr, io::Result<()>)>,
    gone: Drained,
}

impl Clients {
    /// Lets clients in until `stop` is ready.
    async fn welcome(
        &mut self,
        listener: TcpListener,
        house: &House,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                Some(gone) = self.tasks.join_next() => self.gone.count(gone.ok()),
                accepted = listener.accept(), if self.tasks.len() < house.settings.clients => {
                    match accepted {
                        Ok((socket, peer)) => self.let_in(socket, peer, house.clone()),
                        Err(error) => {
                            // Out of descriptors, most likely: somebody has to leave first.
                            report(format_args!("cannot accept: {error}"));
                            sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
            }
        }
    }

    fn let_in(&mut self, socket: TcpStream, peer: SocketAddr, house: House) {
        let client = client::serve(socket, peer, house);
        self.tasks.spawn(async move { (peer, client.await) });
    }

    /// Waits for those who are still in, and cuts off who is there after the deadline.
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
