//! A manager across nodes. Here the nodes share a process, each with a connection of its own;
//! `tests/processes` has nodes to kill.

use std::collections::HashSet;
use std::error::Error;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::StreamExt;
use genevent::EventStreamExt;
use genevent_nats::{Cluster, ClusterError, ClusterOptions, NodeOutcome};

use crate::server::Server;
use crate::setup::until;

fn options(node: &str) -> ClusterOptions<u32> {
    ClusterOptions::new()
        .node(node)
        .heartbeat(Duration::from_millis(600))
}

async fn join(server: &Server, node: &str) -> Cluster<u32> {
    let client = async_nats::connect(server.url()).await.unwrap();
    Cluster::join_with(client, "test", options(node))
        .await
        .unwrap()
}

async fn three(server: &Server) -> [Cluster<u32>; 3] {
    let nodes = [
        join(server, "a").await,
        join(server, "b").await,
        join(server, "c").await,
    ];
    for node in &nodes {
        until("three members", || node.members() == ["a", "b", "c"]).await;
    }
    nodes
}

#[tokio::test]
async fn every_subscriber_of_every_node_sees_the_same_order() {
    let server = Server::start();
    let nodes = three(&server).await;
    let mut readers: Vec<_> = nodes.iter().map(Cluster::subscribe).collect();
    let mut publishing = Vec::new();
    for (start, node) in (0..).step_by(1000).zip(&nodes) {
        let node = node.clone();
        publishing.push(tokio::spawn(async move {
            for number in start..start + 200 {
                node.notify(&number).await.unwrap();
            }
        }));
    }
    let mut orders = Vec::new();
    for reader in &mut readers {
        orders.push(reader.take(600).collect::<Vec<_>>().await);
    }
    assert!(orders[0] == orders[1] && orders[1] == orders[2]);
    for publisher in 0..3 {
        let own = orders[0].iter().filter(|it| **it / 1000 == publisher);
        assert!(own.is_sorted(), "each publisher's own order");
    }
    let replayed = nodes[0].replay_since(0).map(|it| it.unwrap().1).take(600);
    assert_eq!(replayed.collect::<Vec<_>>().await, orders[0]);
}

#[tokio::test]
async fn a_receipt_has_every_node_and_names_who_failed() {
    let server = Server::start();
    let [a, b, c] = three(&server).await;
    for node in [&a, &b, &b] {
        tokio::spawn(
            node.subscribe()
                .deliveries()
                .for_each_acked(1, async |_| ()),
        );
    }
    let mut picky = a.subscribe().deliveries();
    tokio::spawn(async move {
        while let Some(delivery) = picky.next().await {
            match *delivery {
                1 => drop(delivery.nack("too small")),
                _ => drop(delivery.ack()),
            }
        }
    });
    let receipt = c.sync_notify(&2).await.unwrap();
    assert_eq!(receipt.to_string(), "event 1: a 2 of 2, b 2 of 2, c 0 of 0");
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.all_acked()),
        (1, 4, true)
    );

    let receipt = a.sync_notify(&1).await.unwrap();
    assert!(!receipt.all_acked());
    assert_eq!(receipt.seq(), 2);
    let line = receipt.to_string();
    assert!(line.starts_with("event 2: a 1 of 2, not "), "{line}");
    let NodeOutcome::Finished {
        acked: 1,
        unfinished,
    } = &receipt.nodes()[0].outcome
    else {
        panic!("{receipt}");
    };
    assert!(
        unfinished[0].ends_with("failed: too small"),
        "{unfinished:?}"
    );
}

#[tokio::test]
async fn a_node_that_leaves_or_falls_silent_is_not_waited_for() {
    let server = Server::start();
    let client = async_nats::connect(server.url()).await.unwrap();
    let [a, b, c] = three(&server).await;
    let mut stuck = b.subscribe();
    let waiting = {
        let a = a.clone();
        tokio::spawn(async move { a.sync_notify(&1).await.unwrap() })
    };
    assert_eq!(stuck.next().await, Some(1));
    let death = Instant::now();
    drop(b); // dies without a farewell, with the event in flight
    let receipt = waiting.await.unwrap();
    assert!(
        death.elapsed() < Duration::from_secs(3),
        "a heartbeat's time"
    );
    assert_eq!(receipt.gone().collect::<Vec<_>>(), ["b"]);
    assert_eq!(a.members(), ["a", "c"]);

    c.leave().await;
    let jetstream = jetstream::new(client);
    let members = jetstream.get_stream("KV_GENEVENT_test_members").await;
    let members = members.unwrap();
    let farewell = members.get_last_raw_message_by_subject("$KV.GENEVENT_test_members.c");
    assert!(farewell.await.unwrap().payload.is_empty(), "no beat");
    until("a is alone", || a.members() == ["a"]).await;
    let receipt = a.sync_notify(&2).await.unwrap();
    assert_eq!(receipt.to_string(), "event 2: a 0 of 0");
}

#[tokio::test]
async fn leaving_finishes_and_reports_what_was_delivered() {
    let server = Server::start();
    let [a, b, _c] = three(&server).await;
    let mut slow = b.subscribe().deliveries();
    let waiting = {
        let a = a.clone();
        tokio::spawn(async move { a.sync_notify(&1).await.unwrap() })
    };
    let delivery = slow.next().await.unwrap();
    let leaving = tokio::spawn(b.leave());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!leaving.is_finished());
    delivery.ack();
    let receipt = waiting.await.unwrap();
    assert!(receipt.all_acked() && receipt.acked() == 1, "{receipt}");
    leaving.await.unwrap();
    assert!(slow.next().await.is_none());
}

#[tokio::test]
async fn a_restarted_server_loses_no_event_no_report_and_no_member() {
    let mut server = Server::start();
    let nodes = three(&server).await;
    let mut readers: Vec<_> = nodes.iter().map(|it| it.subscribe().deliveries()).collect();
    for number in 1..=3 {
        let publisher = nodes[0].clone();
        let waiting = tokio::spawn(async move { publisher.sync_notify(&number).await.unwrap() });
        let mut deliveries = Vec::new();
        for reader in &mut readers {
            deliveries.push(reader.next().await.unwrap());
        }
        server.kill();
        for delivery in deliveries {
            assert_eq!(delivery.ack(), number); // the report has no reader
        }
        tokio::time::sleep(Duration::from_millis(900)).await;
        server.restart();
        let receipt = waiting.await.unwrap();
        assert!(receipt.all_acked() && receipt.acked() == 3, "{receipt}");
    }
}

#[tokio::test]
async fn names_sizes_and_foreign_bytes_are_checked() {
    let server = Server::start();
    let client = async_nats::connect(server.url()).await.unwrap();
    let error = Cluster::<String>::join(client.clone(), "no.dots")
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::InvalidName), "{error:?}");

    let cluster = Cluster::<String>::join(client.clone(), "test")
        .await
        .unwrap();
    let error = cluster.notify(&"x".repeat(2_000_000)).await.unwrap_err();
    assert!(matches!(error, ClusterError::TooLarge), "{error:?}");

    let mut events = cluster.subscribe();
    assert_eq!(cluster.notify(&"tea".to_owned()).await.unwrap(), 1);
    let jetstream = jetstream::new(client);
    let garbage = jetstream.publish("genevent.test.events", "{".into()).await;
    garbage.unwrap().await.unwrap();
    assert_eq!(cluster.notify(&"cake".to_owned()).await.unwrap(), 3);
    assert_eq!(events.next().await.unwrap(), "tea");
    assert_eq!(events.next().await.unwrap(), "cake");
    let mut replay = cluster.replay_since(1);
    let error = replay.next().await.unwrap().unwrap_err();
    assert_eq!(error.seq(), 2);
    assert_eq!(error.to_string(), "event 2 cannot be decoded");
    assert!(error.source().is_some());
    let cake = replay.next().await.unwrap().unwrap();
    assert_eq!(cake, (3, "cake".to_owned()));
}

/// The broker drops an event published again by its id.
#[tokio::test]
async fn each_event_has_an_id_of_its_own() {
    let server = Server::start();
    let nodes = [join(&server, "a").await, join(&server, "b").await];
    for node in nodes.iter().cycle().take(4) {
        node.notify(&0).await.unwrap();
    }
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream("GENEVENT_test").await;
    let stream = stream.unwrap();
    let mut ids = HashSet::new();
    for seq in 1..=4 {
        let event = stream.get_raw_message(seq).await.unwrap();
        let id = event.headers.get("Nats-Msg-Id").unwrap().to_string();
        assert!(!id.is_empty() && ids.insert(id));
    }
}

#[tokio::test]
async fn events_are_published_and_read_once_there_is_a_stream_again() {
    let server = Server::start();
    let a = join(&server, "a").await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = jetstream::new(client);
    let mut stream = jetstream.get_stream("GENEVENT_test").await.unwrap();
    let config = stream.info().await.unwrap().config.clone();
    jetstream.delete_stream("GENEVENT_test").await.unwrap();
    let mut replay = a.replay_since(0);
    let reading = tokio::spawn(async move { replay.next().await.unwrap().unwrap() });
    let publishing = tokio::spawn(async move { a.notify(&1).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!publishing.is_finished() && !reading.is_finished());
    jetstream.create_stream(config).await.unwrap();
    assert_eq!(publishing.await.unwrap().unwrap(), 1);
    assert_eq!(reading.await.unwrap(), (1, 1));
}
