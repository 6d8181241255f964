//! `GET /customers/{name}/ws`.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Client, Events, place};
use crate::program::Program;
use crate::{in_time, until};

struct Customer(WebSocketStream<TcpStream>);

impl Customer {
    async fn connect(address: SocketAddr, name: &str) -> Self {
        Self::try_connect(address, name).await.unwrap()
    }

    async fn try_connect(address: SocketAddr, name: &str) -> Result<Self, tungstenite::Error> {
        let socket = TcpSocket::new_v4().unwrap();
        // Small, for a customer that soon stops reading.
        socket.set_recv_buffer_size(2_048).unwrap();
        let socket = socket.connect(address).await.unwrap();
        let url = format!("ws://{address}/customers/{name}/ws");
        let (socket, _) = in_time("the upgrade", client_async(url, socket)).await?;
        Ok(Self(socket))
    }

    async fn next(&mut self) -> Message {
        in_time("a message", self.0.next()).await.unwrap().unwrap()
    }

    async fn order(&mut self) -> (u64, String) {
        let message = self.next().await.into_text().unwrap();
        let order: Value = serde_json::from_str(&message).unwrap();
        let customer = order["customer"].as_str().unwrap();
        (order["id"].as_u64().unwrap(), customer.to_owned())
    }

    /// Reads up to the close frame, and returns the number of orders and the frame.
    async fn close(&mut self) -> (usize, CloseFrame) {
        for orders in 0.. {
            if let Message::Close(frame) = self.next().await {
                // Reading on sends the answer to the close frame, as a browser does.
                while let Some(Ok(_)) = in_time("the end", self.0.next()).await {}
                return (orders, frame.unwrap());
            }
        }
        unreachable!()
    }
}

#[tokio::test]
async fn a_customer_sees_its_own_orders_only() {
    let program = Program::start(&[]).await;
    let address = program.address;
    place(address, "ada", 1, "tea").await;
    let mut ada = Customer::connect(address, "ada").await;
    let mut bob = Customer::connect(address, "bob%20%26%20co").await;
    place(address, "bob & co", 2, "tea").await;
    place(address, "eve", 1, "tea").await;
    place(address, "ada", 1, "tea").await;
    assert_eq!(ada.order().await, (1, "ada".into()), "replayed");
    assert_eq!(ada.order().await, (5, "ada".into()));
    for id in [2, 3] {
        assert_eq!(bob.order().await, (id, "bob & co".into()));
    }
    // Messages of customers are ignored, but for pings and a farewell.
    ada.0.send(Message::text("hello")).await.unwrap();
    ada.0.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(ada.next().await, Message::Pong("x".into()));
    ada.0.close(None).await.unwrap();
    assert!(matches!(ada.next().await, Message::Close(_)));
    let mut client = Client::connect(address).await;
    until("the customer has left", async || {
        !client.get("/stats.txt").await.contains("\"ada")
    })
    .await;

    program.interrupt().await;
    let (orders, frame) = bob.close().await;
    assert_eq!((orders, u16::from(frame.code)), (0, 1001));
    assert_eq!(frame.reason, "the service is shutting down");
    let (status, said) = program.end().await;
    assert!(
        status.success() && said.ends_with("0 connections stuck\n"),
        "{said}"
    );
}

#[tokio::test]
async fn a_bad_name_is_refused() {
    let program = Program::start(&[]).await;
    for name in ["%20", "a%00b", &"x".repeat(41), "%ff"] {
        let refused = Customer::try_connect(program.address, name).await;
        let Err(tungstenite::Error::Http(answer)) = refused.map(|_| ()) else {
            panic!("{name} is accepted");
        };
        assert_eq!(answer.status(), 400);
    }
    let mut client = Client::connect(program.address).await;
    let answer = client.request("GET", "/customers/ada/ws", "").await;
    assert_eq!(answer.status, 400, "no upgrade");
}

#[tokio::test]
async fn a_customer_that_reads_too_slowly_is_closed_with_a_reason() {
    let program = Program::start(&["--window", "8", "--grace", "30000"]).await;
    let address = program.address;
    let mut slow = Customer::connect(address, "ada").await;
    let mut client = Client::connect(address).await;
    until_cut_off(&mut client, address).await;
    // Now the customer reads the orders on their way and in its window, and the reason of the end.
    let (orders, frame) = slow.close().await;
    assert!(orders >= 8, "{orders} orders instead of a window at least");
    assert_eq!(u16::from(frame.code), 1008);
    assert_eq!(frame.reason, "disconnected: its window was full");
    drop(slow);
    assert!(program.drain().await.contains("1 browsers cut off"));
}

#[tokio::test]
async fn a_customer_that_reads_nothing_is_cut_off() {
    let program = Program::start(&["--window", "8", "--grace", "100"]).await;
    let stuck = Customer::connect(program.address, "ada").await;
    let mut client = Client::connect(program.address).await;
    until_cut_off(&mut client, program.address).await;
    // The drain does not wait for the stuck socket.
    let drained = program.drain().await;
    assert!(
        drained.ends_with("1 browsers cut off, 0 connections stuck"),
        "{drained}"
    );
    drop(stuck);
}

#[tokio::test]
async fn a_quiet_browser_gets_signs_of_life() {
    let program = Program::start(&["--alive", "50"]).await;
    let mut customer = Customer::connect(program.address, "ada").await;
    let mut events = Events::connect(program.address, "").await;
    events.starts_over().await;
    for _ in 0..2 {
        assert_eq!(customer.next().await, Message::Ping("".into()));
        events.sign_of_life().await;
    }
}

#[tokio::test]
async fn pings_of_a_customer_that_reads_nothing_fill_no_memory() {
    let program = Program::start(&[]).await;
    let mut flood = Customer::connect(program.address, "ada").await;
    let before = memory(&program);
    for _ in 0..300 {
        for _ in 0..1_000 {
            flood
                .0
                .feed(Message::Ping("x".repeat(125).into()))
                .await
                .unwrap();
        }
        flood.0.flush().await.unwrap();
    }
    // The answers have 38 megabytes.
    let grown = memory(&program).saturating_sub(before);
    assert!(grown < 8_000, "{grown} kilobytes");
    place(program.address, "ada", 1, "tea").await;
    assert!(program.drain().await.starts_with("1 orders, all finished"));
}

/// Returns the memory of a program, in kilobytes.
fn memory(program: &Program) -> u64 {
    let path = format!("/proc/{}/status", program.id());
    let status = std::fs::read_to_string(path).unwrap();
    let resident = status.split_once("VmRSS:").unwrap().1;
    let kilobytes = resident.split_whitespace().next().unwrap();
    kilobytes.parse().unwrap()
}

#[tokio::test]
async fn the_stats_can_be_drawn_with_any_name_of_a_customer() {
    let program = Program::start(&[]).await;
    let _customer = Customer::connect(program.address, "%EF%BF%BE%22%3C").await;
    let mut client = Client::connect(program.address).await;
    let svg = client.get("/stats.svg").await;
    // Forbidden in XML.
    assert!(!svg.contains('\u{fffe}'), "{svg}");
    assert!(svg.contains("\u{fffd}&quot;&lt; 127.0.0.1:"), "{svg}");
}

async fn until_cut_off(client: &mut Client, address: SocketAddr) {
    let item = "tea ".repeat(50);
    until("the customer is cut off", async || {
        place(address, "ada", 50, &item).await;
        client.get("/stats.txt").await.contains("no subscribers")
    })
    .await;
}
