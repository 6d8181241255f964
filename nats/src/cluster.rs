//! A manager across processes.

mod membership;
mod node;
mod options;
mod protocol;
mod pump;
mod receipt;
mod reports;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_nats::jetstream::{self, Context, stream};
use async_nats::{Client, Subscriber};
use futures_util::{Stream, StreamExt};
use genevent::{EventManager, SubscribeOptions, Subscription};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use options::ClusterOptions;
pub use receipt::{ClusterReceipt, NodeOutcome, NodeReceipt};

use crate::codec::{Codec, Json};
use crate::error::{ClusterError, ReplayError};
use crate::kv_stream;
use crate::outbound::unique;
use crate::reader::Reader;
use crate::running::Stop;
use node::{Node, decode};
use protocol::{Names, Question};
use reports::Reports;

/// The time after which an unconfirmed event is sent again, unless the connection breaks before.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
/// The number of heartbeat times after which the broker forgets a dead member. A node that joins
/// earlier takes the dead member for alive, until the member was silent for a heartbeat time.
const REMEMBERED: u32 = 20;

/// A manager across processes: every event reaches the subscribers of every node, all in the same
/// order.
///
/// The events are in a stream of the broker, which defines their order; each node delivers the whole
/// stream by a manager of its own. Clones are the same node. Dropping the last clone stops the node
/// without a farewell, and the other nodes notice after the heartbeat's time;
/// [`leave`](Self::leave) tells them.
///
/// The promises:
///
/// - **One order.** All subscribers of all nodes see all events in the order of the stream, each event
///   once per node, from the moment in which the node joined.
/// - **At least once** in the stream: an event published again, because its confirmation was
///   lost, is dropped by the broker within the stream's `duplicate_window` (two minutes by default). If
///   the broker is away for longer, the event may be in the stream twice.
/// - **A node that delivers no longer is no member.** When the local manager is closed or the codec
///   panics, the manager closes and the node leaves.
/// - **A receipt never claims more than is known**: each node's own
///   [receipt](genevent::Receipt), or [`NodeOutcome::Gone`].
///
/// # Examples
/// ```no_run
/// use futures::StreamExt;
/// use genevent_nats::Cluster;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = async_nats::connect("localhost").await?;
/// let orders = Cluster::<String>::join(client, "orders").await?;
/// let mut here = orders.subscribe();
/// tokio::spawn(async move {
///     while let Some(order) = here.next().await {
///         println!("cooking {order}");
///     }
/// });
///
/// let receipt = orders.sync_notify(&"tea".to_owned()).await?;
/// println!("{receipt}"); // a node after the other
/// orders.leave().await;
/// # Ok(())
/// # }
/// ```
pub struct Cluster<E> {
    node: Arc<Node<E>>,
    tasks: Arc<Tasks>,
}

struct Tasks {
    stop: watch::Sender<bool>,
    pump: std::sync::Mutex<Option<JoinHandle<()>>>,
    others: Vec<JoinHandle<()>>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.others.iter().for_each(JoinHandle::abort);
        let pump = self.pump.get_mut();
        if let Some(pump) = pump.unwrap_or_else(std::sync::PoisonError::into_inner) {
            pump.abort();
        }
    }
}

impl<E: Send + Sync + 'static> Cluster<E> {
    /// Joins the cluster with this name, which the first node founds. Events are JSON.
    ///
    /// # Errors
    /// [`ClusterError::InvalidName`]; [`ClusterError::Unreachable`], if the broker refuses or does not
    /// answer.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future joins nothing, but the stream may exist then.
    pub async fn join(client: Client, name: &str) -> Result<Self, ClusterError>
    where
        Json: Codec<E>,
    {
        Self::join_with(client, name, ClusterOptions::new()).await
    }

    /// Joins as [`join`](Self::join), with options.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    ///
    /// # Panics
    /// Outside of a tokio runtime; if the options' capacity is 0.
    ///
    /// # Cancel safety
    /// As [`join`](Self::join).
    pub async fn join_with(
        client: Client,
        name: &str,
        options: ClusterOptions<E>,
    ) -> Result<Self, ClusterError> {
        let mut jetstream = jetstream::new(client.clone());
        let run = unique(&jetstream);
        let node = options.node.clone().unwrap_or_else(|| run.clone());
        if !kv_stream::is_bucket_name(name) || !kv_stream::is_bucket_name(&node) {
            return Err(ClusterError::InvalidName);
        }
        let names = Names::new(name);

        let config = stream::Config {
            name: names.stream(),
            subjects: vec![names.events()],
            ..options.stream.clone()
        };
        let mut stream = get_or_create(&jetstream, config).await?;
        let age = options.heartbeat.saturating_mul(REMEMBERED);
        let members = get_or_create(&jetstream, kv_stream::config(&names.members(), age)).await?;
        let reports = subscribe(&client, names.reports(&node)).await?;
        let questions = subscribe(&client, names.questions(&node)).await?;
        let info = stream.info().await.map_err(ClusterError::unreachable)?;
        let since = info.state.last_sequence;
        jetstream.set_timeout(CONFIRM_WITHIN);

        let node = Arc::new(Node {
            name: node,
            manager: EventManager::new(options.capacity),
            names,
            options,
            client,
            jetstream,
            stream,
            membership: Arc::default(),
            reports: Reports::default(),
            published: AtomicU64::new(0),
            run,
            since,
        });
        node.beat().await.map_err(ClusterError::unreachable)?;
        node.membership.beat(&node.name, since);

        let (stop, stopped) = watch::channel(false);
        let reader = |stream, after| Reader::new(node.jetstream.clone(), stream, after);
        let events = reader(node.stream.clone(), since);
        let manager = node.manager.clone();
        let pump = pump::run(Arc::clone(&node), manager, events, Stop::new(stopped));
        let pump = Arc::clone(&node).beat_during(pump);
        let others = Arc::clone(&node).watch_members(reader(members, 0));
        let collect = Arc::clone(&node).collect(reports);
        let answer = Arc::clone(&node).answer(questions);
        let tasks = Tasks {
            stop,
            pump: std::sync::Mutex::new(Some(tokio::spawn(pump))),
            others: vec![
                tokio::spawn(others),
                tokio::spawn(collect),
                tokio::spawn(answer),
            ],
        };
        Ok(Self {
            node,
            tasks: Arc::new(tasks),
        })
    }

    /// Returns the name of this node.
    pub fn node(&self) -> &str {
        &self.node.name
    }

    /// Returns the names of the members as this node knows them, sorted. A node may be
    /// missing just after it has joined, and be there just after its death.
    pub fn members(&self) -> Vec<String> {
        self.node.membership.names()
    }

    /// Returns the node's own manager, which delivers the stream's events: for handlers, filters and
    /// inspection. An event published there directly reaches this process alone, and comes
    /// somewhere between the events of the cluster. Closing the manager makes the node leave.
    pub fn local(&self) -> &EventManager<E> {
        &self.node.manager
    }

    /// Subscribes to the events delivered by this node from now on.
    pub fn subscribe(&self) -> Subscription<E> {
        self.node.manager.subscribe()
    }

    /// Subscribes with options.
    pub fn subscribe_with(&self, options: impl Into<SubscribeOptions>) -> Subscription<E> {
        self.node.manager.subscribe_with(options)
    }

    /// Publishes `event`, and returns its number in the stream once the stream has it.
    ///
    /// While the broker is away, the call waits and tries again.
    ///
    /// # Errors
    /// [`ClusterError`], if the event cannot be encoded or is too large.
    ///
    /// # Cancel safety
    /// A dropped future may have published the event or not; all nodes get the event or none does.
    pub async fn notify(&self, event: &E) -> Result<u64, ClusterError> {
        let payload = self.node.encode(event)?;
        self.node.publish(&self.node.next_id(), payload, None).await
    }

    /// Publishes `event`, waits until every member has finished with it, and returns a receipt with an
    /// entry for each member.
    ///
    /// The call waits for the members known to this node at the moment in which the stream has the
    /// event. A member that leaves or dies is in the receipt as [`NodeOutcome::Gone`], within its
    /// heartbeat's time.
    ///
    /// A subscriber of this cluster must not await the call before its own event is finished: the subscriber
    /// would wait for itself, as on page [`deadlocks`](genevent::deadlocks).
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// As [`notify`](Self::notify); later, only the receipt is lost.
    pub async fn sync_notify(&self, event: &E) -> Result<ClusterReceipt, ClusterError> {
        let node = &self.node;
        let payload = node.encode(event)?;
        let id = node.next_id();
        // Before publishing: a quick node reports before the broker's confirmation is here.
        let awaited = node.membership.await_reports(&id);
        let report_to = node.names.reports(&node.name);
        let seq = node.publish(&id, payload, Some(report_to.clone())).await?;
        let members = node.membership.of(seq);
        loop {
            let missing = awaited.missing(&members);
            if missing.is_empty() {
                return Ok(awaited.receipt(seq, &members));
            }
            if timeout(node.beat_interval(), awaited.changed())
                .await
                .is_err()
            {
                // Reports may get lost with a connection.
                for member in missing {
                    let question = Question {
                        id: id.clone(),
                        report_to: report_to.clone(),
                    };
                    node.send(node.names.questions(&member), &question).await;
                }
            }
        }
    }

    /// Reads the stream: all stored events after number `seq`, then the new events, each with its
    /// number. The stream never ends. Missing numbers are events removed by the stream's limits.
    ///
    /// This reads beside the node's manager, so no call waits for this reader. An undecodable event is an
    /// `Err` with its number.
    pub fn replay_since(
        &self,
        seq: u64,
    ) -> impl Stream<Item = Result<(u64, E), ReplayError>> + Send + use<E> {
        let node = Arc::clone(&self.node);
        let reader = Reader::new(node.jetstream.clone(), node.stream.clone(), seq);
        let state = (node, reader);
        futures_util::stream::unfold(state, async |(node, mut reader)| {
            let read = reader.next().await;
            let event = match decode(&node, &read.message) {
                Ok(event) => Ok((read.number, event)),
                Err(source) => Err(ReplayError {
                    seq: read.number,
                    source,
                }),
            };
            Some((event, (node, reader)))
        })
        .boxed()
    }

    /// Leaves the cluster: takes no more events, reports the events awaited by other nodes, once finished,
    /// tells the other nodes, and returns when the subscribers of this node have finished all events they got.
    /// Closes the node's manager.
    ///
    /// # Cancel safety
    /// A dropped future leaves the node half gone; the other nodes notice after the heartbeat's time.
    pub async fn leave(self) {
        self.tasks.stop.send_replace(true);
        let pump = self.tasks.take_pump();
        if let Some(pump) = pump {
            let _ = pump.await; // has closed the manager, and told the other nodes
        }
        let _ = self.node.manager.flush().await;
        for task in &self.tasks.others {
            task.abort();
        }
    }
}

impl Tasks {
    fn take_pump(&self) -> Option<JoinHandle<()>> {
        let pump = self.pump.lock();
        pump.unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }
}

async fn get_or_create(
    jetstream: &Context,
    config: stream::Config,
) -> Result<stream::Stream, ClusterError> {
    let stream = jetstream.get_or_create_stream(config).await;
    stream.map_err(ClusterError::unreachable)
}

async fn subscribe(client: &Client, subject: String) -> Result<Subscriber, ClusterError> {
    let subscriber = client.subscribe(subject).await;
    subscriber.map_err(ClusterError::unreachable)
}

impl<E> Clone for Cluster<E> {
    fn clone(&self) -> Self {
        Self {
            node: Arc::clone(&self.node),
            tasks: Arc::clone(&self.tasks),
        }
    }
}

impl<E> fmt::Debug for Cluster<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("node", &self.node.name)
            .field("stream", &self.node.names.stream())
            .finish_non_exhaustive()
    }
}
