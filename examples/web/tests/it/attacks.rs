//! Clients with garbage, clients that stop halfway or vanish, and crowds.

use tokio::net::TcpStream;

use crate::client::{Client, Events, place};
use crate::program::{Program, full_output, limited};
use crate::until;

#[tokio::test]
async fn garbage_harms_nobody() {
    let program = Program::start(&[]).await;
    for garbage in [
        &b"\0\xff\xfe\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /events HTTP/1.1\r\nLast-Event-ID: \xff\xff\r\n: \r\n\r\n",
        b"POST /orders HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /orders HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &vec![b'A'; 100_000],
        &[b"GET / HTTP/1.1\r\nX: ".as_slice(), &*vec![b'x'; 100_000]].concat(),
    ] {
        let mut client = Client::connect(program.address).await;
        // The program may close the connection before the last byte.
        let _ = client.try_send(garbage).await;
        client.closed().await;
    }
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/stats/nothing", 404),
        ("DELETE", "/orders", 405),
        ("GET", "/events/%ff", 404),
        ("GET", "/customers//ws", 400),
    ] {
        let mut client = Client::connect(program.address).await;
        assert_eq!(
            client.request(method, path, "").await.status,
            status,
            "{path}"
        );
    }
    let mut client = Client::connect(program.address).await;
    assert_eq!(client.order("<b>&\"", "tea", 1).await.status, 201);
}

#[tokio::test]
async fn hundreds_of_clients_that_vanish_leave_nothing_behind() {
    let program = Program::start(&[]).await;
    let address = program.address;
    let mut witness = Events::connect(address, "").await;
    witness.starts_over().await;
    for round in 0..10 {
        let clients = (0..60).map(|client| {
            tokio::spawn(async move {
                match client % 4 {
                    // In the middle of an event.
                    0 => drop(Events::connect(address, "").await),
                    // In the middle of a request.
                    1 => {
                        Client::connect_slow(address).await;
                    }
                    // While the request waits for its consumers.
                    2 => {
                        let mut client = Client::connect(address).await;
                        let order = r#"{"customer":"ada","item":"tea","quantity":1}"#;
                        let head = "POST /orders HTTP/1.1\r\nContent-Type: application/json\r\n";
                        let length = order.len();
                        let request = format!("{head}Content-Length: {length}\r\n\r\n{order}");
                        client.send(request).await;
                    }
                    _ => drop(TcpStream::connect(address).await.unwrap()),
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        place(address, "eve", 10, &format!("round {round}")).await;
        for client in clients {
            client.await.unwrap();
        }
    }
    let mut client = Client::connect(address).await;
    until("only the witness is left", async || {
        let stats = client.get("/stats.txt").await;
        stats.contains("\n1 subscriber:\n") && stats.matches(" 0 in flight").count() == 4
    })
    .await;
    assert_eq!(client.order("ada", "tea", 1).await.status, 201);
    let published = client.get("/stats.txt").await;
    let published = published.split_once("\"orders\": ").unwrap().1;
    let published: u64 = published.split_once(' ').unwrap().0.parse().unwrap();
    assert!(published > 100, "{published}");
    witness.orders(1, published).await;
    let drained = program.drain().await;
    assert!(drained.contains("all finished"), "{drained}");
    assert!(drained.ends_with("0 connections stuck"), "{drained}");
}

#[tokio::test]
async fn a_crowd_above_the_limit_of_connections_waits_for_places() {
    let program = Program::start(&[]).await;
    let mut crowd = Vec::new();
    for _ in 0..1_000 {
        crowd.push(TcpStream::connect(program.address).await.unwrap());
    }
    let address = program.address;
    let order =
        tokio::spawn(async move { Client::connect(address).await.order("ada", "tea", 1).await });
    tokio::task::yield_now().await;
    assert!(!order.is_finished());
    crowd.truncate(999);
    assert_eq!(order.await.unwrap().status, 201);
}

#[tokio::test]
async fn a_crowd_beyond_the_open_files_of_the_process_waits() {
    // Nor can the program print an error.
    let mut program = limited("ulimit -n 40", &[]);
    program.stderr(full_output());
    let program = Program::run(program).await;
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(TcpStream::connect(program.address).await.unwrap());
    }
    let address = program.address;
    let order =
        tokio::spawn(async move { Client::connect(address).await.order("ada", "tea", 1).await });
    tokio::task::yield_now().await;
    drop(crowd);
    assert_eq!(order.await.unwrap().status, 201);
    assert!(program.drain().await.starts_with("1 orders, all finished"));
}

#[tokio::test]
async fn a_connection_that_lasts_too_long_is_closed_after_its_last_answer() {
    let program = Program::start(&["--life", "300", "--within", "1000", "--grace", "100"]).await;
    let mut slow = Client::connect_slow(program.address).await;
    let mut idle = Client::connect(program.address).await;
    idle.kitchen(false).await;
    // The order is answered, though the consumers take longer than the connection may last.
    let mut late = Client::connect(program.address).await;
    assert_eq!(late.order("ada", "tea", 1).await.status, 202);
    for client in [&mut late, &mut idle, &mut slow] {
        client.closed().await;
    }
}

#[tokio::test]
async fn a_stream_of_events_may_last_even_if_it_begins_at_the_end_of_a_connection() {
    let program = Program::start(&["--life", "300", "--within", "500", "--grace", "500"]).await;
    let address = program.address;
    let mut early = Events::connect(address, "").await;
    let mut late = Client::connect(address).await;
    late.send("GET /events HTTP/1.0\r\n").await;
    // Closed at the end of its life, which is the end of the older connections, too.
    let mut idle = Client::connect(address).await;
    idle.get("/stats.txt").await;
    idle.closed().await;
    late.send("\r\n").await;
    let mut late = Events::of_client(late).await;
    // Closed after the time for a last request.
    let mut slow = Client::connect_slow(address).await;
    slow.closed().await;
    place(address, "ada", 1, "tea").await;
    for events in [&mut early, &mut late] {
        events.starts_over().await;
        events.orders(1, 1).await;
    }
}
