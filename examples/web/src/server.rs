//! The connections: accepted, limited, and closed from elsewhere.
//!
//! `axum::serve` has no way to close the connection of a stuck browser. So the connections are accepted
//! here. Each connection has a task with the socket, and each request gets a [`Connection`], which closes
//! the socket.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::output::warn;

/// The number of connections. Further connections wait until a connection ends.
const CONNECTIONS: u32 = 1_000;

/// The time for a client to send the head of its request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// The limits of connections without a stream of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The life of a connection. A limit for each step would not suffice: a client could keep its place
    /// for ever with a single byte now and then.
    pub(crate) life: Duration,
    /// The time for a request under way at the end of the life.
    pub(crate) last_request: Duration,
}

/// The unsent bytes of a connection, in the kernel and in hyper. With the system's
/// default, a stuck browser is noticed megabytes later.
const SEND_BUFFER: u32 = 16 * 1024;
const HYPER_BUFFER: usize = 16 * 1024;

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The same address can be used again at once after a restart.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Inherited by the accepted sockets.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// A connection, for its requests.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    cut: Notify,
    stays_open: AtomicBool,
    /// The place among [`CONNECTIONS`], free again when the task and all requests are gone.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Closes the socket, also with unsent bytes.
    pub(crate) fn cut(&self) {
        self.0.cut.notify_one();
    }

    /// Lifts the limit for the life of the connection: a stream of events has no end.
    pub(crate) fn stay_open(&self) {
        self.0.stays_open.store(true, Ordering::Relaxed);
    }
}

/// The connections that are still open after the end of [`accept`].
pub(crate) struct Open {
    places: Arc<Semaphore>,
}

impl Open {
    /// Waits until all connections have ended, and returns how many have not ended in time.
    pub(crate) async fn finish(self, limit: Duration) -> usize {
        let _ = timeout(limit, self.places.acquire_many(CONNECTIONS)).await;
        CONNECTIONS as usize - self.places.available_permits()
    }
}

/// Accepts and serves connections until `stop` is ready. Then idle connections are closed, and requests
/// under way go on.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Open {
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let (closing, is_closing) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept => accepted,
        };
        let (Ok(place), accepted) = accepted else {
            break;
        };
        match accepted {
            Ok((socket, peer)) => {
                // Events are small, and are sent at once. On an error they are slower.
                let _ = socket.set_nodelay(true);
                let connection = Connection(Arc::new(Inner {
                    peer,
                    cut: Notify::new(),
                    stays_open: AtomicBool::new(false),
                    _place: place,
                }));
                let closing = is_closing.clone();
                tokio::spawn(serve(socket, router.clone(), connection, limits, closing));
            }
            Err(error) => {
                // Most likely the process has no free file descriptor: retry soon.
                warn(format_args!("cannot accept: {error}"));
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    closing.send_replace(true);
    Open { places }
}

/// Serves the requests of a connection. Returning drops the socket, which closes the connection.
async fn serve(
    socket: TcpStream,
    router: Router,
    connection: Connection,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let of_request = connection.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(of_request.clone());
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HYPER_BUFFER);
    let requests = http.serve_connection(TokioIo::new(socket), service);
    let mut requests = pin!(requests.with_upgrades());
    let Inner {
        cut, stays_open, ..
    } = &*connection.0;

    // A stream of events may begin at any time before the end, and lifts the limit.
    let expires = async |limit| {
        sleep(limit).await;
        if stays_open.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let limit = tokio::select! {
        // An error means that the client has left, or has sent something other than HTTP.
        _ = requests.as_mut() => return,
        () = cut.notified() => return,
        () = expires(limits.life) => Some(limits.last_request),
        // An error means that the service is gone, and the sender with the service.
        _ = closing.wait_for(|closing| *closing) => None,
    };
    requests.as_mut().graceful_shutdown();
    tokio::select! {
        _ = requests => {}
        () = cut.notified() => {}
        () = expires(limit.unwrap_or_default()), if limit.is_some() => {}
    }
}
