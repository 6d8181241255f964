//! The speed beside async-nats used by hand with the same window, and the growth with the nodes of a
//! cluster: `cargo bench -p genevent-nats`, some two minutes; `-- publish`, `-- consume` or `-- cluster`
//! measure a part.
//!
//! Both sides take turns, so that load on the machine slows both alike: read the ratios.

#[path = "../tests/support/server.rs"]
mod server;

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, stream};
use futures::StreamExt;
use genevent::{EventManager, EventStreamExt};
use genevent_nats::{Cluster, ClusterOptions, Inbound, Outbound};
use server::Server;

type Event = (u64, String);

/// The windows, and the events of a sample.
const WORK: [(usize, u64); 3] = [(1, 3_000), (64, 20_000), (256, 20_000)];
const ROUNDS: usize = 7;
const BATCH: usize = 256;

// One thread: on few cores, the hand-over between threads measures the machine's other load.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let parts: Vec<_> = std::env::args().skip(1).collect();
    let parts: Vec<_> = parts.iter().filter(|it| !it.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|it| *it == part);
    let server = Server::start();
    let url = server.url();
    println!("| work | window | by hand, events/s | genevent-nats, events/s | ratio |");
    println!("|---|---:|---:|---:|---:|");
    for (window, events) in WORK.into_iter().filter(|_| wanted("publish")) {
        let mut samples = Samples::default();
        for _ in 0..ROUNDS {
            samples
                .by_hand
                .push(run(publish_by_hand(url.clone(), window, events)).await);
            samples
                .ours
                .push(run(publish(url.clone(), window, events)).await);
        }
        samples.print("publish and confirm", window);
    }
    for (window, events) in WORK.into_iter().filter(|_| wanted("consume")) {
        let mut samples = Samples::default();
        for _ in 0..ROUNDS {
            samples
                .by_hand
                .push(run(consume_by_hand(url.clone(), window, events)).await);
            samples
                .ours
                .push(run(consume(url.clone(), window, events)).await);
        }
        samples.print("consume, process, acknowledge", window);
    }
    if !wanted("cluster") {
        return;
    }
    println!("\n| nodes | events/s | deliveries/s | `sync_notify`, round trips/s |");
    println!("|---:|---:|---:|---:|");
    for nodes in [1, 2, 4, 8] {
        grow(nodes).await;
    }
}

/// Runs a sample as a task, as a service does: the task of `main` is bound to a thread of its own.
async fn run(sample: impl Future<Output = f64> + Send + 'static) -> f64 {
    tokio::spawn(sample).await.unwrap()
}

#[derive(Default)]
struct Samples {
    by_hand: Vec<f64>,
    ours: Vec<f64>,
}

impl Samples {
    fn print(&self, work: &str, window: usize) {
        let ratios = self
            .ours
            .iter()
            .zip(&self.by_hand)
            .map(|(ours, by_hand)| ours / by_hand);
        println!(
            "| {work} | {window} | {:.0} | {:.0} | {:.2} |",
            median(self.by_hand.clone()),
            median(self.ours.clone()),
            median(ratios.collect())
        );
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "there are few events")]
fn rate(events: u64, began: Instant) -> f64 {
    events as f64 / began.elapsed().as_secs_f64()
}

fn event(number: u64) -> Event {
    (number, "an event of a usual size, in some words".to_owned())
}

/// Connects, and makes an empty stream.
async fn prepare(url: String) -> Context {
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let _ = jetstream.delete_stream("SPEED").await;
    let config = stream::Config {
        name: "SPEED".to_owned(),
        subjects: vec!["speed".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    jetstream
}

async fn publish_by_hand(url: String, window: usize, events: u64) -> f64 {
    let jetstream = prepare(url).await;
    let began = Instant::now();
    fill(&jetstream, window, events).await;
    rate(events, began)
}

/// Publishes with message ids that no other run has, as the ids of `Outbound`: the broker would drop
/// the events of a second run as duplicates.
async fn fill(jetstream: &Context, window: usize, events: u64) {
    let inbox = jetstream.client().new_inbox();
    let run = inbox.rsplit('.').next().unwrap();
    let mut unconfirmed = VecDeque::new();
    for number in 0..events {
        let payload = serde_json::to_vec(&event(number)).unwrap();
        let message = PublishMessage::build().payload(payload.into());
        let message = message.message_id(format!("{run}.{number}"));
        if unconfirmed.len() == window {
            let first: async_nats::jetstream::context::PublishAckFuture =
                unconfirmed.pop_front().unwrap();
            first.into_future().await.unwrap();
        }
        unconfirmed.push_back(jetstream.send_publish("speed", message).await.unwrap());
    }
    for confirmation in unconfirmed {
        confirmation.await.unwrap();
    }
}

async fn publish(url: String, window: usize, events: u64) -> f64 {
    let jetstream = prepare(url).await;
    let manager = EventManager::<Event>::new(1024);
    let outbound = Outbound::new(jetstream, "speed").max_in_flight(window);
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    let began = Instant::now();
    for number in 0..events {
        manager.notify(event(number)).await.unwrap();
    }
    manager.flush().await.unwrap();
    let rate = rate(events, began);
    assert_eq!(outbound.shutdown().await.unwrap().confirmed, events);
    rate
}

async fn consumer(url: String, window: usize, events: u64) -> (Context, PullConsumer) {
    let jetstream = prepare(url).await;
    fill(&jetstream, 256, events).await;
    let stream = jetstream.get_stream("SPEED").await.unwrap();
    let config = pull::Config {
        durable_name: Some("speed".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: i64::try_from(window).unwrap(),
        ..Default::default()
    };
    (jetstream, stream.create_consumer(config).await.unwrap())
}

async fn consume_by_hand(url: String, window: usize, events: u64) -> f64 {
    let (jetstream, consumer) = consumer(url, window, events).await;
    let began = Instant::now();
    let messages = consumer.stream().max_messages_per_batch(BATCH).messages();
    let mut messages = messages.await.unwrap();
    let mut sum = 0;
    for _ in 0..events {
        let message = messages.next().await.unwrap().unwrap();
        let event: Event = serde_json::from_slice(&message.payload).unwrap();
        sum += event.0;
        message.ack().await.unwrap();
    }
    jetstream.client().flush().await.unwrap();
    assert_eq!(sum, events * (events - 1) / 2);
    rate(events, began)
}

async fn consume(url: String, window: usize, events: u64) -> f64 {
    let (_jetstream, consumer) = consumer(url, window, events).await;
    let manager = EventManager::<Event>::new(1024);
    let mut jobs = manager.subscribe();
    let inbound = Inbound::new(consumer);
    let inbound = if window == 1 {
        inbound
    } else {
        inbound.max_in_flight(window)
    };
    let began = Instant::now();
    let inbound = inbound.run(&manager).await.unwrap();
    let mut sum = 0;
    for _ in 0..events {
        sum += jobs.next().await.unwrap().0;
    }
    jobs.ack();
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((sum, counts.acked), (events * (events - 1) / 2, events));
    rate(events, began)
}

/// Measures a cluster with as many nodes, each with a connection of its own, all in this process.
async fn grow(nodes: usize) {
    const EVENTS: u64 = 10_000;
    const ROUND_TRIPS: u64 = 500;
    let server = Server::start();
    let mut members = Vec::new();
    for node in 0..nodes {
        let client = async_nats::connect(server.url()).await.unwrap();
        let options = ClusterOptions::<Event>::new().node(format!("node-{node}"));
        members.push(Cluster::join_with(client, "speed", options).await.unwrap());
    }
    while members.iter().any(|it| it.members().len() < nodes) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let readers = members.iter().map(|it| {
        let events = it.subscribe().take(usize::try_from(EVENTS).unwrap());
        tokio::spawn(events.for_each(async |_| ()))
    });
    let readers: Vec<_> = readers.collect();
    let began = Instant::now();
    let publisher = &members[0];
    let publishing = futures::stream::iter(0..EVENTS).map(async |number| {
        publisher.notify(&event(number)).await.unwrap();
    });
    publishing.buffered(64).for_each(async |()| ()).await;
    for reader in readers {
        reader.await.unwrap();
    }
    let events = rate(EVENTS, began);
    for member in &members {
        tokio::spawn(
            member
                .subscribe()
                .deliveries()
                .for_each_acked(1, async |_| ()),
        );
    }
    let began = Instant::now();
    for number in 0..ROUND_TRIPS {
        let receipt = publisher.sync_notify(&event(number)).await.unwrap();
        assert!(receipt.all_acked(), "{receipt}");
    }
    let round_trips = rate(ROUND_TRIPS, began);
    #[expect(clippy::cast_precision_loss, reason = "there are few nodes")]
    let deliveries = events * nodes as f64;
    println!("| {nodes} | {events:.0} | {deliveries:.0} | {round_trips:.0} |");
}
