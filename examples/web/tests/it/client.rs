//! HTTP clients over raw sockets: for requests, and for server-sent events.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::in_time;

/// A connection for several requests.
pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn late(&self) -> Vec<String> {
        serde_json::from_value(self.json()["late"].clone()).unwrap()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = in_time("connect", TcpStream::connect(address)).await;
        Self(BufReader::new(socket.unwrap()))
    }

    /// Connects, and sends the first byte of an order.
    pub(crate) async fn connect_slow(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        let head = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        client
            .send(format!("{head}Content-Length: 50\r\n\r\n{{"))
            .await;
        client
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends as [`send`](Self::send), perhaps over a closed connection.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref()).await
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = {
            // The driver of the browser refuses other names.
            let host = self.0.get_ref().peer_addr().unwrap();
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n")
        };
        if !body.is_empty() {
            let length = body.len();
            write!(
                request,
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            )
            .unwrap();
        }
        self.send(request + "\r\n" + body).await;
        self.answer().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> String {
        let answer = self.request("GET", path, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Reads an answer with a `Content-Length`.
    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = in_time("an answer", self.try_answer()).await;
        answer.expect("the connection is open")
    }

    /// Reads an answer, or `None` if the connection ends before.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if !matches!(self.0.read_line(&mut line).await, Ok(1..)) {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            match (status, line.strip_prefix("content-length:")) {
                (None, _) => status = line.split(' ').nth(1).map(|code| code.parse().unwrap()),
                (_, Some(number)) => length = number.trim().parse().unwrap(),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Answer {
            status: status?,
            body: String::from_utf8(body).unwrap(),
        })
    }

    pub(crate) async fn order(&mut self, customer: &str, item: &str, quantity: u32) -> Answer {
        let order = json!({ "customer": customer, "item": item, "quantity": quantity });
        self.request("POST", "/orders", &order.to_string()).await
    }

    pub(crate) async fn kitchen(&mut self, works: bool) {
        let answer = self.request("PUT", "/kitchen", &works.to_string()).await;
        assert_eq!(answer.status, 204);
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset connection is closed as well.
        let _ = in_time("the end", self.0.read_to_end(&mut rest)).await;
    }
}

/// Places `orders` of `customer`, several at a time. `item` has many bytes, to fill buffers.
pub(crate) async fn place(address: SocketAddr, customer: &'static str, orders: u64, item: &str) {
    const AT_ONCE: u64 = 16;
    let tasks = (0..AT_ONCE).map(|task| {
        let item = item.to_owned();
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            for _ in (0..orders).filter(|order| order % AT_ONCE == task) {
                let answer = client.order(customer, &item, 1).await;
                assert_eq!(answer.status, 201, "{answer:?}");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// A reader of server-sent events.
pub(crate) struct Events {
    socket: BufReader<TcpStream>,
    /// The id of the last event.
    pub(crate) last: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) data: String,
}

impl Events {
    pub(crate) async fn connect(address: SocketAddr, last: &str) -> Self {
        Self::connect_with(address, last, None).await
    }

    /// Connects with a small receive buffer, for a client at a standstill.
    pub(crate) async fn connect_stuck(address: SocketAddr) -> Self {
        Self::connect_with(address, "", Some(2_048)).await
    }

    async fn connect_with(address: SocketAddr, last: &str, buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(buffer) = buffer {
            socket.set_recv_buffer_size(buffer).unwrap();
        }
        let mut socket = in_time("connect", socket.connect(address)).await.unwrap();
        // By HTTP 1.0 the body is the rest of the connection.
        let mut request = "GET /events HTTP/1.0\r\n".to_owned();
        if !last.is_empty() {
            write!(request, "Last-Event-ID: {last}\r\n").unwrap();
        }
        let request = request + "\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        Self::of(BufReader::new(socket), last).await
    }

    /// Reads the events of a connection whose request has been sent.
    pub(crate) async fn of_client(client: Client) -> Self {
        Self::of(client.0, "").await
    }

    async fn of(socket: BufReader<TcpStream>, last: &str) -> Self {
        let mut events = Self {
            socket,
            last: last.to_owned(),
        };
        let head = in_time("the head", events.lines()).await.unwrap();
        assert!(head[0].contains("200 OK"), "{head:?}");
        events
    }

    /// Reads the lines up to an empty line, or `None` if the connection ends before.
    async fn lines(&mut self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if !matches!(self.socket.read_line(&mut line).await, Ok(1..)) {
                return None;
            }
            match line.trim_end() {
                "" => return Some(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// Reads the next event, or `None` if the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let lines = in_time("an event", self.lines()).await?;
            let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name));
            if let Some(id) = field("id: ") {
                id.clone_into(&mut self.last);
            }
            if let (Some(kind), Some(data)) = (field("event: "), field("data: ")) {
                return Some(Event {
                    kind: kind.to_owned(),
                    data: data.to_owned(),
                });
            }
        }
    }

    /// Reads the next event, which has to be an order, and returns the number of the order.
    pub(crate) async fn order(&mut self) -> u64 {
        let event = self.next().await.expect("the connection is open");
        assert_eq!(event.kind, "order", "{event:?}");
        let order: Value = serde_json::from_str(&event.data).unwrap();
        let id = order["id"].as_u64().unwrap();
        assert_eq!(
            self.last.split_once('-').unwrap().1,
            id.to_string(),
            "the id of the event"
        );
        id
    }

    /// Reads orders, which have to be numbered from `first` to `last`.
    pub(crate) async fn orders(&mut self, first: u64, last: u64) {
        for id in first..=last {
            assert_eq!(self.order().await, id);
        }
    }

    /// Reads a comment, the sign of a live connection.
    pub(crate) async fn sign_of_life(&mut self) {
        let lines = in_time("a comment", self.lines()).await.unwrap();
        assert_eq!(lines, [":"]);
    }

    pub(crate) async fn starts_over(&mut self) {
        let event = self.next().await.expect("the connection is open");
        assert_eq!(event.kind, "start-over");
    }
}
