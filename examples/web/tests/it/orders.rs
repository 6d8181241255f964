//! `POST /orders`: the answers.

use serde_json::json;

use crate::client::{Client, Events, place};
use crate::program::Program;
use crate::until;

#[tokio::test]
async fn an_order_is_answered_when_its_three_consumers_have_finished() {
    let program = Program::start(&[]).await;
    let mut client = Client::connect(program.address).await;
    for number in 1..=3 {
        let answer = client.order("ada", "tea", 2).await;
        assert_eq!(answer.status, 201);
        let answer = answer.json();
        assert_eq!(
            answer["receipt"],
            format!("event {number}: acked by 3"),
            "{answer}"
        );
        let id = answer["id"].as_str().unwrap();
        assert!(id.ends_with(&format!("-{number}")), "{id}");
    }
    assert_eq!(
        program.drain().await,
        "3 orders, all finished; 0 browsers cut off, 0 connections stuck"
    );
}

#[tokio::test]
async fn a_late_consumer_gives_202_and_is_named() {
    let program = Program::start(&["--within", "50"]).await;
    let mut client = Client::connect(program.address).await;
    client.kitchen(false).await;
    for expected in ["event 1: acked by 2", "event 2: acked by 2"] {
        let answer = client.order("ada", "tea", 1).await;
        assert_eq!(
            (answer.status, answer.late()),
            (202, vec!["kitchen".into()])
        );
        let answer = answer.json();
        assert_eq!(answer["receipt"], expected);
        assert!(
            answer["id"].is_string(),
            "the database has stored the order"
        );
    }
    client.kitchen(true).await;
    until("the kitchen has cooked", async || {
        client.order("ada", "tea", 1).await.status == 201
    })
    .await;
    assert!(program.drain().await.contains("all finished"));
}

#[tokio::test]
async fn a_consumer_that_refuses_gives_500_with_its_cause() {
    let program = Program::start(&[]).await;
    let mut client = Client::connect(program.address).await;
    let answer = client.order("ada", "tea", 21).await;
    assert_eq!(answer.status, 500);
    let failed = json!([{
        "name": "billing",
        "cause": "failed: ada has credit for 20, not for 21",
    }]);
    assert_eq!(answer.json()["failed"], failed);
    assert_eq!(client.order("ada", "tea", 20).await.status, 201);
}

#[tokio::test]
async fn bad_orders_are_refused_with_a_reason() {
    let long = "x".repeat(201);
    let cases = [
        (400, r#"{"customer":"#, "EOF while parsing a value"),
        (400, "\u{0}", "expected value"),
        (422, "[]", "invalid length 0"),
        (
            422,
            r#"{"customer":"ada","item":"tea"}"#,
            "missing field `quantity`",
        ),
        (
            422,
            r#"{"customer":"ada","item":"tea","quantity":0}"#,
            "`quantity` is 0, not 1 to 100",
        ),
        (
            422,
            r#"{"customer":"ada","item":"tea","quantity":-1}"#,
            "invalid value: integer `-1`",
        ),
        (
            422,
            r#"{"customer":"ada","item":"tea","quantity":"1"}"#,
            "invalid type: string",
        ),
        (
            422,
            r#"{"customer":" ","item":"tea","quantity":1}"#,
            "`customer` is empty",
        ),
        (
            422,
            r#"{"customer":"a\nb","item":"tea","quantity":1}"#,
            "control characters",
        ),
        (
            422,
            r#"{"customer":"a","item":"tea","quantity":1,"price":1}"#,
            "unknown field `price`",
        ),
        (
            422,
            &format!(r#"{{"customer":"ada","item":"{long}","quantity":1}}"#),
            "`item` has more than 200 characters",
        ),
    ];
    let program = Program::start(&[]).await;
    let mut client = Client::connect(program.address).await;
    for (status, body, reason) in cases {
        let answer = client.request("POST", "/orders", body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.error().contains(reason), "{body}: {answer:?}");
    }
    client
        .send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}")
        .await;
    assert_eq!(client.answer().await.status, 415, "no content type");
    assert_eq!(client.order("ada", "tea", 1).await.status, 201);
    assert!(program.drain().await.starts_with("1 orders"));
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let program = Program::start(&[]).await;
    let body = " ".repeat(16 * 1024 + 1);
    let mut client = Client::connect(program.address).await;
    let answer = client.request("POST", "/orders", &body).await;
    assert_eq!((answer.status, &*answer.error()), (413, TOO_LONG));

    // Refused while the rest is still to be sent.
    let mut client = Client::connect(program.address).await;
    client
        .send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n")
        .await;
    client.send("Content-Length: 1000000000000\r\n\r\n").await;
    client.send(&body).await;
    assert_eq!(client.answer().await.status, 413);

    let mut client = Client::connect(program.address).await;
    client
        .send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n")
        .await;
    client
        .send("Transfer-Encoding: chunked\r\n\r\n8000\r\n")
        .await;
    client.send(vec![b' '; 0x8000]).await;
    assert_eq!(client.answer().await.status, 413);
}

const TOO_LONG: &str = "Failed to buffer the request body: length limit exceeded";

#[tokio::test]
async fn many_orders_at_once_beside_a_late_consumer_are_all_answered() {
    const ORDERS: usize = 400;
    let program = Program::start(&["--within", "500", "--retain", "10"]).await;
    let address = program.address;
    let mut client = Client::connect(address).await;
    client.kitchen(false).await;
    let orders = (0..ORDERS).map(|_| {
        tokio::spawn(async move { Client::connect(address).await.order("ada", "tea", 1).await })
    });
    let (mut placed, mut refused) = (0, 0);
    for answer in orders.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        match answer.status {
            202 => {
                assert_eq!(answer.late(), ["kitchen"]);
                placed += 1;
            }
            503 => {
                assert!(
                    answer.error().contains("no room at #2 \"kitchen\""),
                    "{answer:?}"
                );
                refused += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    // The kitchen may have 256 unread orders, and an order in its hands.
    assert_eq!((placed, refused), (257, 143));
    client.kitchen(true).await;
    place(address, "ada", 43, "tea").await;
    // Every placed order is stored, and no refused order.
    let mut events = Events::connect(address, "").await;
    events.starts_over().await;
    events.orders(251, 300).await;
    assert!(
        program
            .drain()
            .await
            .starts_with("300 orders, all finished")
    );
}
