//! Two publishers, three consuming processes, and a server that is killed, paused and cut off.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Context, stream};
use genevent::{EventManager, EventStreamExt};
use genevent_nats::{Inbound, MessageInfo, Outbound, OutboundCounts, OutboundError, Running};

use crate::child::Child;
use crate::proxy::Proxy;
use crate::server::Server;

const ACK_WAIT: Duration = Duration::from_secs(2);
/// The consumers: in order, and with several messages under way.
const CONSUMERS: [(&str, i64); 2] = [("ordered", 1), ("window", 1000)];
const IN_FLIGHT: usize = 64;

type Event = (usize, u64);

pub(crate) async fn scenario(full: bool) {
    let (events, restarts) = if full { (50_000, 5) } else { (3_000, 2) };
    let mut server = Server::start();
    let proxy = Arc::new(Proxy::before(server.port()).await);
    let direct = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    create(&direct).await;
    let began = Instant::now();

    let folder = std::env::temp_dir().join(format!("genevent-chaos-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = |number: usize| folder.join(format!("{number}.log"));
    let consume = |number: usize, stall_at: u64| {
        let log = log(number).display().to_string();
        Child::start(&["consume", &proxy.url(), &log, &stall_at.to_string()])
    };
    // The first process stalls in the middle of an event, and is killed there.
    let mut doomed = consume(0, events / 4);
    let others = [consume(1, u64::MAX), consume(2, u64::MAX)];

    let mut publishers = Vec::new();
    for publisher in 0..2 {
        publishers.push(tokio::spawn(publish(publisher, events, proxy.url())));
    }
    let cutting = {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1300)).await;
                proxy.cut();
            }
        })
    };

    assert_eq!(doomed.read().await, "stalled");
    doomed.kill().await;
    for restart in 0..restarts {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.restart();
        if restart == 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            server.signal("STOP");
            tokio::time::sleep(ACK_WAIT + Duration::from_secs(1)).await;
            server.signal("CONT");
        }
    }
    let replacement = consume(3, u64::MAX);
    let mut outbound = OutboundCounts::default();
    for publisher in publishers {
        let counts = publisher.await.unwrap();
        assert_eq!(counts.confirmed, events);
        outbound.confirmed += counts.confirmed;
        outbound.duplicates += counts.duplicates;
        outbound.retries += counts.retries;
        outbound.unchecked += counts.unchecked;
    }
    let published = began.elapsed();
    wait_until_consumed(&direct).await;
    cutting.abort();
    let consumed = began.elapsed();
    for child in others.into_iter().chain([replacement]) {
        child.finish().await;
    }

    println!(
        "chaos: {} events, {restarts} restarts; published after {published:.1?}, consumed after \
         {consumed:.1?}",
        2 * events
    );
    println!(
        "chaos: publishers began again {} times; the broker dropped {} duplicates",
        outbound.retries, outbound.duplicates
    );
    let stored = direct.get_stream("EVENTS").await.unwrap();
    let stored = stored.cached_info().state.messages;
    assert_eq!(
        stored,
        2 * events + outbound.unchecked,
        "each event once in the stream"
    );
    for (consumer, _) in CONSUMERS {
        let lines: Vec<Line> = (0..4).flat_map(|it| read(&log(it), consumer)).collect();
        check(consumer, events, lines);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

async fn create(jetstream: &Context) {
    let config = stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    for (name, max_ack_pending) in CONSUMERS {
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending,
            ..Default::default()
        };
        stream.create_consumer(config).await.unwrap();
    }
}

/// Publishes the numbers from 0 in order, and returns the counts of the bridge.
async fn publish(publisher: usize, events: u64, url: String) -> OutboundCounts {
    let client = async_nats::connect(url).await.unwrap();
    let manager = EventManager::<Event>::new(256);
    let outbound = Outbound::new(jetstream::new(client), format!("events.{publisher}"));
    let deliveries = manager.subscribe().deliveries();
    let outbound: Running<_, OutboundError> = outbound
        .max_in_flight(IN_FLIGHT)
        .confirm_within(Duration::from_secs(2))
        .run(deliveries)
        .await
        .unwrap();
    for number in 0..events {
        manager.notify((publisher, number)).await.unwrap();
    }
    manager.flush().await.unwrap();
    outbound.shutdown().await.unwrap()
}

async fn wait_until_consumed(jetstream: &Context) {
    let end = Instant::now() + Duration::from_secs(600);
    for (name, _) in CONSUMERS {
        loop {
            let consumer = jetstream.get_consumer_from_stream(name, "EVENTS").await;
            let consumer: PullConsumer = consumer.unwrap();
            let info = consumer.cached_info();
            if info.num_pending == 0 && info.num_ack_pending == 0 {
                break;
            }
            assert!(Instant::now() < end, "not consumed: {info:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The part of an event visible to a consuming process.
#[derive(Clone)]
struct Seen {
    event: Event,
    sequence: u64,
    delivered: u64,
    id: String,
}

/// The program of a consuming process: writes a line for each event, until its input ends.
pub(crate) async fn consume(url: &str, log: &str, stall_at: &str) {
    let stall_at: u64 = stall_at.parse().unwrap();
    let log = Arc::new(Mutex::new(File::create(log).unwrap()));
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let mut running = Vec::new();
    for (name, max_ack_pending) in CONSUMERS {
        let consumer = loop {
            match jetstream.get_consumer_from_stream(name, "EVENTS").await {
                Ok(consumer) => break consumer,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let manager = EventManager::<Seen>::new(256);
        let log = Arc::clone(&log);
        let jobs = manager.subscribe().deliveries();
        let work = jobs.for_each_acked(IN_FLIGHT, move |seen: Seen| {
            let log = Arc::clone(&log);
            async move {
                let now = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap();
                let Seen {
                    event,
                    sequence,
                    delivered,
                    id,
                } = seen;
                let (publisher, number) = event;
                let line = format!(
                    "{name} {} {sequence} {delivered} {publisher} {number} {id}\n",
                    now.as_nanos()
                );
                if name == "ordered" && sequence >= stall_at {
                    println!("stalled");
                    std::future::pending::<()>().await;
                }
                log.lock().unwrap().write_all(line.as_bytes()).unwrap();
                tokio::task::yield_now().await;
            }
        });
        tokio::spawn(work);
        let inbound = Inbound::new(consumer).map(|event: Event, info: &MessageInfo<'_>| Seen {
            event,
            sequence: info.stream_sequence(),
            delivered: info.delivered(),
            id: info.id().unwrap_or_default().to_owned(),
        });
        let inbound = if max_ack_pending == 1 {
            inbound
        } else {
            inbound.max_in_flight(IN_FLIGHT)
        };
        running.push((inbound.run(&manager).await.unwrap(), manager));
    }
    let mut input = tokio::io::BufReader::new(tokio::io::stdin());
    tokio::io::AsyncBufReadExt::read_line(&mut input, &mut String::new())
        .await
        .unwrap();
    for (inbound, _manager) in running {
        inbound.shutdown().await.unwrap();
    }
}

/// A line of a process: an event seen by its subscriber.
struct Line {
    nanos: u128,
    sequence: u64,
    publisher: usize,
    number: u64,
    id: String,
}

fn read(log: &PathBuf, consumer: &str) -> Vec<Line> {
    let log = BufReader::new(File::open(Path::new(log)).unwrap());
    let mut lines = Vec::new();
    for line in log.lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == consumer && words.len() == 7 {
            lines.push(Line {
                nanos: words[1].parse().unwrap(),
                sequence: words[2].parse().unwrap(),
                publisher: words[4].parse().unwrap(),
                number: words[5].parse().unwrap(),
                id: words[6].to_owned(),
            });
        }
    }
    lines
}

/// Checks the events seen by all processes together: every event, duplicates with the id of the first, in order.
fn check(consumer: &str, events: u64, mut lines: Vec<Line>) {
    lines.sort_by_key(|it| it.nanos);
    let mut ids = HashMap::new();
    let mut firsts = Vec::new();
    for line in &lines {
        let first = ids.entry((line.publisher, line.number)).or_insert_with(|| {
            firsts.push(line);
            &line.id
        });
        assert_eq!(**first, line.id, "a duplicate has the id of the first");
    }
    assert_eq!(firsts.len() as u64, 2 * events, "none is lost");
    if consumer == "ordered" {
        assert!(
            firsts.is_sorted_by_key(|it| it.sequence),
            "in the order of the stream"
        );
        for publisher in 0..2 {
            let own = firsts.iter().filter(|it| it.publisher == publisher);
            assert!(
                own.map(|it| it.number).eq(0..events),
                "in the order of the publisher"
            );
        }
    }
    let duplicates = lines.len() - firsts.len();
    println!(
        "chaos: {consumer}: {} events, none lost, {duplicates} duplicates",
        firsts.len()
    );
}
