//! Ctrl-c.

use tokio::net::TcpStream;

use crate::client::{Client, Events, place};
use crate::program::Program;
use crate::until;

#[tokio::test]
async fn ctrl_c_finishes_orders_under_way_and_says_farewell() {
    let mut program = Program::start(&["--within", "20000"]).await;
    let address = program.address;
    let mut events = Events::connect(address, "").await;
    events.starts_over().await;
    let mut other = Client::connect(address).await;
    other.kitchen(false).await;
    let under_way =
        tokio::spawn(async move { Client::connect(address).await.order("ada", "tea", 1).await });
    events.orders(1, 1).await;
    // A request of another connection is under way, too.
    let mut kitchen = Client::connect(address).await;
    kitchen
        .send("PUT /kitchen HTTP/1.1\r\nHost: test\r\n")
        .await;
    until("the request has begun", async || {
        kitchen_is_asked(&mut other).await
    })
    .await;

    program.interrupt().await;
    program.says("draining").await;
    until("no connection is accepted", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await;
    other.closed().await;
    kitchen
        .send("Content-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue")
        .await;
    assert_eq!(kitchen.answer().await.status, 204);
    assert_eq!(under_way.await.unwrap().status, 201);
    let farewell = events.next().await.unwrap();
    assert_eq!(
        (&*farewell.kind, &*farewell.data),
        ("farewell", "the service is shutting down")
    );
    assert_eq!(events.next().await, None);
    let (status, said) = program.end().await;
    assert!(status.success());
    assert_eq!(
        said,
        "drained: 1 orders, all finished; 0 browsers cut off, 0 connections stuck\n"
    );
}

/// Asks a question. With the answer, the program has read the earlier bytes of other connections.
async fn kitchen_is_asked(client: &mut Client) -> bool {
    client.get("/stats.txt").await.contains("1 in flight")
}

#[tokio::test]
async fn the_signal_of_a_service_manager_drains_too() {
    let program = Program::start(&[]).await;
    place(program.address, "ada", 3, "tea").await;
    program.signal("-TERM").await;
    assert_eq!(
        program.drained().await,
        "3 orders, all finished; 0 browsers cut off, 0 connections stuck"
    );
}

#[tokio::test]
async fn ctrl_c_names_consumers_that_do_not_finish() {
    let program = Program::start(&["--within", "50", "--drain", "200"]).await;
    let mut client = Client::connect(program.address).await;
    client.kitchen(false).await;
    for _ in 0..3 {
        assert_eq!(client.order("ada", "tea", 1).await.status, 202);
    }
    assert_eq!(
        program.drain().await,
        "3 orders, not finished by kitchen (3 orders); 0 browsers cut off, 0 connections stuck"
    );
}

#[tokio::test]
async fn ctrl_c_while_a_hundred_orders_are_placed_loses_none_that_was_answered() {
    let path = crate::program::Path::new();
    let options = ["--database", path.as_str()];
    let program = Program::start(&options).await;
    let address = program.address;
    let clients = (0..20).map(|_| {
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let mut placed = 0;
            loop {
                let order = r#"{"customer":"ada","item":"tea","quantity":1}"#;
                let head = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
                let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{order}", order.len());
                // The connection is closed between two requests.
                if client.try_send(&request).await.is_err() {
                    return placed;
                }
                match client.try_answer().await.map(|answer| answer.status) {
                    Some(201) => placed += 1,
                    Some(503) | None => return placed,
                    Some(status) => panic!("{status}"),
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut events = Events::connect(address, "").await;
    events.starts_over().await;
    events.order().await;
    let drained = program.drain().await;
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert_eq!(
        drained,
        format!("{answered} orders, all finished; 0 browsers cut off, 0 connections stuck")
    );

    let program = Program::start(&options).await;
    place(program.address, "ada", 1, "tea").await;
    let mut client = Client::connect(program.address).await;
    let answer = client.order("ada", "tea", 1).await.json();
    let id = answer["id"].as_str().unwrap();
    assert!(
        id.ends_with(&format!("-{}", answered + 2)),
        "{id}, {answered}"
    );
}

#[tokio::test]
async fn a_second_ctrl_c_ends_the_program_at_once() {
    let mut program = Program::start(&["--within", "20000"]).await;
    let address = program.address;
    let mut events = Events::connect(address, "").await;
    events.starts_over().await;
    Client::connect(address).await.kitchen(false).await;
    tokio::spawn(async move { Client::connect(address).await.order("ada", "tea", 1).await });
    events.orders(1, 1).await;
    program.interrupt().await;
    program.says("draining").await;
    program.interrupt().await;
    let (status, said) = program.end().await;
    assert_eq!((status.code(), &*said), (Some(130), ""));
}

#[tokio::test]
async fn ctrl_c_does_not_wait_for_stuck_connections() {
    let program = Program::start(&["--grace", "200"]).await;
    let stuck = Events::connect_stuck(program.address).await;
    let half = Client::connect_slow(program.address).await;
    place(program.address, "ada", 300, &"tea ".repeat(50)).await;
    let drained = program.drain().await;
    assert!(drained.starts_with("300 orders, all finished"), "{drained}");
    drop((stuck, half));
}
