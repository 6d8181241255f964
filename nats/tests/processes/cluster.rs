//! A cluster of three processes: one is killed, paused and started again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use genevent_nats::{Cluster, ClusterOptions};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::child::Child;
use crate::server::Server;

const HEARTBEAT: Duration = Duration::from_millis(1500);

pub(crate) async fn scenario(full: bool) {
    let events = if full { 10_000 } else { 1_000 };
    let server = Server::start();
    let start = |name: &str| Child::start(&["node", &server.url(), name]);
    let (mut a, mut b, mut c) = (start("a"), start("b"), start("c"));
    for node in [&mut a, &mut b, &mut c] {
        assert_eq!(node.read().await, "joined");
    }
    for node in [&mut a, &mut b, &mut c] {
        node.write("members 3").await;
        assert_eq!(node.read().await, "members");
    }

    let began = Instant::now();
    for (node, first) in [(&mut a, 0), (&mut b, events), (&mut c, 2 * events)] {
        node.write(&format!("publish {first} {events}")).await;
    }
    for node in [&mut a, &mut b, &mut c] {
        assert_eq!(node.read().await, "published");
    }
    let seconds = began.elapsed().as_secs_f64();
    let total = 3 * events;
    let checksum = checksums(&mut [&mut a, &mut b, &mut c], total).await;
    println!("cluster: {total} events from 3 processes in {seconds:.1} s");
    println!("cluster: order {checksum} on all three");

    a.write("sync").await;
    assert_receipt(&mut a, "a 1 of 1, b 1 of 1, c 1 of 1").await;

    // Paused: not waited for longer than the heartbeat's time, and a member again afterwards.
    b.signal("STOP");
    let began = Instant::now();
    a.write("sync").await;
    assert_receipt(&mut a, "a 1 of 1, b gone, c 1 of 1").await;
    let paused = began.elapsed();
    assert!(paused < 3 * HEARTBEAT, "{paused:?}");
    b.signal("CONT");
    a.write("members 3").await;
    assert_eq!(a.read().await, "members");
    a.write("sync").await;
    assert_receipt(&mut a, "a 1 of 1, b 1 of 1, c 1 of 1").await;
    checksums(&mut [&mut a, &mut b, &mut c], total + 3).await;

    // Killed in the middle of an event.
    b.write("stall").await;
    assert_eq!(b.read().await, "stalling");
    let began = Instant::now();
    a.write("sync").await;
    assert_eq!(b.read().await, "stalled");
    b.kill().await;
    assert_receipt(&mut a, "a 1 of 1, b gone, c 1 of 1").await;
    let killed = began.elapsed();
    assert!(killed < 3 * HEARTBEAT, "{killed:?}");

    // Started again: a new member, from now on.
    let mut b = start("b");
    assert_eq!(b.read().await, "joined");
    a.write("members 3").await;
    assert_eq!(a.read().await, "members");
    a.write("sync").await;
    assert_receipt(&mut a, "a 1 of 1, b 1 of 1, c 1 of 1").await;
    checksums(&mut [&mut a, &mut c], total + 5).await;
    b.finish().await;
    a.write("members 2").await;
    assert_eq!(a.read().await, "members");
    println!(
        "cluster: receipt without a paused node after {paused:.1?}, without a killed node after \
         {killed:.1?}, of {HEARTBEAT:?} heartbeat"
    );
    a.finish().await;
    c.finish().await;
}

/// Reads a receipt, which ends with the answers of the nodes.
async fn assert_receipt(node: &mut Child, answers: &str) {
    let receipt = node.read().await;
    assert!(receipt.ends_with(&format!(": {answers}")), "{receipt}");
}

/// Asks the nodes for the checksum of their events, which must be equal, once they have `count`.
async fn checksums(nodes: &mut [&mut Child], count: usize) -> String {
    let mut all = Vec::new();
    for node in nodes {
        node.write(&format!("checksum {count}")).await;
        all.push(node.read().await);
    }
    assert!(all.iter().all(|it| *it == all[0]), "{all:?}");
    all.swap_remove(0)
}

#[derive(Default)]
struct Seen {
    count: usize,
    checksum: u64,
    stall: bool,
}

/// The program of a node: carries out the lines of its input.
pub(crate) async fn node(url: &str, name: &str) {
    let client = async_nats::connect(url).await.expect("the server runs");
    let options = ClusterOptions::<usize>::new()
        .node(name)
        .heartbeat(HEARTBEAT);
    let cluster = Cluster::join_with(client, "chaos", options).await;
    let cluster = cluster.expect("the cluster can be joined");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut events = cluster.subscribe();
    let note = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let stall = {
                let mut seen = note.lock().unwrap();
                let mut hasher = DefaultHasher::new();
                (seen.checksum, event).hash(&mut hasher);
                seen.checksum = hasher.finish();
                seen.count += 1;
                seen.stall
            };
            if stall {
                println!("stalled");
                std::future::pending::<()>().await;
            }
        }
    });
    println!("joined");
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| words[index].parse::<usize>().expect("a number");
        match words[0] {
            "members" => {
                while cluster.members().len() != number(1) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                println!("members");
            }
            "publish" => {
                let cluster = cluster.clone();
                let (first, count) = (number(1), number(2));
                for event in first..first + count {
                    cluster.notify(&event).await.expect("a number is small");
                }
                println!("published");
            }
            "sync" => {
                let receipt = cluster.sync_notify(&usize::MAX).await;
                println!("{}", receipt.expect("a number is small"));
            }
            "stall" => {
                seen.lock().unwrap().stall = true;
                println!("stalling");
            }
            "checksum" => {
                while seen.lock().unwrap().count < number(1) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let seen = seen.lock().unwrap();
                println!("{:016x} of {}", seen.checksum, seen.count);
            }
            other => panic!("unknown command {other:?}"),
        }
    }
    cluster.leave().await;
}
