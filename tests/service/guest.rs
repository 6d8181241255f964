//! The service under test, and its clients as a test plays them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::service::{Drained, Service, Settings};

/// Long enough that no test meets it, unless it fails.
pub(crate) const AGES: Duration = Duration::from_secs(60);

/// Nobody is impatient, but for what a test changes.
pub(crate) fn patient() -> Settings {
    Settings {
        clients: 500,
        window: 1_024,
        patience: AGES,
        stall: AGES,
        drain: AGES,
        goodbye: AGES,
    }
}

/// A service under test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    drained: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        let service = Service::bind("127.0.0.1:0", settings).await.unwrap();
        let address = service.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap() };
        let drained = tokio::spawn(service.run(stopped));
        Self {
            address,
            stop,
            drained,
        }
    }

    pub(crate) async fn enter(&self) -> Guest {
        Guest::of(TcpStream::connect(self.address).await.unwrap())
    }

    /// A client whose system takes as little as it can of what it does not read.
    pub(crate) async fn enter_small(&self) -> Guest {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        Guest::of(socket.connect(self.address).await.unwrap())
    }

    pub(crate) async fn drain(self) -> Drained {
        self.stop.send(()).unwrap();
        self.drained.await.unwrap()
    }
}

/// A client, as the test plays it.
pub(crate) struct Guest {
    pub(crate) from: BufReader<OwnedReadHalf>,
    pub(crate) to: OwnedWriteHalf,
}

impl Guest {
    pub(crate) fn of(socket: TcpStream) -> Self {
        let (from, to) = socket.into_split();
        Self {
            from: BufReader::new(from),
            to,
        }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.to.write_all(text.as_ref()).await.unwrap();
    }

    /// The next line, without its end.
    pub(crate) async fn hear(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).await.unwrap();
        assert_eq!(line.pop(), Some('\n'), "{line}");
        line
    }

    pub(crate) async fn ask(&mut self, line: impl AsRef<str>) -> String {
        self.send(format!("{}\n", line.as_ref())).await;
        self.hear().await
    }

    /// Everything up to the end.
    pub(crate) async fn hear_out(mut self) -> Vec<String> {
        let mut text = String::new();
        self.from.read_to_string(&mut text).await.unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// A name that fills buffers.
pub(crate) fn long_name(n: usize) -> String {
    format!("{n:05}-{}", "x".repeat(60_000))
}

/// Creates buckets of long names until far more was told than a socket and a window can hold.
pub(crate) async fn flood(guest: &mut Guest) -> usize {
    const BUCKETS: usize = 400;
    for n in 0..BUCKETS {
        assert_eq!(guest.ask(format!("CREATE {}", long_name(n))).await, "OK");
    }
    BUCKETS
}
