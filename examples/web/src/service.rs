//! The service: its parts, and the order in which they are drained.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use genevent::{EventManager, HandlerRef, SubscribeOptions};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::consumers::billing::Billing;
use crate::consumers::kitchen::{self, Works};
use crate::consumers::writer;
use crate::database::Database;
use crate::feed::Feed;
use crate::order::Placed;
use crate::server::Limits;
use crate::{events, pages, place_order, server, stats, websocket};

/// The number of consumers that work on each order.
pub(crate) const CONSUMERS: usize = 3;

/// The number of orders that a consumer may have unread.
const CAPACITY: usize = 256;

/// The number of requests that may publish at once. Further requests wait for their turn.
pub(crate) const PUBLISHERS: u32 = 1_000;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 16 * 1024;

/// The state shared by all requests.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) orders: EventManager<Arc<Placed>>,
    pub(crate) feed: Feed,
    /// A permit for each request that publishes: the drain takes all permits.
    pub(crate) publishers: Arc<Semaphore>,
    pub(crate) kitchen: watch::Sender<Works>,
    pub(crate) cut_off: Arc<AtomicUsize>,
    /// How long a request waits for the consumers.
    pub(crate) within: Duration,
    /// The time for the last events of a browser that is cut off.
    pub(crate) grace: Duration,
    /// The pause between signs of life to a browser without events.
    pub(crate) alive: Duration,
}

pub(crate) struct Service {
    shared: Shared,
    database: Database,
    writer: JoinHandle<()>,
    kitchen: JoinHandle<()>,
    billing: HandlerRef<Arc<Placed>, Billing>,
    limits: Limits,
    /// The time for the consumers to finish in the drain.
    drain_within: Duration,
}

impl Service {
    /// Opens the database and starts the consumers.
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let database = Database::open(arguments.database.as_deref())?;
        let feed = Feed::new(database.clone(), arguments.window, arguments.retain).await?;
        let orders = EventManager::builder()
            .name("orders")
            .capacity(CAPACITY)
            .build();
        let (kitchen, works) = watch::channel(true);

        // Subscribed here and not in the tasks: a subscription takes effect at the call, and no order
        // may be placed before all consumers have subscribed.
        let named = |name: &str| SubscribeOptions::new().name(name);
        let to_store = orders.subscribe_with(named("database"));
        let to_cook = orders.subscribe_with(named("kitchen"));
        let billing = orders.add_handler("billing", Billing::default())?;

        Ok(Self {
            writer: tokio::spawn(writer::write(to_store, database.clone(), feed.clone())),
            kitchen: tokio::spawn(kitchen::cook(to_cook, works)),
            billing,
            shared: Shared {
                orders,
                feed,
                publishers: Arc::new(Semaphore::new(PUBLISHERS as usize)),
                kitchen,
                cut_off: Arc::default(),
                within: arguments.within,
                grace: arguments.grace,
                alive: arguments.alive,
            },
            database,
            limits: Limits {
                life: arguments.life,
                // A request waits for the consumers, and its answer for the client.
                last_request: arguments.within + arguments.grace,
            },
            drain_within: arguments.drain,
        })
    }

    /// Serves requests until `stop` is ready or a consumer has ended, then drains.
    pub(crate) async fn run(
        mut self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let (router, limits) = (self.router(), self.limits);
        let mut broken = None;
        let stop = async {
            tokio::select! {
                () = stop => {}
                // Without a consumer, no order could be confirmed.
                consumer = self.consumer_ended() => broken = Some(consumer),
            }
        };
        let open = server::accept(listener, router, limits, stop).await;
        // No connection is accepted any more, and idle connections are closed.
        let drained = self.drain().await;
        // The browsers have their farewell.
        let stuck = open.finish(self.shared.grace).await;
        Drained {
            broken,
            stuck,
            ..drained
        }
    }

    /// Waits until a consumer has ended, by a panic or a mistake, and returns its name.
    async fn consumer_ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.writer => "database",
            _ = &mut self.kitchen => "kitchen",
            _ = self.billing.stopped() => "billing",
        }
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/orders", post(place_order::place_order))
            .route("/events", get(events::events))
            .route("/customers/{name}/ws", get(websocket::orders_of_customer))
            .route("/kitchen", put(place_order::set_kitchen))
            .merge(stats::routes())
            .merge(pages::routes())
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(self.shared.clone())
    }

    /// Lets publishes under way finish, then the consumers, then the database, and tells the browsers.
    async fn drain(&self) -> Drained {
        let Shared {
            orders,
            publishers,
            within,
            ..
        } = &self.shared;
        // A request publishes with a permit and within a time limit, so all permits come back. Requests
        // without a permit are refused from now on.
        let all = timeout(
            *within + self.drain_within,
            publishers.acquire_many(PUBLISHERS),
        )
        .await;
        publishers.close();
        drop(all);

        let mut unfinished = Vec::new();
        if let Err(late) = orders.stop().within(self.drain_within).await {
            for info in late.waiting_for() {
                let (unread, in_flight) = (info.unread(), info.unacked());
                let name = info.name().unwrap_or("a consumer");
                unfinished.push(format!("{name} ({} orders)", unread + in_flight));
            }
            orders.stop_now();
        }
        if let Err(error) = self.database.flush().await {
            unfinished.push(format!("the database ({error})"));
        }
        self.shared.feed.close();
        Drained {
            orders: orders.stats().published(),
            stored: self.shared.feed.stats().published(),
            broken: None,
            unfinished,
            cut_off: self.shared.cut_off.load(Ordering::Relaxed),
            stuck: 0,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Late consumers must not hold the database open.
        self.writer.abort();
        self.kitchen.abort();
    }
}

/// The results of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Orders placed.
    pub(crate) orders: u64,
    /// Orders in the database.
    pub(crate) stored: u64,
    /// The consumer whose end was the reason for the drain.
    pub(crate) broken: Option<&'static str>,
    /// Late consumers, with their unfinished orders.
    pub(crate) unfinished: Vec<String>,
    /// Browsers cut off for reading too slowly.
    pub(crate) cut_off: usize,
    /// Connections still open after the drain.
    pub(crate) stuck: usize,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders", self.orders)?;
        if !self.unfinished.is_empty() {
            write!(f, ", not finished by {}", self.unfinished.join(", "))?;
        } else if self.stored < self.orders {
            write!(f, ", {} of them stored", self.stored)?;
        } else {
            f.write_str(", all finished")?;
        }
        write!(
            f,
            "; {} browsers cut off, {} connections stuck",
            self.cut_off, self.stuck
        )
    }
}
