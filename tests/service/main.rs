//! The example `service`, end to end over real sockets: in spite of a misbehaving client, all other
//! clients get their answers, and the service can be closed.

use std::time::Duration;

use clients::{Client, Running, patient};
use futures::future::join_all;
use service::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Barrier;

#[path = "../../examples/kv_registry/answer.rs"]
mod answer;
mod bounds;
#[path = "../../examples/service/client.rs"]
mod client;
mod clients;
mod closing;
#[path = "../../examples/kv_registry/command.rs"]
mod command;
#[path = "../../examples/service/directory.rs"]
mod directory;
#[path = "../../examples/kv_registry/line.rs"]
mod line;
#[path = "../../examples/service/outgoing.rs"]
mod outgoing;
#[path = "../../examples/service/service.rs"]
mod service;

const GOODBYE: &str = "* goodbye: the service is shutting down";

// ---- Answers --------------------------------------------------------------------------------

#[tokio::test]
async fn the_sample_is_answered_like_kv_registry() {
    let service = Running::start(patient()).await;
    let mut peer = service.enter().await;
    peer.send(include_str!("../../examples/shopping.txt")).await;
    peer.to.shutdown().await.unwrap();
    let expected = [
        "OK",
        "OK",
        "OK",
        "3",
        "one dozen, free range",
        "OK",
        "NOT FOUND",
        "OK",
        "OK",
        "shopping",
        "work",
        "OK",
        "error on line 12: unknown command \"EAT\"",
        "OK",
        "NOT FOUND",
        "work",
        "OK",
    ];
    assert_eq!(peer.read_to_the_end().await, expected);
    let drained = service.drain().await;
    assert_eq!((drained.served, drained.cut_off), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_command_precede_its_answer() {
    let service = Running::start(patient()).await;
    let mut peer = service.enter().await;
    assert_eq!(peer.ask("WATCH").await, "OK");
    assert_eq!(peer.ask(" WATCH\t").await, "OK", "to ask again is fine");
    for n in 0..1_000 {
        assert_eq!(
            peer.ask(format!("CREATE b{n}")).await,
            format!("* created b{n}"),
            "and once only"
        );
        assert_eq!(peer.hear().await, "OK");
    }
    assert_eq!(
        peer.ask("WATCH b").await,
        "error on line 1003: too many arguments, usage: WATCH"
    );
    assert_eq!(peer.ask("STOP b7").await, "* exited b7 (stopped)");
    assert_eq!(peer.hear().await, "OK");
}

#[tokio::test]
async fn garbage_is_answered_with_errors() {
    let service = Running::start(patient()).await;
    let mut peer = service.enter().await;
    peer.send(b"\xff\xfe\n\0\n\x80WATCH\nCREATE \xc3\x28\n")
        .await;
    peer.send(vec![b'x'; 1 << 20]).await;
    peer.send("\nCREATE a\x1b[31m\nNAMES\n").await;
    let expected = [
        "error on line 1: invalid utf-8 sequence of 1 bytes from index 0",
        r#"error on line 2: unknown command "\0""#,
        "error on line 3: invalid utf-8 sequence of 1 bytes from index 0",
        "error on line 4: invalid utf-8 sequence of 1 bytes from index 7",
        "error on line 5: longer than 65536 bytes",
        "OK",
        r"a\u{1b}[31m",
        "OK",
    ];
    for line in expected {
        assert_eq!(peer.hear().await, line);
    }
}

#[tokio::test]
async fn an_incomplete_line_is_not_executed() {
    let service = Running::start(patient()).await;
    let mut peer = service.enter().await;
    assert_eq!(peer.ask("CREATE work").await, "OK");

    let mut vanishing = service.enter().await;
    vanishing.send("STOP work").await; // `STOP workshop`, if the connection had lasted
    vanishing.to.shutdown().await.unwrap();
    assert!(vanishing.read_to_the_end().await.is_empty());

    assert_eq!(peer.ask("NAMES").await, "work");
}

#[tokio::test]
async fn a_gibibyte_line_takes_bounded_memory() {
    let gibibyte = tokio::io::repeat(b'x').take(1 << 30);
    let mut input = BufReader::with_capacity(1 << 16, gibibyte.chain(&b"\nNAMES\n"[..]));
    let mut line = Vec::new();
    let read = line::next_line(&mut input, &mut line).await.unwrap();
    assert_eq!(read, Some(line::Line::TooLong));
    assert!(line.capacity() <= 4 * line::MAX_LINE, "{}", line.capacity());
    let read = line::next_line(&mut input, &mut line).await.unwrap();
    assert_eq!((read, &*line), (Some(line::Line::Whole), &b"NAMES"[..]));
}

// ---- A client against all -----------------------------------------------------------------------

#[tokio::test]
async fn stuck_clients_delay_none_of_a_hundred() {
    const CLIENTS: usize = 100;
    let service = Running::start(Settings {
        drain: Duration::from_millis(500),
        goodbye: Duration::from_millis(500),
        ..patient()
    })
    .await;

    let (mut never_reads, _serving) = service.enter_by_pipe(64);
    assert_eq!(never_reads.ask("WATCH").await, "OK");
    let mut garbage = service.enter().await;
    let garbage = async move {
        for n in 0..100_u8 {
            garbage.send([b'\xff', n | 0x80, b'\n']).await;
            let error = garbage.hear().await;
            assert!(error.contains("invalid utf-8"), "{error}");
        }
        garbage
    };
    let mut vanishing = service.enter().await;
    vanishing.send("PUT b0 k half a li").await;

    let mut watcher = service.enter().await;
    assert_eq!(watcher.ask("WATCH").await, "OK");
    let watcher = tokio::spawn(watcher.read_to_the_end());

    let work = async |n: usize| {
        let mut peer = service.enter().await;
        let name = format!("b{n}-{}", "x".repeat(200));
        for round in 0..3 {
            assert_eq!(peer.ask(format!("CREATE {name}")).await, "OK");
            assert_eq!(peer.ask(format!("PUT {name} k {n} {round}")).await, "OK");
            let value = peer.ask(format!("GET {name} k")).await;
            assert_eq!(value, format!("{n} {round}"));
            assert_eq!(peer.ask(format!("DELETE {name} k")).await, "OK");
            assert_eq!(peer.ask(format!("GET {name} k")).await, "NOT FOUND");
            assert_eq!(peer.ask(format!("STOP {name}")).await, "OK");
        }
        peer
    };
    drop(vanishing);
    let (peers, garbage) = futures::join!(join_all((0..CLIENTS).map(work)), garbage);
    assert_eq!(peers.len(), CLIENTS);

    let drained = tokio::spawn(service.drain());
    for peer in peers.into_iter().chain([garbage]) {
        assert_eq!(peer.read_to_the_end().await, [GOODBYE]);
    }
    let heard = watcher.await.unwrap();
    assert_eq!(heard.len(), CLIENTS * 3 * 2 + 1, "it missed nothing");
    let drained = drained.await.unwrap();
    assert_eq!((drained.served, drained.cut_off), (CLIENTS + 3, 0));
    drop(never_reads);
}

#[tokio::test]
async fn a_client_not_reading_answers_is_disconnected() {
    let service = Running::start(Settings {
        send_within: Duration::from_millis(20),
        ..patient()
    })
    .await;
    let mut peer = service.enter().await;
    assert_eq!(peer.ask("CREATE b").await, "OK");
    assert_eq!(
        peer.ask(format!("PUT b k {}", "v".repeat(60_000))).await,
        "OK"
    );

    let mut deaf = service.enter_small().await;
    let asked = 1_000;
    deaf.send("GET b k\n".repeat(asked)).await;
    assert_eq!(peer.ask("NAMES").await, "b", "nobody else notices");
    assert_eq!(peer.hear().await, "OK");
    // The answers are three times as long as the sockets' buffers. When this client is gone,
    // another client may connect.
    drop(peer);
    let drained = tokio::spawn(service.drain());
    let drained = drained.await.unwrap();
    assert_eq!((drained.served, drained.cut_off), (1, 1));
    let mut answers = Vec::new();
    let _reset = deaf.from.read_to_end(&mut answers).await;
    assert!(answers.len() < asked * 60_000, "{}", answers.len());
}

#[tokio::test]
async fn an_excess_client_waits_for_a_connection() {
    let service = Running::start(Settings {
        clients: 2,
        ..patient()
    })
    .await;
    let mut peers = vec![service.enter().await, service.enter().await];
    for peer in &mut peers {
        assert_eq!(peer.ask("CREATE a").await, "OK");
    }
    let mut third = service.enter().await;
    third.send("STOP a\n").await;
    for peer in &mut peers {
        assert_eq!(peer.ask("NAMES").await, "a", "it is not yet in");
        assert_eq!(peer.hear().await, "OK");
    }
    peers.pop();
    assert_eq!(third.hear().await, "OK");
    assert_eq!(peers[0].ask("NAMES").await, "OK", "now it is");
}

#[tokio::test]
async fn clients_watching_each_other_never_wait() {
    const CLIENTS: usize = 20;
    const BUCKETS: usize = 20;
    let service = Running::start(patient()).await;
    let mut peers = Vec::new();
    for _ in 0..CLIENTS {
        let mut peer = service.enter().await;
        assert_eq!(peer.ask("WATCH").await, "OK");
        peers.push(peer);
    }
    let done = Barrier::new(CLIENTS + 1);
    let work = async |(who, mut peer): (usize, Client)| {
        let mut heard = Vec::new();
        for n in 0..BUCKETS {
            peer.send(format!("CREATE {who}-{n}\n")).await;
            loop {
                match &*peer.hear().await {
                    "OK" => break,
                    news => heard.push(news.to_owned()),
                }
            }
            let own = heard
                .iter()
                .any(|news| *news == format!("* created {who}-{n}"));
            assert!(own, "before its answer");
        }
        let (rest, _) = futures::join!(peer.read_to_the_end(), done.wait());
        heard.extend(rest);
        heard
    };
    let working = join_all(peers.into_iter().enumerate().map(work));
    let closing = async {
        done.wait().await;
        service.drain().await
    };
    let (heard, drained) = futures::join!(working, closing);
    assert_eq!((drained.served, drained.cut_off), (CLIENTS, 0));
    for each in &heard {
        assert_eq!(each, &heard[0], "all in the same order");
    }
    assert_eq!(heard[0].len(), 2 * CLIENTS * BUCKETS + 1);
}
