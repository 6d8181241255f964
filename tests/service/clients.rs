//! The service under test, and its clients as a test plays them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, duplex, split,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client;
use crate::service::{Drained, Service, Settings, Shared};

/// Long enough not to expire in a passing test.
pub(crate) const AGES: Duration = Duration::from_secs(60);

/// Settings with long timeouts and large limits, apart from the settings changed by a test.
pub(crate) fn patient() -> Settings {
    Settings {
        clients: 500,
        watchers: 500,
        window: 1 << 16,
        idle: AGES,
        send_within: AGES,
        drain: AGES,
        goodbye: AGES,
    }
}

/// A service under test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Shared,
    stop: oneshot::Sender<()>,
    drained: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap() };
        let service = Service::start(settings);
        let shared = service.shared();
        let drained = tokio::spawn(service.run(listener, stopped));
        Self {
            address,
            shared,
            stop,
            drained,
        }
    }

    pub(crate) async fn enter(&self) -> Client {
        Client::of(TcpStream::connect(self.address).await.unwrap())
    }

    /// A client whose system buffers as few unread bytes as possible.
    pub(crate) async fn enter_small(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        Client::of(socket.connect(self.address).await.unwrap())
    }

    /// A client over a pipe of the given capacity, for tests that need to know which bytes are
    /// under way, or that stop the clock. Also returns the task that serves the client. The service
    /// does not count the client.
    pub(crate) fn enter_by_pipe(&self, bytes: usize) -> (Client, JoinHandle<io::Result<()>>) {
        let (here, there) = duplex(bytes);
        let (input, output) = split(there);
        let served = client::serve(input, output, "pipe".to_owned(), self.shared.clone());
        (Client::of_halves(split(here)), tokio::spawn(served))
    }

    pub(crate) async fn drain(self) -> Drained {
        self.stop.send(()).unwrap();
        self.drained.await.unwrap()
    }
}

/// A client, played by the test.
pub(crate) struct Client {
    pub(crate) from: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub(crate) to: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Client {
    pub(crate) fn of(socket: TcpStream) -> Self {
        Self::of_halves(socket.into_split())
    }

    fn of_halves<R, W>((from, to): (R, W)) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            from: BufReader::new(Box::new(from)),
            to: Box::new(to),
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

    /// Returns all lines up to the end.
    pub(crate) async fn read_to_the_end(mut self) -> Vec<String> {
        let mut text = String::new();
        self.from.read_to_string(&mut text).await.unwrap();
        text.lines().map(str::to_owned).collect()
    }
}
