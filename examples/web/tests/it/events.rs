//! `GET /events`: order, resuming, and clients at a standstill.

use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Client, Events, place};
use crate::program::{Path, Program};
use crate::until;

#[tokio::test]
async fn a_dropped_connection_resumes_after_its_last_event() {
    let program = Program::start(&[]).await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    let start = events.last.clone();
    place(program.address, "ada", 5, "tea").await;
    events.orders(1, 3).await;
    let last = events.last.clone();
    drop(events);
    place(program.address, "ada", 5, "tea").await;
    let mut events = Events::connect(program.address, &last).await;
    events.orders(4, 10).await;
    let newest = events.last.clone();

    // So does a client before its first order, and a client without a missed order.
    let mut first = Events::connect(program.address, &start).await;
    first.orders(1, 10).await;
    let mut second = Events::connect(program.address, &newest).await;
    place(program.address, "ada", 1, "tea").await;
    for events in [&mut events, &mut first, &mut second] {
        events.orders(11, 11).await;
    }
}

#[tokio::test]
async fn a_client_far_behind_resumes_from_the_database() {
    let program = Program::start(&["--retain", "1", "--window", "8"]).await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    let start = events.last.clone();
    drop(events);
    // More orders than the retained order and a page.
    place(program.address, "ada", 700, "tea").await;
    let mut events = Events::connect(program.address, &start).await;
    events.orders(1, 350).await;
    place(program.address, "ada", 5, "tea").await;
    events.orders(351, 705).await;
}

#[tokio::test]
async fn a_restart_leaves_no_gap_and_no_duplicate() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    let program = Program::start(&options).await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    place(program.address, "ada", 20, "tea").await;
    events.orders(1, 7).await;
    let last = events.last.clone();
    drop(events);
    program.drain().await;

    let program = Program::start(&options).await;
    let mut events = Events::connect(program.address, &last).await;
    events.orders(8, 20).await;
    place(program.address, "ada", 20, "tea").await;
    events.orders(21, 40).await;
    // Killed, without a drain: each confirmed order is stored.
    drop(program);

    let program = Program::start(&options).await;
    place(program.address, "ada", 1, "tea").await;
    let mut events = Events::connect(program.address, &events.last).await;
    events.orders(41, 41).await;
    let mut events = Events::connect(program.address, &last).await;
    events.orders(8, 41).await;
}

#[tokio::test]
async fn the_id_of_another_database_starts_over() {
    let program = Program::start(&[]).await;
    place(program.address, "ada", 60, "tea").await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    events.orders(11, 60).await;
    let (mark, _) = events.last.split_once('-').unwrap();
    let ids = [
        "00000000-7",
        "7",
        "-",
        "x-y",
        "99999999999999999999999-1",
        &format!("{mark}-61"),
        &format!("{mark}--1"),
        &format!("{mark}-99999999999999999999999"),
        &"x".repeat(5_000),
    ];
    for id in ids {
        let mut events = Events::connect(program.address, id).await;
        events.starts_over().await;
        events.orders(11, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_and_go_while_orders_arrive_see_each_order_once() {
    const ORDERS: u64 = 600;
    let program = Program::start(&["--retain", "20"]).await;
    let address = program.address;
    let mut events = Events::connect(address, "").await;
    events.starts_over().await;
    let start = events.last.clone();
    let clients = (1..=50).map(|client: u64| {
        let mut last = start.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            // Each client stays for another number of orders, and then comes back.
            while seen < ORDERS {
                let until = ORDERS.min(seen + 7 * client);
                let mut events = Events::connect(address, &last).await;
                events.orders(seen + 1, until).await;
                (seen, last) = (until, events.last);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    place(address, "ada", ORDERS, "tea").await;
    events.orders(1, ORDERS).await;
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_delays_no_order() {
    let program = Program::start(&["--window", "8", "--grace", "100", "--within", "5000"]).await;
    let address = program.address;
    let stuck = Events::connect_stuck(address).await;
    let mut good = Events::connect(address, "").await;
    good.starts_over().await;
    let mut client = Client::connect(address).await;
    until("two subscribers", async || {
        client
            .get("/stats.txt")
            .await
            .contains("\n2 subscribers:\n  stream  #1 \"browser")
    })
    .await;
    let item = "tea ".repeat(50);
    let mut ids = 1..;
    // All are answered with 201 in time, before, while and after the client is cut off.
    until("the client is cut off", async || {
        for id in ids.by_ref().take(50) {
            assert_eq!(client.order("ada", &item, 1).await.status, 201);
            assert_eq!(good.order().await, id);
        }
        client
            .get("/stats.txt")
            .await
            .contains("\n1 subscriber:\n  stream  #2 \"browser")
    })
    .await;
    until("its socket is closed", async || sockets(&program) == 2).await;
    drop(stuck);
    let drained = program.drain().await;
    assert!(
        drained.ends_with("1 browsers cut off, 0 connections stuck"),
        "{drained}"
    );
}

/// Returns the number of open connections of the program.
fn sockets(program: &Program) -> usize {
    let port = format!(":{:04X} ", program.address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next(), words.nth(1));
        local.is_some_and(|local| format!("{local} ").ends_with(&port)) && state == Some("01")
    };
    table.lines().filter(open).count()
}

#[tokio::test]
async fn a_slow_client_is_told_that_it_is_cut_off_and_comes_back() {
    let program = Program::start(&["--window", "8", "--grace", "30000"]).await;
    let address = program.address;
    let mut slow = Events::connect_stuck(address).await;
    slow.starts_over().await;
    let mut client = Client::connect(address).await;
    let item = "tea ".repeat(50);
    let mut orders = 0;
    until("the client is cut off", async || {
        place(address, "ada", 50, &item).await;
        orders += 50;
        client.get("/stats.txt").await.contains("no subscribers")
    })
    .await;
    // Now the client reads the orders on their way and in its window, and the reason of the end.
    let mut seen = 0;
    let told = loop {
        let event = slow.next().await.unwrap();
        if event.kind != "order" {
            break event;
        }
        seen += 1;
    };
    assert_eq!(told.kind, "cut-off");
    assert_eq!(told.data, "disconnected: its window was full");
    assert_eq!(slow.next().await, None);
    assert!(slow.last.ends_with(&format!("-{seen}")) && seen < orders);

    let mut back = Events::connect(address, &slow.last).await;
    back.orders(seen + 1, orders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_catches_up_delays_no_order() {
    let path = Path::new();
    let options = ["--database", path.as_str()];
    Program::start(&options).await.drain().await;
    let connection = rusqlite::Connection::open(path.as_str()).unwrap();
    let orders =
        "WITH RECURSIVE ids(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids LIMIT 5000)
                  INSERT INTO orders SELECT id, 'ada', 'tea', 1 FROM ids";
    connection.execute_batch(orders).unwrap();
    drop(connection);

    let program = Program::start(&options).await;
    let address = program.address;
    let mut client = Client::connect(address).await;
    let answer = client.order("ada", "tea", 1).await.json();
    let (mark, _) = answer["id"].as_str().unwrap().split_once('-').unwrap();
    let request = format!("GET /events HTTP/1.0\r\nLast-Event-ID: {mark}-0\r\n\r\n");
    let mut crowd = JoinSet::new();
    for _ in 0..600 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        crowd.spawn(async move { copy(&mut socket, &mut sink()).await });
    }
    for _ in 0..10 {
        assert_eq!(client.order("ada", "tea", 1).await.status, 201);
    }
}
